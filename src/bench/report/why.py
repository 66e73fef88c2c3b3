"""The lines below the tables of a comparison: why each verdict is what it is, each reason once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.compare import Outcome
from bench.report.folded import few, warning

if TYPE_CHECKING:
    from bench.compare import Comparison, Overall, Verdict

_INTERVAL = re.compile(r"(?:the |, )interval \S+ to \S+")
"""It stands in the table."""
_MORE = re.compile(r"about ([\d,]+) (pairs|runs on each side) would tell")


def why(comparison: Comparison) -> Iterator[str]:
    """A line for each reason, with the operations that have it; then what was overlooked, and the warnings."""
    yield from _in_all(comparison)
    reasons: dict[tuple[str, str, str, str], list[Verdict]] = {}
    for each in comparison.verdicts:
        key = each.candidate, each.measure, each.verdict.value, _common(each, comparison)
        reasons.setdefault(key, []).append(each)
    several = len(comparison.candidates) > 1
    for (candidate, measure, verdict, reason), members in reasons.items():
        who = f"{candidate}, " if several else ""
        mark = "Warning: " if verdict == Outcome.NOT_COMPARABLE else ""
        places = few([f"{each.cell} {each.operation}".strip() for each in members])
        yield f"{mark}{who}{places} {measure}: {verdict}; {reason}{_more(members)}."
    yield from _overlooked(comparison)
    asked = [(each.cell, each.operation) for each in comparison.verdicts]
    for doubt in dict.fromkeys(str(doubt) for each in comparison.verdicts for doubt in each.warnings):
        yield warning(
            doubt, [(each.cell, each.operation) for each in comparison.verdicts if doubt in each.warnings], asked
        )


def _in_all(comparison: Comparison) -> Iterator[str]:
    reasons: dict[str, list[Overall]] = {}
    for each in comparison.overall:
        reasons.setdefault(_INTERVAL.sub("", each.reason), []).append(each)
    several = len(comparison.candidates) > 1
    for reason, members in reasons.items():
        places = [
            " ".join(filter(None, (each.candidate if several else "", each.cell, each.measure))) for each in members
        ]
        yield f"In all, {few(places)}: {reason}."


def _common(verdict: Verdict, comparison: Comparison) -> str:
    """The reason without what stands in the table or in a line of its own."""
    text = _MORE.sub("", _INTERVAL.sub("the interval", verdict.reason))
    for each in comparison.objections:
        if each.allowed:
            text = text.replace(f"overlooked: {each.reason} ({each.kind})", "")
    return "; ".join(filter(None, (part.strip() for part in text.split(";"))))


def _more(members: Sequence[Verdict]) -> str:
    """How many pairs would tell, from the operation that needs fewest to the one that needs most."""
    found = [hit for each in members if (hit := _MORE.search(each.reason))]
    if not found:
        return ""
    counts = sorted({int(hit[1].replace(",", "")) for hit in found})
    span = f"{counts[0]:,} to {counts[-1]:,}" if len(counts) > 1 else f"{counts[0]:,}"
    return f"; about {span} {found[0][2]} would tell"


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
