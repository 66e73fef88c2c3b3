"""Samples as histograms: what the charts are drawn from, of a size that does not depend on the number of samples.

Times are counted in bins that grow by a constant ratio, as in HdrHistogram (Tene, 2012), so that a percentile read from
them is off by at most `PRECISION_RATIO`. The tables of a report do not use them: they show `summary.parquet`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.model import Phase, Status
from bench.results.scan import batches, labels
from bench.stats.percentiles import TAIL

if TYPE_CHECKING:
    import pyarrow as pa

    from bench.results import Run

PER_OCTAVE = 32
"""Bins from one power of two to the next."""
BINS = 44 * PER_OCTAVE
"""Up to 2^44 ns, nearly five hours; what takes longer is counted in the last bin."""
PRECISION_RATIO = 2 ** (0.5 / PER_OCTAVE) - 1
"""1.1 %: half a bin."""
MAX_SLOTS = 120
NS_PER_S = 1_000_000_000
SLOT_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400)
COLUMNS = ("operation", "phase", "status", "intended_start_ns", "start_ns", "end_ns")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tally:
    """The samples of one run, counted."""

    operations: tuple[str, ...]
    times: np.ndarray
    """Attempts of the measurement interval that succeeded, by operation and bin of their time."""
    edges_s: np.ndarray
    """Borders of the slots of time, in s from the start of the measurement interval; shape (slots + 1,)."""
    completed: np.ndarray
    """Attempts that ended in each slot, by slot."""
    failed: np.ndarray
    """Attempts that ended in each slot and did not succeed, by slot."""
    slot_times: np.ndarray
    """Successful attempts that were due in each slot, by slot and bin of their time."""
    slot_lags: np.ndarray
    """All attempts that were due in each slot, by slot and bin of how late they started."""

    def together(self) -> np.ndarray:
        """All operations in one histogram."""
        return np.asarray(self.times.sum(axis=0))


def tally(run: Run, operations: Sequence[str], arriving: Iterable[str]) -> Tally | None:
    """Count the samples of a run, a batch at a time; None where there is nothing to count.

    Args:
        run: Any run; one that was interrupted or failed has the samples that it came to.
        operations: Their names; samples of others are left out.
        arriving: Those that arrive by a clock, whose time counts from the moment at which they were due.

    Raises:
        ResultError: A file of the samples is not whole.
    """
    window = run.manifest.get("window")
    if not window or not run.has("samples") or not operations:
        return None
    count = _Count(tuple(operations), frozenset(arriving), window)
    for batch in batches(run, COLUMNS):
        count.add(batch)
    return count.tally()


def percentile_ns(histogram: np.ndarray, q: float) -> float | None:
    """The q-quantile of a histogram in ns, to `PRECISION_RATIO`; None below ten values in its tail, as everywhere."""
    total = int(histogram.sum())
    if total * min(q, 1 - q) < TAIL - 1e-9:
        return None
    position = int(np.searchsorted(np.cumsum(histogram), q * total))
    return float(centres_ns()[min(position, len(histogram) - 1)])


def centres_ns() -> np.ndarray:
    """The time that stands for each bin, in ns: the geometric middle of its borders."""
    return np.asarray(2 ** ((np.arange(BINS) + 0.5) / PER_OCTAVE))


class _Count:
    """The histograms while they grow."""

    def __init__(self, operations: tuple[str, ...], arriving: frozenset[str], window: dict[str, int]) -> None:
        self.operations = operations
        self.by_clock = np.array([name in arriving for name in operations])
        self.measure_ns = int(window["measure_ns"])
        start_s = (int(window["start_ns"]) - self.measure_ns) / NS_PER_S
        self.end_s = (int(window["end_ns"]) - self.measure_ns) / NS_PER_S
        self.width_s = _width_s(self.end_s - start_s)
        self.first = int(np.floor(start_s / self.width_s + 1e-9))
        self.slots = max(1, int(np.ceil(self.end_s / self.width_s - 1e-9)) - self.first)
        self.start_s, self.seen_s = start_s, start_s
        self.times = np.zeros(len(operations) * BINS, dtype=np.int64)
        self.completed, self.failed = (np.zeros(self.slots, dtype=np.int64) for _ in range(2))
        self.slot_times, self.slot_lags = (np.zeros(self.slots * BINS, dtype=np.int64) for _ in range(2))

    def add(self, batch: pa.RecordBatch) -> None:
        """Count one batch."""
        codes = labels(batch, "operation", self.operations)
        ok = labels(batch, "status", (str(Status.OK),)) == 0
        measured = labels(batch, "phase", (str(Phase.MEASUREMENT),)) == 0
        intended, start, end = (
            batch.column(name).to_numpy(zero_copy_only=False) for name in ("intended_start_ns", "start_ns", "end_ns")
        )
        known = codes >= 0
        if not known.all():
            codes, ok, measured, intended, start, end = (
                each[known] for each in (codes, ok, measured, intended, start, end)
            )
        if not len(codes):
            return
        due = np.where(self.by_clock[codes], intended, start)
        bins = _bins(end - due)
        good = ok & measured
        self.times += np.bincount(codes[good] * BINS + bins[good], minlength=len(self.times))
        self._add_to_slots(ok, bins, intended, start, end)

    def _add_to_slots(
        self, ok: np.ndarray, bins: np.ndarray, intended: np.ndarray, start: np.ndarray, end: np.ndarray
    ) -> None:
        ended, was_due = self._slot(end), self._slot(intended)
        inside = (ended >= 0) & (ended < self.slots)
        self.completed += np.bincount(ended[inside], minlength=self.slots)
        self.failed += np.bincount(ended[inside & ~ok], minlength=self.slots)
        inside = (was_due >= 0) & (was_due < self.slots)
        lags = _bins(start - intended)
        self.slot_lags += np.bincount(was_due[inside] * BINS + lags[inside], minlength=self.slots * BINS)
        inside &= ok
        self.slot_times += np.bincount(was_due[inside] * BINS + bins[inside], minlength=self.slots * BINS)
        self.seen_s = max(self.seen_s, float(end.max() - self.measure_ns) / NS_PER_S)

    def _slot(self, instants_ns: np.ndarray) -> np.ndarray:
        slots: np.ndarray = (instants_ns - self.measure_ns) // int(self.width_s * NS_PER_S) - self.first
        return slots

    def tally(self) -> Tally:
        """What was counted; slots after the last answer of a run that was cut short are left out."""
        edges_s = (self.first + np.arange(self.slots + 1)) * float(self.width_s)
        slots = min(self.slots, int(np.searchsorted(edges_s[:-1], self.seen_s, side="left")) or 1)
        edges_s = np.clip(edges_s[: slots + 1], self.start_s, max(min(self.end_s, self.seen_s), edges_s[slots - 1]))
        return Tally(
            operations=self.operations,
            times=self.times.reshape(-1, BINS),
            edges_s=edges_s,
            completed=self.completed[:slots],
            failed=self.failed[:slots],
            slot_times=self.slot_times.reshape(-1, BINS)[:slots],
            slot_lags=self.slot_lags.reshape(-1, BINS)[:slots],
        )


def _bins(times_ns: np.ndarray) -> np.ndarray:
    logs = np.log2(np.maximum(times_ns, 1).astype(np.float64))
    bins: np.ndarray = np.minimum((logs * PER_OCTAVE).astype(np.int64), BINS - 1)
    return bins


def _width_s(length_s: float) -> int:
    return next((width for width in SLOT_WIDTHS_S if length_s / width <= MAX_SLOTS), int(length_s / MAX_SLOTS) + 1)
