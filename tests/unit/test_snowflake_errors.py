"""What an error of the driver means, by code and SQLSTATE alone."""

import pytest
from snowflake.connector import errors

from bench.backends.snowflake_errors import CODES, classify, sentence
from bench.model import ErrorClass

ABORTED, DISCONNECTED, FATAL, RETRYABLE, TIMEOUT = (
    ErrorClass.ABORTED,
    ErrorClass.DISCONNECTED,
    ErrorClass.FATAL,
    ErrorClass.RETRYABLE,
    ErrorClass.TIMEOUT,
)
QUERY_ID = "01b2c3d4-0001-2345-0000-00012345abcd"


def raised(errno=None, sqlstate=None, kind=errors.ProgrammingError, msg="anything", sfqid=QUERY_ID):
    return kind(msg=msg, errno=errno, sqlstate=sqlstate, sfqid=sfqid)


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (raised(625, "57014"), RETRYABLE),
        (raised(None, "40001"), RETRYABLE),
        (raised(604, "57014"), TIMEOUT),
        (raised(630, "57014"), TIMEOUT),
        (raised(100072, "22000", errors.IntegrityError), ABORTED),
        (raised(200001, "22000"), ABORTED),
        (raised(100051, "22012"), ABORTED),
        (raised(199999, "22003"), ABORTED),
        (raised(199999, "23001"), ABORTED),
        (raised(1003, "42000"), FATAL),
        (raised(2003, "42S02"), FATAL),
        (raised(2043, "02000"), FATAL),
        (raised(904, "42000"), FATAL),
        (raised(3001, "42501"), FATAL),
        (raised(606, "57P03"), FATAL),
        (raised(666, "57014"), FATAL),
        (raised(90105, "22000"), FATAL),
        (raised(9999, "0A000"), FATAL),
        (raised(250001, "08001", errors.DatabaseError), DISCONNECTED),
        (raised(250002, "08003", errors.DatabaseError), DISCONNECTED),
        (raised(250003, None, errors.OperationalError), DISCONNECTED),
        (raised(390112, "08001"), DISCONNECTED),
        (raised(390114, "08001"), DISCONNECTED),
        (raised(252006, None, errors.InterfaceError), DISCONNECTED),
        (raised(290503, "08001", errors.HttpError), DISCONNECTED),
        (raised(503, None, errors.ServiceUnavailableError), DISCONNECTED),
        (raised(None, None, errors.OperationalError), DISCONNECTED),
        (raised(None, None, errors.InterfaceError), DISCONNECTED),
        (raised(None, None, errors.DataError), ABORTED),
        (raised(None, None, errors.ProgrammingError), FATAL),
        (ConnectionResetError(), DISCONNECTED),
        (TimeoutError(), DISCONNECTED),
        (ValueError(), FATAL),
    ],
    ids=lambda value: f"{type(value).__name__}-{getattr(value, 'errno', '')}-{getattr(value, 'sqlstate', value)}",
)
def test_what_an_error_means(error, means):
    assert classify(error, closed=False) is means


def test_on_a_closed_connection_everything_means_the_same():
    assert classify(raised(1003, "42000"), closed=True) is DISCONNECTED
    assert classify(AttributeError(), closed=True) is DISCONNECTED


@pytest.mark.parametrize("msg", ["deadlock", "syntax error", "timeout", "connection closed"])
def test_the_text_means_nothing(msg):
    assert classify(raised(100051, "22012", msg=msg), closed=False) is ABORTED


def test_every_code_has_a_class_and_a_source():
    assert {code.source for code in CODES.values()} <= {"driver", "docs", "seen", "memory"}
    assert all(isinstance(code.means, ErrorClass) and code.what for code in CODES.values())


def test_a_code_of_the_driver_is_one_of_the_driver():
    """What is said to come from the driver's table stands there."""
    from snowflake.connector import errorcode

    known = {value for name, value in vars(errorcode).items() if name.startswith("ER_")}
    assert {code for code in CODES if 250000 < code < 256000} <= known


@pytest.mark.parametrize("level", ["WARNING", "DEBUG"])
def test_one_line_without_the_noise(level, monkeypatch):
    """The driver puts the query's id into the text at some levels of its log."""
    import logging

    monkeypatch.setattr(logging.getLogger("snowflake.connector.errors"), "level", logging.getLevelName(level))
    said = "SQL compilation error:\nsyntax error line 1 at position 7 unexpected 'form'."
    shown = sentence(raised(1003, "42000", msg=said))
    assert shown == "SQL compilation error: syntax error line 1 at position 7 unexpected 'form' (1003)"


@pytest.mark.parametrize(
    "msg", ["001003 (42000): no", f"001003 (42000): {QUERY_ID}: no", f"{QUERY_ID}: no", "001003: no", "no."]
)
def test_a_text_that_was_dressed_already(msg):
    assert sentence(raised(1003, "42000", msg=msg)) == "no (1003)"


@pytest.mark.parametrize(
    ("errno", "remedy"),
    [
        (606, "give backend.warehouse"),
        (3001, "grant it to the role"),
        (2003, "check the name"),
        (2043, "check the name"),
        (666, "an administrator must raise the limit"),
    ],
)
def test_the_remedy_is_named(errno, remedy):
    assert remedy in sentence(raised(errno, "42000"))


def test_an_error_that_is_not_the_drivers():
    assert sentence(ValueError("bad value")) == "bad value"
    assert sentence(ValueError()) == "ValueError"
