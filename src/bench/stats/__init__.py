"""From attempts to numbers, and from numbers to what may be said of them.

Pure: numpy, and neither clock nor file nor environment.
"""

from bench.stats.attempts import NS_PER_S, STATUSES, Attempts
from bench.stats.decide import Decision, Outcome, decide
from bench.stats.histogram import Histogram
from bench.stats.percentiles import Distribution, interval_ranks, percentile_or_none
from bench.stats.seconds import Second, Seconds
from bench.stats.shift import Shift
from bench.stats.summary import (
    EXACT_ATTEMPTS,
    Arriving,
    Lag,
    OperationSummary,
    Summarizer,
    nothing_measured,
)
from bench.stats.times import Times

__all__ = [
    "EXACT_ATTEMPTS",
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
    "Seconds",
    "Shift",
    "Summarizer",
    "Times",
    "decide",
    "interval_ranks",
    "nothing_measured",
    "percentile_or_none",
]
