"""An engine of known behaviour: answers after a given time, fails when told to. The truth to measure against."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from bench.backends.base import Backend, Capabilities, Database, Session
from bench.model import ComputeFacts, CountedRows, ErrorClass, Namespace


class Refusal(Exception):
    def __init__(self, error_class: str, text: str = "refused", sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.error_class = ErrorClass(error_class)
        self.sqlstate = sqlstate


class Cancelled(Exception):
    pass


class KnownSession(Session):
    def __init__(self, backend: KnownBackend) -> None:
        self.backend = backend
        self.calls = 0
        self.cancels = 0
        self.open_transaction = False
        self.log: list[str] = []
        self._cancel = threading.Event()

    def prepare(self, statement):
        def call(values):
            self.calls += 1
            self._cancel.clear()
            if self._cancel.wait(self.backend.service_s):
                raise Cancelled("cancelled")
            if self.calls == self.backend.fail_call:
                raise Refusal(self.backend.fail_as)
            if self.backend.fail_first and self.calls <= self.backend.fail_first:
                raise Refusal(self.backend.fail_as, f"failure {self.calls}", "40001")
            return [(value,) for value in values] if statement.returns_rows else CountedRows(1)

        return call

    def begin(self, isolation=""):
        self.open_transaction = True
        self.log.append(f"begin {isolation}".strip())

    def commit(self):
        self.open_transaction = False
        self.log.append("commit")

    def rollback(self):
        self.open_transaction = False
        self.log.append("rollback")

    def classify(self, error):
        if isinstance(error, Refusal) and self.backend.faulty_driver:
            raise TypeError("a mistake in the driver")
        return error.error_class if isinstance(error, Refusal) else ErrorClass.FATAL

    def cancel(self):
        self.cancels += 1
        if self.cancels <= self.backend.fail_cancels:
            raise OSError("no way to the engine")
        time.sleep(self.backend.cancel_s)
        self._cancel.set()

    def close(self):
        self.log.append("close")


class KnownDatabase(Database):
    def __init__(self, backend):
        self.backend = backend
        self.sessions: list[KnownSession] = []

    def session(self):
        if self.backend.sessions and len(self.sessions) >= self.backend.sessions:
            raise Refusal("disconnected", "the engine is gone")
        self.sessions.append(KnownSession(self.backend))
        return self.sessions[-1]

    def execute(self, sql):
        return []

    def apply(self, statements):
        pass

    def table_names(self, namespace):
        return frozenset()

    def tables(self, namespace):
        return {}

    def ingest(self, table, namespace, batches):
        return sum(batch.num_rows for batch in batches)

    def compute_facts(self, namespace):
        return self.backend.told

    def close(self):
        pass


@dataclass(frozen=True, kw_only=True)
class KnownBackend(Backend):
    name: str = "known"
    service_s: float = 0.0
    fail_first: int = 0
    """So many calls of each session fail."""
    fail_call: int = 0
    """This call of each session fails."""
    fail_as: str = "retryable"
    sessions: int = 0
    """No more than so many can be opened; 0: not limited."""
    cancel_s: float = 0.0
    """How long a cancel is on its way."""
    fail_cancels: int = 0
    """So many cancels of each session fail."""
    faulty_driver: bool = False
    """An error of the engine is met by a mistake in the driver."""
    die_on_open: str = ""
    runs_on: ComputeFacts = field(default_factory=ComputeFacts)
    """What the description says of what is billed."""
    told: ComputeFacts | None = None
    """What the open engine says of it."""
    emulated: bool = False

    @property
    def capabilities(self):
        return Capabilities(dialect="postgres", paramstyle="dollar", cancel=True, answers=False, emulated=self.emulated)

    @property
    def compute(self):
        return self.runs_on

    def open(self, namespace: Namespace):
        if self.die_on_open:
            raise RuntimeError(self.die_on_open)
        return KnownDatabase(self)


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
