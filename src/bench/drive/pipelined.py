"""A client that has several operations under way on one connection, answered in the order in which they were sent."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from bench.drive.client import IDLE
from bench.drive.lane import Lane, Life
from bench.drive.turns import OWN_ORDER
from bench.model import ErrorClass
from bench.record import STATUS_OK

if TYPE_CHECKING:
    from bench.drive.assignment import Window
    from bench.drive.turns import Turn


class Sent(NamedTuple):
    """An operation that is under way."""

    position: int
    intended_ns: int
    ready_ns: int
    start_ns: int


class PipelinedLane(Lane):
    """Keeps `Line.depth` operations under way, each of one statement; none is sent again."""

    def _live(self, window: Window) -> Life:
        client, free_ns = self.client, window.start_ns
        waiting: deque[Sent] = deque()
        turn = client.turns.take(free_ns)
        while waiting or (turn is not None and client.may_start()):
            while turn is not None and turn[0] <= free_ns and len(waiting) < client.line.depth and client.may_start():
                error = self._send(turn, free_ns, waiting)
                if error is not None:
                    yield from self._lose(error, waiting)
                turn = client.turns.take(free_ns)
            if not waiting:
                if turn is not None and turn[0] > free_ns:
                    yield turn[0]
                    free_ns = time.monotonic_ns()
                continue
            if client.line.unsent:
                yield from self._write_on()
            yield None
            yield from self._take_answers(waiting)
            free_ns = time.monotonic_ns()
        if turn is not None:
            client.turns.abandon(turn)

    def _take_answers(self, waiting: deque[Sent]) -> Life:
        """All that are there: what the driver has read already is not reported again."""
        while waiting:
            try:
                if (count := self.client.line.receive()) is None:
                    return
            except Exception as error:  # noqa: BLE001  # a driver may raise anything; the session says what it means
                yield from self._lose(error, waiting)
            else:
                self._record(waiting.popleft(), count)
                self._watch_oldest(waiting)
                if self.client.cancelled:  # in vain: it says nothing of those that follow
                    self.client.cancelled, self._next_cancel_ns = False, 0

    def _send(self, turn: Turn, free_ns: int, waiting: deque[Sent]) -> Exception | None:
        client, (intended_ns, position) = self.client, turn
        client.enter_phase(intended_ns)
        if position == OWN_ORDER:
            position = client.questions.next_operation()
        ((at, values),) = client.questions.next_script[position]()
        if self.unheard:
            self.loop.watch(self)
        waiting.append(Sent(position, intended_ns, max(intended_ns, free_ns), time.monotonic_ns()))
        self._watch_oldest(waiting)
        try:
            client.sends[position][at](values)
        except Exception as error:  # noqa: BLE001  # as above
            return error
        return None

    def _record(self, sent: Sent, rows: int) -> None:
        self.client.recorder.add(
            self.client.number, sent.position, 0, STATUS_OK, -1, rows,
            sent.intended_ns, sent.ready_ns, sent.start_ns, time.monotonic_ns(), self.client.query_id(),
        )  # fmt: skip

    def _watch_oldest(self, waiting: deque[Sent]) -> None:
        """A cancel hits what the server is at, which is the oldest."""
        client = self.client
        client.deadline_ns = waiting[0].start_ns + client.timeouts_ns[waiting[0].position] if waiting else IDLE

    def _lose(self, error: Exception, waiting: deque[Sent]) -> Life:
        """The oldest has failed; with its session, all of them have."""
        lost = waiting.popleft()
        times = (lost.intended_ns, lost.ready_ns, lost.start_ns, time.monotonic_ns())
        error_class = self.client.record_failure(lost.position, 0, error, times)
        self.client.cancelled, self._next_cancel_ns = False, 0
        if error_class is ErrorClass.DISCONNECTED:
            while waiting:
                other = waiting.popleft()
                times = (other.intended_ns, other.ready_ns, other.start_ns, time.monotonic_ns())
                self.client.record_failure(other.position, 0, error, times)
            self._watch_oldest(waiting)
            yield from self._reconnect(self.client.operations[lost.position])
        self._watch_oldest(waiting)
