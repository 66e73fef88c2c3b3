"""Sessions that write and read the messages of PostgreSQL's protocol themselves, on a connection that libpq has made.

What is sent is written ahead of time, and of what comes back the end is looked at: answers are received whole, as by
libpq, but no object is made of their rows. Login, cancelling and whatever wants rows stay with psycopg. A connection
that is encrypted cannot be used so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, cast

import psycopg

from bench.backends import postgres_messages as messages
from bench.backends.in_flight import Messages
from bench.backends.postgres_libpq import INT4_OID, OTHER_KIND, Encoded, LibpqSession
from bench.backends.postgres_session import begin_text, classify, undone
from bench.model import ErrorClass, Row, Statement, Value

if TYPE_CHECKING:
    from bench.backends.base import Call, Count
    from bench.backends.line import Line
    from bench.backends.postgres_names import StatementNames
    from bench.backends.postgres_session import Connection

READ_BYTES = 448
"""At a time: so few that the interpreter has the memory at hand."""
READ_MORE_BYTES = 16_384
"""The same, once an answer of this side was longer."""
READ_ON_BYTES = 262_144
"""At a time, of an answer that is longer still."""
KNOWN_ENDS = 4_096
"""So many ends of answers are remembered with the number of rows that they tell."""
LAST_WORDS = frozenset({b"FATAL", b"PANIC"})
COMPLETE = messages.COMPLETE
ROLLBACK, COMMIT = messages.query(b"ROLLBACK"), messages.query(b"COMMIT")


def next_size(data: bytes) -> int:
    """How much to read at a time after what was received at once."""
    return READ_BYTES if len(data) < READ_BYTES else READ_MORE_BYTES


class Written(NamedTuple):
    """A message for a statement that is prepared for types of its own; for whole numbers the message itself will do."""

    name: bytes
    """Of the prepared statement."""
    message: bytes


class WireSession(LibpqSession):
    """One connection; a call is one write and one read, during which other threads run."""

    def __init__(self, connection: Connection, names: StatementNames) -> None:
        super().__init__(connection, names)
        self.ends: dict[bytes, int] = {}
        """Ends of answers, from `CommandComplete` on, with the number of rows that they tell."""
        self._incoming = messages.Incoming()
        self._bound: dict[bytes, messages.Bound] = {}
        self._blocking = False
        self._counts = False
        """Its statements are called by `counting`, so that its transactions are opened and closed here too."""
        self.gone = False

    def encode(
        self, statement: Statement, rows: Sequence[Sequence[Value]], *, counting: bool = False
    ) -> Iterable[Sequence[Value]]:
        """The messages themselves, for those who only count; otherwise as libpq sends it."""
        if not counting:
            return super().encode(statement, rows)
        columns = messages.int4_columns(rows)
        if columns is not None and len(columns) == len(statement.parameters):
            # Only the calls of this module look into them.
            writer = self._writer(self.int4_name(statement), len(columns))
            return cast("Sequence[Sequence[Value]]", writer.int4_messages(columns, len(rows)))
        return cast("Iterable[Sequence[Value]]", self._written(super().encode(statement, rows)))

    def int4_name(self, statement: Statement) -> bytes:
        """The name of a statement that is prepared for whole numbers only."""
        return self._names.name(statement.sql, (INT4_OID,) * len(statement.parameters))

    def _written(self, encoded: Iterable[Sequence[Value]]) -> Iterator[Written]:
        for name, sent, _ in cast("Iterable[Encoded]", encoded):
            yield Written(name, self._writer(name, len(sent)).message(sent))

    def _writer(self, name: bytes, parameters: int) -> messages.Bound:
        bound = self._bound.get(name)
        if bound is None:
            bound = self._bound[name] = messages.Bound(name, parameters)
        return bound

    def message(self, statement: Statement, values: Sequence[Value]) -> tuple[bytes, bytes]:
        """What is to be sent, and the name of the statement that it prepares before, or nothing."""
        given: object = values
        if type(given) is Encoded:
            raise psycopg.OperationalError(OTHER_KIND)
        if type(given) not in {bytes, Written}:
            (given,) = self.encode(statement, [values], counting=True)
        name, message = given if isinstance(given, Written) else (self.int4_name(statement), cast("bytes", given))
        if name in self.prepared:
            return message, b""
        sql, types = self._names.statement(name)
        return messages.parse(name, sql.encode(), types) + message, name

    def written(self, statement: Statement, encoded: Sequence[Sequence[Value]]) -> Messages | None:
        """What is sent for values that `encode` gave; None: a statement that they are for is not prepared yet."""
        given: Sequence[object] = encoded
        if isinstance(given, messages.Int4Messages):
            if self.int4_name(statement) not in self.prepared:
                return None
            return Messages.of_one_size(given.written.reshape(-1), len(given))
        if self.int4_name(statement) not in self.prepared and any(type(one) is bytes for one in given):
            return None
        if any(type(one) is Written and one.name not in self.prepared for one in given):
            return None
        return Messages.joined([one.message if isinstance(one, Written) else cast("bytes", one) for one in given])

    def write(self, message: bytes) -> int:
        """Send as much as goes at once; gives how many bytes that was.

        Raises:
            psycopg.Error: The connection is gone. When it is closed its number may be another's, so nothing is sent.
        """
        if self.gone:
            raise psycopg.OperationalError("the connection is closed")
        try:
            return os.write(self.pgconn.socket, message)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self.lost(error) from error

    def read(self, size: int) -> bytes | None:
        """What has come in; None: nothing yet."""
        try:
            return os.read(self.pgconn.socket, size)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self.lost(error) from error

    def heard(self, data: bytes, preparing: bytes = b"") -> messages.Answer | None:
        """Take what was received; gives the answer when it is here to its end.

        Args:
            data: Nothing: the connection was closed.
            preparing: Name of the statement that is being prepared by it, if one is.

        Raises:
            psycopg.Error: The server refused, or is gone.
        """
        if not data:
            raise self.lost()
        end = data[data.rfind(COMPLETE) :]
        rows = None if preparing else self.ends.get(end)
        if rows is not None:
            self._incoming.clear()
            return messages.Answer(rows=rows)
        try:
            answer = self._incoming.take(data)
        except psycopg.NotSupportedError:
            self.gone = True  # it waits for rows, and would take the next message for them
            raise
        if answer is None:
            return None
        if answer.parsed:
            self.prepared.add(preparing)
        if answer.fields:
            raise self._refusal(answer.fields)
        if messages.count_in(end) == answer.rows and len(self.ends) < KNOWN_ENDS:
            self.ends[end] = answer.rows
        return answer

    def _refusal(self, fields: Mapping[int, bytes]) -> psycopg.Error:
        self.gone = self.gone or fields.get(ord("V")) in LAST_WORDS
        return messages.error_of(fields)

    def lost(self, error: OSError | None = None) -> psycopg.Error:
        """What it means that the connection is gone: what the server said last, or else what the system says."""
        self.gone = True
        said = self._incoming.farewell()
        return said if error is None or said.sqlstate else psycopg.OperationalError(str(error))

    def classify(self, error: Exception) -> ErrorClass:
        """By SQLSTATE, and by the state of the connection."""
        return classify(error, gone=self.gone or self._connection.closed)

    def close(self) -> None:
        """Close the connection; its number may be another's from now on, so nothing may be written to it."""
        self.gone, self._blocking = True, False
        self.prepared.clear()
        super().close()

    def line(self, *, counting: bool = False) -> Line:
        """The same connection, used without waiting; through libpq for those who look at the rows."""
        self._wait(blocking=False)
        if not counting:
            return super().line()
        from bench.backends.postgres_wire_line import WireLine

        return WireLine(self)

    # ---- waiting for each answer

    def prepare(self, statement: Statement) -> Call:
        """Through libpq, which keeps the rows."""
        call = super().prepare(statement)

        def ask(values: Sequence[Value]) -> Sequence[Row]:
            self._wait(blocking=False)
            return call(values)

        return ask

    def plan(self, statement: Statement, values: Sequence[Value]) -> str:
        """Through psycopg."""
        self._wait(blocking=False)
        return super().plan(statement, values)

    def counting(self, statement: Statement) -> Count:
        """One write and one read."""
        fd, known, prepared, write, read = self.pgconn.socket, self.ends.get, self.prepared, os.write, os.read
        self._counts, int4_name, size = True, self.int4_name(statement), READ_BYTES

        def count(values: Sequence[Value]) -> int:
            nonlocal size
            given: object = values
            if type(given) is bytes and int4_name in prepared and self._blocking:
                message = given
            elif type(given) is Written and given.name in prepared and self._blocking:
                message = given.message
            else:
                return self._ask(*self.message(statement, values)).rows
            try:
                written = write(fd, message)
                if written != len(message):
                    self._write(message[written:])
                data = read(fd, size)
            except OSError as error:
                raise self.lost(error) from error
            rows = known(data[data.rfind(COMPLETE) :])
            if rows is not None:
                return rows
            size = max(size, next_size(data))
            return self._answer(data).rows

        return count

    def begin(self, isolation: str = "") -> None:
        """Open a transaction."""
        if not self._counts:
            super().begin(isolation)
            return
        self._ask(messages.query(begin_text(isolation)))

    def commit(self) -> None:
        """Make the transaction's changes last.

        Raises:
            psycopg.errors.InFailedSqlTransaction: A statement of it had failed, so that nothing lasts.
        """
        if not self._counts:
            super().commit()
        elif self._ask(COMMIT).tag == b"ROLLBACK":
            raise undone()

    def rollback(self) -> None:
        """Undo what is open; a dead connection has nothing open."""
        if not self._counts:
            super().rollback()
            return
        with suppress(psycopg.Error):
            self._ask(ROLLBACK)

    def _ask(self, message: bytes, preparing: bytes = b"") -> messages.Answer:
        self._wait(blocking=True)
        self._write(message)
        return self._answer(self.read(READ_BYTES), preparing)

    def _write(self, message: bytes) -> None:
        while message:
            message = message[self.write(message) :]

    def _answer(self, data: bytes | None, preparing: bytes = b"") -> messages.Answer:
        """The answer of which `data` is the beginning."""
        while data is None or (answer := self.heard(data, preparing)) is None:
            data = self.read(READ_ON_BYTES)
        return answer

    def _wait(self, *, blocking: bool) -> None:
        """Whether reading waits; in its own calls libpq takes it for granted that it does not."""
        if self._blocking != blocking and not self.gone:
            os.set_blocking(self.pgconn.socket, blocking)
            self._blocking = blocking
