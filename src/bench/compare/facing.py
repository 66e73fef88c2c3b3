"""One cell of two sides, face to face: which runs are compared with which, and what they come to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.compare.cells import pairs
from bench.compare.measured import WHOLE
from bench.stats import bootstrap, shift
from bench.stats.effect import far_run, outliers, superiority
from bench.stats.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.compare.measured import Measured, Reader, Row
    from bench.compare.model import Measure, Objection
    from bench.stats.shift import Shift

_NO_SAMPLES = "there is one run on each side, and without the samples of both the error within them is not known"
_TOO_CLOSE = (
    f"there is one run on each side, and attempts began in fewer than {bootstrap.FEWEST_BLOCKS} of "
    f"{bootstrap.BLOCKS} stretches of time, so that the error within them is not known: raise load.duration_s"
)
_UNKNOWN: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One measure of one operation on both sides."""

    operation: str
    measure: Measure
    shift: Shift | None
    """None: there is no value to compare."""
    reason: str = ""
    """Why not; or what a reader has to know of the shift."""
    unanswered: bool = False
    """A side did not answer the operation, so that no further run would help."""
    baseline_value: float | None = None
    candidate_value: float | None = None
    baseline_interval: tuple[float | None, float | None] = _UNKNOWN
    """Of the side by itself, for drawing; see `bootstrap.hierarchical`."""
    candidate_interval: tuple[float | None, float | None] = _UNKNOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What the samples of both sides say of one operation."""

    superiority_ratio: float | None = None
    baseline_outliers: int | None = None
    candidate_outliers: int | None = None


@dataclass(frozen=True, kw_only=True)
class Facing:
    """The runs of one cell on both sides."""

    cell: str
    baseline_name: str
    """What the baseline of this cell is called."""
    baseline: tuple[Measured, ...]
    candidate: tuple[Measured, ...]
    paired: bool
    """Position i of both sides was made in one block."""
    unpaired: int
    """Runs that have no partner where others have; they are left out of the shifts."""
    time: Literal["service_time", "response_time"]
    objections: tuple[Objection, ...] = ()
    """What speaks against comparing them, overlooked or not."""

    def against(self, operation: str, *, allowed: bool) -> tuple[Objection, ...]:
        """The objections to an operation that were overlooked, or those that were not."""
        return tuple(
            each
            for each in self.objections
            if (operation == WHOLE or each.operation in (None, operation)) and each.allowed is allowed
        )

    @property
    def measured(self) -> bool:
        """Both sides came to a summary."""
        return all(any(each.rows for each in side) for side in (self.baseline, self.candidate))

    @property
    def operations(self) -> tuple[str, ...]:
        """Those of either side, the baseline's first."""
        return tuple(dict.fromkeys(name for each in (*self.baseline, *self.candidate) for name in each.rows))

    def claimed(self, measure: Measure) -> tuple[str, ...]:
        """What is claimed by a measure: each operation; of the throughput in a closed loop the workload as a whole.

        There all operations are dealt from one deck, so that the rate of each is its share of one and the same rate.
        Streams have decks of their own.
        """
        dealt = self.time == "service_time" and not any(
            each.run.manifest.get("streams") for each in (*self.baseline, *self.candidate)
        )
        whole = measure == "throughput" and dealt and len(self.operations) > 1
        return (WHOLE,) if whole else self.operations

    @property
    def few(self) -> bool:
        """Repeated, and so seldom that how much the runs differ is hardly known."""
        return 1 < max(len(self.baseline), len(self.candidate)) < shift.FEWEST_PAIRS

    def warnings(self, operation: str) -> tuple[str, ...]:
        """Those of the summaries of all runs, each once."""
        runs = (*self.baseline, *self.candidate)
        rows = [each.rows[name] for name in self._parts(operation) for each in runs if name in each.rows]
        return tuple(dict.fromkeys(warning for row in rows for warning in row["warnings"]))

    def error_ratios(self, operation: str) -> tuple[float | None, float | None]:
        """Of each side, the part of the attempts that failed, of a workload its worst operation's; None: not asked."""
        base, cand = (
            [_error_ratio([each.rows[name] for each in side if name in each.rows]) for name in self._parts(operation)]
            for side in (self.baseline, self.candidate)
        )
        return _greatest(base), _greatest(cand)

    def values(self, operation: str, measure: Measure) -> tuple[np.ndarray, np.ndarray] | None:
        """Logarithms of the values of the runs of both sides.

        None where a run has none, and where there is one run on each side and the error within it is not known.
        """
        if self._unanswered(operation) or self._lacks_error(operation):
            return None
        found = [
            [each.value(operation, measure, self.time) for each in side] for side in (self.baseline, self.candidate)
        ]
        if any(value is None for side in found for value in side):
            return None
        base, cand = (np.log(np.array(side, dtype=np.float64)) for side in found)
        return base, cand

    def failed(self, operation: str) -> bool:
        """A run of the candidate has no answer of an operation that the baseline answers."""
        return any(each.failed(operation) for each in self.candidate) and not any(
            each.failed(operation) for each in self.baseline
        )

    def claim(self, operation: str, measure: Measure) -> Claim:
        """The shift of a measure, or why there is none."""
        logs = self.values(operation, measure)
        if logs is None:
            unanswered = self._unanswered(operation)
            reason = unanswered or self._lacks_error(operation) or _too_few(measure)
            return Claim(operation=operation, measure=measure, shift=None, reason=reason, unanswered=bool(unanswered))
        found = self.shift_of(*logs, within=self.within_error(operation, measure))
        return Claim(
            operation=operation,
            measure=measure,
            shift=found,
            reason=self._remark(logs),
            baseline_value=math.exp(logs[0].mean()),
            candidate_value=math.exp(logs[1].mean()),
            baseline_interval=self._interval(self.baseline, operation, measure, logs[0]),
            candidate_interval=self._interval(self.candidate, operation, measure, logs[1]),
        )

    def shift_of(self, baseline: np.ndarray, candidate: np.ndarray, *, within: float = 0.0) -> Shift:
        """The shift of one number per run, by the design of the runs."""
        if self.paired:
            return shift.paired(baseline, candidate)
        if len(baseline) == len(candidate) == 1:
            return shift.single(float(candidate[0] - baseline[0]), within)
        return shift.unpaired(baseline, candidate)

    def within_error(self, operation: str, measure: Measure) -> float:
        """What the attempts of one run on each side make known of its difference; 0 where there are more runs."""
        if len(self.baseline) + len(self.candidate) > 2:
            return 0.0
        found = [each.samples[operation] for each in (*self.baseline, *self.candidate)]
        return math.hypot(*(bootstrap.error_of(each.draws[measure], each.filled) for each in found))

    def effect(self, operation: str) -> Effect:
        """Effect size and outliers, of all attempts of both sides; nothing without samples, or of a workload."""
        if operation == WHOLE:
            return Effect()
        base, cand = (self._times(side, operation) for side in (self.baseline, self.candidate))
        if base is None or cand is None:
            return Effect()
        far = [outliers(times) for times in (base, cand)]
        return Effect(
            superiority_ratio=superiority(base, cand),
            baseline_outliers=far[0].count if far[0] else None,
            candidate_outliers=far[1].count if far[1] else None,
        )

    def _parts(self, operation: str) -> tuple[str, ...]:
        """The operations that a claim is on."""
        return self.operations if operation == WHOLE else (operation,)

    def _unanswered(self, operation: str) -> str:
        """Why a side has no answer of an operation at all, or of one of a workload; empty where both have."""
        if operation == WHOLE:
            lacking = ((name, self._unanswered(name)) for name in self.operations)
            return next((f"{name}: {reason}" for name, reason in lacking if reason), "")
        for name, side in (("baseline", self.baseline), ("candidate", self.candidate)):
            for each in side:
                if not each.rows:
                    return f"the run {each.run.directory.name} of the {name} has no summary"
                if operation not in each.rows:
                    return f"the {name} was not asked it"
                if each.failed(operation):
                    return f"no attempt of it succeeded in a run of the {name}"
        return ""

    def _lacks_error(self, operation: str) -> str:
        """Why the error within the runs is not known, where there is one run on each side; else empty."""
        runs = (*self.baseline, *self.candidate)
        if len(runs) > 2 or not all(each.answered(name) for name in self._parts(operation) for each in runs):
            return ""
        if any(operation not in each.samples for each in runs):
            return _NO_SAMPLES
        return _TOO_CLOSE if min(each.samples[operation].filled for each in runs) < bootstrap.FEWEST_BLOCKS else ""

    def _times(self, side: Sequence[Measured], operation: str) -> Histogram | None:
        known = [each.samples[operation].times for each in side if operation in each.samples]
        return Histogram.sum_of(known) if len(known) == len(side) else None

    def _draws(self, side: Sequence[Measured], operation: str, measure: Measure) -> list[np.ndarray]:
        return [each.samples[operation].draws[measure] for each in side if operation in each.samples]

    def _interval(
        self, side: Sequence[Measured], operation: str, measure: Measure, logs: np.ndarray
    ) -> tuple[float | None, float | None]:
        draws = self._draws(side, operation, measure)
        if len(draws) != len(side):
            return _UNKNOWN
        # a rate is drawn per block, and a quantile from bins: the value of the summary is what they vary around
        centred = [each - each.mean() + value for each, value in zip(draws, logs, strict=True)]
        return bootstrap.hierarchical(centred, np.random.default_rng(len(operation)))

    def _remark(self, logs: tuple[np.ndarray, np.ndarray]) -> str:
        """What a reader has to know of the runs."""
        far = far_run(logs[1] - logs[0]) if self.paired else None
        same = [each.run.directory.resolve() for each in self.baseline] == [
            each.run.directory.resolve() for each in self.candidate
        ]
        texts = [
            "the same runs stand on both sides" if same else "",
            f"left out: {self.unpaired} run{'s' if self.unpaired > 1 else ''} without a partner in the block"
            if self.unpaired
            else "",
            f"pair {far + 1} lies far from the others, and is counted" if far is not None else "",
        ]
        return "; ".join(filter(None, texts))


