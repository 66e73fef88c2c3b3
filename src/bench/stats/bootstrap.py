"""How far a quantile of one run, or of a few, is known, by resampling. Pure.

Attempts that follow each other resemble each other: a checkpoint slows a second's worth of them. So what is drawn
with replacement are stretches of time, not attempts (the block bootstrap with blocks that do not overlap: Carlstein,
"The use of subseries values for estimating the variance of a general statistic from a stationary sequence", 1986;
Lahiri, "Resampling Methods for Dependent Data", 2003). A block is a histogram, so that the cost of a resample does
not grow with the attempts, and ten million of them are read once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bench.stats.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = 50
"""Stretches of time into which a run is cut: long against what attempts have in common, and enough to draw from."""
FEWEST_BLOCKS = 5
"""With values in fewer blocks the spread of resamples says too little. Of simulated comparisons of two equal systems by
one run each, a difference was seen in 43 to 83 % with one block, 16 to 31 % with two, 10 to 12 % with three, and with
five in 4 to 7 %, `error_of` applied."""
RESAMPLES = 1_000


def log_quantiles(
    blocks: Sequence[Histogram], q: float, rng: np.random.Generator, resamples: int = RESAMPLES
) -> np.ndarray:
    """Logarithms of the quantile of resampled runs, shape (resamples,); their deviation is its standard error.

    Args:
        blocks: Of one run, in any order; those without values are part of the draw, but a resample of nothing else
            has no quantile and is drawn again.
        q: Above 0 and below 1.
        rng: Source of the draws.
        resamples: How many.

    Raises:
        ValueError: No block has a value.
    """
    counts, values = _stacked(blocks)
    up_to = np.cumsum(counts.T, axis=0, dtype=np.float64)  # of each bin, how many values each block has up to it
    return np.asarray(np.log(values[_bins_at(q, _draws_with_values(up_to[-1], rng, resamples), up_to)]))


def log_means(blocks: Sequence[Histogram], rng: np.random.Generator, resamples: int = RESAMPLES) -> np.ndarray:
    """The same of the mean."""
    counts, values = _stacked(blocks)
    sizes, sums = counts.sum(axis=1), counts @ values
    drawn = _draws_with_values(sizes, rng, resamples)
    return np.asarray(np.log((drawn @ sums) / (drawn @ sizes)))


def log_rates(blocks: Sequence[Histogram], rng: np.random.Generator, resamples: int = RESAMPLES) -> np.ndarray:
    """The same of the number of attempts per block, which is the throughput but for a factor."""
    sizes = _stacked(blocks)[0].sum(axis=1)
    rates = _draws(len(blocks), rng, resamples) @ sizes / len(blocks)
    return np.asarray(np.log(np.maximum(rates, 1e-9)))


def error_of(logs: np.ndarray, filled: int) -> float:
    """Standard error of what was resampled: the deviation of the resamples, made up for what few blocks hide.

    A resample of n blocks varies too little by the factor sqrt((n - 1) / n) (Davison and Hinkley, 1997, section 2.3).

    Args:
        logs: As of `log_quantiles`.
        filled: Blocks with values, `FEWEST_BLOCKS` at least.
    """
    return float(logs.std(ddof=1)) * math.sqrt(filled / (filled - 1))


def hierarchical(runs: Sequence[np.ndarray], rng: np.random.Generator, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the geometric mean over runs of what was resampled within each: runs are drawn too.

    The percentile interval of a bootstrap in two stages (Davison and Hinkley, "Bootstrap Methods and their
    Application", 1997, section 3.8). It describes one system and is drawn, not decided by: with few runs it is too
    narrow (five runs: about 0.83 instead of 0.95 where runs differ much), which is why verdicts come from `shift`.

    Args:
        runs: Resampled logarithms of each run, as of `log_quantiles`; all of one length.
        rng: Source of the draws.
        level: Confidence, 0 to 1.
    """
    logs = np.stack(runs)
    size, resamples = logs.shape
    chosen = rng.integers(size, size=(resamples, size))
    means = logs[chosen, rng.integers(resamples, size=(resamples, size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(np.exp(low)), float(np.exp(high))


def _draws(blocks: int, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """How often each block is drawn, shape (resamples, blocks)."""
    return rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples).astype(np.float64)


def _draws_with_values(sizes: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """The same without the draws in which no block has a value: an operation seen in one block of fifty has many.

    Args:
        sizes: Values of each block, shape (blocks,); not all of them 0.
        rng: Source of the draws.
        resamples: How many.
    """
    drawn = _draws(len(sizes), rng, resamples)
    while (empty := drawn @ sizes == 0).any():
        drawn[empty] = _draws(len(sizes), rng, int(empty.sum()))
    return drawn


def _bins_at(q: float, drawn: np.ndarray, up_to: np.ndarray) -> np.ndarray:
    """The bin in which the quantile of each resample lies, by bisection of all at once: no resample is ever summed up.

    Args:
        q: Above 0 and below 1.
        drawn: How often each block is drawn, shape (resamples, blocks); each row draws at least one value.
        up_to: Values up to each bin, shape (bins, blocks).
    """
    ranks = np.maximum(np.ceil(drawn @ up_to[-1] * q - 1e-9), 1)
    low, high = np.zeros(len(drawn), dtype=np.intp), np.full(len(drawn), len(up_to) - 1)
    while (low < high).any():
        middle = (low + high) // 2
        reached = np.einsum("ij,ij->i", drawn, up_to[middle]) >= ranks
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    return low


def _stacked(blocks: Sequence[Histogram]) -> tuple[np.ndarray, np.ndarray]:
    """Counts of shape (blocks, bins) and the values of the bins, for the bins in which there is a value."""
    whole = Histogram.sum_of(blocks)
    if not len(whole):
        raise ValueError("there is no value to draw from")
    counts = np.zeros((len(blocks), len(whole.counts)), dtype=np.float32)
    for row, block in zip(counts, blocks, strict=True):
        if len(block.counts):
            row[block.first - whole.first :][: len(block.counts)] = block.counts
    filled = whole.counts > 0
    return counts[:, filled], whole.values[filled]
