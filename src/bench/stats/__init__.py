"""From attempts to numbers, and from numbers to what may be said of them.

Pure: numpy, and neither clock nor file nor environment.
"""

from bench.stats.decide import Decision, Outcome, decide
from bench.stats.histogram import Histogram
from bench.stats.percentiles import Distribution, distribution, interval_ranks, percentile_or_none
from bench.stats.shift import Shift
from bench.stats.summary import (
    NS_PER_S,
    STATUSES,
    Arriving,
    Attempts,
    Lag,
    OperationSummary,
    Second,
    nothing_measured,
    per_second,
    summarize,
)

__all__ = [
    "NS_PER_S",
    "STATUSES",
    "Arriving",
    "Attempts",
    "Decision",
    "Distribution",
    "Histogram",
    "Lag",
    "OperationSummary",
    "Outcome",
    "Second",
    "Shift",
    "decide",
    "distribution",
    "interval_ranks",
    "nothing_measured",
    "per_second",
    "percentile_or_none",
    "summarize",
]
