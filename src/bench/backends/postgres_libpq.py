"""Sessions that call libpq itself: what psycopg does for an application's comfort is left out of what is timed.

Connections, cancelling and the adaptation of values stay with psycopg's public layer. Values are sent as text, with the
types that psycopg gives them; each statement is prepared once per connection and combination of types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from bench.backends.base import Call, Count
from bench.backends.line import Line, Send
from bench.backends.postgres_session import INT4_MAX, INT4_MIN, PostgresSession, begin_text, undone
from bench.model import CountedRows, Row, Statement, Value

if TYPE_CHECKING:
    from psycopg.abc import Transformer as Loading
    from psycopg.pq.abc import Buffer, PGresult

    from bench.backends.postgres_names import StatementNames
    from bench.backends.postgres_session import Connection

# Plain numbers, which compare faster than members of an enum.
TUPLES_OK = int(ExecStatus.TUPLES_OK)
INT4_OID = 23
OTHER_KIND = "the values were encoded for another kind of connection: the server has changed whether it encrypts"
DONE = frozenset((TUPLES_OK, int(ExecStatus.COMMAND_OK), int(ExecStatus.EMPTY_QUERY)))


class Encoded(tuple[bytes, "Sequence[Buffer | None]", tuple[int, ...]]):
    """The values of a statement as they are sent: the name of the statement prepared for them, the values, their types.

    A type of its own, by which the calls tell it from values that are not encoded yet.
    """

    __slots__ = ()


def _as_int4(row: Sequence[Value]) -> list[Buffer | None] | None:
    """Whole numbers as text, where all values are such and fit; otherwise None."""
    found: list[Buffer | None] = []
    for value in row:
        if type(value) is not int or not INT4_MIN <= value <= INT4_MAX:
            return None
        found.append(b"%d" % value)
    return found


class LibpqRows(Sequence[Row]):
    """The rows of a result; they become Python values only when somebody reads them."""

    __slots__ = ("_result", "_rows", "_transformer")

    def __init__(self, result: PGresult, transformer: Loading) -> None:
        self._result = result
        self._transformer = transformer
        self._rows: list[tuple[object, ...]] | None = None

    def __len__(self) -> int:
        return self._result.ntuples

    def __getitem__(self, at: int) -> Row:  # type: ignore[override]  # slices too, by the list
        return self._read()[at]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._read())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._read() == list(other)

    __hash__ = None  # type: ignore[assignment]  # as a list has none

    def _read(self) -> list[tuple[object, ...]]:
        if self._rows is None:
            self._transformer.set_pgresult(self._result)
            self._rows = self._transformer.load_rows(0, self._result.ntuples, tuple)
        return self._rows


class LibpqSession(PostgresSession):
    """One connection; each call is one call of libpq, during which other threads run."""

    def __init__(self, connection: Connection, names: StatementNames) -> None:
        super().__init__(connection)
        self.pgconn = connection.pgconn
        self.prepared: set[bytes] = set()
        self._names = names
        self._dumping, self._loading = Transformer(connection), Transformer(connection)

    def encode(
        self, statement: Statement, rows: Sequence[Sequence[Value]], *, counting: bool = False
    ) -> Iterable[Sequence[Value]]:
        """The values as text, each with the name of the statement that is prepared for their types."""
        # Only this module's calls look into them, as `Session.encode` promises: the loops take them for values.
        return cast("Iterable[Sequence[Value]]", self._texts(statement, rows))

    def _texts(self, statement: Statement, rows: Sequence[Sequence[Value]]) -> Iterator[Encoded]:
        """One after the other, so that a loop is not kept waiting by many."""
        dumping, formats = self._dumping, [PyFormat.TEXT] * len(statement.parameters or rows[0])
        dump, known, name = dumping.dump_sequence, None, b""
        for row in rows:
            sent: Sequence[Buffer | None] | None = _as_int4(row)  # as the dumper of `configure`, at a third of the cost
            types = (INT4_OID,) * len(row)
            if sent is None:
                sent, types = dump(row, formats), dumping.types or ()
            if types != known:
                known, name = types, self._names.name(statement.sql, types)
            yield Encoded((name, sent, types))

    def encoded(self, statement: Statement, values: Sequence[Value]) -> Encoded:
        """As `encode` for one call, unless that was done already."""
        given: object = values
        if type(given) is bytes:
            raise psycopg.OperationalError(OTHER_KIND)
        return given if type(given) is Encoded else next(self._texts(statement, [values]))

    def prepare(self, statement: Statement) -> Call:
        """Prepared on the server when it is first called with values of these types."""
        exec_prepared, prepared, answer = self.pgconn.exec_prepared, self.prepared, self.answer

        def call(values: Sequence[Value]) -> Sequence[Row]:
            name, sent, types = self.encoded(statement, values)
            if name not in prepared:
                answer(self.pgconn.prepare(name, statement.sql.encode(), types))
                prepared.add(name)
            return answer(exec_prepared(name, sent))  # type: ignore[arg-type]  # None is NULL, which psycopg's protocol forgets here

        return call

    def counting(self, statement: Statement) -> Count:
        """As `prepare`, without a single object that is not needed."""
        exec_prepared, prepared, call = self.pgconn.exec_prepared, self.prepared, self.prepare(statement)

        def count(values: Sequence[Value]) -> int:
            given: object = values
            if type(given) is not Encoded or given[0] not in prepared:
                return len(call(values))
            result = exec_prepared(given[0], given[1])  # type: ignore[arg-type]  # as above
            return result.ntuples if result.status == TUPLES_OK else len(self.answer(result))

        return count

    def answer(self, result: PGresult) -> Sequence[Row]:
        """What a result holds.

        Raises:
            psycopg.Error: The server refused, or is gone.
        """
        status = result.status
        if status == TUPLES_OK:
            return LibpqRows(result, self._loading)
        if status not in DONE:
            raise self.refusal(result)
        return CountedRows(result.command_tuples or 0)

    def refusal(self, result: PGresult) -> psycopg.Error:
        """The error that a result stands for."""
        if result.status == ExecStatus.FATAL_ERROR:
            return error_from_result(result, encoding=self._connection.info.encoding)
        return psycopg.NotSupportedError(f"the statement gave {ExecStatus(result.status).name}, which is no result")

    def begin(self, isolation: str = "") -> None:
        """Open a transaction."""
        self.answer(self.pgconn.exec_(begin_text(isolation)))

    def commit(self) -> None:
        """Make the transaction's changes last.

        Raises:
            psycopg.errors.InFailedSqlTransaction: A statement of it had failed, so that nothing lasts.
        """
        result = self.pgconn.exec_(b"COMMIT")
        self.answer(result)
        if result.command_status != b"COMMIT":
            raise undone()

    def line(self, *, counting: bool = False) -> Line:
        """The same connection, used without waiting."""
        return LibpqLine(self)


class LibpqLine(Line):
    """A connection in libpq's non-blocking mode.

    `get_result` is called only when it cannot wait: it would keep the whole process from running.
    """

    def __init__(self, session: LibpqSession) -> None:
        self._session = session
        self._pgconn = session.pgconn
        self._pgconn.nonblocking = 1
        self._consume, self._is_busy, self._get_result = (
            self._pgconn.consume_input,
            self._pgconn.is_busy,
            self._pgconn.get_result,
        )
        self._result: PGresult | None = None
        self._last: PGresult | None = None
        self._preparing: Encoded | None = None
        """What is sent as soon as the statement is prepared for it."""
        self._committing = False

    def fileno(self) -> int:
        """The connection's socket."""
        return self._pgconn.socket

    def prepare(self, statement: Statement) -> Send:
        """Prepared on the server when it is first sent with values of these types."""
        session, prepared, pgconn = self._session, self._session.prepared, self._pgconn
        send_prepared, flush = pgconn.send_query_prepared, pgconn.flush

        def send(values: Sequence[Value]) -> None:
            given: object = values
            encoded = given if type(given) is Encoded else session.encoded(statement, values)
            name, sent, types = encoded
            if name in prepared:
                send_prepared(name, sent)
            else:
                pgconn.send_prepare(name, statement.sql.encode(), types)
                self._preparing = encoded
            if flush():
                self.unsent = True

        return send

    def begin(self, isolation: str = "") -> Send:
        """By `BEGIN`."""
        return self._command(begin_text(isolation))

    def commit(self) -> Send:
        """By `COMMIT`; a rollback that the server makes of it is an error."""
        send = self._command(b"COMMIT")

        def commit(values: Sequence[Value]) -> None:
            send(values)
            self._committing = True

        return commit

    def rollback(self) -> Send:
        """By `ROLLBACK`."""
        return self._command(b"ROLLBACK")

    def _command(self, text: bytes) -> Send:
        send_query, flush = self._pgconn.send_query, self._pgconn.flush

        def send(_: Sequence[Value]) -> None:
            self._committing = False
            send_query(text)
            if flush():
                self.unsent = True

        return send

    def flush(self) -> bool:
        """Send what is left; what has come in is taken first, since the server may be waiting for that."""
        self._consume()
        self.unsent = bool(self._pgconn.flush())
        return self.unsent

    def receive(self) -> int | None:
        """Rows returned or changed, when the result is there to its end."""
        self._consume()
        is_busy, get_result = self._is_busy, self._get_result
        while not is_busy():
            result = get_result()
            if result is None:
                break
            self._result = result
        else:
            return None
        result = self._result
        if result is None:
            return None  # nothing had been sent: the server said something by itself
        self._result, self._last = None, result
        if result.status == TUPLES_OK:
            return result.ntuples
        return self._concluded(result)

    def rows(self) -> Sequence[Row]:
        """The rows of the last result; they become Python values when they are read."""
        return self._session.answer(self._last) if self._last is not None else ()

    def _concluded(self, result: PGresult) -> int | None:
        """What a result without rows means: a change, a command, a statement that is prepared now, or an error."""
        committing, self._committing = self._committing, False
        encoded, self._preparing = self._preparing, None
        changed = len(self._session.answer(result))
        if encoded is not None:
            name, values, _ = encoded
            self._session.prepared.add(name)
            self._pgconn.send_query_prepared(name, values)
            self.unsent = bool(self._pgconn.flush())
            return None
        if committing and result.command_status != b"COMMIT":
            raise undone()
        return changed
