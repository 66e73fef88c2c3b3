"""The values that every stage passes on. Imports nothing of ours, does nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import repeat
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

Value: TypeAlias = bool | int | float | str | Decimal | date | datetime | None
"""A bound value, as Python's DB-API drivers take it."""

Row: TypeAlias = Sequence[object]

T = TypeVar("T")

Paramstyle: TypeAlias = Literal["dollar", "qmark", "numeric", "named", "format", "pyformat"]
"""How a driver writes a bound value: `$1`, `?`, `:1`, `:name`, `%s`, `%(name)s` (PEP 249, and PostgreSQL's own)."""


class CountedRows(Sequence[Row]):
    """The result of a statement that returns no rows: it has a length, the rows changed, and no content."""

    __slots__ = ("_count",)

    def __init__(self, count: int) -> None:
        self._count = max(count, 0)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: object) -> Row:  # type: ignore[override]  # there is no row to give, for an int or a slice
        raise IndexError("a statement without a result has no rows to read")

    def __iter__(self) -> Iterator[Row]:
        return iter(())


class ColumnRows(Sequence[tuple[Value, ...]]):
    """Rows of values that are kept by column; a row is made when somebody looks at it."""

    __slots__ = ("_size", "columns")

    def __init__(self, columns: Sequence[Sequence[Value]], size: int) -> None:
        self.columns = columns
        """Each with `size` values; there may be none."""
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, at: int | slice) -> Any:  # a row, or rows, as for every sequence
        if isinstance(at, slice):
            return ColumnRows([column[at] for column in self.columns], len(range(self._size)[at]))
        return tuple(column[at] for column in self.columns)

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return zip(*self.columns, strict=True) if self.columns else repeat((), self._size)


class Phase(StrEnum):
    """Which part of a run a sample belongs to, by its intended start."""

    WARM_UP = "warm_up"
    MEASUREMENT = "measurement"


