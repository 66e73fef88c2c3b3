"""What was executed: the log behind QUERY_HISTORY and its aggregate by minute, both bounded."""

from __future__ import annotations

import datetime
import hashlib
import json
import threading
from array import array
from collections import OrderedDict, deque
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from bench.emulator.words import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

KEPT_STATEMENTS = 20_000
KEPT_INTERVALS = 5_000
KEPT_TEXT_LENGTH = 4_000
LATENCIES_PER_INTERVAL = 10_000
"""Of what is beyond that in one minute only the number is counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One executed statement. The fields are the columns of QUERY_HISTORY, in capitals; durations are ms."""

    query_id: str
    query_text: str
    database_name: str | None
    schema_name: str | None
    query_type: str
    session_id: int
    user_name: str
    role_name: str
    warehouse_name: str | None
    warehouse_size: str | None
    warehouse_type: str | None
    query_tag: str
    execution_status: str
    error_code: int | None
    error_message: str | None
    start_time: datetime.datetime
    end_time: datetime.datetime
    total_elapsed_time: int
    compilation_time: int
    execution_time: int
    queued_provisioning_time: int = 0
    queued_repair_time: int = 0
    queued_overload_time: int = 0
    transaction_blocked_time: int = 0
    bytes_scanned: int = 0
    rows_produced: int | None = None
    rows_inserted: int | None = None
    rows_updated: int | None = None
    rows_deleted: int | None = None
    credits_used_cloud_services: float = 0.0
    cluster_number: int | None = 1
    query_hash: str
    query_parameterized_hash: str


ACCOUNT_USAGE_ONLY = (
    "PARTITIONS_SCANNED",
    "PARTITIONS_TOTAL",
    "PERCENTAGE_SCANNED_FROM_CACHE",
    "BYTES_SPILLED_TO_LOCAL_STORAGE",
    "BYTES_SPILLED_TO_REMOTE_STORAGE",
)
"""Columns that only the view has; there is nothing like them here, so that they are 0."""


@dataclass(kw_only=True)
class Interval:
    """One minute of one statement, whatever its literals, in one warehouse and with one tag."""

    sample: Entry
    calls: int = 0
    errors: int = 0
    rows: int = 0
    elapsed_ms: array[int]

    def add(self, entry: Entry) -> None:
        """Count one more execution."""
        self.calls += 1
        self.errors += entry.execution_status != "SUCCESS"
        self.rows += entry.rows_produced or 0
        if len(self.elapsed_ms) < LATENCIES_PER_INTERVAL:
            self.elapsed_ms.append(entry.total_elapsed_time)


