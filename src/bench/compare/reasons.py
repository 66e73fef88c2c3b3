"""Why a verdict says what it says: one sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.stats.decide import Outcome
from bench.stats.shift import BETWEEN_RUNS, MOST_RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.compare.facing import Claim
    from bench.compare.model import Objection, Verdict
    from bench.stats.decide import Decision
    from bench.stats.shift import Shift

FARTHEST = 100.0
"""An interval that reaches beyond it on one side, and below its inverse on the other, tells nothing more than that."""


def not_comparable(against: Sequence[Objection], *, measured: bool) -> str:
    """The objections that were not overlooked, and how they would be where both sides were measured."""
    kinds = ",".join(dict.fromkeys(each.kind for each in against))
    reasons = dict.fromkeys(f"{each.reason} ({each.kind})" for each in against)
    return "; ".join([*reasons, *([f"--allow {kinds} overlooks it"] if kinds and measured else [])])


def reason_of(claim: Claim, decision: Decision | None, margin: float) -> str:
    """What the interval says and what it rests on; or why there is none, the runs being few."""
    assert claim.shift is not None
    told = f"{_saying(decision, margin)}, {_resting(claim.shift)}" if decision else _too_few(claim.shift)
    return "; ".join(filter(None, (told, claim.reason)))


def runs_needed(shift: Shift, decision: Decision, margin: float) -> int:
    """As `Verdict.runs_needed`, of runs that go on to vary as they did."""
    if decision.outcome is not Outcome.CANNOT_TELL or shift.design == "allowance":
        return 0  # repetitions first: how much runs differ is not known
    distance = abs(shift.log_ratio)
    return shift.runs_for(max(distance, math.log1p(margin) - distance), decision.level) or MOST_RUNS + 1


def needed(verdicts: Sequence[Verdict]) -> str:
    """How many runs would tell, from the verdict that needs fewest to the one that needs most; empty: not known."""
    counts = sorted(each.runs_needed for each in verdicts if each.runs_needed)
    if not counts:
        return ""
    noun = "pairs" if verdicts[0].paired else "runs on each side"
    if counts[0] > MOST_RUNS:
        return f"not even {MOST_RUNS:,} {noun} would tell"
    most = f"more than {MOST_RUNS:,}" if counts[-1] > MOST_RUNS else f"{counts[-1]:,}"
    span = f"{counts[0]:,} to {most}" if counts[-1] > counts[0] else most
    return f"about {span} {noun} would tell"


def whole(verdict: Verdict) -> str:
    """All there is to say about one verdict."""
    overlooked = [f"overlooked: {each}" for each in verdict.overlooked]
    return "; ".join(filter(None, (verdict.reason, needed([verdict]), *overlooked)))


def shown(low: float, high: float) -> str:
    """The bounds of an interval in words."""
    return " to ".join(bounds(low, high))


def bounds(low: float, high: float) -> tuple[str, str]:
    """The bounds of an interval, as `ratio` has them; of one that reaches beyond `FARTHEST` either way only that."""
    if high <= low * FARTHEST**2:
        return ratio(low), ratio(high)
    lowest, highest = f"<{1 / FARTHEST:g}", f">{FARTHEST:g}"
    return lowest if low < 1 / FARTHEST else ratio(low), highest if high > FARTHEST else ratio(high)


def ratio(value: float) -> str:
    """Three digits that mean something, short however far it is from 1: a bound above 0 is never shown as 0."""
    return f"{value:.3f}" if 0.1 <= value < 1_000 else f"{value:.3g}"


def _too_few(shift: Shift) -> str:
    noun = "pairs" if shift.design == "paired" else "runs on a side"
    return f"2 {noun} cannot tell; use repetitions=5"


def _saying(decision: Decision, margin: float) -> str:
    if decision.outcome is Outcome.EQUIVALENT:
        return f"the interval lies within the margin of {margin:.0%}"
    if decision.outcome is Outcome.CANNOT_TELL:
        return f"the interval holds 1, and reaches beyond the margin of {margin:.0%}"
    return "the interval does not hold 1"


def _resting(shift: Shift) -> str:
    if shift.design != "allowance" and math.isinf(shift.df):
        return f"from runs that agree to the last digit, so that {BETWEEN_RUNS:.0%} of deviation is allowed for"
    if shift.design == "paired":
        return f"from {shift.runs} pairs of runs"
    if shift.design == "allowance":
        return (
            f"from one run on each side: that runs of one system differ by {BETWEEN_RUNS:.0%} is assumed, not "
            "measured; repetitions=5 measures it"
        )
    return "from runs that were not made in turn, so a change of the machine in between looks like a difference"
