"""From the samples of a run, as they lie on disk, to what is said of them: part by part, a few of them at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.model import Phase
from bench.results import scan, summary
from bench.stats import EXACT_ATTEMPTS, Arriving, Attempts, OperationSummary, Second, Seconds, Summarizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.results import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Summarized:
    """What the samples of one run say."""

    operations: list[OperationSummary]
    seconds: list[Second]
    started: Mapping[Phase, int]
    """By phase, the arrivals of an open loop that were started."""


def summarize(
    run: Run, operations: Sequence[str], *, start_ns: int, end_ns: int, arriving: Arriving | None
) -> Summarized:
    """Read the samples of a run once, a part at a time.

    Args:
        run: Its samples are written; it need not be finished.
        operations: Names of those that may occur in it.
        start_ns: Start of the measurement interval.
        end_ns: Its planned end, or when the run was interrupted.
        arriving: Of an open loop.

    Raises:
        ResultError: A part is not a whole file, or names what is not known.
    """
    summarizer = Summarizer(operations, start_ns=start_ns, end_ns=end_ns, arriving=arriving, exact=kept_exactly(run))
    seconds = Seconds(operations, start_ns=start_ns)
    started: Counter[Phase] = Counter()
    columns = summary.OPEN_LOOP_COLUMNS if arriving else summary.SAMPLE_COLUMNS
    for part in scan.parts(run, columns):
        attempts = summary.attempts(part.samples, operations)
        summarizer.add(attempts)
        seconds.add(attempts)
        seconds.settle(part.later_ns)
        if arriving:
            started += _started(attempts, arriving.closed, start_ns)
    return Summarized(operations=summarizer.summaries(), seconds=seconds.seconds(), started=started)


def kept_exactly(run: Run) -> bool:
    """The run has so few attempts that its percentiles are times that some of them took.

    Raises:
        ResultError: A part is not a whole file.
    """
    return scan.sample_count(run) <= EXACT_ATTEMPTS


def _started(attempts: Attempts, closed: frozenset[int], start_ns: int) -> Counter[Phase]:
    """The first attempts of operations that arrive by a clock."""
    assert attempts.attempt is not None  # it was asked for
    first = (attempts.attempt == 0) & ~np.isin(attempts.operation, list(closed))
    measured = int((first & (attempts.intended_start_ns >= start_ns)).sum())
    return Counter({Phase.WARM_UP: int(first.sum()) - measured, Phase.MEASUREMENT: measured})
