"""How far a quantile of one run, or of a few, is known, by resampling. Pure.

Attempts that follow each other resemble each other: a checkpoint slows a second's worth of them. So what is drawn
with replacement are stretches of time, not attempts (the block bootstrap with blocks that do not overlap: Carlstein,
"The use of subseries values for estimating the variance of a general statistic from a stationary sequence", 1986;
Lahiri, "Resampling Methods for Dependent Data", 2003). A block is a histogram, so that the cost of a resample does
not grow with the attempts, and ten million of them are read once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.stats.histogram import Histogram, middle_of

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = 50
"""Stretches of time into which a run is cut: long against what attempts have in common, and enough to draw from."""
RESAMPLES = 1_000
_AT_ONCE = 100


def log_quantiles(
    blocks: Sequence[Histogram], q: float, rng: np.random.Generator, resamples: int = RESAMPLES
) -> np.ndarray:
    """Logarithms of the quantile of resampled runs, shape (resamples,); their deviation is its standard error.

    Args:
        blocks: Of one run, in any order; those without values are part of the draw.
        q: Above 0 and below 1.
        rng: Source of the draws.
        resamples: How many.

    Raises:
        ValueError: No block has a value.
    """
    first, counts = _stacked(blocks)
    filled = np.flatnonzero(counts.any(axis=0))
    if not len(filled):
        raise ValueError("there is no value to draw from")
    counts, logs = counts[:, filled].astype(np.float32), np.log(middle_of(first + filled))
    found = []
    for done in range(0, resamples, _AT_ONCE):
        size = min(_AT_ONCE, resamples - done)
        drawn = rng.multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=size).astype(np.float32)
        cumulated = np.cumsum(drawn @ counts, axis=1, dtype=np.float64)
        ranks = np.ceil(cumulated[:, -1:] * q - 1e-9)
        found.append(logs[np.argmax(cumulated >= np.maximum(ranks, 1), axis=1)])
    return np.concatenate(found)


def standard_error(blocks: Sequence[Histogram], q: float, rng: np.random.Generator) -> float:
    """Of the logarithm of one run's quantile; about the relative error of the quantile."""
    return float(log_quantiles(blocks, q, rng).std(ddof=1))


def hierarchical(
    runs: Sequence[Sequence[Histogram]], q: float, rng: np.random.Generator, *, level: float = 0.95
) -> tuple[float, float]:
    """Interval of the geometric mean over runs of a quantile: runs are drawn, and within each of them blocks.

    The percentile interval of a bootstrap in two stages (Davison and Hinkley, "Bootstrap Methods and their
    Application", 1997, section 3.8). It describes one system and is drawn, not decided by: with few runs it is too
    narrow (five runs: about 0.83 instead of 0.95 where runs differ much), which is why verdicts come from `shift`.

    Args:
        runs: The blocks of each run.
        q: Above 0 and below 1.
        rng: Source of the draws.
        level: Confidence, 0 to 1.
    """
    logs = np.stack([log_quantiles(blocks, q, rng) for blocks in runs])
    size, resamples = logs.shape
    chosen = rng.integers(size, size=(resamples, size))
    means = logs[chosen, rng.integers(resamples, size=(resamples, size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(np.exp(low)), float(np.exp(high))


def _stacked(blocks: Sequence[Histogram]) -> tuple[int, np.ndarray]:
    """The number of the first bin, and counts of shape (blocks, bins) from there on."""
    filled = [block for block in blocks if len(block.counts)]
    if not filled:
        return 0, np.zeros((len(blocks), 1), dtype=np.int64)
    first = min(block.first for block in filled)
    width = max(block.first + len(block.counts) for block in filled) - first
    counts = np.zeros((len(blocks), width), dtype=np.int64)
    for row, block in zip(counts, blocks, strict=True):
        if len(block.counts):
            row[block.first - first :][: len(block.counts)] = block.counts
    return first, counts
