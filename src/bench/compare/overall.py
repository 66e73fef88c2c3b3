"""One number for a candidate: the geometric mean of shifted ratios, with a penalty for what was not answered."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.compare.model import Overall
from bench.stats.decide import Outcome, decide
from bench.stats.shift import BETWEEN_RUNS
from bench.wording import few

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bench.compare.facing import Facing
    from bench.compare.model import Measure, Verdict
    from bench.stats.decide import Decision
    from bench.stats.shift import Shift

_DECIDED = frozenset({Outcome.FASTER, Outcome.SLOWER, Outcome.EQUIVALENT})
SHIFT_NS = 10_000.0
"""Added to both times: 10 µs, about what the way to an engine on the same machine takes, so that an operation which
takes next to nothing does not decide by its noise."""
PENALTY = 2.0
"""An operation without an answer counts with so many times the highest ratio of the comparison, which is 1 at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scored:
    """One cell of one candidate by one measure, before it is decided."""

    blank: Overall
    as_time: Shift | None = None
    """As if it were one of a time, of which less is better; None where there is nothing to decide."""


def overall(found: Mapping[str, Facing], measures: Sequence[Measure], margin: float) -> Iterator[Overall]:
    """By measure and candidate, the geometric mean over the operations of a cell of (candidate + s) / (baseline + s).

    Means of ratios have to be geometric (Fleming and Wallace, "How not to lie with statistics: the correct way to
    summarize benchmark results", 1986); the shift s is that of ClickBench, smaller here as operations are. Each run
    gives one number, the mean logarithm of its shifted times, so that what operations of one run have in common is
    not counted as evidence several times; the interval is that of `stats.shift`. These are claims of their own, beside
    those on operations: those on all candidates by one measure hold together with a confidence of 95 %.

    Args:
        found: By candidate, one cell, face to face with that of the baseline. Cells have means of their own: nobody
            knows what a point query and a join would have in common.
        measures: What is claimed.
        margin: Ratios from 1 / (1 + margin) to 1 + margin count as equal.
    """
    for measure in measures:
        worst = max([1.0, *_ratios(found.values(), measure)])
        scored = [_scored(name, measure, facing, PENALTY * worst) for name, facing in found.items()]
        decisions = iter(decide([each.as_time for each in scored if each.as_time], margin=margin))
        for each in scored:
            yield _overall(each, next(decisions)) if each.as_time else each.blank


def remarked(each: Overall, verdicts: Sequence[Verdict]) -> Overall:
    """The same, with the reason why it is decided where no verdict on a single operation is.

    That is no contradiction: Holm's procedure asks more of each of many claims than of one alone, and with few runs
    that is a great deal (three pairs: the half width of one interval among six is 2.5 times that of one alone), while
    noise that operations do not share cancels in their mean.
    """
    family = [verdict for verdict in verdicts if verdict.cell == each.cell]
    mine = [verdict for verdict in family if verdict.candidate == each.candidate]
    single = {verdict.verdict for verdict in mine if verdict.measure == each.measure}
    claims = sum(verdict.level is not None for verdict in family)
    one = "one claim" if len(mine) == len(family) else "one claim for each candidate"
    if each.verdict not in _DECIDED or Outcome.CANNOT_TELL not in single or single & _DECIDED or claims < 2:
        return each
    return replace(
        each,
        remark=f"In all it is {each.verdict} although no single operation can be told: that is {one}, and noise "
        f"partly cancels in a mean, while the {claims} claims on single operations have to hold together and so need "
        "wider intervals; more repetitions narrow them.",
    )


