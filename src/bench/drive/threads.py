"""The blocking loop: each client in a thread of its own, waiting for its answers there."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.drive.client import CANCEL_AGAIN_NS, IDLE, RECONNECT_PAUSE_S, Client
from bench.drive.pace import Pace
from bench.drive.turns import OWN_ORDER
from bench.model import ErrorClass, Phase, RenderedOperation, Row, Statement, Value
from bench.record import STATUS_OK

if TYPE_CHECKING:
    from bench.backends.base import Count
    from bench.drive.assignment import Window

MEASUREMENT = Phase.MEASUREMENT


@dataclass(kw_only=True, eq=False)
class BlockingClient(Client):
    """Its thread alone touches it, but for what `Watchdog` reads and sets."""

    _last: Sequence[Row] = ()
    _next_cancel_ns: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    """Held while an attempt is cancelled, so that the next cannot begin and be hit instead."""
    _cancelling: bool = False

    def connect(self) -> None:
        """Open the session and prepare every statement of every operation."""
        super().connect()
        self._calls = [self._prepared(operation) for operation in self.operations]

    def _prepared(self, operation: RenderedOperation) -> list[Count]:
        """By the position of a step: the statements, and from the end `BEGIN` and `COMMIT`."""
        session = self.session
        prepare = session.counting if self.assignment.workload.scripted else self._keeping
        counts = [prepare(statement) for statement in operation.statements]
        if not operation.transactional:
            return counts

        def begin(_: Sequence[Value]) -> int:
            session.begin(operation.isolation)
            return 0

        def commit(_: Sequence[Value]) -> int:
            session.commit()
            return 0

        return [*counts, commit, begin]

    def _keeping(self, statement: Statement) -> Count:
        """For workloads that look at what is answered."""
        call = self.session.prepare(statement)

        def count(values: Sequence[Value]) -> int:
            self._last = call(values)
            return len(self._last)

        return count

    def drive(self, window: Window) -> None:  # noqa: C901, PLR0912  # one function: calls would cost as much as what they do
        """Send operations until there is nothing more to start."""
        pace, free_ns, prompt_until_ns = Pace(self.assignment.load.pace), window.start_ns, 0
        turns, now, add, number = self.turns, time.monotonic_ns, self.recorder.add, self.number
        next_operation, next_script = self.questions.next_operation, self.questions.next_script
        timeouts_ns, keeps_ids, all_calls = self.timeouts_ns, self.keeps_query_ids, self._calls
        while not self.stopped:
            if free_ns < prompt_until_ns:
                intended_ns, position = free_ns, next_operation()
            else:
                turn = turns.take(free_ns)
                if turn is None:
                    break
                intended_ns, position = turn
                if intended_ns > free_ns:
                    pace.wait_until(intended_ns, self)
                    if not self.may_start():
                        turns.abandon(turn)
                        break
                if self.phase is not MEASUREMENT:
                    self.enter_phase(intended_ns)
                if self.phase is MEASUREMENT:
                    prompt_until_ns = turns.prompt_until_ns
                if position == OWN_ORDER:
                    position = next_operation()
            script, attempt = next_script[position](), 0
            ready_ns = intended_ns if intended_ns > free_ns else free_ns
            while True:
                calls, rows = all_calls[position], 0
                start_ns = now()
                self.deadline_ns = start_ns + timeouts_ns[position]
                try:
                    for at, values in script:
                        rows += calls[at](values)
                    free_ns = now()
                except Exception as error:  # noqa: BLE001  # a driver may raise anything; the session says what it means
                    times = (intended_ns, ready_ns, start_ns, now())
                    error_class = self._failed(position, attempt, error, times)
                    all_calls, free_ns = self._calls, now()
                    attempt, ready_ns = attempt + 1, free_ns
                    if not self.tries_again(position, attempt, error_class):
                        break
                else:
                    self.deadline_ns = IDLE
                    if self._cancelling or self.cancelled:
                        self._cancel_is_over()
                    add(
                        number, position, attempt, STATUS_OK, -1, rows,
                        intended_ns, ready_ns, start_ns, free_ns, self.query_id() if keeps_ids else None,
                    )  # fmt: skip
                    break

    def _failed(self, position: int, attempt: int, error: Exception, times: tuple[int, int, int, int]) -> ErrorClass:
        """Keep what went wrong, and bring the session back to where the next attempt can begin."""
        self.deadline_ns = IDLE
        operation = self.operations[position]
        with self._guard:  # a cancel that is on its way is part of what happened
            error_class = self.record_failure(position, attempt, error, times)
        self._cancel_is_over()
        if error_class is ErrorClass.DISCONNECTED:
            self._reconnect(operation)
        elif operation.transactional:
            self.session.rollback()
        return error_class

    def _cancel_is_over(self) -> None:
        """Wait until the cancel that is on its way has arrived, so that it cannot hit what comes next."""
        with self._guard:
            self.cancelled, self._next_cancel_ns = False, 0

    def cancel_overdue(self, now_ns: int) -> None:
        """Have the attempt under way cancelled, if its time is over; called from another thread.

        In a thread for each: a driver's cancel may take as long as the network does, and the other clients need their
        watch.
        """
        if self._cancelling or not self.overdue(now_ns) or now_ns < self._next_cancel_ns:
            return
        self._cancelling = True
        threading.Thread(target=self._cancel, args=(now_ns,), name="cancel", daemon=True).start()

    def _cancel(self, now_ns: int) -> None:
        """Cancel what is under way, unless it ended meanwhile.

        The client takes no lock: it says that its attempt has ended before it looks whether a cancel is on its way, and
        here it is the other way round, so that one of the two sees the other.
        """
        with self._guard:
            # The next attempt may be under way by now, and have time left.
            if self.overdue(now_ns):
                self.cancelled, self._next_cancel_ns = True, now_ns + CANCEL_AGAIN_NS
                with suppress(Exception):  # whatever a driver raises here, it is sent again
                    self.session.cancel()
            self._cancelling = False

    def rows(self) -> Sequence[Row]:
        """What the last call gave."""
        return self._last

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