def face(
    baseline: Sequence[Measured], candidate: Sequence[Measured], *, cell: str, baseline_name: str, reader: Reader
) -> Facing:
    """Bring the runs of one cell of two sides together; where two blocks or more have both, others are left out."""
    partners = pairs([each.run for each in baseline], [each.run for each in candidate])
    paired = len(partners) > 1
    base = [baseline[at] for at, _ in partners] if paired else list(baseline)
    cand = [candidate[at] for _, at in partners] if paired else list(candidate)
    time = _time((*base, *cand))
    return Facing(
        cell=cell,
        baseline_name=baseline_name,
        baseline=tuple(reader.with_samples(each, time) for each in base),
        candidate=tuple(reader.with_samples(each, time) for each in cand),
        paired=paired,
        unpaired=len(baseline) + len(candidate) - len(base) - len(cand),
        time=time,
    )


def _time(sides: Sequence[Measured]) -> Literal["service_time", "response_time"]:
    """Response time where all operations have one: in open loops."""
    rows = [row for each in sides for row in each.rows.values() if row["service_time_max_ns"] is not None]
    opened = bool(rows) and all(row["response_time_max_ns"] is not None for row in rows)
    return "response_time" if opened else "service_time"


def _error_ratio(rows: Sequence[Row]) -> float | None:
    count = sum(row["count"] for row in rows)
    return sum(row["errors"] for row in rows) / count if count else None


def _greatest(ratios: Sequence[float | None]) -> float | None:
    return max((ratio for ratio in ratios if ratio is not None), default=None)


def _too_few(measure: Measure) -> str:
    needed = {"p50": "20", "mean": "20", "p99": "1,000"}.get(measure)
    if needed is None:
        return "a run has no attempt that succeeded"
    return f"a run has fewer than {needed} successful attempts, too few for its {measure}: raise load.duration_s"
