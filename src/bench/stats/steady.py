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


def steadiness(start_ns: np.ndarray, took_ns: np.ndarray, *, from_ns: int, to_ns: int) -> Steadiness | None:
    """Whether times at the beginning, or at the end, of a run are like those of the rest; None with too few of them.

    The run is cut into slices of equal time, and the rule of MSER (White, "An effective truncation heuristic for bias
    reduction in simulation output", 1997; with batches: White, Cobb and Spratt, "A comparison of five steady-state
    truncation heuristics for simulation", 2000) finds the beginning without which the mean would be known best; then
    the same from the end. The run is not steady where that part differs from the rest by 5 % and by six standard
    errors, the dependence of neighbouring slices taken into account. It is judged by geometric means, so that one
    slow attempt is not a transient. A steady run of which neighbouring slices are correlated by 0.5 at most is called
    unsteady once or twice in a hundred, in 50 slices up to four times. A change in the last tenths of a run that is
    not larger than the noise of its slices may be missed.

    Args:
        start_ns: When each attempt was meant to start, in any order, shape (n,).
        took_ns: The time it took, shape (n,).
        from_ns: Start of the measurement interval.
        to_ns: Its end.
    """
    slices = min(SLICES, len(start_ns) // PER_SLICE)
    if slices < FEWEST_SLICES or to_ns <= from_ns:
        return None
    at = np.clip((start_ns - from_ns) * slices // (to_ns - from_ns), 0, slices - 1)
    counts = np.bincount(at, minlength=slices)
    sums = np.bincount(at, np.log(np.maximum(took_ns, 1)), minlength=slices)
    filled = counts > 0
    return judge(sums[filled] / counts[filled]) if filled.sum() >= FEWEST_SLICES else None


def judge(series: np.ndarray) -> Steadiness:
    """The same of logarithms of times that are given by slice, shape (slices,)."""
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
