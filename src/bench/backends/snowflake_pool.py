"""Sessions that borrow a connection for each operation from SQLAlchemy's pool, which is what applications use.

The pool does not roll back what comes back, as it would by itself: that would be a round trip for each operation, and
nothing is open there, since transactions are ended by their session and everything else commits by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

import snowflake.connector
from sqlalchemy import exc
from sqlalchemy.pool import QueuePool

from bench.backends import snowflake_errors
from bench.backends.base import Call, Session
from bench.backends.snowflake_session import bound, refuse_isolation, state_of, whole_result
from bench.model import CountedRows, ErrorClass, Row, Statement, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import Pool, PoolProxiedConnection

    from bench.backends.snowflake import SnowflakeBackend
    from bench.backends.snowflake_session import SnowflakeDatabase


def open_pool(connect: Callable[[], SnowflakeConnection], backend: SnowflakeBackend) -> tuple[Pool, list[str]]:
    """A pool of exactly `backend.pool_size` connections, all of them open, and the service's numbers of their sessions.

    Raises:
        ConnectError: One of them cannot be opened.
    """
    size = backend.pool_size
    pool = QueuePool(
        lambda: cast("DBAPIConnection", connect()),
        pool_size=size,
        max_overflow=0,
        timeout=float(backend.connect_timeout_s),
        reset_on_return=None,
    )
    with ThreadPoolExecutor(min(size, backend.capabilities.parallel_connects), "connect") as threads:
        opened = list(threads.map(lambda _: pool.connect(), range(size)))
    numbers = [str(cast("SnowflakeConnection", connection.dbapi_connection).session_id) for connection in opened]
    for connection in opened:
        connection.close()
    return pool, numbers


class PooledSession(Session):
    """One client; it holds a connection while a statement or a transaction is under way."""

    def __init__(self, pool: Pool, database: SnowflakeDatabase) -> None:
        self._pool = pool
        self._database = database
        self._trail = database.trail()
        self._transaction: PoolProxiedConnection | None = None
        self._busy: SnowflakeConnection | None = None
        self._guard = threading.Lock()
        """Held while the connection's work is cancelled, so that it is not lent to another client and hit there."""

    def prepare(self, statement: Statement) -> Call:
        """Nothing is kept on this side; the service keeps the plan by the text."""
        text = statement.sql

        def fetch(values: Sequence[Value]) -> Sequence[Row]:
            with self._sent(text, values) as cursor:
                return whole_result(cursor)

        def change(values: Sequence[Value]) -> Sequence[Row]:
            with self._sent(text, values) as cursor:
                return CountedRows(cursor.rowcount or 0)

        return fetch if statement.returns_rows else change

    def begin(self, isolation: str = "") -> None:
        """Take a connection for the whole transaction."""
        refuse_isolation(isolation)
        self._transaction = self._pool.connect()
        with self._sent("BEGIN"):
            pass

    def commit(self) -> None:
        """Make the changes last, and give the connection back."""
        with self._sent("COMMIT"):
            pass
        self._give_back()

    def rollback(self) -> None:
        """Undo the open transaction, and give the connection back."""
        if self._transaction is None:
            return
        if self._transaction.is_valid:  # otherwise the connection was lost, and the transaction with it
            with suppress(snowflake.connector.Error), self._sent("ROLLBACK"):
                pass
        self._give_back()

    def classify(self, error: Exception) -> ErrorClass:
        """By the service's number and the SQLSTATE; waiting too long for a free connection is a timeout."""
        if isinstance(error, exc.TimeoutError):
            return ErrorClass.TIMEOUT
        return snowflake_errors.classify(error, closed=False)

    def sqlstate(self, error: Exception) -> str | None:
        """The SQLSTATE; where the service gives none, its own number."""
        return state_of(error)

    def query_id(self) -> str | None:
        """The service's names of the statements that were sent since this was asked last."""
        return self._trail.taken()

    def number(self) -> str | None:
        """The service's numbers of all sessions of the pool, with commas between."""
        return ",".join(self._database.pooled)

    def plan(self, statement: Statement, values: Sequence[Value]) -> str:
        """The compiled plan; the service does not execute what it explains."""
        with self._sent(f"EXPLAIN USING JSON {statement.sql}", values) as cursor:
            return str(cursor.fetchall()[0][0])

    def enter(self, phase: str) -> None:
        """Have the query tag say so with every statement from now on."""
        self._trail.enter(phase)

    def cancel(self) -> None:
        """Cancel what the connection runs that is at work for this client, if there is one."""
        with self._guard:
            if (busy := self._busy) is not None:
                self._database.cancel(busy.session_id)

    def close(self) -> None:
        """Give back what is held; the pool is closed by the database."""
        self.rollback()

    def _give_back(self) -> None:
        held, self._transaction = self._transaction, None
        if held is not None:
            held.close()

    @contextmanager
    def _sent(self, text: str, values: Sequence[Value] = ()) -> Iterator[SnowflakeCursor]:
        """A cursor that has sent the statement, on the transaction's connection or on one borrowed for it."""
        held = self._transaction or self._pool.connect()
        connection = cast("SnowflakeConnection", held.dbapi_connection)
        self._busy = connection
        try:
            cursor = connection.cursor()
            cursor.execute(text, bound(values), _statement_params=self._trail.parameters)
            self._trail.note(cursor)
            yield cursor
        finally:
            with self._guard:
                self._busy = None
            if connection.is_closed():
                held.invalidate()  # the pool opens another in its place
            if held is not self._transaction:
                held.close()