class Status(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    ERROR = "error"
    """The engine or the driver refused."""
    ABORTED = "aborted"
    """The engine rolled the attempt back for a reason that may pass: a conflict, a deadlock."""
    TIMEOUT = "timeout"
    """The attempt ran longer than the operation may and was cancelled."""


class ErrorClass(StrEnum):
    """What an error means for the client that met it."""

    RETRYABLE = "retryable"
    """Conflict or deadlock: the same transaction may succeed when it is sent again."""
    ABORTED = "aborted"
    """This statement is refused (a constraint, a value out of range); the session lives on."""
    TIMEOUT = "timeout"
    """Cancelled, because it took longer than allowed."""
    DISCONNECTED = "disconnected"
    """The session is dead; the client needs a new one."""
    FATAL = "fatal"
    """The question itself is wrong (syntax, missing table, missing right): no repetition helps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogicalType:
    """The type of a column, independent of any engine."""

    name: Literal["boolean", "smallint", "integer", "bigint", "double", "decimal", "text", "date", "timestamp"]
    precision: int = 0
    """Digits in all, of a decimal."""
    scale: int = 0
    """Digits after the point, of a decimal."""
    length: int = 0
    """Greatest number of characters of a text; 0: not limited."""

    def __str__(self) -> str:
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return f"text({self.length})" if self.name == "text" and self.length else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table as the engine gets to know it."""

    name: str
    type: LogicalType
    nullable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """A secondary index."""

    columns: tuple[str, ...]
    unique: bool = False
    include: tuple[str, ...] = ()
    """Columns carried along without being searched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignKey:
    """A reference to the primary key, or a unique column, of another table."""

    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The declared shape of one table: what DDL and rendering need, nothing of how its rows come about."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    clustering: tuple[str, ...] = ()
    """Columns by which an engine that clusters by declaration should order the table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Namespace:
    """Where the tables of a dataset live in a database."""

    schema: str
    prefix: str = ""
    """Stands before each table's name in an engine without schemas."""

    def qualified(self, table: str) -> str:
        """The name under which the engine knows `table`."""
        return f"{self.prefix}{table}" if not self.schema else f"{self.schema}.{self.prefix}{table}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One SQL statement, ready for one driver."""

    sql: str
    """The exact text that is sent."""
    parameters: tuple[str, ...] = ()
    """The name behind each value the driver is given, in the driver's order; a name may stand twice."""
    returns_rows: bool = True
    order_by: tuple[int, ...] | None = None
    """Positions of the result's columns by which it is ordered, from 0; None: the order says nothing,
    or is by something that is not in the result."""
    pipeline: str = ""
    """Python source of the same question as a DataFrame, which is run instead of `sql`; empty: `sql` is sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedOperation:
    """An operation as one backend is going to get it."""

    name: str
    statements: tuple[Statement, ...]
    transactional: bool = False
    read_only: bool = True
    isolation: str = ""
    timeout_s: float = 0.0
    """Greatest duration of one attempt; 0: not limited."""
    retries: int = 0
    """How often an attempt that ended `retryable` is sent again."""

    @property
    def pipeline(self) -> str:
        """Source of the pipeline that is run instead of the SQL; empty: there is none."""
        return self.statements[0].pipeline if len(self.statements) == 1 else ""


class Sample(NamedTuple):
    """One attempt of one operation. Times are ns of the monotonic clock."""

    operation: str
    client: int
    attempt: int
    """0 for the first."""
    intended_start_ns: int
    start_ns: int
    end_ns: int
    rows: int
    status: Status
    error_class: ErrorClass | None = None
    sqlstate: str | None = None
    query_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TableFacts:
    """What a database says of one table that is there."""

    rows: int
    columns: Mapping[str, str] = field(default_factory=dict)
    """The engine's own type of each column, in order."""
    bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerQuery:
    """One query as the engine's own history has it; None: the engine does not say."""

    query_id: str
    session: str
    """The server's number of the session, as `Session.number` gives it."""
    tag: str | None = None
    """What the session had put on its queries, where the engine keeps such a tag."""
    started_at: datetime | None = None
    """In UTC."""
    elapsed_ns: int | None = None
    """From arrival to end, all that follows included."""
    compilation_ns: int | None = None
    execution_ns: int | None = None
    queued_ns: int | None = None
    """Waiting for a turn, for whatever reason."""
    blocked_ns: int | None = None
    """Waiting for another transaction."""
    rows: int | None = None
    """Returned or changed."""
    bytes_scanned: int | None = None
    partitions_scanned: int | None = None
    partitions_total: int | None = None
    bytes_spilled: int | None = None
    """Written to disk or further away because memory did not suffice."""
    credits_cloud_services: float | None = None
    warehouse_size: str | None = None
    status: str | None = None
    """In the engine's own word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatementStats:
    """Counters of one statement that only grow; their difference over a load is recorded. None: not counted."""

    sql: str
    """The text, as the engine keeps it: literals may have become placeholders."""
    calls: int
    """How often it was executed to its end."""
    plan_ns: int | None = None
    execution_ns: int | None = None
    rows: int | None = None
    blocks_hit: int | None = None
    """Found in the engine's own cache; a block has the size that the engine's facts say."""
    blocks_read: int | None = None
    """Not found there: read from the operating system or from the disk."""
    blocks_dirtied: int | None = None
    blocks_written: int | None = None
    temp_blocks: int | None = None
    """Read from or written to temporary files, because memory did not suffice."""
    wal_records: int | None = None
    wal_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Aggregate:
    """What an engine counted of one statement in one interval; times are those of the engine. None: it does not say."""

    started_at: datetime
    """Of the interval, in UTC."""
    ended_at: datetime
    statement_hash: str
    """The engine's name for all statements that differ in their literals only."""
    calls: int
    sql: str | None = None
    """One of these statements."""
    tag: str | None = None
    errors: int | None = None
    elapsed_mean_ns: float | None = None
    elapsed_p50_ns: int | None = None
    elapsed_p90_ns: int | None = None
    elapsed_p99_ns: int | None = None
    elapsed_p999_ns: int | None = None
    elapsed_max_ns: int | None = None
    compilation_mean_ns: float | None = None
    execution_mean_ns: float | None = None
    queued_mean_ns: float | None = None
    rows: int | None = None
    bytes_scanned: int | None = None
    throttled: int | None = None
    """Requests that the engine held back, because a quota was used up."""
    warehouse_size: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Metering:
    """What an engine charged for one interval, whoever had caused it."""

    kind: str
    """What is charged for: `warehouse`, `hybrid_requests`, …"""
    started_at: datetime
    """Of the interval, mostly an hour, in UTC."""
    ended_at: datetime
    name: str | None = None
    """Of the warehouse; None: of the whole account."""
    credits: float | None = None
    """In all."""
    credits_compute: float | None = None
    credits_cloud_services: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Later(Generic[T]):
    """What an engine tells only some time after it happened, as far as it tells it now."""

    rows: tuple[T, ...] = ()
    complete: bool = True
    """Nothing more will come for the time that was asked about."""
    missing: str = ""
    """In plain words what is not there, and why; empty where nothing is missing."""
    ask_after: datetime | None = None
    """From when on it is worth while to ask again, in UTC; None: waiting alone does not help."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One answer to the question whether something is fit to be measured."""

    level: Literal["ok", "warn", "fail"]
    """`warn`: results will be worse or less complete for it; `fail`: a run would not succeed."""
    text: str
    """One sentence; of what is not ok, with the remedy."""
    what: str = ""
    """Of what, in a word; empty: of the system under test."""


class ComputeKind(StrEnum):
    """How the machines behind an engine are paid for."""

    INSTANCE = "instance"
    """In each hour that they are there, busy or not."""
    WAREHOUSE = "warehouse"
    """While they run: started by the first statement, suspended when none has come for a while."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComputeFacts:
    """What an engine tells of what its provider bills; None: it does not say, and nothing is guessed."""

    kind: ComputeKind = ComputeKind.INSTANCE
    size: str | None = None
    """The engine's own word, such as `X-Small`."""
    generation: str | None = None
    """Of the machines, by the key under which the price list has it, such as `gen2`."""
    clusters: int | None = None
    """Greatest number of clusters that run at once."""
    auto_suspend_s: float | None = None
    """Idle time after which it is suspended; 0: never."""
    stored_bytes: int | None = None
    """Of the tables of the dataset, as billed, without those in row storage."""
    row_stored_bytes: int | None = None
    """Of the tables that are kept in row storage, where an engine bills that apart."""
