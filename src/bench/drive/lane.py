"""A client in the readiness loop: one generator from its first turn to its last, resumed when it need not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from bench.drive.client import CANCEL_AGAIN_NS, IDLE, RECONNECT_PAUSE_S, Client
from bench.drive.readiness import READABLE, WRITABLE
from bench.drive.turns import OWN_ORDER
from bench.model import ErrorClass, Phase, RenderedOperation, Row, Value
from bench.record import STATUS_OK

if TYPE_CHECKING:
    from bench.backends.line import Line, Send
    from bench.drive.assignment import Window
    from bench.drive.questions import Script
    from bench.drive.readiness import ReadinessLoop
    from bench.drive.turns import Turn

COMPILED: Literal["compiled"] = "compiled"
Wait: TypeAlias = int | Callable[[], object] | Literal["compiled"] | None
"""What a client waits for: an instant of the monotonic clock, work to be done aside, operations to be run by
compiled code (`COMPILED`), or None: its descriptor."""
Life: TypeAlias = Generator[Wait, object, None]
MEASUREMENT = Phase.MEASUREMENT
STAYS_AFTER_FAILURE = 1_024
"""Operations: where failures are many, to hand clients over and back costs more than it saves."""


class Begun(NamedTuple):
    """An operation of a client that compiled code had begun, and leaves to the client itself."""

    position: int
    script: Script
    """All of its steps, for a retry."""
    steps: Script
    """The step that is under way, as `SENT`, and those after it."""
    start_ns: int
    rows: int
    """Of the steps before."""


@dataclass(kw_only=True, eq=False)
class LineClient(Client):
    """A client whose session has a side on which nothing waits."""

    def connect(self) -> None:
        """Open the session and prepare every statement of every operation."""
        super().connect()
        self.line = self.session.line(counting=self.assignment.workload.scripted)
        self.sends = [_sends(self.line, operation) for operation in self.operations]
        self.rollback = self.line.rollback()

    def rows(self) -> Sequence[Row]:
        """What was received last."""
        return self.line.rows()


@dataclass(kw_only=True, eq=False)
class CompiledClient(LineClient):
    """A client whose operations may be left to compiled code, where its driver has such code."""

    @property
    def compiled(self) -> bool:
        """There is such code, and the client starts an operation whenever it is free."""
        load, workload = self.assignment.load, self.assignment.workload
        if self.keeps_query_ids or not workload.scripted or load.open_loop or load.iterations:
            return False
        return load.schedule(self.number, 0).prompt and self.line.serve is not None


class Lane:
    """What the loop knows of one client."""

    def __init__(self, client: LineClient, window: Window) -> None:
        self.client = client
        self.free_ns = window.start_ns
        """When it became free, while somebody else looks after it."""
        self.loop: ReadinessLoop
        self.elsewhere = False
        """It waits for something else than its descriptor."""
        self.unheard = False
        """The loop does not listen to its descriptor at present."""
        self.descriptor = client.line.fileno()
        self._stays = 0
        """So many operations more are not left to compiled code."""
        self._next_cancel_ns = 0
        self._cancel: threading.Thread | None = None
        """Sends, or has sent, a cancel for the attempt under way: nothing else may be sent that it could hit."""
        self._life = self._live(window)
        self.resume = self._life.send

    def _live(self, window: Window) -> Life:  # noqa: C901, PLR0912, PLR0915  # one generator: delegating costs each time
        """Turn after turn, as `BlockingClient.drive` and `BlockingClient._run_operation` together."""
        client, free_ns, prompt_until_ns = self.client, window.start_ns, 0
        now, add, number = time.monotonic_ns, client.recorder.add, client.number
        next_operation, next_script = client.questions.next_operation, client.questions.next_script
        timeouts_ns, keeps_ids = client.timeouts_ns, client.keeps_query_ids
        sends, line, receive = client.sends, client.line, client.line.receive
        begun = None
        while not client.stopped:
            if free_ns < prompt_until_ns:
                intended_ns, position = free_ns, next_operation()
            else:
                turn = yield from self._turn(free_ns)
                if turn is None:
                    break
                (intended_ns, position), begun = turn
                if position == OWN_ORDER:
                    position = next_operation()
                if client.phase is MEASUREMENT and not client.compiled:
                    prompt_until_ns = client.turns.prompt_until_ns
            script, attempt = begun.script if begun else next_script[position](), 0
            ready_ns = intended_ns if intended_ns > free_ns else free_ns
            while True:
                if self.unheard:
                    self.loop.watch(self)
                calls, rows, steps = sends[position], 0, script
                start_ns = end_ns = now()
                if begun:
                    start_ns, rows, steps, begun = begun.start_ns, begun.rows, begun.steps, None
                client.deadline_ns = start_ns + timeouts_ns[position]
                try:
                    for at, values in steps:
                        calls[at](values)
                        if line.unsent:
                            yield from self._write_on()
                        yield None
                        while (count := receive()) is None:
                            if line.unsent:
                                yield from self._write_on()
                            yield None
                        end_ns = now()
                        rows += count
                except Exception as error:  # noqa: BLE001  # a driver may raise anything; the session says what it means
                    times = (intended_ns, ready_ns, start_ns, now())
                    error_class = yield from self._failed(position, attempt, error, times)
                    sends, line, receive = client.sends, client.line, client.line.receive
                    attempt, free_ns = attempt + 1, now()
                    ready_ns = free_ns
                    if not client.tries_again(position, attempt, error_class):
                        break
                else:
                    add(
                        number, position, attempt, STATUS_OK, -1, rows,
                        intended_ns, ready_ns, start_ns, end_ns, client.query_id() if keeps_ids else None,
                    )  # fmt: skip
                    free_ns = end_ns
                    if self._cancel is not None:
                        yield from self._cancel_is_over()
                    break
        client.deadline_ns = IDLE

    def _compiled(self, free_ns: int) -> Generator[Wait, object, Begun | None]:
        """Have operations run by compiled code until one needs the interpreter; gives it, if it is under way."""
        self.free_ns = free_ns
        begun = yield COMPILED
        assert begun is None or isinstance(begun, Begun)
        if begun is None and self._cancel is not None:
            yield from self._cancel_is_over()
        return begun

    def _turn(self, free_ns: int) -> Generator[Wait, object, tuple[Turn, Begun | None] | None]:
        """The next turn, when its time has come, perhaps begun already; None: nothing more is to be started."""
        client = self.client
        self._stays -= 1
        if client.compiled and free_ns < client.prompt_until_ns and self._stays < 0:
            begun = yield from self._compiled(free_ns)
            free_ns = self.free_ns
            if begun:
                return (free_ns, begun.position), begun
            if not client.may_start():
                return None
        turn = client.turns.take(free_ns)
        if turn is None:
            return None
        if turn[0] > free_ns:
            client.deadline_ns = IDLE
            yield turn[0]
            if not client.may_start():
                client.turns.abandon(turn)
                return None
        if client.phase is not MEASUREMENT:
            client.enter_phase(turn[0])
        return turn, None

    def _write_on(self) -> Generator[Wait, object, None]:
        """Send the rest of what was too much at once."""
        self.loop.watch(self, READABLE | WRITABLE)
        yield None
        while self.client.line.flush():
            yield None
        self.loop.watch(self)

    # ---- what goes wrong

    def look(self, now_ns: int) -> None:
        """Have the attempt under way cancelled in a thread, if its time is over."""
        if not self.client.overdue(now_ns) or now_ns < self._next_cancel_ns:
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
        """Wait until the cancel that was sent has arrived, so that it cannot hit what comes next."""
        self.client.deadline_ns = IDLE
        if self._cancel is not None:
            yield self._cancel.join
            self._cancel = None
        self.client.cancelled, self._next_cancel_ns = False, 0

    def _failed(
        self, position: int, attempt: int, error: Exception, times: tuple[int, int, int, int]
    ) -> Generator[Wait, object, ErrorClass]:
        """Keep what went wrong, and bring the session back to where the next attempt can begin."""
        self.client.deadline_ns, self._stays = IDLE, STAYS_AFTER_FAILURE
        operation = self.client.operations[position]
        found = error_class = self.client.record_failure(position, attempt, error, times)
        yield from self._cancel_is_over()
        if error_class is not ErrorClass.DISCONNECTED and operation.transactional:
            try:
                if self.unheard:
                    self.loop.watch(self)
                self.client.rollback(())
                yield None
                while self.client.line.receive() is None:
                    yield None
            except Exception as second:  # noqa: BLE001  # as above
                error_class = self.client.session.classify(second)
        if error_class is ErrorClass.DISCONNECTED:
            yield from self._reconnect(operation)
        return found

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
    """By the position of a step: the statements, and from the end `BEGIN`, `COMMIT` and `SENT`."""
    sends = [line.prepare(statement) for statement in operation.statements]
    if not operation.transactional:
        return [*sends, _nothing, _nothing, _nothing]
    return [*sends, _nothing, line.commit(), line.begin(operation.isolation)]


def _nothing(_: Sequence[Value]) -> None:
    """What is sent for a step that was sent already."""
