"""How large a difference is for one attempt, and which attempts lie far outside. Linear in the attempts. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.stats.histogram import Histogram
from bench.stats.student import t_quantile

FAR_OUT = 3.0
"""Interquartile ranges beyond the quartile: Tukey's outer fence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outliers:
    """Values far outside; they are counted and stay in every number."""

    count: int
    above_ns: int
    """Values above it are counted."""
    method: str = "Tukey's outer fences on logarithms"


def superiority(baseline: Histogram, candidate: Histogram) -> float | None:
    """The probability that a value of the candidate is smaller than one of the baseline, ties half.

    None without values. 0.5: no difference; 1: each value of the candidate is below each of the baseline. It is the
    statistic U of Mann and Whitney (1947) by the number of pairs, the A of Vargha and Delaney ("A critique and
    improvement of the CL common language effect size statistics", 2000). Values in one bin of the histograms (0.1 %
    wide) are ties. Twice it less one is Cliff's delta ("Dominance statistics", 1993).
    """
    both = baseline + candidate
    pairs = len(baseline) * len(candidate)
    if not pairs:
        return None
    base, cand = (_on(each, both) for each in (baseline, candidate))
    below = np.cumsum(cand) - cand
    return float(np.sum(base * (below + 0.5 * cand)) / pairs)


def outliers(times: Histogram) -> Outliers | None:
    """Times far above the others; None without values.

    Tukey's outer fence ("Exploratory Data Analysis", 1977) on logarithms, as times are skewed and a fence on the plain
    scale would call a twentieth of a healthy log-normal distribution outliers: q3 * (q3 / q1) ** 3.
    """
    if not len(times):
        return None
    q1, q3 = times.quantile(0.25), times.quantile(0.75)
    fence = math.exp(math.log(q3) + FAR_OUT * (math.log(q3) - math.log(q1)))
    # Quantiles are whole, so values are made so too: of equal times none is above the others.
    beyond = np.floor(times.values) > fence * (1 + 1e-9)
    return Outliers(count=int(times.counts[beyond].sum()), above_ns=round(fence))


def far_run(values: np.ndarray, alpha: float = 0.01) -> int | None:
    """Position of the value that lies too far from the others to be one of them; None where there is none.

    By the test of Grubbs ("Procedures for detecting outlying observations in samples", 1969), which finds one in values
    that are normal with probability `alpha`. Of fewer than four values nobody can say.
    """
    size = len(values)
    if size < 4 or not np.ptp(values):
        return None
    distances = np.abs(values - values.mean()) / values.std(ddof=1)
    t = t_quantile(1 - alpha / (2 * size), size - 2)
    critical = (size - 1) / math.sqrt(size) * math.sqrt(t * t / (size - 2 + t * t))
    at = int(np.argmax(distances))
    return at if distances[at] > critical else None


def _on(part: Histogram, whole: Histogram) -> np.ndarray:
    """The counts on the bins of `whole`, as doubles: a product of two counts can exceed 64 bits."""
    counts = np.zeros(len(whole.counts))
    counts[part.first - whole.first :][: len(part.counts)] = part.counts
    return counts
