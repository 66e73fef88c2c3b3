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
        self._held: list[np.ndarray] | Histogram = [] if exact else Histogram.of(np.zeros(0, dtype=np.int64))
        self._ordered = False
        self._size = self._sum_ns = self._max_ns = 0

    def add(self, times_ns: np.ndarray) -> None:
        """Take more of them, in any order, shape (n,)."""
        if not len(times_ns):
            return
        self._size += len(times_ns)
        self._sum_ns += int(times_ns.sum())
        self._max_ns = max(self._max_ns, int(times_ns.max()))
        if isinstance(self._held, Histogram):
            self._held += Histogram.of(times_ns)
        else:
            self._held.append(times_ns)
            self._ordered = False

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
        if not rank:
            return None
        if isinstance(self._held, Histogram):
            return min(self._held.at_rank(rank), self._max_ns)  # the longest is known, and its bin reaches beyond it
        if not self._ordered:
            self._held, self._ordered = [np.sort(np.concatenate(self._held))], True
        return int(self._held[0][rank - 1])


def distribution(times_ns: np.ndarray, *, exact: bool = True) -> Distribution:
    """Mean, percentiles, intervals and maximum of times in ns, in any order, shape (n,)."""
    times = Times(exact=exact)
    times.add(times_ns)
    return times.distribution()
