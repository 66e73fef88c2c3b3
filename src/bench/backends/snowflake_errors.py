"""What an error of the driver means, by its code and SQLSTATE, never by its text.

Where a code was read is noted in the table: `driver` is the source of snowflake-connector-python 4.8.1, `docs` is
docs.snowflake.com, `seen` is an issue or a program of Snowflake's that shows it, `memory` means that nobody here saw
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.errors import BackendError, ConnectError
from bench.model import ErrorClass

Source: TypeAlias = Literal["driver", "docs", "seen", "memory"]

ABORTED, DISCONNECTED, FATAL, RETRYABLE, TIMEOUT = (
    ErrorClass.ABORTED,
    ErrorClass.DISCONNECTED,
    ErrorClass.FATAL,
    ErrorClass.RETRYABLE,
    ErrorClass.TIMEOUT,
)


@dataclass(frozen=True, slots=True)
class Code:
    """A code of Snowflake or of its driver."""

    means: ErrorClass
    what: str
    source: Source
    remedy: str = ""


GRANT = "grant it to the role, or choose another with backend.role"
NAME = "check the name, and whether the role may see it (GRANT USAGE on database and schema, SELECT on the table)"
SUSPENDED = "an administrator must raise the limit, or add a means of payment"

CODES: Mapping[int, Code] = {
    625: Code(RETRYABLE, "a lock of another transaction", "memory"),
    604: Code(TIMEOUT, "cancelled", "seen"),
    603: Code(ABORTED, "an incident of the service", "memory"),
    630: Code(TIMEOUT, "statement timeout", "seen", "raise backend.statement_timeout_s"),
    100035: Code(ABORTED, "no timestamp", "seen"),
    100037: Code(ABORTED, "no boolean", "memory"),
    100038: Code(ABORTED, "no number", "memory"),
    100040: Code(ABORTED, "no date", "memory"),
    100046: Code(ABORTED, "number out of range", "memory"),
    100051: Code(ABORTED, "division by zero", "memory"),
    100072: Code(ABORTED, "NULL in a column that has none", "driver"),
    100078: Code(ABORTED, "text too long", "memory"),
    100090: Code(ABORTED, "a MERGE with several rows for one", "memory"),
    200001: Code(ABORTED, "primary key or unique constraint of a hybrid table", "memory"),
    200009: Code(ABORTED, "foreign key of a hybrid table", "memory"),
    390110: Code(DISCONNECTED, "token expired", "driver"),
    390111: Code(DISCONNECTED, "session gone", "memory"),
    390112: Code(DISCONNECTED, "session expired", "driver"),
    390113: Code(DISCONNECTED, "token not found", "driver"),
    390114: Code(DISCONNECTED, "token expired", "driver"),
    390115: Code(DISCONNECTED, "token not valid", "driver"),
    390195: Code(DISCONNECTED, "token not valid", "driver"),
    390318: Code(DISCONNECTED, "OAuth token expired", "driver"),
    250001: Code(DISCONNECTED, "no connection", "driver"),
    250002: Code(DISCONNECTED, "connection closed", "driver"),
    250003: Code(DISCONNECTED, "no answer to a request", "driver"),
    250005: Code(DISCONNECTED, "server failed", "driver"),
    251011: Code(DISCONNECTED, "time over", "driver"),
    251012: Code(DISCONNECTED, "service not available", "driver"),
    252006: Code(DISCONNECTED, "cursor closed", "driver"),
    252007: Code(DISCONNECTED, "session not renewed", "driver"),
    252010: Code(RETRYABLE, "part of a result not fetched", "driver"),
    252013: Code(RETRYABLE, "part of a result missing", "driver"),
    252004: Code(ABORTED, "a value that cannot be sent", "driver"),
    252012: Code(ABORTED, "a value that cannot be bound", "driver"),
    255001: Code(ABORTED, "a type that the driver does not know", "driver"),
    606: Code(FATAL, "no warehouse", "seen", "give backend.warehouse, and grant USAGE on it to the role"),
    666: Code(FATAL, "account suspended", "seen", SUSPENDED),
    904: Code(FATAL, "unknown column", "memory"),
    1003: Code(FATAL, "syntax", "seen"),
    1007: Code(FATAL, "wrong type", "memory"),
    1044: Code(FATAL, "wrong type of an argument", "memory"),
    2002: Code(FATAL, "object exists already", "memory"),
    2003: Code(FATAL, "object missing", "seen", NAME),
    2043: Code(FATAL, "object missing", "seen", NAME),
    2140: Code(FATAL, "unknown function", "memory"),
    3001: Code(FATAL, "no privilege", "memory", GRANT),
    3013: Code(FATAL, "role not granted", "seen", "grant the role to the user, or choose another with backend.role"),
    3041: Code(FATAL, "no privilege to create", "memory", GRANT),
    90073: Code(FATAL, "resource monitor's quota used up", "memory", SUSPENDED),
    90105: Code(FATAL, "no database", "seen", "give backend.database"),
    90106: Code(FATAL, "no schema", "memory", "give backend.schema"),
}
"""By `errno`. What is not here is judged by its SQLSTATE."""

STATES: Mapping[str, ErrorClass] = {
    "40001": RETRYABLE,  # serialization failure
    "57014": TIMEOUT,  # cancelled; the lock abort of the same state has its code above
    "57P03": FATAL,  # no active warehouse
    # By class, the first two characters of the SQL standard's codes.
    "08": DISCONNECTED,
    "0A": FATAL,
    "02": FATAL,  # Snowflake's 'object does not exist'
    "22": ABORTED,
    "23": ABORTED,
    "40": RETRYABLE,
    "42": FATAL,
    "58": DISCONNECTED,
}
HTTP_FAILURES, HTTP_STATUSES = range(290400, 290600), range(400, 600)
"""The driver's 290000 (ER_HTTP_GENERAL_ERROR) and the status, or the status alone: the request was not taken."""

