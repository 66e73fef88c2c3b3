"""Sessions that borrow a connection from psycopg's pool for each operation, as many applications do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from bench.backends import postgres_observed
from bench.backends import postgres_session as plain
from bench.backends.base import Call, Session
from bench.errors import ConnectError
from bench.model import CountedRows, ErrorClass, Row, Statement, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.backends.postgres_session import Connection, Cursor, Login

UNLIMITED_S = 3_600.0


def open_pool(login: Login, size: int) -> ConnectionPool[Connection]:
    """A pool of exactly `size` connections, all of them open.

    Raises:
        ConnectError: Not all of them can be opened.
    """
    pool: ConnectionPool[Connection] = ConnectionPool(
        kwargs={**login.parameters, "autocommit": True},
        min_size=size,
        max_size=size,
        configure=plain.configure,
        open=False,
    )
    limit_s = float(login.parameters["connect_timeout"]) or UNLIMITED_S  # 0 is libpq's word for no limit
    try:
        pool.open(wait=True, timeout=limit_s)
    except PoolTimeout as error:
        pool.close()
        raise ConnectError(
            f"{login.where} did not open {size} connections in {limit_s:g} s; lower backend.pool_size"
        ) from error
    return pool


class PooledSession(Session):
    """One client; it holds a connection while a statement or a transaction is under way."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self._pool = pool
        self._transaction: Connection | None = None
        self._busy: Connection | None = None

    def prepare(self, statement: Statement) -> Call:
        """Each connection of the pool prepares the statement when it first meets it."""
        text = statement.sql.encode()

        def fetch(values: Sequence[Value]) -> Sequence[Row]:
            with self._cursor() as cursor:
                return cursor.execute(text, values, prepare=True).fetchall()

        def change(values: Sequence[Value]) -> Sequence[Row]:
            with self._cursor() as cursor:
                return CountedRows(cursor.execute(text, values, prepare=True).rowcount)

        return fetch if statement.returns_rows else change

    def begin(self, isolation: str = "") -> None:
        """Take a connection for the whole transaction."""
        text = plain.begin_text(isolation)
        self._transaction = self._pool.getconn()
        with self._cursor() as cursor:
            cursor.execute(text, prepare=False)

    def commit(self) -> None:
        """Make the changes last, and give the connection back."""
        with self._cursor() as cursor:
            plain.commit(cursor)
        self._give_back()

    def rollback(self) -> None:
        """Undo the open transaction, and give the connection back."""
        if self._transaction is not None:
            plain.roll_back(self._transaction)
            self._give_back()

    def plan(self, statement: Statement, values: Sequence[Value]) -> str:
        """By `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)` on a connection of the pool."""
        with self._cursor() as cursor:
            return postgres_observed.plan(cursor, statement.sql, values)

    def classify(self, error: Exception) -> ErrorClass:
        """By SQLSTATE; waiting too long for a free connection is a timeout."""
        if isinstance(error, PoolTimeout):
            return ErrorClass.TIMEOUT
        return plain.classify(error, gone=self._transaction is not None and self._transaction.closed)

    def cancel(self) -> None:
        """Cancel on the connection that is at work for this client, if there is one."""
        if (busy := self._busy) is not None:
            plain.cancel(busy)

    def close(self) -> None:
        """Give back what is held; the pool is closed by the database."""
        self.rollback()

    def _give_back(self) -> None:
        held, self._transaction = self._transaction, None
        if held is not None:
            self._pool.putconn(held)

    @contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        """A cursor on the transaction's connection, or on one that is borrowed for this statement."""
        connection = self._transaction or self._pool.getconn()
        self._busy = connection
        try:
            yield psycopg.RawCursor(connection)
        finally:
            self._busy = None
            if connection is not self._transaction:
                self._pool.putconn(connection)
