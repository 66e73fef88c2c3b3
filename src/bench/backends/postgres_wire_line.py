"""The side of a wire session on which nothing waits: its messages are written and read here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import psycopg

from bench.backends import postgres_messages as messages
from bench.backends.line import Line, Send
from bench.backends.postgres_session import begin_text, undone
from bench.backends.postgres_wire import COMMIT, COMPLETE, READ_BYTES, READ_ON_BYTES, ROLLBACK, Written, next_size
from bench.errors import BackendError
from bench.model import Row, Statement, Value

if TYPE_CHECKING:
    import numpy as np

    from bench.backends.in_flight import Messages, Serve
    from bench.backends.postgres_wire import WireSession


class WireLine(Line):
    """A connection whose messages are written and read here."""

    def __init__(self, session: WireSession) -> None:
        self._session = session
        self._fd = session.pgconn.socket
        self._known = session.ends.get
        self._size = READ_BYTES
        self._rest = b""
        """What the connection has not taken yet."""
        self._careful = False
        """The answer under way is to be read message by message: it is long, or prepares a statement."""
        self._preparing = b""
        """The name of that statement."""
        self._committing = False
        self._received = b""
        """What somebody else has received of the answer under way."""

    def fileno(self) -> int:
        """The connection's socket."""
        return self._fd

    def prepare(self, statement: Statement) -> Send:
        """Prepared on the server together with its first execution with values of these types."""
        session, prepared, fd, write = self._session, self._session.prepared, self._fd, os.write
        int4_name = session.int4_name(statement)

        def send(values: Sequence[Value]) -> None:
            given: object = values
            if type(given) is bytes and int4_name in prepared:
                message = given
            elif type(given) is Written and given.name in prepared:
                message = given.message
            else:
                message, self._preparing = session.message(statement, values)
                self._careful = True
                if session.gone:
                    raise psycopg.OperationalError("the connection is closed")
            try:
                written = write(fd, message)
            except OSError:
                written = session.write(message)
            if written != len(message):
                self._rest, self.unsent = message[written:], True

        return send

    def begin(self, isolation: str = "") -> Send:
        """By `BEGIN`."""
        return self._command(messages.query(begin_text(isolation)))

    def commit(self) -> Send:
        """By `COMMIT`; a rollback that the server makes of it is an error."""
        return self._command(COMMIT, committing=True)

    def rollback(self) -> Send:
        """By `ROLLBACK`."""
        return self._command(ROLLBACK)

    def _command(self, message: bytes, *, committing: bool = False) -> Send:
        write = self._session.write

        def send(_: Sequence[Value]) -> None:
            self._committing = committing
            if (written := write(message)) != len(message):
                self._rest, self.unsent = message[written:], True

        return send

    @cached_property
    def serve(self) -> Serve | None:  # type: ignore[override]  # worked out when it is asked for
        """In machine code, where numba is there."""
        try:
            from numba import config

            from bench.backends.postgres_compiled import serve
        except ImportError:  # it has no wheels for this Python, or for this system
            return None
        return None if config.DISABLE_JIT else serve

    def written(self, statement: Statement, encoded: Sequence[Sequence[Value]]) -> Messages | None:
        """The messages themselves, if the statements that they run are prepared."""
        return self._session.written(statement, encoded)

    def transaction(self, isolation: str) -> tuple[bytes, bytes]:
        """`BEGIN` and `COMMIT`."""
        return messages.query(begin_text(isolation)), COMMIT

    def take_up(
        self, lane: np.void, *, ends_transaction: bool, unsent: bytes = b"", received: bytes = b"", at: int = 0
    ) -> None:
        """Reads on message by message: all that has come, or else from the message on that was being read."""
        self._rest, self.unsent, self._careful, self._committing = unsent, bool(unsent), True, ends_transaction
        if received and not lane["fresh"]:
            received = messages.HEAD.pack(bytes([lane["kind"]]), int(lane["length"]) + 4) + received[at:]
        self._received = received

    def flush(self) -> bool:
        """Send what is left; the server answers nothing before it has all of it."""
        self._rest = self._rest[self._session.write(self._rest) :]
        self.unsent = bool(self._rest)
        return self.unsent

    def receive(self) -> int | None:
        """Rows returned or changed, when the answer is there to its end."""
        if self._careful:
            received, self._received = self._received, b""
            return self._heard(received or self._session.read(READ_ON_BYTES))
        try:
            data = os.read(self._fd, self._size)
        except OSError:
            return self._heard(self._session.read(self._size))
        rows = self._known(data[data.rfind(COMPLETE) :])
        if rows is not None:
            return rows
        self._size = max(self._size, next_size(data))
        return self._heard(data)

    def _heard(self, data: bytes | None) -> int | None:
        """An answer that is longer, the first of its kind, or an error."""
        if data is None:
            return None
        self._careful = False
        preparing, self._preparing = self._preparing, b""
        answer = self._session.heard(data, preparing)
        if answer is None:
            self._careful, self._preparing = True, preparing
            return None
        if self._committing and answer.tag == b"ROLLBACK":
            raise undone()
        return answer.rows

    def rows(self) -> Sequence[Row]:
        """Refused: whoever looks at rows gets another line, see `WireSession.line`."""
        raise BackendError("this side of a session counts rows only")