_PREFIX = re.compile(
    r"^\s*\d{6}(?: \([0-9A-Z]{5}\))?:\s*(?:[0-9a-f]{8}-[0-9a-f-]+:\s*)?|^\s*[0-9a-f]{8}-[0-9a-f-]{8,}:\s*"
)


def classify(error: Exception, *, closed: bool) -> ErrorClass:
    """What an exception means for the client that met it.

    Args:
        error: As the driver raised it.
        closed: The connection is closed, so that nothing more can be asked on it.
    """
    from snowflake.connector import errors

    if closed or isinstance(error, OSError | ConnectError):
        return DISCONNECTED
    if not isinstance(error, errors.Error):
        return FATAL
    code, state = error.errno, error.sqlstate or ""
    if known := CODES.get(code):
        return known.means
    if code in HTTP_FAILURES or code in HTTP_STATUSES:
        return DISCONNECTED
    return STATES.get(state) or STATES.get(state[:2]) or _by_kind(error)


def _by_kind(error: Exception) -> ErrorClass:
    """By the class of PEP 249, where neither code nor SQLSTATE says anything."""
    from snowflake.connector import errors

    if isinstance(error, errors.InterfaceError | errors.OperationalError | errors.HttpError):
        return DISCONNECTED
    return ABORTED if isinstance(error, errors.IntegrityError | errors.DataError) else FATAL


def sentence(error: Exception) -> str:
    """The driver's words in one line, with the code and, where one is known, the remedy."""
    said = str(getattr(error, "raw_msg", None) or error)
    text = " ".join(_PREFIX.sub("", said).split()).rstrip(".") or type(error).__name__
    code = getattr(error, "errno", -1)
    known = CODES.get(code)
    shown = f"{text} ({code})" if isinstance(code, int) and code > 0 else text
    return f"{shown}; {known.remedy}" if known and known.remedy else shown


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Turn the driver's errors outside of any measurement into one sentence."""
    from snowflake.connector import errors

    try:
        yield
    except errors.Error as error:
        raise BackendError(f"Snowflake refused {what}: {sentence(error)}") from error
