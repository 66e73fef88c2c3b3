"""How much longer the candidate takes: the ratio of two sides over their runs, and how far it is known. Pure.

All is done on logarithms, so that twice and half are equally far from one. What varies is the run, not the attempt:
attempts of one run share its caches, its layout in memory and its minute on the machine, so that a million of them
know that run very well and the next one hardly (Kalibera and Jones, "Rigorous benchmarking in reasonable time", 2013;
Mytkowicz et al., "Producing wrong data without doing anything obviously wrong!", 2009). So each run gives one number,
and the interval comes from how these numbers differ between runs.

It is a t interval, not a bootstrap: with five runs a bootstrap over runs is too narrow (its smallest resample variance
is missing a factor of (n - 1) / n and the heavier tail; Hesterberg, "What teachers should know about the bootstrap",
2015, section 3.2), while logarithms of medians of many attempts are close to normal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bench.stats.student import t_cdf, t_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

_GREATEST = 700.0
"""Logarithm of about the largest double: two pairs can leave a ratio as unknown as that."""
BETWEEN_RUNS = 0.05
"""The deviation (of the logarithm) between runs of one system that is allowed for where it cannot be measured: there is
one run on each side, or runs agree to the last digit."""
FEWEST_PAIRS = 3
"""Below it a pair more or less decides how far the interval reaches: that of two is 12.7 standard errors wide on either
side, 255 where it is one of twenty claims, of an error that itself is known to a factor of 30 only."""
MOST_RUNS = 1_000
"""More are not asked for."""
_DIGITS = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """A ratio of candidate to baseline, as a logarithm with its standard error."""

    log_ratio: float
    error: float
    """Standard error of `log_ratio`."""
    df: float
    """Degrees of freedom of `error`; infinite where it is an allowance."""
    design: Literal["paired", "unpaired", "allowance"]
    runs: int
    """Pairs; of unpaired runs those of the smaller side."""

    @property
    def ratio(self) -> float:
        """Candidate / baseline: geometric mean of the runs' ratios."""
        return math.exp(self.log_ratio)

    @property
    def p_value(self) -> float:
        """Two-sided, of the hypothesis that the ratio is 1."""
        if not self.error:
            return float(not self.log_ratio)
        return 2 * t_cdf(-abs(self.log_ratio) / self.error, self.df)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Bounds of the ratio at the confidence `level`."""
        reach = t_quantile((1 + level) / 2, self.df) * self.error
        low, high = self.log_ratio - reach, self.log_ratio + reach
        return math.exp(max(low, -_GREATEST)), math.exp(min(high, _GREATEST))

    @property
    def inverse(self) -> Shift:
        """Baseline / candidate: of a rate, what is to a rate as a time is."""
        return replace(self, log_ratio=-self.log_ratio)

    def runs_for(self, reach: float, level: float = 0.95) -> int | None:
        """How many pairs would make the interval reach so far only, on the log scale; None above `MOST_RUNS`.

        It takes the runs to go on varying as they did.
        """
        deviation = self.error * math.sqrt(self.runs)
        sizes: tuple[int, ...] = (*range(2, 50), *range(50, MOST_RUNS + 1, 10))
        for size in sizes:
            if t_quantile((1 + level) / 2, size - 1) * deviation / math.sqrt(size) <= reach:
                return size
        return None


def paired(baseline: np.ndarray, candidate: np.ndarray) -> Shift:
    """From runs that were made side by side: position i of both is one block.

    The t interval of the mean of n differences, n - 1 degrees of freedom (Student, 1908). What a block has in common
    - the hour, a neighbour, a full disk - falls out. Pairs that differ by the same to the last digit show the steps of
    a clock, and not how runs vary: `BETWEEN_RUNS` is allowed for it then.

    Power: with 5 pairs a true difference of 5 %, claimed alone, is called by its name with probability 0.97 where the
    ratios of the pairs vary by 1.8 % (standard deviation) and 0.88 where they vary by 2.5 %. Among six claims
    (`decide`; three operations by p50 and p99) it is at least 0.91 at 1.5 %, 0.78 at 1.8 % and 0.47 at 2.5 %.

    Args:
        baseline: Logarithms, one per run, shape (n,), n of at least 2.
        candidate: The same.
    """
    differences = candidate - baseline
    size = len(differences)
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / math.sqrt(size)
    if _only_steps(mean, error):
        return Shift(log_ratio=mean, error=BETWEEN_RUNS * math.sqrt(2 / size), df=math.inf, design="paired", runs=size)
    return Shift(log_ratio=mean, error=error, df=size - 1, design="paired", runs=size)


def unpaired(baseline: np.ndarray, candidate: np.ndarray) -> Shift:
    """From runs that were not made side by side: Welch's t interval (Welch, 1947, with Satterthwaite's degrees).

    Where one side has a single run, it is taken to vary as the other does (the pooled t interval with n = 1).

    Args:
        baseline: Logarithms, one per run, shape (n,).
        candidate: Shape (m,); n or m is at least 2.
    """
    sizes = len(baseline), len(candidate)
    difference = float(candidate.mean() - baseline.mean())
    if min(sizes) == 1:
        spread = float((baseline if sizes[0] > 1 else candidate).std(ddof=1))
        error, df = spread * math.sqrt(1 + 1 / max(sizes)), float(max(sizes) - 1)
    else:
        parts = [float(side.var(ddof=1)) / len(side) for side in (baseline, candidate)]
        error, df = math.sqrt(sum(parts)), satterthwaite(parts, [size - 1 for size in sizes])
    if _only_steps(difference, error):
        error, df = BETWEEN_RUNS * math.sqrt(1 / sizes[0] + 1 / sizes[1]), math.inf
    return Shift(log_ratio=difference, error=error, df=df, design="unpaired", runs=min(sizes))


def single(log_ratio: float, within_error: float) -> Shift:
    """From one run on each side: what varies between runs is not known, so `BETWEEN_RUNS` is allowed for it.

    Two runs of one system then seem to differ less than once in twenty, as long as they vary by no more than the
    allowance. A ratio below 0.87 or above 1.15 is needed to call one of them faster, and none is close enough to 1
    to call them equivalent.

    Args:
        log_ratio: Of the two runs.
        within_error: Standard error of `log_ratio` that the attempts of the runs make known, for example by
            `bootstrap.log_quantiles`.
    """
    error = math.hypot(within_error, math.sqrt(2) * BETWEEN_RUNS)
    return Shift(log_ratio=log_ratio, error=error, df=math.inf, design="allowance", runs=1)


def _only_steps(log_ratio: float, error: float) -> bool:
    """The sides differ and their runs do not, as where a clock moves in steps wider than what runs differ by."""
    return error < _DIGITS < abs(log_ratio)


def satterthwaite(variances: Sequence[float], df: Sequence[float]) -> float:
    """Degrees of freedom of a sum of variances that were estimated apart (Satterthwaite, 1946)."""
    whole = sum(variances)
    if not whole:
        return float(min(df))
    parts = sum((part / whole) ** 2 / degrees for part, degrees in zip(variances, df, strict=True))
    return 1 / parts if parts else math.inf
