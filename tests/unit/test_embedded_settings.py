"""Settings of the embedded PostgreSQL are judged before anything is touched."""

import pytest

from bench.backends.postgres import DSN_VARIABLE, PostgresBackend
from bench.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_server_of_our_own(monkeypatch):
    monkeypatch.delenv(DSN_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"work_memm": "64MB"}, r"has no setting 'work_memm'; did you mean 'work_mem'\?"),
        ({"work_mem": "64XB"}, 'invalid value for parameter "work_mem": "64XB"'),
        ({"work_mem": 1}, "outside the valid range"),
    ],
)
def test_a_setting_that_the_server_does_not_take_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        PostgresBackend(settings=settings).check()
    assert caught.value.exit_code == 2


def test_what_it_takes_is_not():
    PostgresBackend(settings={"work_mem": "64MB", "fsync": False, "zero_damaged_pages": True, "mine.own": 1}).check()
    PostgresBackend(settings={"work_memm": "1MB"}, dsn="host=elsewhere").check()  # a server of the user's own
