"""Streams of randomness and the skewed distribution over ranks. Pure: numpy and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Whole: TypeAlias = "NDArray[np.int64]"
Real: TypeAlias = "NDArray[np.float64]"

HEAD_LIMIT = 65_536
"""Ranks whose cumulative weight is tabulated exactly; the table fits into a second-level cache."""
STRIDE = 2_654_435_761
"""A prime above every number of rows here, hence without a common divisor with any of them."""


def bit_stream(seed: int, *names: str, block: int = 0) -> np.random.Generator:
    """A stream of randomness of its own for each seed, path of names and block.

    The names enter by their hash, so that one more table, column or client changes no other stream. PCG64DXSM is
    numpy's recommendation for many parallel streams; its bits are the same on every platform.
    """
    digest = hashlib.blake2b("\0".join(names).encode(), digest_size=16).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    key = np.random.SeedSequence(seed, spawn_key=(*words, block))
    return np.random.Generator(np.random.PCG64DXSM(key))


@dataclass(frozen=True, eq=False)
class Zipf:
    """Ranks 0, 1, 2, … with weights 1, 1/2^skew, 1/3^skew, …, over any number of ranks up to `size`.

    Ranks are found by inverting the cumulative weight, so one uniform number gives one rank, whatever their number.
    The first 65,536 weights are summed exactly; beyond, a rank's weight is the integral of x^-skew over the interval
    of length one around it, whose relative error is below 1e-10 there. Unlike the approximation of Gray et al.,
    "Quickly Generating Billion-Record Synthetic Databases" (SIGMOD 1994), which YCSB uses, the head is exact and
    any skew of 0 or more is allowed.
    """

    size: int
    skew: float
    head: Real = field(init=False, repr=False)
    """Cumulative weights of the first ranks, shape (min(size, 65536),), not normalised."""

    def __post_init__(self) -> None:
        ranks = np.arange(1, min(self.size, HEAD_LIMIT) + 1, dtype=np.float64)
        object.__setattr__(self, "head", np.cumsum(ranks**-self.skew))

    def weight(self, count: int | Whole) -> Real:
        """Sum of the weights of the first `count` ranks, each count in 1..size."""
        counts = np.asarray(count, dtype=np.int64)
        known: Real = np.asarray(self.head[np.minimum(counts, len(self.head)) - 1])
        if self.size <= len(self.head):
            return known
        return np.asarray(known + self._tail(np.maximum(counts, len(self.head)) + 0.5))

    def draw(self, rng: np.random.Generator, draws: int, count: int | Whole | None = None) -> Whole:
        """Ranks from 0, shape (draws,); each below its own `count`, or below `size`."""
        limits = np.asarray(self.size if count is None else count, dtype=np.int64)
        target = rng.random(draws) * self.weight(limits)
        ranks = np.searchsorted(self.head, target, side="right").astype(np.int64)
        beyond = ranks >= len(self.head)
        if self.size > len(self.head) and beyond.any():
            ranks[beyond] = np.rint(self._inverse_tail(target[beyond])).astype(np.int64) - 1
        return np.minimum(ranks, limits - 1)

    def _tail(self, end: Real) -> Real:
        """Integral of x^-skew from the end of the head to `end`."""
        start = len(self.head) + 0.5
        power = 1.0 - self.skew
        area = np.log(end / start) if power == 0 else (end**power - start**power) / power
        return np.asarray(area, dtype=np.float64)

    def _inverse_tail(self, weight: Real) -> Real:
        """Where the cumulative weight is reached; kept inside the tail, for rounding may lead just beyond it."""
        start, end = len(self.head) + 0.5, self.size + 0.5
        power = 1.0 - self.skew
        area = weight - self.head[-1]
        if power == 0:
            return np.asarray(np.clip(start * np.exp(area), start, end), dtype=np.float64)
        reached = np.clip(area * power + start**power, min(start**power, end**power), max(start**power, end**power))
        return np.asarray(reached ** (1.0 / power), dtype=np.float64)


def scatter(ranks: Whole, count: int | Whole, shift: int) -> Whole:
    """Another order of 0..count-1 in which neighbouring ranks lie far apart: a bijection for each count."""
    return np.asarray((ranks * STRIDE + shift % STRIDE) % count, dtype=np.int64)
