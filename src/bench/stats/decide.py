"""From shifts to what may be said: faster, slower, equivalent, or that it cannot be told. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.stats.shift import Shift

ALPHA = 0.05
MARGIN = 0.05
"""Ratios from 1 / 1.05 to 1.05 count as equal: repetitions on one machine seldom agree better, and few decisions turn
on less."""


class Outcome(StrEnum):
    """What may be said of a candidate against the baseline."""

    FASTER = "faster"
    """The interval of the ratio lies on the better side of 1, and not wholly within the margin."""
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    """The whole interval lies within the margin."""
    CANNOT_TELL = "cannot tell"
    NOT_COMPARABLE = "not comparable"
    """The sides did not answer the same question, or not well enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """An outcome with the interval that it was read off."""

    outcome: Outcome
    low: float
    high: float
    level: float
    """Confidence of the interval."""


def decide(shifts: Sequence[Shift], *, alpha: float = ALPHA, margin: float = MARGIN) -> list[Decision]:
    """One decision per shift, such that with probability 1 - alpha none of those that say faster or slower is false.

    Each interval has the level that the procedure of Holm ("A simple sequentially rejective multiple test procedure",
    1979) gives it; so an interval excludes 1 exactly where that procedure rejects, and the verdict can be read off
    the interval. Equivalence is claimed where two one-sided tests at the margin (Schuirmann, 1987) would both reject,
    at half of alpha instead of alpha each, as the interval for both claims is the same.

    Args:
        shifts: All that is claimed together, such as the operations of all candidates.
        alpha: Probability of any false claim among them, 0 to 1.
        margin: Above 0; ratios from 1 / (1 + margin) to 1 + margin count as equal.
    """
    levels = holm_levels([shift.p_value for shift in shifts], alpha)
    return [_decision(shift, level, margin) for shift, level in zip(shifts, levels, strict=True)]


def holm_levels(p_values: Sequence[float], alpha: float = ALPHA) -> list[float]:
    """The confidence that each interval needs, so that it excludes 1 where Holm's procedure rejects.

    The k-th smallest p value is tested at alpha / (m - k + 1), until one is not rejected; it and all larger ones
    have the level of that test.
    """
    levels = [0.0] * len(p_values)
    tested = alpha / max(len(p_values), 1)
    stopped = False
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        if not stopped:
            tested = alpha / (len(p_values) - rank)
            stopped = p_values[at] > tested
        levels[at] = 1 - tested
    return levels


def outcome_of(low: float, high: float, margin: float = MARGIN) -> Outcome:
    """What an interval of a ratio of times says; below 1 is faster."""
    if 1 / (1 + margin) <= low and high <= 1 + margin:
        return Outcome.EQUIVALENT
    if high < 1:
        return Outcome.FASTER
    return Outcome.SLOWER if low > 1 else Outcome.CANNOT_TELL


def _decision(shift: Shift, level: float, margin: float) -> Decision:
    low, high = shift.interval(level)
    return Decision(outcome=outcome_of(low, high, margin), low=low, high=high, level=level)
