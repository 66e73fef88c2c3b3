"""An engine that answers at once and knows nothing: what is measured with it is the tool itself."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from bench.backends.base import Backend, Call, Capabilities, Database, Session
from bench.backends.line import Line, Send
from bench.errors import BackendError
from bench.model import CountedRows, ErrorClass, Namespace, Row, Statement, Table, TableFacts, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa


class NullError(BackendError):
    """The failure that `fail_every` asks for."""


@dataclass(frozen=True, kw_only=True)
class NullBackend(Backend):
    """No engine at all.

    Nothing is kept: a table is there from its ingest until the `Database` is closed, so a later run never finds data
    to reuse, and whoever asks for a row gets one without content. `capabilities.answers` says so.
    """

    name: str = "null"
    dialect: str = "postgres"
    """The SQL dialect for which statements are rendered."""
    delay_s: Annotated[float, Ge(0)] = 0.0
    """How long each statement takes."""
    rows: Annotated[int, Ge(0)] = 0
    """How many rows each statement returns or changes."""
    fail_every: Annotated[int, Ge(0)] = 0
    """Every so many statements of a session one fails; 0: none."""
    fail_as: ErrorClass = ErrorClass.RETRYABLE
    """What a failure means for the client."""
    nonblocking: bool = False
    """Sessions can be used without waiting; what is asked then goes once through the operating system."""

    @property
    def capabilities(self) -> Capabilities:
        """Everything that costs nothing, and no answers."""
        return Capabilities(
            dialect=self.dialect, paramstyle="dollar", ingest_sessions=2, answers=False, nonblocking=self.nonblocking
        )

    def open(self, namespace: Namespace) -> NullDatabase:
        """Always succeeds."""
        return NullDatabase(self)


class NullDatabase(Database):
    """Counts what it is given."""

    def __init__(self, backend: NullBackend) -> None:
        self._backend = backend
        self._rows: dict[str, int] = {}
        self._lock = Lock()

    def session(self) -> NullSession:
        """A session that talks to nobody."""
        return NullSession(self._backend)

    def execute(self, sql: str) -> Sequence[Row]:
        """No rows, at once, whatever is asked."""
        return ()

    def apply(self, statements: Sequence[str]) -> None:
        """Do nothing."""

    def table_names(self, namespace: Namespace) -> frozenset[str]:
        """What was ingested since this `Database` was opened."""
        return frozenset(self._rows)

    def tables(self, namespace: Namespace) -> Mapping[str, TableFacts]:
        """Counts of what was ingested since this `Database` was opened."""
        return {name: TableFacts(rows=rows) for name, rows in sorted(self._rows.items())}

    def ingest(self, table: Table, namespace: Namespace, batches: Iterator[pa.RecordBatch]) -> int:
        """Read every batch and count its rows."""
        count: int = sum(batch.num_rows for batch in batches)
        with self._lock:
            self._rows[table.name] = self._rows.get(table.name, 0) + count
        return count

    def close(self) -> None:
        """Forget everything."""
        self._rows.clear()


class NullSession(Session):
    """Answers at once."""

    def __init__(self, backend: NullBackend) -> None:
        self._backend = backend
        self._calls = 0
        self.open_line: NullLine | None = None

    def prepare(self, statement: Statement) -> Call:
        """A call that does only what was asked of it; with no delay and no failures it is a bare return."""
        backend = self._backend
        result: Sequence[Row] = ((None,),) * backend.rows if statement.returns_rows else CountedRows(backend.rows)
        if not backend.delay_s and not backend.fail_every:
            return lambda _: result

        def call(values: Sequence[Value]) -> Sequence[Row]:
            if backend.delay_s:
                time.sleep(backend.delay_s)
            self._calls += 1
            if backend.fail_every and self._calls % backend.fail_every == 0:
                raise NullError(
                    f"statement {self._calls} of this session fails, as fail_every={backend.fail_every} asks"
                )
            return result

        return call

    def line(self, *, counting: bool = False) -> NullLine:
        """A line that reaches nobody but this process."""
        return NullLine(self)

    def begin(self, isolation: str = "") -> None:
        """Do nothing."""

    def commit(self) -> None:
        """Do nothing."""

    def rollback(self) -> None:
        """Do nothing."""

    def classify(self, error: Exception) -> ErrorClass:
        """What `fail_as` says of the failures that were asked for; anything else is a fault of the tool."""
        return self._backend.fail_as if isinstance(error, NullError) else ErrorClass.FATAL

    def close(self) -> None:
        """Close the line, if there is one."""
        if self.open_line is not None:
            self.open_line.close()
        self.open_line = None


class NullLine(Line):
    """Sends a byte to itself for each statement, so that a loop has something to wait for."""

    def __init__(self, session: NullSession) -> None:
        self._session = session
        session.open_line = self
        self._near, self._far = socket.socketpair()
        self._call: Call | None = None
        self._values: Sequence[Value] = ()
        self._result: Sequence[Row] = ()

    def fileno(self) -> int:
        """The end at which the byte comes out."""
        return self._near.fileno()

    def prepare(self, statement: Statement) -> Send:
        """As the session's own, called when the byte has come out."""
        call, write = self._session.prepare(statement), self._far.send

        def send(values: Sequence[Value]) -> None:
            self._call, self._values = call, values
            write(b"?")

        return send

    def begin(self, isolation: str = "") -> Send:
        """A byte for nothing."""
        return self._command

    def commit(self) -> Send:
        """A byte for nothing."""
        return self._command

    def rollback(self) -> Send:
        """A byte for nothing."""
        return self._command

    def _command(self, _: Sequence[Value]) -> None:
        self._call = None
        self._far.send(b"?")

    def flush(self) -> bool:
        """Nothing is ever left."""
        return False

    def receive(self) -> int | None:
        """What the session's call gives."""
        self._near.recv(1)
        self._result = self._call(self._values) if self._call is not None else ()
        return len(self._result)

    def rows(self) -> Sequence[Row]:
        """The last result."""
        return self._result

    def close(self) -> None:
        """Close both ends."""
        self._near.close()
        self._far.close()
