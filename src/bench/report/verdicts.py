"""The page of a comparison, for the terminal and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.compare import Outcome
from bench.compare.reasons import shown
from bench.report.folded import alike, cells_of, measures_of, operations_of
from bench.report.page import Grid, Page
from bench.report.texts import EMULATED, NULL, SEPARATE, bounds, ms, number, ratio, short
from bench.report.why import why
from bench.wording import few, of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.compare import Comparison, GateResult, Overall, Side, Verdict

SHOWN_DIFFERENCES = 20
SHOWN_CHARACTERS = 60


def comparison_page(comparison: Comparison, gates: Sequence[GateResult] = ()) -> Page:
    """What there is to say about a comparison: what differs first, then the verdicts."""
    overlooked = dict.fromkeys(each.kind for each in comparison.objections if each.allowed)
    mark = f" (overlooked: {', '.join(overlooked)})" if overlooked else ""
    names = ", ".join(map(_marked, comparison.candidates))
    return Page(
        title=f"{names} against {_marked(comparison.baseline)}{mark}",
        lines=(*comparison.notes, *_sentences(comparison)),
        grids=(*_differences(comparison), *_verdicts(comparison), *_overall(comparison), *_gates(gates)),
        notes=tuple(_notes(comparison)),
    )


def _sentences(comparison: Comparison) -> Iterator[str]:
    """The answer on each cell and candidate, by the first measure."""
    for each in comparison.overall:
        if each.measure == _first(comparison):
            yield from filter(None, (_sentence(each, comparison), _operations(each, comparison), each.remark))
    if not comparison.overall:
        yield "Nothing was compared: the sides have no cell in common."


def _marked(side: Side) -> str:
    return f"{side.name}{EMULATED if side.emulated else ''}"


def _first(comparison: Comparison) -> str:
    return comparison.overall[0].measure if comparison.overall else ""


def _sentence(each: Overall, comparison: Comparison) -> str:
    base, said = f"{each.baseline}{f' on {each.cell}' if each.cell else ''}", each.verdict
    if said is Outcome.CANNOT_TELL and each.ratio is None:
        return f"Whether {each.candidate} is faster or slower than {base} cannot be told: {each.reason}."
    if each.ratio is None or each.low is None or each.high is None:
        return f"{each.candidate} and {base} cannot be compared: {short(comparison.objection(each) or each.reason)}."
    interval = f"{each.measure} {ratio(each.ratio)} of the baseline's in all, {shown(each.low, each.high)}"
    if said is Outcome.CANNOT_TELL:
        return f"Whether {each.candidate} is faster or slower than {base} cannot be told ({interval})."
    if said is Outcome.EQUIVALENT:
        return f"{each.candidate} is equivalent to {base} within {comparison.margin:.0%} ({interval})."
    return f"{each.candidate} is {said} than {base} ({interval})."


def _operations(overall: Overall, comparison: Comparison) -> str:
    """Which operations have which verdict."""
    found: dict[str, list[str]] = {}
    for each in comparison.of(overall.candidate):
        if (each.cell, each.measure) == (overall.cell, overall.measure):
            found.setdefault(each.verdict.value, []).append(each.operation)
    said = [f"{verdict}: {few(places)}" for verdict, places in found.items()]
    return f"By operation, {'; '.join(said)}." if said else ""


def _differences(comparison: Comparison) -> list[Grid]:
    """Where other backends are compared, without the keys below `backend`: they are what makes them other backends."""
    known = comparison.differences
    told = [each for each in known if not each.key.startswith("backend.")]
    kept = told if any(each.key == "backend" for each in known) else known
    if not kept:
        return []
    shown, folded = kept[:SHOWN_DIFFERENCES], len(known) - len(kept)
    names = [side.name for side in (comparison.baseline, *comparison.candidates)]
    rows = [(each.key, *(_cut(dict(each.values)[name]) for name in names)) for each in shown]
    left = [
        f"{len(kept) - len(shown)} more" if len(kept) > len(shown) else "",
        f"{of(folded, 'key')} below backend" if folded else "",
    ]
    more = " and ".join(filter(None, left))
    title = "What differs" + (f" ({more} in --json)" if more else "")
    return [Grid(title=title, header=("key", *names), rows=tuple(rows), left=1 + len(names))]


def _verdicts(comparison: Comparison) -> list[Grid]:
    """One for each candidate, and for what it is compared with where another side stands in for the baseline."""
    emulated = {side.name: _marked(side) for side in comparison.candidates}
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for each in comparison.verdicts:
        groups.setdefault((each.candidate, each.baseline), []).append(each)
    return [
        _table(
            comparison.marked(group[0]).replace(name, emulated[name], 1), group, several=len(comparison.candidates) > 1
        )
        for (name, _), group in groups.items()
    ]


def _table(name: str, verdicts: Sequence[Verdict], *, several: bool) -> Grid:
    labelled = any(each.cell for each in verdicts)
    known = [(each.cell, each.operation, each.measure, each) for each in verdicts if each.ratio is not None]
    folded = [
        (cells_of(group, verdicts), operations_of(group, verdicts), measures_of(group), group[0])
        for group in alike(verdicts)
    ]
    rows = tuple(
        (
            *([cell] if labelled else []),
            operation,
            measure,
            each.verdict.value,
            ratio(each.ratio),
            interval(each.low, each.high),
            _value(each, each.baseline_value),
            _value(each, each.candidate_value),
            _percent(each.superiority_ratio),
            str(each.runs) if each.runs else NULL,
        )
        for cell, operation, measure, each in (*known, *folded)
    )
    header = ("operation", "measure", "verdict", "ratio", "interval", "baseline", "candidate", "wins", "runs")
    title = f"Verdicts on {name}" if several else "Verdicts"
    return Grid(title=title, header=(*(["cell"] if labelled else []), *header), rows=rows, left=4 if labelled else 3)


def _overall(comparison: Comparison) -> list[Grid]:
    overall = comparison.overall
    labelled = any(each.cell for each in overall)
    known = [(each.cell, each.measure, each) for each in overall if each.ratio is not None]
    folded = [(cells_of(group, overall), measures_of(group), group[0]) for group in alike(overall)]
    rows = tuple(
        (
            *([cell] if labelled else []),
            comparison.marked(each),
            measure,
            each.verdict.value,
            ratio(each.ratio),
            interval(each.low, each.high),
        )
        for cell, measure, each in (*known, *folded)
    )
    header = (*(["cell"] if labelled else []), "candidate", "measure", "verdict", "ratio", "interval")
    return [Grid(title="In all", header=header, rows=rows, left=len(header) - 2)] if rows else []


def _gates(gates: Sequence[GateResult]) -> list[Grid]:
    labelled = any(each.cell for each in gates)
    rows = tuple(
        (each.gate, each.outcome, each.candidate, *([each.cell] if labelled else []), each.operation, each.reason)
        for each in sorted(gates, key=lambda each: ("missed", "cannot tell", "met").index(each.outcome))
    )
    header = ("gate", "outcome", "candidate", *(["cell"] if labelled else []), "operation", "why")
    return [Grid(title="Gates", header=header, rows=rows, left=len(header))] if rows else []


def _notes(comparison: Comparison) -> Iterable[str]:
    yield from why(comparison)
    if all(each.ratio is None for each in comparison.verdicts):
        return
    yield (
        "Ratio: candidate / baseline; of times below 1 is faster, of the throughput above 1. Wins: how often an "
        "attempt on the candidate takes less time than one on the baseline."
    )
    yield (
        f"Family: all operations, measures and candidates of {'each cell' if _labelled(comparison) else 'the cell'}; "
        f"with 95 % confidence none of a family is called faster or slower wrongly. {SEPARATE}"
    )


def _labelled(comparison: Comparison) -> bool:
    """There are several cells, which have labels."""
    return len({each.cell for each in comparison.verdicts}) > 1


def interval(low: float | None, high: float | None) -> str:
    """The bounds of a ratio."""
    return NULL if low is None or high is None else " to ".join(bounds(low, high))


def _value(verdict: Verdict, value: float | None) -> str:
    if value is None:
        return NULL
    return f"{number(value)} per s" if verdict.measure == "throughput" else f"{ms(value)} ms"


def _percent(value: float | None) -> str:
    return NULL if value is None else f"{value:.0%}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
