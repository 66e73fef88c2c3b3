"""The values that every stage passes on. Imports nothing of ours, does nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

Value: TypeAlias = bool | int | float | str | Decimal | date | datetime | None
"""A bound value, as Python's DB-API drivers take it."""

Row: TypeAlias = Sequence[object]

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
