"""The readiness loop: one thread sends and receives for all clients of a process, as their answers come in."""

from __future__ import annotations

import heapq
import itertools
import select
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from bench.drive.aside import Aside
from bench.drive.assignment import NEVER_NS, NS_PER_S
from bench.drive.pace import finer_timers

if TYPE_CHECKING:
    from typing import Literal

    from bench.drive.assignment import Window
    from bench.drive.lane import Lane, Wait

LOOK_NS = 20_000_000
"""Between two looks at the deadlines of the clients."""
LOOK_S = LOOK_NS / NS_PER_S
COARSE_NS = 2_000_000
"""Shorter waits are left to `select`: epoll waits whole milliseconds, rounded up."""
ROUNDING_NS = 1_000_000

READABLE = getattr(select, "EPOLLIN", 1)
WRITABLE = getattr(select, "EPOLLOUT", 4)


def supported() -> bool:
    """This system has what the loop waits with."""
    return hasattr(select, "epoll")


class ReadinessLoop:
    """Resumes each client when what it waits for is there: its answer, an instant, or work done aside."""

    def __init__(self, lanes: Sequence[Lane], *, pace: Literal["sleep", "spin"]) -> None:
        self._lanes = lanes
        self._spin = pace == "spin"
        self._by_descriptor: dict[int, Lane] = {}
        self._due: list[tuple[int, int, Lane]] = []
        """A heap of the clients that wait for an instant; the number keeps those of one instant in their order."""
        self._numbers = itertools.count()
        self._live = len(lanes)
        self._look_at_ns = 0

    def run(self, window: Window) -> None:
        """Serve the clients from the window's start until the last one is done.

        Raises:
            Exception: A mistake in a driver, a workload or here; it has a note that names the client.
        """
        finer_timers()
        self._epoll, self._aside = select.epoll(), Aside()
        self._epoll.register(self._aside.fileno(), READABLE)
        try:
            for lane in self._lanes:
                lane.loop = self
                self.watch(lane)
                self._arrange(lane, window.start_ns)
            self._serve()
        finally:
            self._epoll.close()
            self._aside.close()

    def _serve(self) -> None:
        lanes = self._by_descriptor
        while self._live:
            descriptor = -1
            try:
                for descriptor, _ in self._events():
                    lane = lanes.get(descriptor)
                    if lane is None or lane.elsewhere:
                        self._unexpected(descriptor, lane)
                    elif (wait := lane.resume(None)) is not None:
                        self._arrange(lane, wait)
            except StopIteration:
                # The others of these events are reported again.
                self._leave(lanes.get(descriptor))
            except Exception as error:  # a mistake of ours or a driver's: raised again, with whose it was
                if not hasattr(error, "__notes__"):  # else `_resume` has said so
                    lane = lanes.get(descriptor)
                    error.add_note(f"client {lane.client.number}" if lane else "the loop")
                raise
            if (now_ns := time.monotonic_ns()) >= self._look_at_ns:
                self._look(now_ns)

    def _unexpected(self, descriptor: int, lane: Lane | None) -> None:
        """Something else than an answer: work is done, or the server says what nobody had asked for."""
        if lane is not None:
            self.ignore(lane)  # perhaps its farewell: the next attempt meets it
            lane.unheard = True
        elif descriptor == self._aside.fileno():
            for waiting, outcome in self._aside.done():
                self._resume(waiting, outcome)

    def _leave(self, lane: Lane | None) -> None:
        if lane is not None:
            lane.elsewhere = True
        self._live -= 1

    def _events(self) -> Sequence[tuple[int, int]]:
        """Start who is due, then wait for descriptors until the next one is due."""
        due, size = self._due, len(self._by_descriptor) + 1
        if not due:
            return self._epoll.poll(LOOK_S, size)
        left_ns = due[0][0] - time.monotonic_ns()
        if left_ns > COARSE_NS:
            return self._epoll.poll(min(left_ns - ROUNDING_NS, LOOK_NS) / NS_PER_S, size)
        if left_ns > 0 and not self._spin:
            select.select((self._epoll,), (), (), left_ns / NS_PER_S)
        events = self._epoll.poll(0, size)
        self._start_due(time.monotonic_ns())
        return events

    def _start_due(self, now_ns: int) -> None:
        due = self._due
        while due and due[0][0] <= now_ns:
            self._resume(heapq.heappop(due)[2], None)

    def _resume(self, lane: Lane, outcome: object) -> None:
        """Go on with a client that waited for something else than its descriptor."""
        lane.elsewhere = False
        try:
            wait = lane.resume(outcome)
        except StopIteration:
            self._leave(lane)
            return
        except Exception as error:  # as above
            error.add_note(f"client {lane.client.number}")
            raise
        if wait is not None:
            self._arrange(lane, wait)

    def _arrange(self, lane: Lane, wait: Wait) -> None:
        lane.elsewhere = True
        if isinstance(wait, str):
            raise TypeError("only a CompiledLoop runs compiled code")
        if isinstance(wait, int):
            heapq.heappush(self._due, (wait, next(self._numbers), lane))
        elif wait is not None:
            self._aside.do(wait, lane)

    def _look(self, now_ns: int) -> None:
        self._look_at_ns = now_ns + LOOK_NS
        stopped = False
        for lane in self._lanes:
            lane.look(now_ns)
            stopped = stopped or lane.client.stopped
        if stopped:
            self._start_due(NEVER_NS)  # who waits for a turn finds out that there is none

    # ---- what the clients ask of it

    def watch(self, lane: Lane, events: int = READABLE) -> None:
        """Hear of the client's descriptor from now on, or of other events of it than before."""
        descriptor, lane.unheard = lane.descriptor, False
        if self._by_descriptor.get(descriptor) is lane:
            self._epoll.modify(descriptor, events)
            return
        self._by_descriptor[descriptor] = lane
        self._epoll.register(descriptor, events)

    def ignore(self, lane: Lane) -> None:
        """Hear no more of the client's descriptor, which is to be closed, or has nothing to say that helps."""
        if self._by_descriptor.get(lane.descriptor) is lane:  # the number may be another client's by now
            del self._by_descriptor[lane.descriptor]
            with suppress(OSError):  # the driver closes a broken connection by itself
                self._epoll.unregister(lane.descriptor)
