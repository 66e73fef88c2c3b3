"""Snowflake as it is open in one process: sessions, and what is asked of the service beside the measurement."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import snowflake.connector
from snowflake.connector.errors import NotSupportedError

from bench.backends import snowflake_errors, snowflake_facts, snowflake_history
from bench.backends.arrow_rows import ArrowRows
from bench.backends.base import Call, Database, Session
from bench.backends.snowflake_errors import refused
from bench.errors import BackendError, ConnectError
from bench.model import (
    Aggregate,
    ComputeFacts,
    CountedRows,
    ErrorClass,
    Finding,
    Later,
    Metering,
    Namespace,
    Row,
    ServerQuery,
    Statement,
    Table,
    TableFacts,
    Value,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor
    from sqlalchemy.pool import Pool

    from bench.backends.snowflake import SnowflakeBackend

EPOCH, MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)
CANCEL_SQL = "SELECT SYSTEM$CANCEL_ALL_QUERIES({number})"


class SnowflakeDatabase(Database):
    """One account, with a connection of its own for what is asked beside the measurement."""

    def __init__(self, backend: SnowflakeBackend, namespace: Namespace) -> None:
        self._backend = backend
        self.namespace = namespace
        self._lock = threading.RLock()
        self._ingesting = threading.BoundedSemaphore(backend.ingest_connections)
        self._acting = threading.Lock()
        self._closed = False
        self._ingests: set[int] = set()
        """The service's numbers of the sessions that load data at this moment."""
        self._pool: Pool | None = None
        self.pooled: Sequence[str] = ()
        """The service's numbers of the pool's sessions."""
        self._connection = self.connect("setup")
        try:
            with refused("its parameters"):
                snowflake_facts.demand_no_result_cache(self._connection)
        except BaseException:  # an interrupt too must not leave a session at the service
            self._connection.close()
            raise

    def session(self) -> Session:
        """A connection of its own, or one that borrows from the pool for each operation."""
        if self._backend.driver == "connection":
            return SnowflakeSession(self.connect("session"), self)
        from bench.backends.snowflake_pool import PooledSession, open_pool

        with self._lock:
            if self._pool is None:
                self._pool, self.pooled = open_pool(lambda: self.connect("session"), self._backend)
        return PooledSession(self._pool, self)

    def trail(self) -> Trail:
        """For a new session."""
        return Trail(self._backend.query_tag)

    def execute(self, sql: str) -> Sequence[Row]:
        """Send one statement, without parameters; its result whole."""
        with self._asking(sql) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def apply(self, statements: Sequence[str]) -> None:
        """Send one statement after another; DDL of Snowflake's commits by itself."""
        for sql in statements:
            self.execute(sql)

    def make_schema(self, namespace: Namespace) -> None:
        """Only where it is missing: the service asks for the right to make one even where there is one."""
        with self._asking("the schema's name") as connection:
            there = snowflake_facts.has_schema(connection, namespace.schema)
        if not there:
            super().make_schema(namespace)

    def table_names(self, namespace: Namespace) -> frozenset[str]:
        """Names of the schema's tables; views are left out. Needs no warehouse."""
        with self._asking("the tables' names") as connection:
            return snowflake_facts.table_names(connection, namespace)

    def tables(self, namespace: Namespace) -> Mapping[str, TableFacts]:
        """Exact counts, column types and bytes."""
        with self._asking("the tables") as connection:
            return snowflake_facts.tables(connection, namespace)

    def ingest(self, table: Table, namespace: Namespace, batches: Iterator[pa.RecordBatch]) -> int:
        """Write Parquet files, upload them side by side, and copy them into the table by one statement."""
        from bench.backends.snowflake_ingest import copy_batches

        with self._ingesting, closing(self.connect("ingest")) as connection, refused(f"the rows of {table.name}"):
            self._ingests.add(connection.session_id)
            try:
                return copy_batches(
                    connection, namespace.qualified(table.name), batches, parallel=self._backend.put_parallel
                )
            finally:
                self._ingests.discard(connection.session_id)

    def give_up_ingest(self) -> None:
        """Cancel the copies under way, which would go on in the warehouse without us."""
        for number in tuple(self._ingests):
            self.cancel(number)

    def facts(self) -> Mapping[str, str]:
        """Version, place, role, warehouse, and the parameters that matter, as the service reads them back."""
        with self._asking("what it is") as connection:
            return snowflake_facts.facts(connection, self._backend.found)

    def findings(self) -> Iterable[Finding]:
        """Clocks, warehouse, and rights, tried in a schema that is dropped again."""
        from bench.backends.snowflake_fitness import findings

        with self._asking("what it is fit for") as connection:
            return list(findings(connection, self._backend))

    def history(self, sessions: Sequence[str], since: datetime, until: datetime) -> Iterable[ServerQuery]:
        """From the service's history by session; for hybrid tables it leaves out what was quick."""
        with self._asking("its history") as connection:
            return list(snowflake_history.history(connection, sessions, since, until))

    def aggregates(self, tag: str, since: datetime, until: datetime) -> Later[Aggregate]:
        """By statement and minute, up to three hours later."""
        with self._asking("its statements by minute") as connection:
            return snowflake_history.aggregates(connection, tag, since, until)

    def metering(self, since: datetime, until: datetime) -> Later[Metering]:
        """What the warehouse, and for hybrid tables the account's requests, were charged by the hour."""
        with self._asking("what it charged") as connection:
            # That of the run, which may be gone by now, goes before that of this session.
            warehouse = self._backend.warehouse or connection.warehouse or ""
            hybrid = self._backend.tables == "hybrid"
            return snowflake_history.metering(connection, warehouse, since, until, hybrid=hybrid)

    def compute_facts(self, namespace: Namespace) -> ComputeFacts | None:
        """The warehouse as it is now, and what the tables take up."""
        with self._asking("what it bills") as connection:
            return snowflake_facts.compute_facts(connection, namespace)

    def drop_caches(self) -> None:
        """Suspend the warehouse and resume it, which drops the data that its machines keep."""
        from bench.backends.snowflake_warehouse import suspend_and_resume

        with self._asking("the warehouse") as connection:
            if not connection.warehouse:
                raise BackendError("no warehouse is chosen, so there is none to suspend; give backend.warehouse")
            suspend_and_resume(connection, connection.warehouse)

    def cancel(self, number: int) -> None:
        """End everything that the session with this number runs."""
        # Whoever runs it finds out by itself when the service cannot be reached any more.
        with suppress(BackendError, ConnectError):
            self.execute(CANCEL_SQL.format(number=number))

    def close(self) -> None:
        """Close the pool and the connection; sessions are closed by those who hold them."""
        with self._lock:
            self._closed = True
            if self._pool is not None:
                self._pool.dispose()
            self._connection.close()

    def connect(self, phase: str) -> SnowflakeConnection:
        """A new connection that finds the tables of the namespace by their bare names.

        Raises:
            ConnectError: The login is refused, or nobody answers.
        """
        login = self._backend.login(phase=phase)
        # Somebody has to act for such a login, and the first one keeps a token for the others.
        with self._acting if login.interactive else nullcontext():
            connection = login.connect()
        if self.namespace.schema:
            # The schema is missing before the first load; what needs it then says so by itself.
            with closing(connection.cursor()) as cursor, suppress(snowflake.connector.ProgrammingError):
                cursor.execute(f"USE SCHEMA {self.namespace.schema}")
        return connection

    @contextmanager
    def _asking(self, what: str) -> Iterator[SnowflakeConnection]:
        with self._lock:
            if self._connection.is_closed() and not self._closed:
                self._connection = self.connect("setup")
            with refused(what):
                yield self._connection