def _scored(name: str, measure: Measure, facing: Facing, penalty: float) -> _Scored:
    asked = _not_refused(facing, measure)
    failed = tuple(operation for operation in asked if facing.failed(operation))
    logs = {
        operation: values
        for operation in asked
        if not facing.against(operation, allowed=False)
        and operation not in failed
        and (values := facing.values(operation, measure)) is not None
    }
    blank = Overall(
        baseline=facing.baseline_name,
        candidate=name,
        cell=facing.cell,
        measure=measure,
        verdict=Outcome.NOT_COMPARABLE,
        reason="no operation could be compared",
        failed=failed,
        left_out=tuple(operation for operation in facing.claimed(measure) if operation not in (*logs, *failed)),
        shift_ns=0.0 if measure == "throughput" else SHIFT_NS,
        penalty_ratio=penalty if failed else None,
    )
    if logs:
        size = len(logs) + len(failed)
        return _Scored(blank=replace(blank, operations=size), as_time=_penalised(facing, measure, logs, size, penalty))
    unknown = tuple(dict.fromkeys(_unknown(facing, measure, asked)))
    return _Scored(blank=replace(blank, verdict=Outcome.CANNOT_TELL, reason="; ".join(unknown)) if unknown else blank)


def _penalised(
    facing: Facing, measure: Measure, logs: Mapping[str, tuple[np.ndarray, np.ndarray]], size: int, penalty: float
) -> Shift:
    """The mean over `size` operations, those that are not in `logs` counted with the penalty, as if of a time."""
    added_ns = 0.0 if measure == "throughput" else SHIFT_NS
    scores = [np.mean([np.log(np.exp(values[side]) + added_ns) for values in logs.values()], axis=0) for side in (0, 1)]
    within = math.hypot(*(facing.within_error(operation, measure) for operation in logs)) / len(logs)
    shift = facing.shift_of(*scores, within=within)
    as_time, share = shift.inverse if measure == "throughput" else shift, len(logs) / size
    return replace(
        as_time,
        log_ratio=as_time.log_ratio * share + math.log(penalty) * (1 - share),
        error=as_time.error * share,
    )


def _overall(scored: _Scored, decision: Decision) -> Overall:
    assert scored.as_time is not None
    blank, low, high, ratio = scored.blank, decision.low, decision.high, scored.as_time.ratio
    if blank.measure == "throughput":
        low, high, ratio = 1 / high, 1 / low, 1 / ratio
    return replace(
        blank,
        verdict=decision.outcome,
        reason=_reason(blank.operations, scored),
        ratio=ratio,
        low=low,
        high=high,
        level=decision.level,
    )


def _reason(size: int, scored: _Scored) -> str:
    blank = scored.blank
    alone = scored.as_time is not None and scored.as_time.design == "allowance"
    shifted = f" after {blank.shift_ns / 1e3:.0f} µs were added to both sides" if blank.shift_ns else ""
    parts = [
        f"geometric mean over {size} operation{'s' if size > 1 else ''}{shifted}",
        f"one run on each side, and that runs differ by {BETWEEN_RUNS:.0%} is assumed, not measured" if alone else "",
        f"without an answer, counted with {blank.penalty_ratio:.2f}: {few(blank.failed)}" if blank.failed else "",
        f"left out: {few(blank.left_out)}" if blank.left_out else "",
    ]
    return "; ".join(filter(None, parts))


def _unknown(facing: Facing, measure: Measure, asked: Sequence[str]) -> Iterator[str]:
    """Why no operation has a value, of those that could have one."""
    for operation in asked:
        if not facing.against(operation, allowed=False):
            claim = facing.claim(operation, measure)
            if not claim.unanswered:
                yield claim.reason


def _not_refused(facing: Facing, measure: Measure) -> tuple[str, ...]:
    """What is claimed of a cell; nothing where an objection concerns all of it."""
    return facing.claimed(measure) if all(each.allowed or each.operation for each in facing.objections) else ()


def _ratios(facings: Iterable[Facing], measure: Measure) -> Iterator[float]:
    """The ratios of times of all operations that could be compared."""
    for facing in facings:
        for operation in _not_refused(facing, measure):
            values = None if facing.against(operation, allowed=False) else facing.values(operation, measure)
            if values is not None:
                difference = float(values[1].mean() - values[0].mean())
                yield math.exp(-difference if measure == "throughput" else difference)
