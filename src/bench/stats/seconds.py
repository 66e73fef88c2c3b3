"""What operations did second by second. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.stats.attempts import ABORTED, NS_PER_S, OK, Attempts, groups
from bench.stats.percentiles import percentile_or_none

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class Second:
    """What one operation did among the attempts meant to start within one second."""

    operation: str
    second: int
    """From the start of the measurement interval; negative in the warm-up."""
    count: int
    errors: int
    p50_ns: int | None
    p90_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    max_ns: int | None


class Seconds:
    """The attempts of a run by operation and the second in which they were meant to start, taken as they come.

    By the intended start, as everywhere: so the counts from second 0 on add up to the counts of a summary.
    """

    def __init__(self, operations: Sequence[str], *, start_ns: int) -> None:
        """Of a measurement interval from `start_ns`."""
        self._start_ns = start_ns
        self._found: dict[str, list[Second]] = {name: [] for name in operations}
        self._open = [_Waiting.none()]

    def add(self, attempts: Attempts) -> None:
        """Take more attempts, in any order."""
        self._open.append(_Waiting.of(attempts, self._start_ns))

    def settle(self, before_ns: int) -> None:
        """Work out all seconds that have ended at `before_ns`: no attempt meant to start before it is going to come."""
        held = _Waiting.together(self._open)
        ended = held.second < (before_ns - self._start_ns) // NS_PER_S
        self._work_out(held.take(ended))
        self._open = [held.take(~ended)]

    @property
    def waiting(self) -> int:
        """The attempts whose seconds are not worked out yet."""
        return sum(len(part.second) for part in self._open)

    def seconds(self) -> list[Second]:
        """One entry per operation and second with attempts, in this order."""
        self._work_out(_Waiting.together(self._open))
        self._open = [_Waiting.none()]
        return [second for mine in self._found.values() for second in mine]

    def _work_out(self, ended: _Waiting) -> None:
        for name, positions in zip(self._found, groups(ended.operation, len(self._found)), strict=True):
            if len(positions):
                self._found[name] += _seconds(name, ended.take(positions))


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """What is kept of attempts until their second is worked out, as columns."""

    operation: np.ndarray
    second: np.ndarray
    status: np.ndarray
    service_ns: np.ndarray

    @staticmethod
    def none() -> _Waiting:
        return _Waiting(*(np.zeros(0, dtype=kind) for kind in (np.uint16, np.int64, np.uint8, np.int64)))

    @staticmethod
    def of(attempts: Attempts, start_ns: int) -> _Waiting:
        return _Waiting(
            attempts.operation,
            (attempts.intended_start_ns - start_ns) // NS_PER_S,
            attempts.status,
            attempts.end_ns - attempts.start_ns,
        )

    @staticmethod
    def together(parts: Sequence[_Waiting]) -> _Waiting:
        columns = ("operation", "second", "status", "service_ns")
        return _Waiting(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))

    def take(self, chosen: np.ndarray) -> _Waiting:
        """Those at the given positions, or where a mask is true."""
        return _Waiting(self.operation[chosen], self.second[chosen], self.status[chosen], self.service_ns[chosen])


def _seconds(name: str, mine: _Waiting) -> Iterator[Second]:
    first = int(mine.second.min())
    for offset, positions in enumerate(groups(mine.second - first, int(mine.second.max()) - first + 1)):
        if not len(positions):
            continue
        part = mine.take(positions)
        ok = part.status == OK
        service_ns = np.sort(part.service_ns[ok])
        yield Second(
            operation=name,
            second=first + offset,
            count=len(positions),
            errors=int(np.count_nonzero(~ok & (part.status != ABORTED))),
            p50_ns=percentile_or_none(service_ns, 0.5),
            p90_ns=percentile_or_none(service_ns, 0.9),
            p95_ns=percentile_or_none(service_ns, 0.95),
            p99_ns=percentile_or_none(service_ns, 0.99),
            max_ns=int(service_ns[-1]) if len(service_ns) else None,
        )
