"""Steps in a series of results over time: where a version, or a machine, became slower or faster. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

PERMUTATIONS = 1_999
ALPHA = 0.01
FEWEST = 2
"""Results on either side of a step: one alone may be an accident."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A change of level between two neighbouring results."""

    at: int
    """Position of the first result on the new level."""
    ratio: float
    """New level / old level."""
    p_value: float
    """How often a series in random order would show such a step, or a larger one."""


def steps(values: np.ndarray, rng: np.random.Generator, *, alpha: float = ALPHA) -> tuple[Step, ...]:
    """The steps of a series of positive results, in order of time.

    Binary segmentation (Vostrikova, "Detecting 'disorder' in multidimensional random processes", 1981): the series is
    cut where the two means of its logarithms differ most, in units of their error; the cut stands where at most
    `alpha` of random orders of the same values show as much; then both parts are looked at in the same way. The
    permutation test is that of Matteson and James ("A nonparametric approach for multiple change point analysis",
    2014), which Daly et al. ("The use of change point detection to identify software performance regressions in a
    continuous integration system", 2020) found to serve. No step can be found in fewer than about ten results: there
    are too few orders.

    Args:
        values: Above 0, shape (n,).
        rng: Source of the random orders.
        alpha: Probability of a false step in a series without any.
    """
    logs = np.log(values)
    cuts = sorted(_cuts(logs, 0, rng, alpha))
    if not cuts:
        return ()
    edges = [0, *(at for at, _ in cuts), len(logs)]
    levels = [float(logs[start:end].mean()) for start, end in pairwise(edges)]
    return tuple(
        Step(at=at, ratio=float(np.exp(new - old)), p_value=p_value)
        for (at, p_value), (old, new) in zip(cuts, pairwise(levels), strict=True)
    )


def _cuts(logs: np.ndarray, offset: int, rng: np.random.Generator, alpha: float) -> Iterator[tuple[int, float]]:
    if len(logs) < 2 * FEWEST or not np.ptp(logs):
        return
    scores = _scores(logs[None, :])[0]
    at = int(np.argmax(scores)) + FEWEST
    orders = rng.permuted(np.tile(logs, (PERMUTATIONS, 1)), axis=1)
    # the same values in another order may differ in the last digits of their sums
    as_large = int(np.count_nonzero(_scores(orders).max(axis=1) >= scores.max() * (1 - 1e-9)))
    p_value = (1 + as_large) / (1 + PERMUTATIONS)
    if p_value > alpha:
        return
    yield offset + at, p_value
    yield from _cuts(logs[:at], offset, rng, alpha)
    yield from _cuts(logs[at:], offset + at, rng, alpha)


def _scores(series: np.ndarray) -> np.ndarray:
    """For each cut, the part of the variance that lies between the two sides: a monotone function of the t statistic.

    Args:
        series: Shape (series, n).

    Returns:
        Shape (series, n - 3): for cuts before positions 2 to n - 2.
    """
    size = series.shape[1]
    centred = series - series.mean(axis=1, keepdims=True)
    before = np.arange(FEWEST, size - FEWEST + 1)
    sums = np.cumsum(centred, axis=1)[:, FEWEST - 1 : size - FEWEST]
    return np.asarray(sums**2 * size / (before * (size - before)))
