"""The history is read page by page, and bounded for all sessions together.

The pages are made here: the emulator would take minutes to run as many queries as fill one.
"""

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest

from bench.backends import snowflake_history

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=1)


@pytest.fixture
def service(monkeypatch):
    """Answers for a session what its history holds, the latest first, as the service does; notes who was asked."""
    held, asked = {}, []

    def ask(_, sql):
        session = re.search(r"SESSION_ID => (\d+)", sql)[1]
        end = datetime.strptime(
            re.search(r"RANGE_END => TO_TIMESTAMP_LTZ\('([^']+) \+0000'", sql)[1], "%Y-%m-%d %H:%M:%S.%f"
        ).replace(tzinfo=UTC)
        asked.append(session)
        assert len(asked) < 100
        rows = [row for row in held[session] if row["end_time"] is None or row["end_time"] <= end]
        return rows[: snowflake_history.PAGE_ROWS]

    monkeypatch.setattr(snowflake_history, "ask", ask)
    monkeypatch.setattr(snowflake_history, "PAGE_ROWS", 10)
    ids = itertools.count()

    def holds(session, count, *running):
        ended = [{"query_id": f"{next(ids)}", "end_time": UNTIL - timedelta(seconds=place)} for place in range(count)]
        held[session] = [{"query_id": f"{next(ids)}", "end_time": end} for end in running] + ended

    holds.asked = asked
    return holds


def read(*sessions):
    return list(snowflake_history.history(None, sessions, SINCE, UNTIL))


def test_every_page_is_read(service):
    service("1", 35)
    found = read("1")
    assert len({query.query_id for query in found}) == len(found) == 35


@pytest.mark.parametrize("end", [None, datetime(1970, 1, 1, tzinfo=UTC)])
def test_a_query_that_still_runs_does_not_end_the_reading(service, end):
    service("1", 35, end)
    assert len(read("1")) == 36


def test_all_sessions_together_are_bounded_and_none_is_left_out(service, monkeypatch):
    monkeypatch.setattr(snowflake_history, "KEPT_ROWS", 60)
    for session in ("1", "2", "3"):
        service(session, 95)
    service("4", 5)
    found = read("4", "1,2", "3", "2")
    by_session = {session: sum(query.session == session for query in found) for session in "1234"}
    assert by_session == {"1": 18, "2": 18, "3": 19, "4": 5}
    assert service.asked == ["4", "1", "1", "2", "2", "3", "3"]
