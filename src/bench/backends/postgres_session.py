"""PostgreSQL as it is open in one process: sessions, and what is asked of the server beside the measurement."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import psycopg
from psycopg.types.numeric import IntDumper

from bench.backends import postgres_facts, postgres_observed
from bench.backends.base import Call, Database, Session
from bench.backends.postgres_names import StatementNames
from bench.errors import BackendError, ConnectError
from bench.model import (
    CountedRows,
    ErrorClass,
    Namespace,
    Row,
    Statement,
    StatementStats,
    Table,
    TableFacts,
    Value,
)
from bench.redact import redact_text

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg.adapt import Dumper, PyFormat
    from psycopg_pool import ConnectionPool

Connection: TypeAlias = "psycopg.Connection[tuple[object, ...]]"
Cursor: TypeAlias = "psycopg.RawCursor[tuple[object, ...]]"

CANCEL_LIMIT_S = 5.0
REMEDY = "check backend.dsn or BENCH_POSTGRES_DSN, and backend.password_env"
PREPARED_STATEMENTS = 10_000
"""More than any workload has; psycopg would forget the oldest above 100."""

NS_PER_MS = 1_000_000
INT4_MIN, INT4_MAX = -(2**31), 2**31 - 1

CLASS_OF_STATE: Mapping[str, ErrorClass] = {
    "40001": ErrorClass.RETRYABLE,  # serialization failure
    "40P01": ErrorClass.RETRYABLE,  # deadlock
    "55P03": ErrorClass.RETRYABLE,  # lock not available
    "57014": ErrorClass.TIMEOUT,  # query cancelled
    "57P01": ErrorClass.DISCONNECTED,  # administrator's shutdown
    "57P02": ErrorClass.DISCONNECTED,  # crash shutdown
    "57P03": ErrorClass.DISCONNECTED,  # cannot connect now
    "57P04": ErrorClass.DISCONNECTED,  # database dropped
    "57P05": ErrorClass.DISCONNECTED,  # idle session timeout
    "25P03": ErrorClass.DISCONNECTED,  # idle in transaction timeout
    "25006": ErrorClass.FATAL,  # read-only transaction
    # By class, the first two characters (PostgreSQL documentation, appendix A).
    "08": ErrorClass.DISCONNECTED,  # connection exception
    "21": ErrorClass.ABORTED,  # cardinality violation
    "22": ErrorClass.ABORTED,  # data exception
    "23": ErrorClass.ABORTED,  # constraint violation
    "25": ErrorClass.ABORTED,  # transaction state
    "40": ErrorClass.ABORTED,  # other rollbacks
    "44": ErrorClass.ABORTED,  # check option violation
    "53": ErrorClass.ABORTED,  # insufficient resources
    "54": ErrorClass.ABORTED,  # program limit exceeded
    "P0": ErrorClass.ABORTED,  # raised by a function
}


class LiteralIntDumper(IntDumper):
    """Whole numbers typed as PostgreSQL types a literal: integer where it fits, else bigint, else numeric.

    psycopg's own would send small ones as smallint, so that `:a * :b` overflows at 32,767.
    """

    def upgrade(self, obj: int, format: PyFormat) -> Dumper:
        """The dumper for a value of this size."""
        return self._int4_dumper if INT4_MIN <= obj <= INT4_MAX else super().upgrade(obj, format)


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """How to connect. Holds the password, so that it is never shown."""

    parameters: Mapping[str, str] = field(repr=False)

    def connect(self) -> Connection:
        """A new connection, on which each statement commits by itself.

        Raises:
            ConnectError: Nobody answers, or the login is refused; the password is in no text.
        """
        try:
            connection = psycopg.connect(**self.parameters, autocommit=True)  # type: ignore[arg-type]  # libpq takes all as text
        except psycopg.Error as error:
            text = f"no connection to {self.where}: {' '.join(str(error).split())}; {REMEDY}"
            shown = self._without_secret(text)
            # The chain of causes is printed too, so it may not hold what the text may not.
            raise ConnectError(shown) from (error if shown == text else None)
        configure(connection)
        return connection

    @property
    def where(self) -> str:
        """Host, port and database, for messages."""
        known = self.parameters
        return f"PostgreSQL at {known.get('host', 'localhost')}:{known.get('port', '5432')}/{known.get('dbname', '')}"

    def _without_secret(self, text: str) -> str:
        password = self.parameters.get("password")
        return redact_text(text.replace(password, "***") if password else text)


def configure(connection: Connection) -> None:
    """Make a connection send values and keep statements as the measurement wants it."""
    connection.adapters.register_dumper(int, LiteralIntDumper)
    connection.prepared_max = PREPARED_STATEMENTS


class PostgresDatabase(Database):
    """One server and database, with a connection of its own for what is asked beside the measurement."""

    def __init__(
        self,
        login: Login,
        namespace: Namespace,
        *,
        driver: str,
        pool_size: int,
        pipeline_depth: int,
        ingest_connections: int,
    ) -> None:
        self._login = login
        self._namespace = namespace
        self._driver = driver
        self._pool_size = pool_size
        self._pipeline_depth = pipeline_depth
        self._ingesting = threading.BoundedSemaphore(ingest_connections)
        self._lock = threading.RLock()
        self._pool: ConnectionPool[Connection] | None = None
        self._names = StatementNames()
        self._connection = login.connect()

    def session(self) -> Session:
        """A connection of its own, or one that borrows from the pool for each operation."""
        if self._driver in {"libpq", "wire"}:
            from bench.backends.postgres_libpq import LibpqSession
            from bench.backends.postgres_wire import WireSession

            connection = self._login.connect()
            kind = WireSession if self._driver == "wire" and self._plain(connection) else LibpqSession
            return kind(connection, self._names)
        if self._driver == "pipeline":
            from bench.backends.postgres_pipeline import PipelineSession

            session = PipelineSession(self._login.connect(), self._names)
            session.depth = self._pipeline_depth
            return session
        if self._driver == "cursor":
            return PostgresSession(self._login.connect())
        from bench.backends.postgres_pool import PooledSession, open_pool

        with self._lock:
            if self._pool is None:
                self._pool = open_pool(self._login, self._pool_size)
        return PooledSession(self._pool)

    def _plain(self, connection: Connection) -> bool:
        """Messages can be written and read here, since nothing is encrypted."""
        if connection.pgconn.ssl_in_use:
            return False
        return self._login.parameters.get("gssencmode") == "disable" or postgres_facts.without_gssapi(connection)

    def execute(self, sql: str) -> Sequence[Row]:
        """Send one statement, without parameters; its result whole."""
        with self._asking(sql) as connection:
            return _result(connection.execute(sql.encode(), prepare=False))

    def apply(self, statements: Sequence[str]) -> None:
        """Send all statements in one transaction."""
        with self._asking("the changes") as connection, connection.transaction():
            for text in statements:
                connection.execute(text.encode(), prepare=False)

    def table_names(self, namespace: Namespace) -> frozenset[str]:
        """Names of the schema's tables; views are left out."""
        with self._asking("the tables' names") as connection:
            return postgres_facts.table_names(connection, namespace)

    def tables(self, namespace: Namespace) -> Mapping[str, TableFacts]:
        """Exact counts, column types and sizes with indexes."""
        with self._asking("the tables") as connection:
            return postgres_facts.tables(connection, namespace)

    def ingest(self, table: Table, namespace: Namespace, batches: Iterator[pa.RecordBatch]) -> int:
        """Append the rows by `COPY` on a connection of its own, in one transaction."""
        from bench.backends.postgres_copy import copy_batches

        with self._ingesting, self._login.connect() as connection, _refused(f"the rows of {table.name}"):
            return copy_batches(connection, namespace.qualified(table.name), batches)

    def analyze(self, table: Table, namespace: Namespace) -> None:
        """Vacuum and analyze, so that index-only scans can trust the visibility map."""
        with self._login.connect() as connection, _refused(f"VACUUM of {table.name}"):
            connection.execute(f"VACUUM (ANALYZE) {namespace.qualified(table.name)}".encode())

    def facts(self) -> Mapping[str, str]:
        """Version, build, every setting that is not PostgreSQL's default, and the driver where it is another."""
        with self._asking("its settings") as connection:
            told = postgres_facts.facts(connection)
            if self._driver == "wire" and not self._plain(connection):
                return {**told, "driver": "libpq, since the connection is or may be encrypted"}
            return told

    def current_settings(self, names: Sequence[str]) -> Mapping[str, str]:
        """What the server has for each of these settings that it knows."""
        with self._asking("its settings") as connection:
            return postgres_facts.current_settings(connection, names)

    def server_stats(self) -> Mapping[str, float]:
        """Counters of this database, of the log, and of `pg_stat_statements` where it is there."""
        with self._asking("its counters") as connection:
            return postgres_facts.counters(connection)

    def driver_stats(self) -> Mapping[str, float]:
        """How often a client asked the pool for a connection, had to wait for it, and how long in all."""
        if self._pool is None:
            return {}
        counted = self._pool.get_stats()
        return {
            "pool_requests": counted.get("requests_num", 0),
            "pool_requests_queued": counted.get("requests_queued", 0),
            "pool_wait_ns": counted.get("requests_wait_ms", 0) * NS_PER_MS,
        }

    def statement_stats(self) -> Sequence[StatementStats]:
        """What `pg_stat_statements` counts of this user's statements in this database."""
        with self._asking("its counters by statement") as connection:
            return postgres_observed.statement_stats(connection)

    def statement_key(self, sql: str) -> str:
        """The text without what `pg_stat_statements` replaces."""
        return postgres_observed.statement_key(sql)

    def waits(self) -> Mapping[str, int]:
        """What `pg_stat_activity` shows of our other sessions."""
        with self._asking("what its sessions wait for") as connection:
            return postgres_observed.waits(connection)

    def close(self) -> None:
        """Close the pool and the connection; sessions are closed by those who hold them."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
            self._pool = None
            self._connection.close()

    @contextmanager
    def _asking(self, what: str) -> Iterator[Connection]:
        with self._lock:
            if self._connection.broken:
                self._connection = self._login.connect()
            with _refused(what):
                yield self._connection


class PostgresSession(Session):
    """One connection, for one thread; each statement is prepared on it when it is first sent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._control: Cursor = psycopg.RawCursor(connection)

    def prepare(self, statement: Statement) -> Call:
        """A cursor of its own, kept for all calls."""
        cursor: Cursor = psycopg.RawCursor(self._connection)
        text, execute, fetchall = statement.sql.encode(), cursor.execute, cursor.fetchall

        def fetch(values: Sequence[Value]) -> Sequence[Row]:
            execute(text, values, prepare=True)
            return fetchall()

        def change(values: Sequence[Value]) -> Sequence[Row]:
            execute(text, values, prepare=True)
            return CountedRows(cursor.rowcount)

        return fetch if statement.returns_rows else change

    def begin(self, isolation: str = "") -> None:
        """Open a transaction."""
        self._control.execute(begin_text(isolation), prepare=False)

    def commit(self) -> None:
        """Make the transaction's changes last.

        Raises:
            psycopg.errors.InFailedSqlTransaction: A statement of it had failed, so that nothing lasts.
        """
        commit(self._control)

    def rollback(self) -> None:
        """Undo the open transaction."""
        roll_back(self._connection)

    def number(self) -> str:
        """The process of the server that serves this connection."""
        return str(self._connection.info.backend_pid)

    def plan(self, statement: Statement, values: Sequence[Value]) -> str:
        """By `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)`."""
        return postgres_observed.plan(psycopg.RawCursor(self._connection), statement.sql, values)

    def classify(self, error: Exception) -> ErrorClass:
        """By SQLSTATE, and by the state of the connection."""
        return classify(error, gone=self._connection.closed)

    def cancel(self) -> None:
        """Send a cancel request over a connection of its own."""
        cancel(self._connection)

    def close(self) -> None:
        """Close the connection; an open transaction is undone."""
        self._connection.close()


