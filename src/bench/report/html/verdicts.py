"""Which differences are real: the verdicts of comparisons, as a table and as ratios with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.compare import Comparison, Outcome, Overall, Verdict
from bench.report.html import drawing
from bench.report.html.document import Block, Chart, Column, Heading, Mark, Section, Spec, Table, Value
from bench.report.texts import NULL, of

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
ROW_PIXELS = 24


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
        *dict.fromkeys(notes),
    )
    return Section(name="verdicts", title="Verdicts", lines=lines, blocks=tuple(blocks))


def sentence(overall: Overall, baseline: str, *, question: str = "", objection: str = "") -> str:
    """What is said of one candidate in all.

    Args:
        overall: The verdict.
        baseline: What the other side is called.
        question: What was asked, where it has to be told apart.
        objection: Why the two may not be compared, if they may not.
    """
    where, interval = (f" on {question}" if question else ""), ""
    if overall.ratio is not None:
        known = overall.low is not None and overall.high is not None
        interval = f" (95 % interval {overall.low:.3g} to {overall.high:.3g})" if known else ""
        interval = f": its {_measured(overall.measure, overall.ratio)}{interval}"
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
    lines = [_overall(each) for each in comparison.overall if each.operations] + [
        _verdict(each) for each in comparison.verdicts
    ]
    return Table(
        caption=f"Verdicts against {comparison.baseline.name}{f' on {name}' if name else ''}",
        columns=(
            *(Column(name=name, number=False) for name in ("operation", "candidate", "measure", "verdict")),
            *(Column(name=name) for name in ("ratio", "from", "to")),
            Column(name="reason", number=False, wide=True),
        ),
        rows=tuple(lines[:MAX_ROWS]),
        name="verdicts",
        note=f"The first {MAX_ROWS} of {of(len(lines), 'row')}." if len(lines) > MAX_ROWS else "",
    )


def _verdict(each: Verdict) -> tuple[Value, ...]:
    return _line(_named(each), each)


def _overall(each: Overall) -> tuple[Value, ...]:
    return _line(f"all {each.operations}, geometric mean", each)


def _line(operation: str, each: Verdict | Overall) -> tuple[Value, ...]:
    return (
        Value(text=operation),
        Value(text=each.candidate),
        Value(text=each.measure),
        Value(text=str(each.verdict), mark=MARKS[each.verdict]),
        *(_ratio(value) for value in (each.ratio, each.low, each.high)),
        Value(text=each.reason),
    )


def _ratio(value: float | None) -> Value:
    return Value(text=NULL if value is None else f"{value:.3f}", exact=value)


def _charts(comparison: Comparison) -> list[Chart]:
    """One for each candidate, measure by measure."""
    found = []
    for side in comparison.candidates:
        mine = comparison.of(side.name)
        for measure in dict.fromkeys(each.measure for each in mine):
            known = [each for each in mine if each.measure == measure and each.ratio is not None]
            if known:
                found.append(_forest(comparison, side.name, measure, known[:MAX_DRAWN]))
    return found


def _forest(comparison: Comparison, candidate: str, measure: str, verdicts: Sequence[Verdict]) -> Chart:
    rows = [row for row in map(_interval, verdicts) if row]
    band = {"l": 1 / (1 + comparison.margin), "h": 1 + comparison.margin}
    seen = [float(row[key]) for row in (*rows, band) for key in ("l", "h")]
    better = "above 1 is better" if measure == "throughput" else "below 1 is faster"
    title = f"{measure}: {candidate} / {comparison.baseline.name} (ratio, logarithmic; {better})"
    x, y = drawing.logarithmic("l", title, seen), drawing.names("n")
    outcomes = [str(each) for each in MARKS]
    colour, shape = drawing.category("v", outcomes, COLOURS), drawing.category("v", outcomes, SHAPES)
    tips = drawing.tip(n="operation", v="verdict", x=("ratio", ".3f"), l=("from", ".3f"), h=("to", ".3f"))
    equal = {"type": "rect", "fill": drawing.GRID, "opacity": 0.7}
    point = {"type": "point", "filled": True, "size": 70}
    layers = [
        drawing.layer([band], equal, x=x, x2={"field": "h"}),
        drawing.layer([{"x": 1}], {"type": "rule", "stroke": drawing.SOFT}, x=drawing.quantity("x")),
        drawing.layer(rows, {"type": "rule", "strokeWidth": 2}, x=x, x2={"field": "h"}, y=y, color=colour),
        drawing.layer(rows, point, x=drawing.quantity("x"), y=y, color=colour, shape=shape, tooltip=tips),
    ]
    counted = ", ".join(f"{_count(verdicts, outcome)} {outcome}" for outcome in Outcome if _count(verdicts, outcome))
    return Chart(
        title=f"{candidate} against {comparison.baseline.name}, {measure}",
        text=f"Ratio with its interval, by operation; the grey band counts as equal. Of "
        f"{of(len(verdicts), 'operation')}: {counted}.",
        spec=drawing.spec(
            layers, height=len(rows) * ROW_PIXELS + 10, title=f"Ratios of {candidate} to {comparison.baseline.name}"
        ),
        wide=True,
    )


def _interval(each: Verdict) -> Spec:
    """Empty where no ratio is known."""
    if each.ratio is None:
        return {}
    low, high = (each.ratio if bound is None else bound for bound in (each.low, each.high))
    ends = {"x": drawing.rounded(each.ratio), "l": drawing.rounded(low), "h": drawing.rounded(high)}
    return {"n": _named(each), "v": str(each.verdict), **ends}


def _named(each: Verdict) -> str:
    return " · ".join(part for part in (each.cell, each.operation) if part)


def _count(verdicts: Sequence[Verdict], outcome: Outcome) -> int:
    return sum(each.verdict is outcome for each in verdicts)