class History:
    """The log of the account; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=KEPT_STATEMENTS)
        self._intervals: OrderedDict[tuple[object, ...], Interval] = OrderedDict()

    def add(self, entry: Entry) -> None:
        """Write a statement down that has ended."""
        minute = entry.start_time.replace(second=0, microsecond=0)
        key = (minute, entry.query_parameterized_hash, entry.query_tag, entry.warehouse_name, entry.user_name)
        with self._lock:
            self._entries.append(entry)
            interval = self._intervals.get(key)
            if interval is None:
                interval = self._intervals[key] = Interval(sample=entry, elapsed_ms=array("q"))
                while len(self._intervals) > KEPT_INTERVALS:
                    self._intervals.popitem(last=False)
            interval.add(entry)

    def latest(self, wanted: Callable[[Entry], bool], limit: int) -> list[Entry]:
        """The newest entries that are wanted, newest first."""
        with self._lock:
            entries = list(self._entries)
        found: list[Entry] = []
        for entry in reversed(entries):
            if len(found) >= limit:
                break
            if wanted(entry):
                found.append(entry)
        return found

    def table(self, entries: list[Entry], *, account_usage: bool = False) -> pa.Table:
        """Entries as the rows of QUERY_HISTORY; the view of ACCOUNT_USAGE has some columns more."""
        import pyarrow as pa

        moment, whole = pa.timestamp("us", "UTC"), pa.int64()
        types = {"int": whole, "int | None": whole, "float": pa.float64(), "datetime.datetime": moment}
        columns = {
            each.name.upper(): pa.array(
                [getattr(entry, each.name) for entry in entries], types.get(str(each.type), pa.string())
            )
            for each in fields(Entry)
        }
        if account_usage:
            for name in ACCOUNT_USAGE_ONLY:
                columns[name] = pa.array([0] * len(entries), whole)
        return pa.table(columns)

    def aggregate(self) -> pa.Table:
        """The rows of AGGREGATE_QUERY_HISTORY; what Snowflake gives as objects are texts in JSON here."""
        import pyarrow as pa

        with self._lock:
            rows = [_aggregated(interval) for interval in self._intervals.values()]
        return pa.Table.from_pylist(rows, schema=pa.schema(_aggregate_columns()))


def _aggregate_columns() -> dict[str, pa.DataType]:
    import pyarrow as pa

    text, whole, moment = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
    return {
        "INTERVAL_START_TIME": moment,
        "INTERVAL_END_TIME": moment,
        "QUERY_PARAMETERIZED_HASH": text,
        "QUERY_TEXT": text,
        "DATABASE_NAME": text,
        "SCHEMA_NAME": text,
        "QUERY_TYPE": text,
        "SESSION_ID": whole,
        "USER_NAME": text,
        "ROLE_NAME": text,
        "WAREHOUSE_NAME": text,
        "WAREHOUSE_SIZE": text,
        "WAREHOUSE_TYPE": text,
        "QUERY_TAG": text,
        "CALLS": whole,
        "TOTAL_ELAPSED_TIME": text,
        "COMPILATION_TIME": text,
        "EXECUTION_TIME": text,
        "QUEUED_OVERLOAD_TIME": text,
        "HYBRID_TABLE_REQUESTS_THROTTLED_COUNT": whole,
        "ROWS_PRODUCED": text,
        "ERRORS": text,
    }


OBJECTS = (
    "TOTAL_ELAPSED_TIME",
    "COMPILATION_TIME",
    "EXECUTION_TIME",
    "QUEUED_OVERLOAD_TIME",
    "ROWS_PRODUCED",
    "ERRORS",
)
"""Columns of the aggregate that hold JSON."""


def _aggregated(interval: Interval) -> dict[str, object]:
    first = interval.sample
    start = first.start_time.replace(second=0, microsecond=0)
    elapsed = json.dumps(_summary(sorted(interval.elapsed_ms)))
    nothing = json.dumps(_summary([0]))
    return {
        "INTERVAL_START_TIME": start,
        "INTERVAL_END_TIME": start + datetime.timedelta(minutes=1),
        "QUERY_PARAMETERIZED_HASH": first.query_parameterized_hash,
        "QUERY_TEXT": first.query_text,
        "DATABASE_NAME": first.database_name,
        "SCHEMA_NAME": first.schema_name,
        "QUERY_TYPE": first.query_type,
        "SESSION_ID": first.session_id,
        "USER_NAME": first.user_name,
        "ROLE_NAME": first.role_name,
        "WAREHOUSE_NAME": first.warehouse_name,
        "WAREHOUSE_SIZE": first.warehouse_size,
        "WAREHOUSE_TYPE": first.warehouse_type,
        "QUERY_TAG": first.query_tag,
        "CALLS": interval.calls,
        "TOTAL_ELAPSED_TIME": elapsed,
        "COMPILATION_TIME": nothing,
        "EXECUTION_TIME": elapsed,
        "QUEUED_OVERLOAD_TIME": nothing,
        "HYBRID_TABLE_REQUESTS_THROTTLED_COUNT": 0,
        "ROWS_PRODUCED": json.dumps({"sum": interval.rows, "avg": interval.rows / interval.calls}),
        "ERRORS": json.dumps([{"count": interval.errors}] if interval.errors else []),
    }


def _summary(ordered: list[int]) -> dict[str, float]:
    """The statistics that the service gives of a minute, in ms."""
    import statistics

    def rank(part: float) -> int:
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    return {
        "sum": sum(ordered),
        "avg": statistics.fmean(ordered),
        "stddev": statistics.pstdev(ordered),
        "min": ordered[0],
        "median": rank(0.5),
        "p90": rank(0.9),
        "p99": rank(0.99),
        "p99.9": rank(0.999),
        "max": ordered[-1],
    }


def text_hash(text: str) -> str:
    """QUERY_HASH: of the text as it is."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=1024)
def parameterized_hash(text: str) -> str:
    """QUERY_PARAMETERIZED_HASH: of the text with every literal taken for a parameter."""
    literal = (TokenType.STRING, TokenType.NUMBER)
    return text_hash(" ".join("?" if token.token_type in literal else token.text for token in tokenize(text)))