def begin_text(isolation: str) -> bytes:
    """The statement that opens a transaction.

    Raises:
        BackendError: PostgreSQL has no such level.
    """
    from bench.backends.postgres import ISOLATION_LEVELS

    if not isolation:
        return b"BEGIN"
    if isolation.lower() not in ISOLATION_LEVELS:
        raise BackendError(f"PostgreSQL has no isolation level '{isolation}'; it has {', '.join(ISOLATION_LEVELS)}")
    return f"BEGIN ISOLATION LEVEL {isolation}".encode()


def commit(control: Cursor) -> None:
    """Commit, and notice the rollback that PostgreSQL makes of it after a failed statement."""
    control.execute(b"COMMIT", prepare=False)
    if control.statusmessage != "COMMIT":
        raise undone()


def undone() -> psycopg.Error:
    """What a commit of which the server made a rollback stands for."""
    return psycopg.errors.InFailedSqlTransaction(
        "the transaction was rolled back, because a statement in it had failed"
    )


def roll_back(connection: Connection) -> None:
    """Undo what is open; a dead connection has nothing open."""
    if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
        return
    with suppress(psycopg.Error):
        connection.execute(b"ROLLBACK", prepare=False)


def cancel(connection: Connection) -> None:
    """Ask the server to end what this connection runs."""
    # What runs finds out by itself when the server cannot be reached any more.
    with suppress(psycopg.Error):
        connection.cancel_safe(timeout=CANCEL_LIMIT_S)


def classify(error: Exception, *, gone: bool) -> ErrorClass:
    """What an exception means; `gone` says that its connection is closed."""
    if not isinstance(error, psycopg.Error):
        return ErrorClass.DISCONNECTED if isinstance(error, ConnectError) else ErrorClass.FATAL
    state = error.sqlstate or ""
    known = CLASS_OF_STATE.get(state) or CLASS_OF_STATE.get(state[:2])
    if gone or known is ErrorClass.DISCONNECTED:
        return ErrorClass.DISCONNECTED
    if known:
        return known
    if not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return ErrorClass.DISCONNECTED
    # A value that psycopg cannot send never reaches the server.
    return ErrorClass.ABORTED if not state and isinstance(error, psycopg.DataError) else ErrorClass.FATAL


def _result(cursor: psycopg.Cursor[tuple[object, ...]]) -> Sequence[Row]:
    return cursor.fetchall() if cursor.description else CountedRows(cursor.rowcount)


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Turn the driver's errors outside of any measurement into ours."""
    try:
        yield
    except psycopg.Error as error:
        raise BackendError(f"PostgreSQL refused {what}: {' '.join(str(error).split())}") from error
