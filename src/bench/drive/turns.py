"""Whose turn it is, and when: the starts of a closed loop, and those of an open loop."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Protocol, TypeAlias

from bench.drive.assignment import NEVER_NS
from bench.model import Phase

if TYPE_CHECKING:
    from bench.drive.assignment import Window
    from bench.load import Arrivals, Schedule

OWN_ORDER = -1
"""In the place of an operation: the next one of the client's own order."""


Turn: TypeAlias = tuple[int, int]
"""One operation that is to be started: when it is meant to, and its position in `workload.asked`, or `OWN_ORDER`."""


class Turns(Protocol):
    """Gives a client that is free what it is to start next."""

    prompt_until_ns: int
    """A client that becomes free in the measurement interval, but before this, need not ask: it is its turn at once."""

    def take(self, free_at_ns: int) -> Turn | None:
        """The next turn, which may lie ahead; None: there is nothing more to start."""
        ...

    def abandon(self, turn: Turn) -> None:
        """A turn that was taken is not started after all: the client was stopped while it waited."""


class ClosedTurns:
    """Of one client in a closed loop: by its schedule, until the window is over and enough was started in it."""

    __slots__ = ("_next_start_ns", "_owed", "_window", "prompt_until_ns")

    def __init__(self, schedule: Schedule, window: Window, iterations: int) -> None:
        self._next_start_ns = schedule.next_start_ns
        self._window = window
        self._owed = iterations
        self.prompt_until_ns = window.end_ns if schedule.prompt and not iterations else 0

    def take(self, free_at_ns: int) -> Turn | None:
        """Free plus think time, while the window lasts or iterations are owed."""
        intended_ns, window = self._next_start_ns(free_at_ns), self._window
        if intended_ns >= window.end_ns and (self._owed <= 0 or intended_ns >= window.limit_ns):
            return None
        if intended_ns >= window.measure_ns:
            self._owed -= 1
        return intended_ns, OWN_ORDER

    def abandon(self, turn: Turn) -> None:
        """Nobody had arrived."""


class OpenTurns:
    """Of all clients of a process in an open loop: whoever is free takes the next arrival, however late it is.

    An arrival for which no client was free within `max_lag_ns` is dropped, and counted.
    """

    prompt_until_ns = 0

    def __init__(self, arrivals: Arrivals, window: Window) -> None:
        self._arrivals = iter(arrivals)
        self._max_lag_ns = arrivals.max_lag_ns or NEVER_NS
        self._window = window
        self._over = False
        self.dropped: Counter[tuple[Phase, int]] = Counter()
        """By phase of the intended start, and position of the operation or `OWN_ORDER`."""
        # Clients in threads share it; an iterator may be asked by one thread at a time.
        self._lock = threading.Lock()

    def take(self, free_at_ns: int) -> Turn | None:
        """The next arrival that is not too late."""
        with self._lock:
            while (turn := self._next()) is not None:
                if free_at_ns - turn[0] <= self._max_lag_ns:
                    return turn
                self._drop(turn)
        return None

    def abandon(self, turn: Turn) -> None:
        """The arrival is dropped."""
        with self._lock:
            self._drop(turn)

    def give_up(self, until_ns: int = NEVER_NS) -> None:
        """Count every arrival before `until_ns` that no client has taken as dropped: nobody is left to start it."""
        with self._lock:
            while (turn := self._next()) is not None and turn[0] < until_ns:
                self._drop(turn)

    def _next(self) -> Turn | None:
        if not self._over:
            for intended_ns, operation in self._arrivals:
                if intended_ns < self._window.end_ns:
                    return intended_ns, operation
                break
            self._over = True
        return None

    def _drop(self, turn: Turn) -> None:
        intended_ns, operation = turn
        phase = Phase.MEASUREMENT if intended_ns >= self._window.measure_ns else Phase.WARM_UP
        self.dropped[phase, operation] += 1
