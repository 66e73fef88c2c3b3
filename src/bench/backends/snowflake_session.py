"""Snowflake as it is open in one process: sessions, and what is asked of the service beside the measurement."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

import snowflake.connector
from snowflake.connector.errors import NotSupportedError

from bench.backends import snowflake_errors, snowflake_facts
from bench.backends.arrow_rows import ArrowRows
from bench.backends.base import Call, Database, Session
from bench.errors import BackendError, ConnectError
from bench.model import CountedRows, ErrorClass, Namespace, Row, Statement, Table, TableFacts, Value

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor

    from bench.backends.snowflake import SnowflakeBackend

CANCEL_SQL = "SELECT SYSTEM$CANCEL_ALL_QUERIES({number})"


class SnowflakeDatabase(Database):
    """One account, with a connection of its own for what is asked beside the measurement."""

    def __init__(self, backend: SnowflakeBackend, namespace: Namespace) -> None:
        self._backend = backend
        self._namespace = namespace
        self._lock = threading.RLock()
        self._ingesting = threading.BoundedSemaphore(backend.ingest_connections)
        self._closed = False
        self._connection = backend.login(schema=namespace.schema).connect()
        try:
            snowflake_facts.demand_no_result_cache(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def session(self) -> Session:
        """A connection of its own, or one that borrows from the pool for each operation."""
        return SnowflakeSession(self._connect("session"), self)

    def tag(self, phase: str) -> str:
        """The query tag of a phase of the run."""
        return self._backend.query_tag(phase)

    def execute(self, sql: str) -> Sequence[Row]:
        """Send one statement, without parameters; its result whole."""
        with self._asking(sql) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def apply(self, statements: Sequence[str]) -> None:
        """Send one statement after another; DDL of Snowflake's commits by itself."""
        for sql in statements:
            self.execute(sql)

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

        with self._ingesting, self._connect("ingest") as connection, _refused(f"the rows of {table.name}"):
            return copy_batches(
                connection, namespace.qualified(table.name), batches, parallel=self._backend.put_parallel
            )

    def facts(self) -> Mapping[str, str]:
        """Version, place, role, warehouse, and the parameters that matter, as the service reads them back."""
        with self._asking("what it is") as connection:
            return snowflake_facts.facts(connection, self._backend.found)

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
        """Close the connection; sessions are closed by those who hold them."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def _connect(self, phase: str) -> SnowflakeConnection:
        return self._backend.login(phase=phase, schema=self._namespace.schema).connect()

    @contextmanager
    def _asking(self, what: str) -> Iterator[SnowflakeConnection]:
        with self._lock:
            if self._connection.is_closed() and not self._closed:
                self._connection = self._connect("setup")
            with _refused(what):
                yield self._connection


class SnowflakeSession(Session):
    """One connection, for one thread."""

    def __init__(self, connection: SnowflakeConnection, database: SnowflakeDatabase) -> None:
        self._connection = connection
        self._database = database
        self._number = connection.session_id
        self._control = connection.cursor()
        self._query_ids: list[str] = []
        self._sent_with: dict[str, str] = {}
        """Parameters that travel with each statement, so that a new phase costs no round trip."""

    def prepare(self, statement: Statement) -> Call:
        """A cursor of its own, kept for all calls; the service binds the values and keeps the plan by the text."""
        cursor = self._connection.cursor()
        text, execute = statement.sql, cursor.execute

        def fetch(values: Sequence[Value]) -> Sequence[Row]:
            execute(text, tuple(values), _statement_params=self._sent_with)
            self._note(cursor)
            return whole_result(cursor)

        def change(values: Sequence[Value]) -> Sequence[Row]:
            execute(text, tuple(values), _statement_params=self._sent_with)
            self._note(cursor)
            return CountedRows(cursor.rowcount or 0)

        return fetch if statement.returns_rows else change

    def begin(self, isolation: str = "") -> None:
        """Open a transaction; there is one isolation level."""
        if isolation and isolation.lower() != "read committed":
            raise BackendError(f"Snowflake has no isolation level '{isolation}'; it has read committed")
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
        state, number = getattr(error, "sqlstate", None), getattr(error, "errno", None)
        return str(state) if state else str(number) if number and number > 0 else None

    def query_id(self) -> str | None:
        """The service's names of the statements that were sent since this was asked last."""
        sent, self._query_ids = self._query_ids, []
        return ",".join(sent) or None

    def enter(self, phase: str) -> None:
        """Have the query tag say so with every statement from now on."""
        self._sent_with = {"QUERY_TAG": self._database.tag(phase)}

    def cancel(self) -> None:
        """Ask over another connection."""
        self._database.cancel(self._number)

    def close(self) -> None:
        """Close the connection; an open transaction is undone."""
        self._connection.close()

    def _send(self, sql: str) -> None:
        self._control.execute(sql, _statement_params=self._sent_with)
        self._note(self._control)

    def _note(self, cursor: SnowflakeCursor) -> None:
        if cursor.sfqid:
            self._query_ids.append(cursor.sfqid)


def whole_result(cursor: SnowflakeCursor) -> Sequence[Row]:
    """Everything that a statement gave, as Arrow; as rows where the service sends it in no other way."""
    try:
        return ArrowRows(cursor.fetch_arrow_all(force_return_table=True, force_microsecond_precision=True))
    except NotSupportedError:  # SHOW, DESCRIBE and EXPLAIN answer in JSON
        return cursor.fetchall()


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Turn the driver's errors outside of any measurement into ours."""
    try:
        yield
    except snowflake.connector.Error as error:
        raise BackendError(f"Snowflake refused {what}: {snowflake_errors.sentence(error)}") from error
