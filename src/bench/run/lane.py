"""A client in the readiness loop: one generator from its first turn to its last, resumed when it need not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from bench.model import ErrorClass, RenderedOperation
from bench.record import STATUS_OK
from bench.run.client import CANCEL_AGAIN_NS, RECONNECT_PAUSE_S, Client
from bench.run.readiness import READABLE, WRITABLE
from bench.run.turns import OWN_ORDER

if TYPE_CHECKING:
    from bench.backends.base import Line, Send
    from bench.run.assignment import Window
    from bench.run.questions import Script
    from bench.run.readiness import ReadinessLoop

Wait: TypeAlias = int | Callable[[], object] | None
"""What a client waits for: an instant of the monotonic clock, work to be done aside, or None: its descriptor."""
Life: TypeAlias = Generator[Wait, object, None]
Attempt: TypeAlias = Generator[Wait, object, tuple[int, int]]


@dataclass(kw_only=True, eq=False)
class LineClient(Client):
    """A client whose session has a side on which nothing waits."""

    def connect(self) -> None:
        """Open the session and prepare every statement of every operation."""
        super().connect()
        self.line = self.session.line()
        self.sends = [_sends(self.line, operation) for operation in self.operations]
        self.rollback = self.line.rollback()


class Lane:
    """What the loop knows of one client."""

    def __init__(self, client: LineClient, window: Window) -> None:
        self.client = client
        self.loop: ReadinessLoop
        self.elsewhere = False
        """It waits for something else than its descriptor."""
        self.unheard = False
        """The loop does not listen to its descriptor at present."""
        self.descriptor = client.line.fileno()
        self._under_way = False
        self._next_cancel_ns = 0
        self._cancel: threading.Thread | None = None
        """Sends, or has sent, a cancel for the attempt under way: nothing else may be sent that it could hit."""
        self._life = self._live(window)
        self.resume = self._life.send

    def _live(self, window: Window) -> Life:
        """Turn after turn, as `BlockingClient.drive` and `BlockingClient._run_operation` together."""
        client, free_ns = self.client, window.start_ns
        take = client.turns.take
        while not client.stopped and (turn := take(free_ns)) is not None:
            intended_ns, position = turn
            if intended_ns > free_ns:
                yield intended_ns
                if not client.may_start():
                    return
            client.enter_phase(intended_ns)
            if position == OWN_ORDER:
                position = client.questions.next_operation()
            script = client.questions.next_script(position, client.session.encode)
            free_ns = yield from self._run_operation(position, script, intended_ns, max(intended_ns, free_ns))

    def _run_operation(
        self, position: int, script: Script, intended_ns: int, ready_ns: int
    ) -> Generator[Wait, object, int]:
        client = self.client
        operation, now = client.operations[position], time.monotonic_ns
        for attempt in range(operation.retries + 1):
            start_ns = client.begin_attempt(operation)
            self._next_cancel_ns, self._under_way = 0, True
            if self.unheard:
                self.loop.watch(self)
            rows, steps = 0, script()
            sends, line, receive = client.sends[position], client.line, client.line.receive
            try:
                end_ns = start_ns
                at, values = next(steps)
                while True:
                    sends[at](values)
                    if line.unsent:
                        yield from self._write_on()
                    yield None
                    while (result := receive()) is None:
                        yield from self._write_on()
                        yield None
                    end_ns = now()
                    rows += len(result)
                    at, values = steps.send(result)
            except StopIteration:
                self._under_way = False
                client.recorder.add(
                    client.number, position, attempt, STATUS_OK, -1, rows,
                    intended_ns, ready_ns, start_ns, end_ns, client.query_id(),
                )  # fmt: skip
                yield from self._cancel_is_over()
                return end_ns
            except Exception as error:  # noqa: BLE001  # a driver may raise anything; the session says what it means
                end_ns = now()
                self._under_way = False
                times = (intended_ns, ready_ns, start_ns, end_ns)
                error_class = client.record_failure(position, attempt, error, times)
            yield from self._recover(operation, error_class)
            ready_ns = now()
            if error_class is not ErrorClass.RETRYABLE or client.stopped:
                break
        return now()

    def _write_on(self) -> Generator[Wait, object, None]:
        """Send the rest, where it was too much at once."""
        if not self.client.line.unsent:
            return
        self.loop.watch(self, READABLE | WRITABLE)
        yield None
        while self.client.line.flush():
            yield None
        self.loop.watch(self)

    # ---- what goes wrong

    def look(self, now_ns: int) -> None:
        """Have the attempt under way cancelled in a thread, if its time is over."""
        if not self._under_way or not self.client.overdue(now_ns) or now_ns < self._next_cancel_ns:
            return
        if self._cancel is not None and self._cancel.is_alive():
            return
        self.client.cancelled, self._next_cancel_ns = True, now_ns + CANCEL_AGAIN_NS
        self._cancel = threading.Thread(target=self._send_cancel, name="cancel", daemon=True)
        self._cancel.start()

    def _send_cancel(self) -> None:
        with suppress(Exception):  # it is sent again
            self.client.session.cancel()

    def _cancel_is_over(self) -> Generator[Wait, object, None]:
        if self._cancel is not None:
            yield self._cancel.join
            self._cancel = None

    def _recover(self, operation: RenderedOperation, error_class: ErrorClass) -> Generator[Wait, object, None]:
        """Bring the session back to where the next attempt can begin."""
        yield from self._cancel_is_over()
        if error_class is not ErrorClass.DISCONNECTED and operation.transactional:
            try:
                if self.unheard:
                    self.loop.watch(self)
                self.client.rollback(())
                yield None
                while self.client.line.receive() is None:
                    yield None
            except Exception as error:  # noqa: BLE001  # as above
                error_class = self.client.session.classify(error)
        if error_class is ErrorClass.DISCONNECTED:
            yield from self._reconnect(operation)

    def _reconnect(self, operation: RenderedOperation) -> Generator[Wait, object, None]:
        """Get a new session, in a thread; each kind of failure is kept among the errors."""
        self.loop.ignore(self)
        self.client.connected = False
        complaints = yield self._connect_again
        assert isinstance(complaints, list)
        for complaint in complaints:
            self.client.errors.add(operation.name, ErrorClass.DISCONNECTED, None, f"reconnect: {complaint}")
        self.descriptor = self.client.line.fileno() if self.client.connected else -1
        if self.client.connected:
            self.loop.watch(self)

    def _connect_again(self) -> list[str]:
        """However often that takes while the load lasts; gives what went wrong on the way."""
        client, complaints = self.client, dict[str, None]()
        while not client.stopped and time.monotonic_ns() < client.give_up_ns:
            client.session.close()
            try:
                client.connect()
                break
            except Exception as error:  # noqa: BLE001  # as above; the server may be away for a while
                complaints[str(error).strip()] = None
                time.sleep(RECONNECT_PAUSE_S)
        return list(complaints)


def _sends(line: Line, operation: RenderedOperation) -> list[Send]:
    """By the position of a step: the statements, and from the end `BEGIN` and `COMMIT`."""
    sends = [line.prepare(statement) for statement in operation.statements]
    return [*sends, line.commit(), line.begin(operation.isolation)] if operation.transactional else sends
