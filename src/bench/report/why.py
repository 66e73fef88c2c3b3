"""The lines below the tables of a comparison: why each verdict is what it is, each reason once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.compare import Outcome
from bench.compare.reasons import needed
from bench.report.folded import warning
from bench.wording import few

if TYPE_CHECKING:
    from bench.compare import Comparison, Overall, Verdict


def why(comparison: Comparison) -> Iterator[str]:
    """A line for each reason, with the operations that have it; then what was overlooked, and the warnings."""
    yield from _in_all(comparison)
    reasons: dict[tuple[str, str, str, str], list[Verdict]] = {}
    for each in comparison.verdicts:
        key = comparison.marked(each), each.measure, each.verdict.value, each.reason
        reasons.setdefault(key, []).append(each)
    several = len(comparison.candidates) > 1
    lines: dict[tuple[str, str, str], list[str]] = {}
    for (candidate, measure, verdict, reason), members in reasons.items():
        who = f"{candidate}, " if several else ""
        mark = "Warning: " if verdict == Outcome.NOT_COMPARABLE else ""
        places = few([f"{each.cell} {each.operation}".strip() for each in members])
        said = "; ".join(filter(None, (reason, needed(members))))
        lines.setdefault((f"{mark}{who}{places}", verdict, said), []).append(measure)
    for (places, verdict, said), measures in lines.items():
        yield f"{places} {', '.join(measures)}: {verdict}; {said}."
    yield from _overlooked(comparison)
    asked = [(each.cell, each.operation) for each in comparison.verdicts]
    for doubt in dict.fromkeys(str(doubt) for each in comparison.verdicts for doubt in each.warnings):
        yield warning(
            doubt, [(each.cell, each.operation) for each in comparison.verdicts if doubt in each.warnings], asked
        )


def _in_all(comparison: Comparison) -> Iterator[str]:
    reasons: dict[str, list[Overall]] = {}
    for each in comparison.overall:
        reasons.setdefault(each.reason, []).append(each)
    several = len(comparison.candidates) > 1
    for reason, members in reasons.items():
        places = [
            " ".join(filter(None, (comparison.marked(each) if several else "", each.cell, each.measure)))
            for each in members
        ]
        yield f"In all, {few(places)}: {reason}."


def _overlooked(comparison: Comparison) -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for each in comparison.objections:
        if each.allowed:
            found.setdefault((each.reason, each.kind), []).append(
                " ".join(filter(None, (each.cell, each.operation or "")))
            )
    for (reason, kind), places in found.items():
        named = few([place for place in dict.fromkeys(places) if place])
        yield f"Overlooked{f' for {named}' if named else ''}: {reason} ({kind})."
