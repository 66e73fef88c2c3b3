"""Which differences are real: the verdicts of comparisons, as a table and as ratios with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.compare import Comparison, Outcome, Overall, Verdict
from bench.compare.reasons import FARTHEST, whole
from bench.report.folded import alike, measures_of, operations_of
from bench.report.html import drawing
from bench.report.html.document import Block, Chart, Column, Heading, Mark, Section, Spec, Table, Value
from bench.report.texts import SEPARATE, bounds, ratio
from bench.wording import of

MARKS: Mapping[Outcome, Mark] = {
    Outcome.FASTER: "good",
    Outcome.SLOWER: "bad",
    Outcome.EQUIVALENT: "even",
    Outcome.CANNOT_TELL: "unsure",
    Outcome.NOT_COMPARABLE: "unsure",
}
COLOURS = ("var(--good)", "var(--bad)", "var(--even)", "var(--unsure)", drawing.SOFT)
SHAPES = ("triangle-left", "triangle-right", "square", "diamond", "cross")
MAX_ROWS = 300
MAX_DRAWN = 60
MAX_NAMED = 6
ROW_PIXELS = 24
ENDS = (("l", "◀"), ("h", "▶"))
"""Marks an interval that reaches beyond the chart."""


def verdicts_section(comparisons: Mapping[str, Comparison]) -> Section | None:
    """By question, the verdicts on each candidate; None where nothing was compared.

    Args:
        comparisons: By what was asked, such as dataset and workload.
    """
    blocks: list[Block] = []
    notes: list[str] = []
    for name, comparison in comparisons.items():
        if not comparison.verdicts:
            continue
        blocks += [Heading(title=name)] if len(comparisons) > 1 else []
        blocks += [*_charts(comparison), _table(name, comparison)]
        notes += comparison.notes
        if comparison.allowed:
            notes.append(f"Overlooked because it was asked for (--allow): {', '.join(comparison.allowed)}.")
    if not blocks:
        return None
    margin = next(iter(comparisons.values())).margin
    lines = (
        "A ratio is candidate / baseline: of a time, below 1 is faster. A verdict is given only where the whole "
        f"interval supports it; equivalent means within {margin:.0%} either way.",
        "Of one question all operations, measures and candidates are a family: with 95 % confidence none of it is "
        f"called faster or slower wrongly. {SEPARATE}",
        *dict.fromkeys(notes),
    )
    return Section(name="verdicts", title="Verdicts", lines=lines, blocks=tuple(blocks))


def sentence(overall: Overall, *, question: str = "", objection: str = "") -> str:
    """What is said of one candidate in all.

    Args:
        overall: The verdict.
        question: What was asked, where it has to be told apart.
        objection: Why the two may not be compared, if they may not.
    """
    where, interval, baseline = (f" on {question}" if question else ""), "", overall.baseline
    if overall.ratio is not None:
        known = overall.low is not None and overall.high is not None
        level = f"{100 * overall.level:.3g} % " if overall.level else ""
        interval = f" ({level}interval {' to '.join(bounds(overall.low, overall.high))})" if known else ""
        told_first = overall.verdict in (Outcome.FASTER, Outcome.SLOWER)
        whose = "its" if told_first else f"{overall.candidate}'s"
        interval = f": {whose} {_measured(overall.measure, overall.ratio)}{interval}"
    elif overall.verdict is Outcome.CANNOT_TELL:
        interval = f": {overall.reason}"
    reason = (objection or overall.reason).rstrip(".")
    told = {
        Outcome.FASTER: f"{overall.candidate} is faster than {baseline}{where}{interval}",
        Outcome.SLOWER: f"{overall.candidate} is slower than {baseline}{where}{interval}",
        Outcome.EQUIVALENT: f"{overall.candidate} and {baseline} are equivalent{where}{interval}",
        Outcome.CANNOT_TELL: f"Whether {overall.candidate} or {baseline} is faster{where} cannot be told{interval}",
        Outcome.NOT_COMPARABLE: f"{overall.candidate} and {baseline} cannot be compared{where}: {reason}",
    }
    return told[overall.verdict]


def _measured(measure: str, ratio: float) -> str:
    names = {"p50": "median time", "p99": "99th percentile", "mean": "mean time", "throughput": "throughput"}
    return f"{names[measure]} is {ratio:.3g} times as {'high' if measure == 'throughput' else 'long'}"


def _table(name: str, comparison: Comparison) -> Table:
    several = len(comparison.candidates) > 1

    def who(each: Verdict | Overall) -> str:
        return comparison.marked(each) if several else ""

    known = [each for each in comparison.verdicts if each.ratio is not None]
    lines = [
        *(
            _line(f"{_part(each)}, geometric mean", each.measure, each, who(each))
            for each in comparison.overall
            if each.operations > 1
        ),
        *(_line(_named(each), each.measure, each, who(each)) for each in known),
        *(_folded(group, comparison, who(group[0])) for group in alike(comparison.verdicts)),
    ]
    sides = "against " if several else f"on {comparison.candidates[0].name} against "
    texts = ("operation", "verdict", *(("candidate",) if several else ()), "measure")
    return Table(
        caption=f"Verdicts {sides}{comparison.baseline.name}{f', {name}' if name else ''}",
        columns=(
            *(Column(name=each, number=False) for each in texts),
            *(Column(name=each) for each in ("ratio", "from", "to")),
            Column(name="reason", number=False, wide=True),
        ),
        rows=tuple(lines[:MAX_ROWS]),
        name="verdicts",
        note=f"The first {MAX_ROWS} of {of(len(lines), 'row')}." if len(lines) > MAX_ROWS else "",
    )


def _part(overall: Overall) -> str:
    """How many operations are in a mean, of how many there are."""
    asked = overall.operations + len(overall.left_out)
    return f"{overall.operations} of {asked}" if overall.left_out else f"all {asked}"


def _folded(group: Sequence[Verdict], comparison: Comparison, who: str) -> tuple[Value, ...]:
    """One row for all of them."""
    operations = operations_of(group, comparison.of(group[0].candidate), MAX_NAMED)
    return _line(operations, measures_of(group), group[0], who)


def _line(operation: str, measure: str, each: Verdict | Overall, who: str) -> tuple[Value, ...]:
    """A row; `who` names the candidate where there are several."""
    return (
        Value(text=operation),
        Value(text=str(each.verdict), mark=MARKS[each.verdict]),
        *((Value(text=who),) if who else ()),
        Value(text=measure),
        Value(text=ratio(each.ratio), exact=each.ratio),
        *(
            Value(text=text, exact=value)
            for text, value in zip(bounds(each.low, each.high), (each.low, each.high), strict=True)
        ),
        Value(text=whole(each) if isinstance(each, Verdict) else each.reason),
    )


def _charts(comparison: Comparison) -> list[Chart]:
    """One for each candidate, measure by measure."""
    found = []
    for side in comparison.candidates:
        mine = comparison.of(side.name)
        for measure in dict.fromkeys(each.measure for each in mine):
            asked = [each for each in mine if each.measure == measure]
            if any(each.ratio is not None for each in asked):
                found.append(_forest(comparison, side.name, measure, asked))
    return found


def _forest(comparison: Comparison, candidate: str, measure: str, asked: Sequence[Verdict]) -> Chart:
    verdicts = [each for each in asked if each.ratio is not None][:MAX_DRAWN]
    reach = _reach([each.ratio for each in verdicts if each.ratio])
    rows = [row for row in (_interval(each, reach) for each in verdicts) if row]
    band = {"l": 1 / (1 + comparison.margin), "h": 1 + comparison.margin}
    seen = [float(row[key]) for row in (*rows, band) for key in ("l", "h")]
    better = "above 1 is better" if measure == "throughput" else "below 1 is faster"
    title = f"ratio (logarithmic; {better})"
    x, y = drawing.logarithmic("l", title, seen), drawing.names("n")
    outcomes = [str(each) for each in MARKS]
    colour, shape = drawing.category("v", outcomes, COLOURS), drawing.category("v", outcomes, SHAPES)
    tips = drawing.tip(n="operation", v="verdict", r="ratio", f="from", t="to")
    beyond = [{**row, "l": row[end], "a": mark} for row in rows for end, mark in ENDS if row[f"{end}b"]]
    arrow = {"type": "text", "fontSize": 13, "fontWeight": 700}
    equal = {"type": "rect", "fill": drawing.GRID, "opacity": 0.7}
    point = {"type": "point", "filled": True, "size": 70}
    layers = [
        drawing.layer([band], equal, x=x, x2={"field": "h"}),
        drawing.layer([{"x": 1}], {"type": "rule", "stroke": drawing.SOFT}, x=drawing.quantity("x")),
        drawing.layer(rows, {"type": "rule", "strokeWidth": 2}, x=x, x2={"field": "h"}, y=y, color=colour),
        drawing.layer(beyond, arrow, x=x, y=y, color=colour, text={"field": "a"}),
        drawing.layer(rows, point, x=drawing.quantity("x"), y=y, color=colour, shape=shape, tooltip=tips),
    ]
    more = f" Arrows: the interval reaches beyond {reach[0]:.3g} or {reach[1]:,.0f}." if beyond else ""
    baseline = asked[0].baseline
    return Chart(
        title=f"{measure}: {candidate} / {baseline}",
        text=f"Ratio with its interval, by operation; the grey band counts as equal. {_counted(asked)}{more}",
        spec=drawing.spec(layers, height=len(rows) * ROW_PIXELS + 10, title=f"Ratios of {candidate} to {baseline}"),
        wide=True,
    )


def _counted(asked: Sequence[Verdict]) -> str:
    """How many operations have which verdict, and which of them are drawn where not all are."""
    counts = ", ".join(f"{_count(asked, outcome)} {outcome}" for outcome in Outcome if _count(asked, outcome))
    known = sum(each.ratio is not None for each in asked)
    drawn = f"the first {MAX_DRAWN}" if known > MAX_DRAWN else f"{known}"
    left = f" Drawn are {drawn} that have a ratio." if min(known, MAX_DRAWN) < len(asked) else ""
    return f"Of {of(len(asked), 'operation')}: {counts}.{left}"


def _reach(ratios: Sequence[float]) -> tuple[float, float]:
    """What is drawn at most: all ratios, and of their intervals what lies within `FARTHEST` either way."""
    return min(1 / FARTHEST, *ratios, 1.0), max(FARTHEST, *ratios, 1.0)


def _interval(each: Verdict, reach: tuple[float, float]) -> Spec:
    """Empty where no ratio is known."""
    if each.ratio is None:
        return {}
    low, high = (each.ratio if bound is None else bound for bound in (each.low, each.high))
    ends = {"x": each.ratio, "l": max(low, reach[0]), "h": min(high, reach[1])}
    told = dict(zip("rft", (ratio(each.ratio), *bounds(low, high)), strict=True))
    beyond = {"lb": low < reach[0], "hb": high > reach[1]}
    drawn = {name: drawing.rounded(value) for name, value in ends.items()}
    return {"n": _named(each), "v": str(each.verdict), **drawn, **told, **beyond}


def _named(each: Verdict) -> str:
    return " · ".join(part for part in (each.cell, each.operation) if part)


def _count(verdicts: Sequence[Verdict], outcome: Outcome) -> int:
    return sum(each.verdict is outcome for each in verdicts)
