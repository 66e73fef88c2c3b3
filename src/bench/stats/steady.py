"""Was a run steady? Says so; nothing is ever cut off for it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SLICES = 100
"""Into so many slices of equal time a run is cut to be judged."""
FEWEST_SLICES = 50
PER_SLICE = 10
"""Attempts that a slice should have, on average."""
SMALLEST_CHANGE = 0.05
"""A beginning, or an end, that differs less from the rest is not worth a word."""
_ERRORS = 6.0
"""How many standard errors it must differ: more than usual, since where it is cut was chosen to differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Steadiness:
    """What the slices of a run say of it."""

    steady: bool
    transient_ratio: float
    """Part of the run, 0 to 1, that differs from the rest: its beginning, or its end."""
    change_ratio: float
    """Times in that part against the rest; 1 where there is no such part."""


class Slices:
    """The attempts of a run by slice of its time, taken as they come.

    The run is cut into slices of equal time, and the rule of MSER (White, "An effective truncation heuristic for bias
    reduction in simulation output", 1997; with batches: White, Cobb and Spratt, "A comparison of five steady-state
    truncation heuristics for simulation", 2000) finds the beginning without which the mean would be known best; then
    the same from the end. The run is not steady where that part differs from the rest by 5 % and by six standard
    errors, the dependence of neighbouring slices taken into account. It is judged by geometric means, so that one
    slow attempt is not a transient. A steady run of which neighbouring slices are correlated by 0.5 at most is called
    unsteady once or twice in a hundred, in 50 slices up to four times. A change in the last tenths of a run that is
    not larger than the noise of its slices may be missed.
    """

    def __init__(self, *, from_ns: int, to_ns: int) -> None:
        """Of a measurement interval from `from_ns` to `to_ns`."""
        self._from_ns, self._to_ns = from_ns, to_ns
        self._size = 0
        # All there are, while too few for `SLICES`: their number says into how many slices they are cut.
        self._first: list[tuple[np.ndarray, np.ndarray]] = []
        self._counts = np.zeros(SLICES, dtype=np.int64)
        self._sums = np.zeros(SLICES)

    def add(self, start_ns: np.ndarray, took_ns: np.ndarray) -> None:
        """Take more attempts, in any order: when each was meant to start, and the time it took, both of shape (n,)."""
        self._size += len(start_ns)
        self._first.append((start_ns, np.log(np.maximum(took_ns, 1))))
        if self._size < SLICES * PER_SLICE or self._to_ns <= self._from_ns:
            return
        counts, sums = self._cut(SLICES)
        self._counts += counts
        self._sums += sums
        self._first = []

    def steadiness(self) -> Steadiness | None:
        """Whether times at the beginning, or at the end, are like those of the rest; None with too few of them."""
        slices = min(SLICES, self._size // PER_SLICE)
        if slices < FEWEST_SLICES or self._to_ns <= self._from_ns:
            return None
        counts, sums = self._cut(slices) if slices < SLICES else (self._counts, self._sums)
        filled = counts > 0
        return judge(sums[filled] / counts[filled]) if filled.sum() >= FEWEST_SLICES else None

    def _cut(self, slices: int) -> tuple[np.ndarray, np.ndarray]:
        """(attempts, sum of the logarithms of their times) by slice, of those in `_first`."""
        start_ns, logs = (np.concatenate(parts) for parts in zip(*self._first, strict=True))
        at = np.clip((start_ns - self._from_ns) * slices // (self._to_ns - self._from_ns), 0, slices - 1)
        return np.bincount(at, minlength=slices), np.bincount(at, logs, minlength=slices)


def judge(series: np.ndarray) -> Steadiness:
    """The same as `Slices.steadiness`, of logarithms of times that are given by slice, shape (slices,)."""
    changes = [_change(series), _change(series[::-1])]
    part, change, certain = max(changes, key=lambda found: (found[2], abs(found[1])))
    return Steadiness(steady=not certain, transient_ratio=part, change_ratio=math.exp(change))


def mser(series: np.ndarray) -> int:
    """How many values at the beginning are better left out of the mean: 0 to n - 5.

    The d that makes the squared standard error of the mean of the others least: sum (x - mean)^2 / (n - d)^2.
    """
    size = len(series)
    centred = series - series.mean()  # keeps digits
    left = size - np.arange(size - 4)
    sums = np.cumsum(centred[::-1])[::-1][: size - 4]
    squares = np.cumsum(centred[::-1] ** 2)[::-1][: size - 4]
    return int(np.argmin((squares - sums**2 / left) / left**2))


def _change(series: np.ndarray) -> tuple[float, float, bool]:
    """(part of the series, its difference from the rest, whether that is certain), for its beginning."""
    cut = mser(series)
    if not cut:
        return 0.0, 0.0, False
    before, rest = series[:cut], series[cut:]
    change = float(before.mean() - rest.mean())
    error = math.sqrt(_variance(rest) * (1 / len(before) + 1 / len(rest)))
    return cut / len(series), change, abs(change) > max(math.log1p(SMALLEST_CHANGE), _ERRORS * error)


def _variance(rest: np.ndarray) -> float:
    """Of one value, with what its neighbours have in common: times (1 + r) / (1 - r), r the correlation at lag one."""
    centred = rest - rest.mean()
    squares = float(centred @ centred)
    if not squares:
        return 0.0
    r = float(centred[:-1] @ centred[1:]) / squares
    r = min(max(r + (1 + 3 * r) / len(rest), 0.0), 0.95)  # an estimate is too low by that much (Kendall, 1954)
    return squares / (len(rest) - 1) * (1 + r) / (1 - r)
