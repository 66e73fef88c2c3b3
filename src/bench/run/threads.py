"""The blocking loop: each client in a thread of its own, waiting for its answers there."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.model import ErrorClass, RenderedOperation, Row, Value
from bench.record import STATUS_OK
from bench.run.client import CANCEL_AGAIN_NS, RECONNECT_PAUSE_S, Client
from bench.run.pace import Pace
from bench.run.turns import OWN_ORDER

if TYPE_CHECKING:
    from bench.backends.base import Call, Session
    from bench.run.assignment import Window
    from bench.run.questions import Script


@dataclass(kw_only=True, eq=False)
class BlockingClient(Client):
    """Its thread alone touches it, but for what `Watchdog` reads and sets."""

    _last: Sequence[Row] = ()
    _under_way: bool = False
    _next_cancel_ns: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    """Held while an attempt is cancelled, so that the next cannot begin and be hit instead."""

    def connect(self) -> None:
        """Open the session and prepare every statement of every operation."""
        super().connect()
        self._calls = [_calls(self.session, operation) for operation in self.operations]

    def drive(self, window: Window) -> None:
        """Send operations until there is nothing more to start."""
        next_operation = self.questions.next_operation
        pace = Pace(self.assignment.load.pace)
        free_ns = window.start_ns
        while not self.stopped and (turn := self.turns.take(free_ns)) is not None:
            intended_ns, position = turn
            if intended_ns > free_ns:
                pace.wait_until(intended_ns, self)
                if not self.may_start():
                    self.turns.abandon(turn)
                    break
            self.enter_phase(intended_ns)
            if position == OWN_ORDER:
                position = next_operation()
            free_ns = self._run_operation(position, intended_ns, max(intended_ns, free_ns))

    def _run_operation(self, position: int, intended_ns: int, ready_ns: int) -> int:
        """Run one operation, with its retries; gives when the client is free again."""
        operation = self.operations[position]
        script = self.questions.next_script[position]()
        for attempt in range(operation.retries + 1):
            self.cancelled, self._next_cancel_ns = False, 0
            start_ns = time.monotonic_ns()
            self.deadline_ns = start_ns + self.timeouts_ns[position]
            self._under_way = True
            try:
                rows = self._attempt(self._calls[position], script)
                end_ns = time.monotonic_ns()
            except Exception as error:  # noqa: BLE001  # a driver may raise anything; the session says what it means
                end_ns = time.monotonic_ns()
                self._end_attempt()
                times = (intended_ns, ready_ns, start_ns, end_ns)
                error_class = self.record_failure(position, attempt, error, times)
                self._recover(operation, error_class)
                free_ns = ready_ns = time.monotonic_ns()
                if error_class is ErrorClass.RETRYABLE and not self.stopped:
                    continue
                return free_ns
            self._end_attempt()
            self.recorder.add(
                self.number, position, attempt, STATUS_OK, -1, rows,
                intended_ns, ready_ns, start_ns, end_ns, self.query_id(),
            )  # fmt: skip
            return end_ns
        return free_ns

    def _end_attempt(self) -> None:
        with self._guard:
            self._under_way = False

    def cancel_overdue(self, now_ns: int) -> None:
        """Cancel the attempt under way, if its time is over; called from another thread."""
        if not self.overdue(now_ns):
            return
        with self._guard:
            # It may have ended meanwhile, and the next one may have time left.
            if not self._under_way or not self.overdue(now_ns) or now_ns < self._next_cancel_ns:
                return
            self.cancelled, self._next_cancel_ns = True, now_ns + CANCEL_AGAIN_NS
            with suppress(Exception):  # whatever a driver raises here, the other clients need their watch
                self.session.cancel()

    def _attempt(self, calls: Sequence[Call], script: Script) -> int:
        """Take the steps of an attempt; gives the rows that they returned or changed."""
        rows = 0
        for at, values in script:
            self._last = calls[at](values)
            rows += len(self._last)
        return rows

    def rows(self) -> Sequence[Row]:
        """What the last call gave."""
        return self._last

    def _recover(self, operation: RenderedOperation, error_class: ErrorClass) -> None:
        """Bring the session back to where the next attempt can begin."""
        if error_class is ErrorClass.DISCONNECTED:
            self._reconnect(operation)
        elif operation.transactional:
            self.session.rollback()

    def _reconnect(self, operation: RenderedOperation) -> None:
        """Get a new session, however often that takes while the load lasts; each failure is kept among the errors."""
        while not self.stopped and time.monotonic_ns() < self.give_up_ns:
            self.session.close()
            try:
                self.connect()
                return
            except Exception as error:  # noqa: BLE001  # as above; the server may be away for a while
                self.errors.add(operation.name, ErrorClass.DISCONNECTED, None, f"reconnect: {str(error).strip()}")
                time.sleep(RECONNECT_PAUSE_S)


def _calls(session: Session, operation: RenderedOperation) -> list[Call]:
    """By the position of a step: the statements, and from the end `BEGIN` and `COMMIT`."""
    calls: list[Call] = [session.prepare(statement) for statement in operation.statements]
    if not operation.transactional:
        return calls

    def begin(_: Sequence[Value]) -> Sequence[Row]:
        session.begin(operation.isolation)
        return ()

    def commit(_: Sequence[Value]) -> Sequence[Row]:
        session.commit()
        return ()

    return [*calls, commit, begin]
