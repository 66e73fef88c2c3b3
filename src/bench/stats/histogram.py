"""Times counted in bins of equal relative width, so that counts of any number of parts can be added up.

The layout is that of HdrHistogram (Tene, hdrhistogram.org): each power of two is cut into equal parts. A double holds
such a layout in itself: its exponent is the power of two, the first bits of its mantissa are the part. So a bin is
read off the bits of a number, without a logarithm and for all values at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

PART_BITS = 10
"""Each power of two has 2 ** 10 bins."""
RELATIVE_ERROR = 2.0 ** -(PART_BITS + 1)
"""A value taken from a histogram differs from the one that was counted by at most this part of it: 0.05 %."""
_SHIFT = 52 - PART_BITS


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Histogram:
    """How many values lie in each bin; bins without values at both ends are left out.

    Example:
        >>> half = Histogram.of(np.arange(1, 501)), Histogram.of(np.arange(501, 1_001))
        >>> (half[0] + half[1]).quantile(0.99)
        990
    """

    first: int = 0
    """Number of the first bin."""
    counts: np.ndarray
    """Shape (bins,), whole numbers."""

    @classmethod
    def of(cls, values: np.ndarray) -> Histogram:
        """The counts of values of at least 1, such as times in ns, in any order; smaller ones count as 1."""
        if not len(values):
            return cls(counts=np.zeros(0, dtype=np.int64))
        bins = bins_of(values)
        first = int(bins.min())
        return cls(first=first, counts=np.bincount(bins - first))

    @classmethod
    def sum_of(cls, parts: Iterable[Histogram]) -> Histogram:
        """The counts of all of them together; without a value where there is none."""
        return sum(parts, cls(counts=np.zeros(0, dtype=np.int64)))

    def __len__(self) -> int:
        return int(self.counts.sum())

    def __add__(self, other: Histogram) -> Histogram:
        if not len(self.counts) or not len(other.counts):
            return self if len(self.counts) else other
        first = min(self.first, other.first)
        last = max(self.first + len(self.counts), other.first + len(other.counts))
        counts = np.zeros(last - first, dtype=np.int64)
        for each in (self, other):
            counts[each.first - first :][: len(each.counts)] += each.counts
        return Histogram(first=first, counts=counts)

    @property
    def values(self) -> np.ndarray:
        """The middle of each bin, shape (bins,)."""
        return middle_of(self.first + np.arange(len(self.counts)))

    def at_rank(self, rank: int) -> int:
        """The value with so many values up to it, itself among them; the rank counts from 1."""
        at = int(np.searchsorted(np.cumsum(self.counts), rank))
        return int(middle_of(np.array([self.first + at]))[0])

    def quantile(self, q: float) -> int:
        """The nearest-rank quantile, off by at most `RELATIVE_ERROR`; the histogram may not be empty."""
        size = len(self)
        return self.at_rank(min(max(int(np.ceil(size * q - 1e-9)), 1), size))


def bins_of(values: np.ndarray) -> np.ndarray:
    """The number of each value's bin, shape (n,): neighbouring bins have neighbouring numbers."""
    return np.asarray(np.maximum(values, 1).astype(np.float64).view(np.int64) >> _SHIFT)


def middle_of(bins: np.ndarray) -> np.ndarray:
    """The middle of each bin, as a double."""
    return (bins.astype(np.int64) << _SHIFT).view(np.float64) * (1 + RELATIVE_ERROR)


def by_block(values: np.ndarray, block: np.ndarray, blocks: int) -> tuple[Histogram, ...]:
    """One histogram per block, of values of at least 1; linear in their number.

    Args:
        values: Shape (n,).
        block: The block of each, from 0 to below `blocks`, shape (n,).
        blocks: How many there are; each should have many values.
    """
    if not len(values):
        return (Histogram.of(values),) * blocks
    bins = bins_of(values)
    first = int(bins.min())
    width = int(bins.max()) - first + 1
    counts = np.bincount(block.astype(np.int64) * width + (bins - first), minlength=blocks * width)
    return tuple(Histogram(first=first, counts=row) for row in counts.reshape(blocks, width))
