"""Times that come in parts, and what is said of them in the end. Pure."""

from __future__ import annotations

import numpy as np

from bench.stats.histogram import Histogram
from bench.stats.percentiles import Distribution, interval_ranks, rank_of


class Times:
    """Times in ns, taken as they come: each of them, or their histogram, whose size does not grow with their number.

    Count, mean and maximum are exact either way; percentiles of a histogram are off by at most 0.05 %.
    """

    def __init__(self, *, exact: bool = True) -> None:
        self._held: _Kept | _Counted = _Kept() if exact else _Counted()
        self._size = self._sum_ns = self._max_ns = 0

    def add(self, times_ns: np.ndarray) -> None:
        """Take more of them, in any order, shape (n,)."""
        if not len(times_ns):
            return
        self._size += len(times_ns)
        self._sum_ns += int(times_ns.sum())
        self._max_ns = max(self._max_ns, int(times_ns.max()))
        self._held.add(times_ns)

    def __len__(self) -> int:
        return self._size

    def max_ns(self) -> int | None:
        """The longest of them; None without any."""
        return self._max_ns if self._size else None

    def percentile(self, q: float) -> int | None:
        """The nearest-rank percentile, or None below ten times in its tail."""
        return self._at(rank_of(self._size, q))

    def interval(self, q: float) -> tuple[int | None, int | None]:
        """Between which two the true percentile lies, with 95 % confidence; None where there are too few."""
        low, high = (rank_of(self._size, q) and interval_ranks(self._size, q)) or (None, None)
        return self._at(low), self._at(high)

    def distribution(self) -> Distribution:
        """Mean, percentiles, intervals and maximum."""
        if not self._size:
            return Distribution()
        p50_low, p50_high = self.interval(0.5)
        p99_low, p99_high = self.interval(0.99)
        return Distribution(
            mean_ns=self._sum_ns / self._size,
            p50_ns=self.percentile(0.5),
            p90_ns=self.percentile(0.9),
            p95_ns=self.percentile(0.95),
            p99_ns=self.percentile(0.99),
            p999_ns=self.percentile(0.999),
            max_ns=self._max_ns,
            p50_low_ns=p50_low,
            p50_high_ns=p50_high,
            p99_low_ns=p99_low,
            p99_high_ns=p99_high,
        )

    def _at(self, rank: int | None) -> int | None:
        # The longest is known, and its bin in a histogram reaches beyond it.
        return min(self._held.at_rank(rank), self._max_ns) if rank else None


class _Kept:
    """Every one of them; they are sorted when the first is asked for."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._sorted: np.ndarray | None = None

    def add(self, times_ns: np.ndarray) -> None:
        self._parts.append(times_ns)
        self._sorted = None

    def at_rank(self, rank: int) -> int:
        """The time with so many up to it, itself among them; the rank counts from 1."""
        if self._sorted is None:
            self._sorted = np.sort(np.concatenate(self._parts))
            self._parts = [self._sorted]
        return int(self._sorted[rank - 1])


class _Counted:
    """How many lie in each bin."""

    def __init__(self) -> None:
        self._histogram = Histogram.of(np.zeros(0, dtype=np.int64))

    def add(self, times_ns: np.ndarray) -> None:
        self._histogram += Histogram.of(times_ns)

    def at_rank(self, rank: int) -> int:
        """As `_Kept.at_rank`, off by at most 0.05 %."""
        return self._histogram.at_rank(rank)
