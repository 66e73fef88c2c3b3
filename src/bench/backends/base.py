"""What an engine must do to be measured.

A `Backend` is a frozen, picklable description. A `Database` is opened once per process. A `Session` belongs to one
client. Backends never time themselves: the driver loop does, around them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, TypeAlias

from bench.backends import ddl
from bench.backends.capabilities import Capabilities as Capabilities  # noqa: PLC0414  # part of what an engine must say
from bench.errors import BackendError
from bench.model import (
    Aggregate,
    ComputeFacts,
    ErrorClass,
    Finding,
    Later,
    Metering,
    Namespace,
    Row,
    ServerQuery,
    Statement,
    StatementStats,
    Table,
    TableFacts,
    Value,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from bench.backends.line import Line

Call: TypeAlias = Callable[[Sequence[Value]], Sequence[Row]]
"""Sends a prepared statement with the values in the driver's order and gives the whole result.

Where the statement has none, that is a sequence as long as the number of rows it changed."""

Count: TypeAlias = Callable[[Sequence[Value]], int]
"""As `Call`, but gives only how many rows there are."""

Say: TypeAlias = Callable[[str], None]
"""Takes one line for the user, such as `PostgreSQL 18.6 started on port 40123`."""
NOTHING_LATER = "this engine has nothing to add later"


class Session(ABC):
    """One client's own line to the database; used by one thread, except `cancel`."""

    @abstractmethod
    def prepare(self, statement: Statement) -> Call:
        """Make `statement` ready to be sent often, as cheaply as the driver can."""

    def counting(self, statement: Statement) -> Count:
        """As `prepare`, for those who only count the rows; the result is fetched whole all the same."""
        call = self.prepare(statement)
        return lambda values: len(call(values))

    @abstractmethod
    def begin(self, isolation: str = "") -> None:
        """Open a transaction; outside of one each statement commits by itself."""

    @abstractmethod
    def commit(self) -> None:
        """End the open transaction with its changes."""

    @abstractmethod
    def rollback(self) -> None:
        """End the open transaction, if there is one, without its changes; never raises on a dead session."""

    @abstractmethod
    def classify(self, error: Exception) -> ErrorClass:
        """What an exception of this driver means."""

    def sqlstate(self, error: Exception) -> str | None:
        """The SQLSTATE, or the engine's own code, of an exception; None where there is none."""
        return getattr(error, "sqlstate", None)

    def encode(
        self, statement: Statement, rows: Sequence[Sequence[Value]], *, counting: bool = False
    ) -> Iterable[Sequence[Value]]:
        """The values of several calls in the form in which this driver sends them, worked out before they are timed.

        They may come one by one, each worked out when it is asked for, so that none keeps others waiting for all.

        What it gives is taken by the calls of every session of the same database.

        Args:
            statement: What is called.
            rows: The values of each call, in the order of `statement.parameters`.
            counting: They are for `counting`, or for a `line` that counts, and for nothing else.
        """
        return rows

    def line(self, *, counting: bool = False) -> Line:
        """The side of this session on which nothing waits (`Capabilities.nonblocking`).

        Args:
            counting: Nobody will ask it for rows, but for their number.
        """
        raise BackendError("the sessions of this engine cannot be used without waiting")

    def query_id(self) -> str | None:
        """The engine's names of what was sent since this was asked last, with commas between, where it has any."""
        return None

    def enter(self, phase: str) -> None:  # noqa: B027  # an engine that keeps no such word has nothing to do here
        """What is sent from now on belongs to this phase of the run; by itself this sends nothing."""

    def number(self) -> str | None:
        """The server's number of this session, without asking for it; None where there is no such thing."""
        return None

    def plan(self, statement: Statement, values: Sequence[Value]) -> str:
        """The engine's plan of the statement with these values, as JSON text; empty where there is none.

        The statement is executed, so that the plan holds what was counted: whoever calls this does so in a
        transaction that is rolled back, and outside of any measurement.
        """
        return ""

    def generated(self, statement: Statement, values: Sequence[Value]) -> str:
        """The SQL text that the statement's pipeline comes to with these values; empty where there is none."""
        return ""

    def cancel(self) -> None:  # noqa: B027  # an engine that cannot cancel has nothing to do here
        """Ask the engine to end what this session runs now; called from another thread."""

    @abstractmethod
    def close(self) -> None:
        """Give the session back; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Database(ABC):
    """An engine that is open in this process."""

    @abstractmethod
    def session(self) -> Session:
        """A new session, in whose default schema the tables of the dataset are found."""

    @abstractmethod
    def execute(self, sql: str) -> Sequence[Row]:
        """Send one statement outside of any measurement, committed by itself, and give its whole result."""

    @abstractmethod
    def apply(self, statements: Sequence[str]) -> None:
        """Send several statements, in one transaction where the engine's DDL is transactional."""

    def make_schema(self, namespace: Namespace) -> None:
        """See that the namespace's schema is there; for engines that have schemas."""
        self.apply([f"CREATE SCHEMA IF NOT EXISTS {namespace.schema}"])

    @abstractmethod
    def table_names(self, namespace: Namespace) -> frozenset[str]:
        """Names of the tables that are there, in lower case and without the namespace's prefix; counts nothing."""

    @abstractmethod
    def tables(self, namespace: Namespace) -> Mapping[str, TableFacts]:
        """What is there now: every table of the namespace with its exact row count and its columns' types.

        Names come in lower case and without the namespace's prefix.
        """

    @abstractmethod
    def ingest(self, table: Table, namespace: Namespace, batches: Iterator[pa.RecordBatch]) -> int:
        """Append the rows to an empty table as fast as the engine can; gives how many.

        Called from several threads at once, for different tables or for different parts of one.
        """

    def give_up_ingest(self) -> None:  # noqa: B027  # most engines end a load by themselves when no more rows come
        """End what calls of `ingest` in other threads still have the engine do; they then raise."""

    def analyze(self, table: Table, namespace: Namespace) -> None:  # noqa: B027  # not every engine has such a thing
        """Bring the optimizer's statistics of a table up to date, where the engine has such a thing."""

    def facts(self) -> Mapping[str, str]:
        """What the server says of itself: version, settings that matter, where it runs; never a secret."""
        return {}

    def driver_stats(self) -> Mapping[str, float]:
        """What the driver counted here beside the operations, such as the waiting for a pooled connection."""
        return {}

    def findings(self) -> Iterable[Finding]:
        """What speaks for or against measuring here, as far as it can be known cheaply; what is tried is undone."""
        return ()

    def drop_caches(self) -> None:
        """Empty what the engine keeps of the data in memory, so that what follows starts cold.

        Raises:
            BackendError: The engine refuses, or has no such thing (`Capabilities.cold`).
        """
        raise BackendError("this engine cannot empty its caches")

    def server_stats(self) -> Mapping[str, float]:
        """Counters of the server that only grow; their difference over a run is recorded."""
        return {}

    def statement_stats(self) -> Sequence[StatementStats]:
        """Counters of every statement that we ever sent here; empty where the engine does not count by statement.

        Raises:
            BackendError: It could count, but does not, or does not show us; the text says what would change that.
        """
        return ()

    def statement_key(self, sql: str) -> str:
        """What two texts have in common that `statement_stats` counts as one statement."""
        return " ".join(sql.split()).rstrip("; ")

    def waits(self) -> Mapping[str, int]:
        """What the sessions of our clients wait for at this moment: by wait event, how many of them.

        Sessions that have nothing to do are left out, and so is the one that asks.

        Raises:
            BackendError: The engine does not show it.
        """
        return {}

    def history(self, sessions: Sequence[str], since: datetime, until: datetime) -> Iterable[ServerQuery]:
        """The queries that the engine remembers of these sessions.

        Args:
            sessions: Their numbers, as `Session.number` gave them.
            since: Begin of the time that is asked about, in UTC.
            until: Its end.

        Raises:
            BackendError: The engine does not show it.
        """
        return ()

    def aggregates(self, tag: str, since: datetime, until: datetime) -> Later[Aggregate]:
        """What the engine counted by statement and interval; it may tell so hours later.

        Args:
            tag: What stands within the tag of every query that is meant: the identity of the run.
            since: Begin of the time that is asked about, in UTC; intervals that reach into it are given too.
            until: Its end.

        Raises:
            BackendError: The engine does not show it; the text says what would change that.
        """
        return Later(missing=NOTHING_LATER)

    def metering(self, since: datetime, until: datetime) -> Later[Metering]:
        """What the engine charged, by interval; arguments and errors as those of `aggregates`.

        An interval is given whole, so that others who used the same machines in it are charged there too.
        """
        return Later(missing=NOTHING_LATER)

    def compute_facts(self, namespace: Namespace) -> ComputeFacts | None:
        """What is billed for, as the engine tells it once the data are in; None: no more than `Backend.compute`.

        Asked once per run, outside of the measurement. What the role may not see is None, and raises nothing.
        """
        return None

    @abstractmethod
    def close(self) -> None:
        """Close everything; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, kw_only=True)
class Backend(ABC):
    """The description of a system under test: engine, driver and settings. Frozen and picklable."""

    name: str
    """The value of the column `backend` in every result."""

    types: ClassVar[Mapping[str, str]] = {}
    """The engine's name for each logical type that differs from the SQL standard's."""

    ingest_rows_per_s: ClassVar[float] = 100_000.0
    """Rows that are generated, brought in and indexed per second, as a first guess for estimates before any run."""

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this engine, with these settings, can do."""

    @property
    def compute(self) -> ComputeFacts:
        """What is billed for, as far as the description alone says it, for estimates without a database."""
        return ComputeFacts()

    @property
    def local_server(self) -> bool:
        """The engine may run on this machine and not be started by us, so that its CPU looks like that of others."""
        return False

    def check(self) -> None:  # noqa: B027  # most descriptions can be judged only by asking the server
        """Look for what is wrong here on the client, before any cell of a sweep is run; asks no server.

        Raises:
            ConfigError: What the description names is not there, such as a file or a login.
        """

    def for_run(self, run_id: str, cell: str) -> Self:
        """The same description, by which the engine learns whose statements it runs, where it keeps such words."""
        return self

    def provision(self, data: str, home: Path, say: Say) -> AbstractContextManager[Backend]:
        """Bring the server up for as long as the context lasts, and give the description by which to open it.

        Args:
            data: Name of the data, unique to their fingerprint and fit for a file or a database, for engines that
                keep each set of data in a place of its own.
            home: Directory for what is kept between runs.
            say: Takes what the user should know.

        Raises:
            ConnectError: The server is not there, or cannot be started.
        """
        return _as_it_is(self)

    def visit(self, data: str, home: Path, say: Say) -> AbstractContextManager[Backend]:
        """As `provision`, but only to ask something beside the runs: what costs money while it is up stays as it is."""
        return self.provision(data, home, say)

    @abstractmethod
    def open(self, namespace: Namespace) -> Database:
        """Open the engine in this process; sessions see the tables of `namespace` by their bare names.

        Raises:
            MissingDriverError: The driver is not installed.
            ConnectError: The server does not answer or refuses the login.
        """

    def namespace(self, schema: str) -> Namespace:
        """Where the tables of a dataset with this schema name live in this engine."""
        return Namespace(schema=schema) if self.capabilities.schemas else Namespace(schema="", prefix=f"{schema}_")

    def create_table(self, table: Table, namespace: Namespace) -> str:
        """The DDL that stands before the data: the bare table."""
        return ddl.create_table(table, namespace, self.types)

    def copy_table(self, table: Table, namespace: Namespace, source: str) -> str:
        """The DDL that makes a table from the one that is called `source` in this engine."""
        return ddl.copy_table(table, namespace, source)

    def after_load(self, table: Table, namespace: Namespace) -> tuple[str, ...]:
        """The DDL that follows the data: primary key, then secondary indexes."""
        key = (ddl.add_primary_key(table, namespace),) if table.primary_key else ()
        return key + tuple(ddl.create_index(table, index, namespace) for index in table.indexes)

    def describe(self) -> str:
        """One line for the screen, without a secret."""
        return self.name


@contextmanager
def _as_it_is(backend: Backend) -> Iterator[Backend]:
    yield backend
