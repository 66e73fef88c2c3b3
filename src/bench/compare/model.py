"""What a comparison comes to: verdicts, each with its ratio, its interval and its reason. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from bench.stats.decide import MARGIN, Outcome

if TYPE_CHECKING:
    from bench.doubt import Doubt

Measure: TypeAlias = Literal["p50", "p99", "mean", "throughput"]
"""What is compared: a percentile or the mean of a time, or operations per second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is said of one operation of one candidate, by one measure."""

    baseline: str
    """Name of the side that it is compared with: `Comparison.baseline`, or the one that stands in for it in the cell,
    as it came to no summary there."""
    candidate: str
    """Name of the side; a key of `Comparison.candidates`."""
    cell: str
    """Which cell of the sides: what tells their cells apart, such as `points` or `load.clients=4`; empty where each
    side has but one."""
    operation: str
    """`all operations` where the claim is on the workload as a whole: on its throughput in a closed loop."""
    measure: Measure
    verdict: Outcome
    reason: str
    """One sentence: why it says so. Operations that stand alike share it; what is their own stands in other fields."""
    runs_needed: int = 0
    """How many pairs of runs, or runs on each side, would tell if they went on to vary so; above
    `stats.shift.MOST_RUNS`: not even so many. 0: it is told, or how much runs vary is not known."""
    overlooked: tuple[str, ...] = ()
    """Why it would not be comparable, had `--allow` not said so."""
    time: Literal["service_time", "response_time"] = "service_time"
    """The time that `p50`, `p99` and `mean` are of."""
    ratio: float | None = None
    """Candidate / baseline, above 0: of a time below 1 is faster, of the throughput above 1. None: not known."""
    low: float | None = None
    """Bounds of the ratio's interval, at the confidence of `level`; None: two pairs, say, tell nothing of it."""
    high: float | None = None
    level: float | None = None
    """Confidence of the interval, 0 to 1: so much above 0.95 that all verdicts of a family hold together."""
    baseline_value: float | None = None
    """Geometric mean over the repetitions, in ns or per s."""
    candidate_value: float | None = None
    baseline_low: float | None = None
    """95 % interval of the side by itself, for drawing: two of them may overlap where the ratio is sure."""
    baseline_high: float | None = None
    candidate_low: float | None = None
    candidate_high: float | None = None
    runs: int = 0
    """Pairs of runs, or of unpaired runs those of the side that has fewer."""
    paired: bool = False
    """Runs of one block were compared with each other."""
    baseline_error_ratio: float | None = None
    """Part of all attempts that failed, 0 to 1; of all operations that of the worst."""
    candidate_error_ratio: float | None = None
    superiority_ratio: float | None = None
    """Effect size, 0 to 1: how often an attempt on the candidate takes less time than one on the baseline."""
    baseline_outliers: int | None = None
    """Attempts far outside; counted, never dropped."""
    candidate_outliers: int | None = None
    warnings: tuple[Doubt | str, ...] = ()
    """Of the summaries of both sides, and of the verdict itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overall:
    """What is said of one candidate in all: a geometric mean over the operations of a cell."""

    baseline: str
    candidate: str
    cell: str
    """As of `Verdict`, all three."""
    measure: Measure
    verdict: Outcome
    reason: str
    ratio: float | None = None
    """Geometric mean of (candidate + shift) / (baseline + shift) over the operations."""
    low: float | None = None
    high: float | None = None
    level: float | None = None
    """Confidence of the interval, 0 to 1: 0.95 for one candidate, more where several have to hold together."""
    operations: int = 0
    """How many operations are in it."""
    failed: tuple[str, ...] = ()
    """Those that the candidate did not answer, each counted with `penalty_ratio`."""
    left_out: tuple[str, ...] = ()
    """Those that are not in it, as the baseline has no value for them, or they are not comparable."""
    shift_ns: float = 0.0
    """Added to both times, so that operations that take next to none do not decide; 0 for the throughput."""
    penalty_ratio: float | None = None
    """What a failed operation counts with; None where none failed."""
    remark: str = ""
    """Why it is decided although no single operation is, where that is so: one sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A key of the configuration in which the sides differ."""

    key: str
    """Dotted, such as `backend.settings.work_mem`."""
    values: tuple[tuple[str, str], ...]
    """Name of the side and its value as text, the baseline first; `–` where a side has no such key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """A reason why two sides, or one operation of them, may not be compared."""

    kind: str
    """What `--allow` calls it: a key of `objections.KINDS`."""
    candidate: str
    cell: str
    operation: str | None
    """None: it concerns all."""
    reason: str
    allowed: bool = False
    """It was overlooked by `--allow`; the verdict stands, marked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A cell of the baseline that a candidate does not have."""

    candidate: str
    cell: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the systems, or versions, that are compared."""

    name: str
    backends: tuple[str, ...]
    directories: tuple[str, ...]
    """Of its runs."""
    emulated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Runs against a baseline: what differs, what may not be compared, and a verdict per operation."""

    baseline: Side
    candidates: tuple[Side, ...]
    differences: tuple[Difference, ...] = ()
    objections: tuple[Objection, ...] = ()
    missing: tuple[Missing, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    """By candidate, cell, operation and measure, in this order."""
    overall: tuple[Overall, ...] = ()
    """By cell, measure and candidate."""
    allowed: tuple[str, ...] = ()
    """Kinds of objections that were to be overlooked, whether or not one arose."""
    margin: float = MARGIN
    """Ratios from 1 / (1 + margin) to 1 + margin count as equal."""
    notes: tuple[str, ...] = field(default=())
    """What a reader has to know, a sentence each."""

    def of(self, candidate: str) -> tuple[Verdict, ...]:
        """The verdicts on one candidate."""
        return tuple(verdict for verdict in self.verdicts if verdict.candidate == candidate)

    def marked(self, each: Verdict | Overall) -> str:
        """The candidate, with what it is compared with where that is not the baseline."""
        return each.candidate if each.baseline == self.baseline.name else f"{each.candidate} against {each.baseline}"

    def objection(self, each: Overall) -> str:
        """The first that stands in the way of comparing a candidate on a cell; empty where none does."""
        place = each.candidate, each.cell
        against = (one.reason for one in self.objections if (one.candidate, one.cell) == place and not one.allowed)
        return next(against, "")

    @property
    def whole(self) -> bool:
        """Everything could be compared."""
        return all(verdict.verdict is not Outcome.NOT_COMPARABLE for verdict in self.verdicts)