class Trail:
    """What one client has sent: with which query tag, and by which names the service knows it."""

    def __init__(self, tag_of: Callable[[str], str]) -> None:
        self._tag_of = tag_of
        self._query_ids: list[str] = []
        self.parameters: dict[str, str] = {}
        """They travel with each statement, so that a new phase costs no round trip."""

    def enter(self, phase: str) -> None:
        """Have the query tag say so from now on."""
        self.parameters = {"QUERY_TAG": self._tag_of(phase)}

    def note(self, cursor: SnowflakeCursor) -> None:
        """Keep the name of what the cursor has just sent."""
        if cursor.sfqid:
            self._query_ids.append(cursor.sfqid)

    def taken(self) -> str | None:
        """The names since this was asked last."""
        sent, self._query_ids = self._query_ids, []
        return ",".join(sent) or None


class SnowflakeSession(Session):
    """One connection, for one thread."""

    def __init__(self, connection: SnowflakeConnection, database: SnowflakeDatabase) -> None:
        self._connection = connection
        self._database = database
        self._number = connection.session_id
        self._control = connection.cursor()
        self._trail = database.trail()

    def prepare(self, statement: Statement) -> Call:
        """A cursor of its own, kept for all calls; the service binds the values and keeps the plan by the text."""
        cursor = self._connection.cursor()
        text, execute, trail = statement.sql, cursor.execute, self._trail

        def fetch(values: Sequence[Value]) -> Sequence[Row]:
            execute(text, bound(values), _statement_params=trail.parameters)
            trail.note(cursor)
            return whole_result(cursor)

        def change(values: Sequence[Value]) -> Sequence[Row]:
            execute(text, bound(values), _statement_params=trail.parameters)
            trail.note(cursor)
            return CountedRows(cursor.rowcount or 0)

        return fetch if statement.returns_rows else change

    def begin(self, isolation: str = "") -> None:
        """Open a transaction; there is one isolation level."""
        refuse_isolation(isolation)
        self._send("BEGIN")

    def commit(self) -> None:
        """Make the transaction's changes last."""
        self._send("COMMIT")

    def rollback(self) -> None:
        """Undo the open transaction; without one the service does nothing."""
        with suppress(snowflake.connector.Error):
            self._send("ROLLBACK")

    def classify(self, error: Exception) -> ErrorClass:
        """By the service's number and the SQLSTATE, never by text."""
        return snowflake_errors.classify(error, closed=self._connection.is_closed())

    def sqlstate(self, error: Exception) -> str | None:
        """The SQLSTATE; where the service gives none, its own number."""
        return state_of(error)

    def query_id(self) -> str | None:
        """The service's names of the statements that were sent since this was asked last."""
        return self._trail.taken()

    def number(self) -> str | None:
        """The service's number of the session."""
        return str(self._number)

    def plan(self, statement: Statement, values: Sequence[Value]) -> str:
        """The compiled plan; the service does not execute what it explains."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(f"EXPLAIN USING JSON {statement.sql}", bound(values))
            return str(cursor.fetchall()[0][0])

    def enter(self, phase: str) -> None:
        """Have the query tag say so with every statement from now on."""
        self._trail.enter(phase)

    def tag(self) -> str:
        """The query tag of what is sent now."""
        return self._trail.parameters.get("QUERY_TAG", "")

    def cancel(self) -> None:
        """Ask over another connection."""
        self._database.cancel(self._number)

    def close(self) -> None:
        """Close the connection; an open transaction is undone."""
        self._connection.close()

    def _send(self, sql: str) -> None:
        self._control.execute(sql, _statement_params=self._trail.parameters)
        self._trail.note(self._control)


def bound(values: Sequence[Value]) -> tuple[object, ...]:
    """The values as the driver binds them exactly.

    It counts the seconds of a timestamp in a double, which loses microseconds far from 1970; so it is given the count.
    """
    return tuple(
        ("TIMESTAMP_NTZ", f"{(value - EPOCH) // MICROSECOND}000") if type(value) is datetime else value
        for value in values
    )


def refuse_isolation(isolation: str) -> None:
    """There is one level.

    Raises:
        BackendError: Another one is asked for.
    """
    if isolation and isolation.lower() != "read committed":
        raise BackendError(f"Snowflake has no isolation level '{isolation}'; it has read committed")


def state_of(error: Exception) -> str | None:
    """The SQLSTATE of a driver's error; where the service gives none, its own number."""
    state, number = getattr(error, "sqlstate", None), getattr(error, "errno", None)
    return str(state) if state else str(number) if number and number > 0 else None


def whole_result(cursor: SnowflakeCursor) -> Sequence[Row]:
    """Everything that a statement gave, as Arrow; as rows where the service sends it in no other way."""
    try:
        return ArrowRows(cursor.fetch_arrow_all(force_return_table=True, force_microsecond_precision=True))
    except NotSupportedError:  # SHOW, DESCRIBE and EXPLAIN answer in JSON
        return cursor.fetchall()
