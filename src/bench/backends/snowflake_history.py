"""What Snowflake remembers of queries: at once by session, hours later by statement and minute, and what it charged.

Sources: Snowflake documentation, "QUERY_HISTORY, QUERY_HISTORY_BY_*" (7 days, at once, at most 10,000 rows a call;
short queries of hybrid tables are not in it), "AGGREGATE_QUERY_HISTORY view", "WAREHOUSE_METERING_HISTORY view",
"HYBRID_TABLE_USAGE_HISTORY view" (each up to 180 minutes late). Every column is taken where it is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import snowflake.connector

from bench.backends.snowflake_errors import sentence
from bench.backends.snowflake_facts import ask
from bench.errors import BackendError
from bench.model import Aggregate, Later, Metering, ServerQuery

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

Found: TypeAlias = Mapping[str, object]

PAGE_ROWS = 10_000
"""What one call gives at most."""
KEPT_ROWS = 200_000
"""Of one run; more would take longer to read than the run took."""
NS_PER_MS = 1_000_000
LATE = timedelta(hours=3)
"""After which the views of the account should hold everything."""
QUEUES = ("queued_provisioning_time", "queued_repair_time", "queued_overload_time")
SPILLS = ("bytes_spilled_to_local_storage", "bytes_spilled_to_remote_storage")
GRANT = "GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE …, or ask with a role that has it"


def history(
    connection: SnowflakeConnection, sessions: Sequence[str], since: datetime, until: datetime
) -> Iterator[ServerQuery]:
    """The queries of these sessions, the last ones of each first; a pool gives all of its numbers in one text.

    Of more than `KEPT_ROWS` each session gives its part, so that none is left out.
    """
    numbers = list(dict.fromkeys(number for several in sessions for number in several.split(",") if number))
    left = KEPT_ROWS
    for position, session in enumerate(numbers):
        share = left // (len(numbers) - position)
        for query in islice(_of_session(connection, session, since, until + timedelta(seconds=1)), share):
            left -= 1
            yield query


def _of_session(
    connection: SnowflakeConnection, session: str, since: datetime, until: datetime
) -> Iterator[ServerQuery]:
    """Page by page: each call goes back from the earliest end that the last one gave."""
    seen: set[str] = set()
    while True:
        rows = ask(
            connection,
            "SELECT * FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION("
            f"SESSION_ID => {int(session)}, END_TIME_RANGE_START => {_literal(since)}, "
            f"END_TIME_RANGE_END => {_literal(until)}, RESULT_LIMIT => {PAGE_ROWS}))",
        )
        new = [row for row in rows if str(row["query_id"]) not in seen]
        seen.update(str(row["query_id"]) for row in new)
        yield from (_query(row, session) for row in new)
        # What is still running has no end, or one in 1970.
        ends = [end for row in new if (end := _utc(row.get("end_time"))) is not None and end >= since]
        if len(rows) < PAGE_ROWS or not ends:
            return
        until = min(ends)


def aggregates(connection: SnowflakeConnection, tag: str, since: datetime, until: datetime) -> Later[Aggregate]:
    """By statement and minute, hybrid tables' short queries included.

    Raises:
        BackendError: The role may not see it.
    """
    rows = _view(
        connection,
        "AGGREGATE_QUERY_HISTORY",
        f"CONTAINS(query_tag, '{tag}') AND interval_end_time >= {_literal(since)} "
        f"AND interval_start_time <= {_literal(until)}",
    )
    return _later(tuple(map(_aggregate, rows)), until, "statements by minute")


def metering(
    connection: SnowflakeConnection, warehouse: str, since: datetime, until: datetime, *, hybrid: bool
) -> Later[Metering]:
    """Credits by hour: of the warehouse, and where hybrid tables were asked, of the account's requests to those.

    Raises:
        BackendError: The role may not see it.
    """
    when = f"end_time >= {_literal(since)} AND start_time <= {_literal(until)}"
    found = [
        _metering(row, "warehouse", ("credits_used", "credits_used_compute", "credits_used_cloud_services"))
        for row in _view(connection, "WAREHOUSE_METERING_HISTORY", f"warehouse_name = '{warehouse.upper()}' AND {when}")
    ]
    later = _later(tuple(found), until, "credits by hour")
    if not hybrid:
        return later
    try:
        rows = _view(connection, "HYBRID_TABLE_USAGE_HISTORY", when)
    except BackendError as error:  # requests to hybrid tables are no longer charged everywhere, so it may be gone
        return replace(later, missing="; ".join(filter(None, [later.missing, str(error)])))
    requests = tuple(_metering(row, "hybrid_requests", ("credits_used", "", "")) for row in rows)
    return replace(later, rows=later.rows + requests)


def _later(rows: tuple[object, ...], until: datetime, what: str) -> Later:  # type: ignore[type-arg]  # of either kind
    ready = until + LATE
    if datetime.now(UTC) >= ready:
        missing = "" if rows else f"{what}: the account has none for this run"
        return Later(rows=rows, complete=bool(rows), missing=missing)
    missing = f"{what} come up to {LATE.seconds // 3600} hours late; {len(rows):,} are there by now"
    return Later(rows=rows, complete=False, missing=missing, ask_after=ready)


def _view(connection: SnowflakeConnection, name: str, condition: str) -> list[dict[str, object]]:
    try:
        return ask(connection, f"SELECT * FROM SNOWFLAKE.ACCOUNT_USAGE.{name} WHERE {condition}")
    except snowflake.connector.ProgrammingError as error:
        raise BackendError(f"SNOWFLAKE.ACCOUNT_USAGE.{name}: {sentence(error)}; {GRANT}") from error


def _query(row: Found, session: str) -> ServerQuery:
    return ServerQuery(
        query_id=str(row["query_id"]),
        session=session,
        tag=_text(row.get("query_tag")),
        started_at=_utc(row.get("start_time")),
        elapsed_ns=_ns(row.get("total_elapsed_time")),
        compilation_ns=_ns(row.get("compilation_time")),
        execution_ns=_ns(row.get("execution_time")),
        queued_ns=_sum([_ns(row.get(name)) for name in QUEUES]),
        blocked_ns=_ns(row.get("transaction_blocked_time")),
        rows=_whole(row.get("rows_produced")),
        bytes_scanned=_whole(row.get("bytes_scanned")),
        partitions_scanned=_whole(row.get("partitions_scanned")),
        partitions_total=_whole(row.get("partitions_total")),
        bytes_spilled=_sum([_whole(row.get(name)) for name in SPILLS]),
        credits_cloud_services=_number(row.get("credits_used_cloud_services")),
        warehouse_size=_text(row.get("warehouse_size")),
        status=_text(row.get("execution_status")),
    )


def _aggregate(row: Found) -> Aggregate:
    elapsed, compiled = _object(row.get("total_elapsed_time")), _object(row.get("compilation_time"))
    executed, queued = _object(row.get("execution_time")), _object(row.get("queued_overload_time"))
    return Aggregate(
        started_at=_demanded(row["interval_start_time"]),
        ended_at=_demanded(row["interval_end_time"]),
        statement_hash=str(row["query_parameterized_hash"]),
        calls=int(str(row["calls"])),
        sql=_text(row.get("query_text")),
        tag=_text(row.get("query_tag")),
        elapsed_mean_ns=_mean(elapsed),
        elapsed_p50_ns=_ns(elapsed.get("median")),
        elapsed_p90_ns=_ns(elapsed.get("p90")),
        elapsed_p99_ns=_ns(elapsed.get("p99")),
        elapsed_p999_ns=_ns(elapsed.get("p99.9")),
        elapsed_max_ns=_ns(elapsed.get("max")),
        compilation_mean_ns=_mean(compiled),
        execution_mean_ns=_mean(executed),
        queued_mean_ns=_mean(queued),
        rows=_whole(_object(row.get("rows_produced")).get("sum")),
        bytes_scanned=_whole(_object(row.get("bytes_scanned")).get("sum")),
        throttled=_whole(row.get("hybrid_table_requests_throttled_count")),
        warehouse_size=_text(row.get("warehouse_size")),
    )


def _metering(row: Found, kind: str, columns: tuple[str, str, str]) -> Metering:
    total, compute, services = (_number(row.get(column)) for column in columns)
    return Metering(
        kind=kind,
        started_at=_demanded(row["start_time"]),
        ended_at=_demanded(row["end_time"]),
        name=_text(row.get("warehouse_name")),
        credits=total,
        credits_compute=compute,
        credits_cloud_services=services,
    )


# ---- values -------------------------------------------------------------------------------------------------------


def _literal(moment: datetime) -> str:
    return f"TO_TIMESTAMP_LTZ('{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} +0000')"


def _object(value: object) -> Found:
    """A column of the type OBJECT, which comes as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return {str(key).lower(): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def _utc(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _demanded(value: object) -> datetime:
    moment = _utc(value)
    if moment is None:
        raise BackendError(f"the account's view says '{value}' where a time should be")
    return moment


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


def _whole(value: object) -> int | None:
    return None if value is None else int(float(str(value)))


def _ns(value_ms: object) -> int | None:
    return None if value_ms is None else int(float(str(value_ms)) * NS_PER_MS)


def _mean(found: Found) -> float | None:
    mean = _number(found.get("avg"))
    return None if mean is None else mean * NS_PER_MS


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
