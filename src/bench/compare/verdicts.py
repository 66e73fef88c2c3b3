"""What is said of each operation of the candidates, all of it decided together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.compare.measured import WHOLE
from bench.compare.model import Verdict
from bench.compare.reasons import not_comparable, reason_of, runs_needed
from bench.doubt import Doubt
from bench.stats.decide import Decision, Outcome, decide

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.compare.facing import Claim, Facing
    from bench.compare.model import Measure, Objection
    from bench.stats.shift import Shift


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """One measure of one operation of a candidate, before it is decided."""

    candidate: str
    facing: Facing
    operation: str
    measure: Measure
    refused: tuple[Objection, ...]
    overlooked: tuple[Objection, ...]
    claim: Claim | None
    """None where it is refused."""

    @property
    def as_time(self) -> Shift | None:
        """The shift as if it were one of a time, of which less is better; None where nothing is to be decided."""
        found = self.claim.shift if self.claim else None
        if found and self.facing.few and math.isfinite(found.df):
            return None  # an allowance needs no estimate
        return found.inverse if found and self.measure == "throughput" else found


def verdicts(found: Mapping[str, Sequence[Facing]], measures: Sequence[Measure], margin: float) -> Iterator[Verdict]:
    """A verdict per candidate, cell, operation and measure; those on a cell hold together, on whatever candidate.

    Args:
        found: By candidate, its cells, face to face with those of the baseline.
        measures: What is claimed of each operation.
        margin: Ratios from 1 / (1 + margin) to 1 + margin count as equal.
    """
    asked = [
        _asked(candidate, facing, operation, measure)
        for candidate, facings in found.items()
        for facing in facings
        for operation in (*facing.operations, WHOLE)
        for measure in measures
        if operation in facing.claimed(measure)
    ]
    decisions: dict[int, Decision] = {}
    for cell in dict.fromkeys(each.facing.cell for each in asked):
        family = {at: shift for at, each in enumerate(asked) if each.facing.cell == cell and (shift := each.as_time)}
        decisions |= zip(family, decide(list(family.values()), margin=margin), strict=True)
    for at, each in enumerate(asked):
        yield _verdict(each, decisions.get(at), margin)


def _asked(candidate: str, facing: Facing, operation: str, measure: Measure) -> _Asked:
    refused = facing.against(operation, allowed=False)
    return _Asked(
        candidate=candidate,
        facing=facing,
        operation=operation,
        measure=measure,
        refused=refused,
        overlooked=facing.against(operation, allowed=True),
        claim=None if refused else facing.claim(operation, measure),
    )


def _verdict(asked: _Asked, decision: Decision | None, margin: float) -> Verdict:
    facing, operation = asked.facing, asked.operation
    errors = facing.error_ratios(operation)
    blank = Verdict(
        baseline=facing.baseline_name,
        candidate=asked.candidate,
        cell=facing.cell,
        operation=operation,
        measure=asked.measure,
        verdict=Outcome.NOT_COMPARABLE,
        reason=not_comparable(asked.refused, measured=facing.measured),
        time=facing.time,
        baseline_error_ratio=errors[0],
        candidate_error_ratio=errors[1],
        warnings=facing.warnings(operation),
    )
    if asked.claim is None:
        return blank
    shift = asked.claim.shift
    if shift is None:
        outcome = Outcome.NOT_COMPARABLE if asked.claim.unanswered else Outcome.CANNOT_TELL
        return replace(blank, verdict=outcome, reason=asked.claim.reason)
    if decision and asked.measure == "throughput":
        decision = replace(decision, low=1 / decision.high, high=1 / decision.low)
    known = replace(
        blank,
        verdict=Outcome.CANNOT_TELL,
        reason=reason_of(asked.claim, decision, margin),
        runs_needed=runs_needed(shift, decision, margin) if decision else 0,
        overlooked=tuple(dict.fromkeys(f"{each.reason} ({each.kind})" for each in asked.overlooked)),
        ratio=shift.ratio,
        runs=shift.runs,
        paired=shift.design == "paired",
    )
    return _measured(_decided(known, decision, margin) if decision else known, asked.claim, facing)


def _decided(known: Verdict, decision: Decision, margin: float) -> Verdict:
    return replace(
        known,
        verdict=decision.outcome,
        low=decision.low,
        high=decision.high,
        level=decision.level,
        warnings=(*known.warnings, *([Doubt.SMALL_EFFECT] if _small(known.ratio, decision, margin) else [])),
    )


def _measured(verdict: Verdict, claim: Claim, facing: Facing) -> Verdict:
    """With what was measured on either side."""
    effect = facing.effect(claim.operation)
    return replace(
        verdict,
        baseline_value=claim.baseline_value,
        candidate_value=claim.candidate_value,
        baseline_low=claim.baseline_interval[0],
        baseline_high=claim.baseline_interval[1],
        candidate_low=claim.candidate_interval[0],
        candidate_high=claim.candidate_interval[1],
        superiority_ratio=effect.superiority_ratio,
        baseline_outliers=effect.baseline_outliers,
        candidate_outliers=effect.candidate_outliers,
    )


def _small(ratio: float | None, decision: Decision, margin: float) -> bool:
    """It surely differs, and by less than the margin."""
    sure = decision.high < 1 or decision.low > 1
    return sure and ratio is not None and 1 / (1 + margin) <= ratio <= 1 + margin
