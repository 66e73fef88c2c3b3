"""Percentiles of measured times, and how far they are known. Pure.

Percentiles are nearest-rank (the smallest measured value that at least q of all values do not exceed; definition 1 of
Hyndman and Fan, "Sample quantiles in statistical packages", 1996): each is a time that some attempt really took, and
it is an order statistic, as the bounds of its interval are.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

TAIL = 10
"""A percentile is given from this many values in its tail on."""
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """Mean, percentiles with 95 % intervals, and maximum of a time, in ns; None where there are too few values."""

    mean_ns: float | None = None
    p50_ns: int | None = None
    p90_ns: int | None = None
    p95_ns: int | None = None
    p99_ns: int | None = None
    p999_ns: int | None = None
    max_ns: int | None = None
    p50_low_ns: int | None = None
    p50_high_ns: int | None = None
    p99_low_ns: int | None = None
    p99_high_ns: int | None = None


def rank_of(size: int, q: float) -> int | None:
    """The rank, from 1, of the nearest-rank percentile of so many values; None below ten values in its tail."""
    exact = _exact(q)
    if size * min(exact, 1 - exact) < TAIL:
        return None
    return -(-size * exact.numerator // exact.denominator)


def percentile_or_none(sorted_ns: np.ndarray, q: float) -> int | None:
    """The nearest-rank percentile, or None below ten values in its tail.

    So p50 needs 20 values, p90 100, p95 200, p99 1,000 and p99.9 10,000.

    Args:
        sorted_ns: Values in ascending order, shape (n,).
        q: Above 0 and below 1; 0.99 for p99.
    """
    rank = rank_of(len(sorted_ns), q)
    return int(sorted_ns[rank - 1]) if rank else None


def interval_ranks(size: int, q: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Ranks, from 1, of the two order statistics between which the true q-quantile lies with at least `confidence`.

    Free of any assumption on the distribution: the number of values below the quantile is binomial (David and Nagaraja,
    "Order Statistics", 3rd edition, section 7.1; Le Boudec, "Performance Evaluation", theorem 2.1), at most half
    of the remaining probability on each side. It does assume independent values. None where `size` is too small.
    """
    first, cumulated = _binomial(size, q)
    outside = (1 - confidence) / 2
    low = first + int(np.count_nonzero(cumulated <= outside))
    high = first + int(np.searchsorted(cumulated, 1 - outside)) + 1
    return (low, high) if low >= 1 and high <= size else None


# ---- parts ------------------------------------------------------------------------------------------------------


@lru_cache
def _exact(q: float) -> Fraction:
    """The decimal fraction that is meant, so that no rank is off by one for 0.1 + 0.2 reasons.

    Kept, as `Seconds` asks for the same four again and again.
    """
    return Fraction(q).limit_denominator(1_000_000)


def _binomial(size: int, q: float) -> tuple[int, np.ndarray]:
    """(k, cumulated probabilities of k, k + 1, ...) of the binomial distribution, all but 12 standard deviations."""
    reach = 12 * (size * q * (1 - q)) ** 0.5 + 12
    first, last = max(0, int(size * q - reach)), min(size, int(size * q + reach) + 1)
    counts = np.arange(first, last + 1, dtype=np.float64)
    steps = np.log((size - counts[:-1]) / counts[1:] * (q / (1 - q)))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    masses = np.exp(logs - logs.max())
    return first, np.cumsum(masses / masses.sum())
