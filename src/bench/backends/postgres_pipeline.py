"""libpq's pipeline mode: the next statement is sent before the last is answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg.pq import ExecStatus

from bench.backends.line import Line, Send
from bench.backends.postgres_libpq import TUPLES_OK, LibpqSession
from bench.errors import BackendError
from bench.model import Row, Statement, Value

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

COMMAND_OK, PIPELINE_SYNC = int(ExecStatus.COMMAND_OK), int(ExecStatus.PIPELINE_SYNC)
NO_TRANSACTIONS = "in a pipeline each statement commits by itself"


class PipelineSession(LibpqSession):
    """A connection that is used in pipeline mode by loops, and as any other by everybody else."""

    depth: int = 1

    def line(self, *, counting: bool = False) -> PipelineLine:
        """The same connection in pipeline mode."""
        return PipelineLine(self, self.depth)


class PipelineLine(Line):
    """Each statement has a synchronisation point of its own, so that the failure of one leaves the others alone."""

    def __init__(self, session: LibpqSession, depth: int) -> None:
        self.depth = depth
        self._session = session
        self._pgconn = session.pgconn
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._preparing: deque[bytes | None] = deque()
        """For each statement under way: the name under which it is prepared before it, if it is."""
        self._results: list[PGresult] = []
        """Of the oldest statement, as far as they are there."""
        self._last: PGresult | None = None

    def fileno(self) -> int:
        """The connection's socket."""
        return self._pgconn.socket

    def prepare(self, statement: Statement) -> Send:
        """Prepared when it is first sent with values of these types, in the same pipeline."""
        session, pgconn = self._session, self._pgconn

        def send(values: Sequence[Value]) -> None:
            name, sent, types = session.encoded(statement, values)
            new = name not in session.prepared
            if new:
                pgconn.send_prepare(name, statement.sql.encode(), types)
                session.prepared.add(name)
            pgconn.send_query_prepared(name, sent)
            pgconn.pipeline_sync()
            self._preparing.append(name if new else None)
            self.unsent = bool(pgconn.flush())

        return send

    def begin(self, isolation: str = "") -> Send:
        """Refused, see `NO_TRANSACTIONS`."""
        raise BackendError(NO_TRANSACTIONS)

    def commit(self) -> Send:
        """Refused, see `NO_TRANSACTIONS`."""
        raise BackendError(NO_TRANSACTIONS)

    def rollback(self) -> Send:
        """Nothing to send: no transaction is ever open."""
        return lambda _: None

    def flush(self) -> bool:
        """Send what is left; what has come in is taken first, since the server may be waiting for that."""
        self._pgconn.consume_input()
        self.unsent = bool(self._pgconn.flush())
        return self.unsent

    def receive(self) -> int | None:
        """Rows of the oldest statement under way, when its result is there to its end."""
        pgconn = self._pgconn
        pgconn.consume_input()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                if not self._preparing:
                    return None
                if pgconn.is_busy():  # the end of one statement's results; what follows is on its way
                    return None
                continue
            if result.status == PIPELINE_SYNC:
                return self._concluded()
            self._results.append(result)
        return None

    def _concluded(self) -> int:
        results, self._results = self._results, []
        prepared = self._preparing.popleft()
        self._last = results[-1]
        if self._last.status == TUPLES_OK:
            return self._last.ntuples
        if prepared is not None and results[0].status != COMMAND_OK:
            self._session.prepared.discard(prepared)
        for result in results:  # where the preparation fails, that is the error, and the statement was passed over
            changed = len(self._session.answer(result))
        return changed

    def rows(self) -> Sequence[Row]:
        """The rows of the last result."""
        return self._session.answer(self._last) if self._last is not None else ()
