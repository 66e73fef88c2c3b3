"""The answer in one sentence, and what a reader has to know before believing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.compare import Comparison, Outcome, Overall
from bench.report.html import load_curve, scaling, verdicts
from bench.report.html.cells import Cell
from bench.report.html.doubts import doubted
from bench.report.texts import ms, number
from bench.wording import of

NAMED = 4
"""So many answers are listed; of more, the others are counted."""


def answer(
    cells: Sequence[Cell], parts: Sequence[Cell], comparisons: Mapping[str, Comparison]
) -> tuple[str, tuple[str, ...]]:
    """What the page says: one sentence, and where it has several answers a list of them.

    Args:
        cells: Of the report.
        parts: The same by stream.
        comparisons: Between the cells.
    """
    measured = [cell for cell in cells if cell.rows or cell.tallies]
    found = list(_compared(comparisons)) or list(_searched(measured)) or list(_varied(measured))
    if len(found) > 1:
        named = tuple(f"{clause.rstrip('.')}." for clause in found[:NAMED])
        more = (f"{len(found) - NAMED} more below.",) if len(found) > NAMED else ()
        return f"{_counted(comparisons) or of(len(found), 'answer')}.", (*named, *more)
    if found:
        text = found[0].rstrip(".")
    elif len(measured) == 1:
        text = _single(measured[0], [part for part in parts if part.rows])
    else:
        text = _several(measured) if measured else f"Nothing was measured in {of(len(cells), 'cell')}"
    return f"{text}.", ()


def _counted(comparisons: Mapping[str, Comparison]) -> str:
    """How many comparisons came out which way; empty where nothing was compared."""
    found = [
        (f"{side.name} against {_first(mine).baseline}", _first(mine).verdict)
        for comparison in comparisons.values()
        for side in comparison.candidates
        if (mine := [each for each in comparison.overall if each.candidate == side.name])
    ]
    said = [verdict for _, verdict in found]
    counts = ", ".join(f"{said.count(each)} {each}" for each in Outcome if each in said)
    sides = {pair for pair, _ in found}
    if not found or len(sides) > 1:
        return f"Of {of(len(found), 'comparison')}: {counts}" if found else ""
    return f"{sides.pop()} on {of(len(found), 'question')}: {counts}"


def caveats(cells: Sequence[Cell]) -> Iterator[str]:
    """What did not end well, what came from an emulator, and how many warnings there are."""
    if any(run.emulated for cell in cells for run in cell.runs):
        yield "Emulated: nothing about speed or cost follows from what came from an emulator."
    missing = [cell for cell in cells if cell.status != "done"]
    if missing:
        named = ", ".join(f"{cell.label} ({cell.status})" for cell in missing[:6])
        yield f"Not done: {len(missing)} of {of(len(cells), 'cell')}: {named}{' …' if len(missing) > 6 else ''}."
    doubts = doubted(cells)
    if doubts:
        yield f"Doubts about some numbers: {', '.join(doubts)}; what each means, and what to do, stands under Warnings."


def by_operation(comparisons: Mapping[str, Comparison]) -> Iterator[str]:
    """How many operations have which verdict, for that in all hides those that differ, and why it may hide them all."""
    for name, comparison in comparisons.items():
        where = f" on {name}" if len(comparisons) > 1 else ""
        for side in comparison.candidates:
            mine = [each for each in comparison.overall if each.candidate == side.name]
            measure, remark = (_first(mine).measure, _first(mine).remark) if mine else ("", "")
            said = [each.verdict for each in comparison.of(side.name) if each.measure == measure]
            if len(said) > 1:
                counts = ", ".join(f"{said.count(each)} {each}" for each in Outcome if each in said)
                sides = f"{side.name} against {_first(mine).baseline}{where}"
                yield f"{sides}, operation by operation: {counts}. {remark}".rstrip()


def _compared(comparisons: Mapping[str, Comparison]) -> Iterator[str]:
    several = len(comparisons) > 1
    for name, comparison in comparisons.items():
        for side in comparison.candidates:
            mine = [each for each in comparison.overall if each.candidate == side.name]
            if mine:
                first, question = _first(mine), name if several else ""
                yield verdicts.sentence(first, question=question, objection=comparison.objection(first))


def _first(overall: Sequence[Overall]) -> Overall:
    """The median where it was compared, else what was."""
    return next((each for each in overall if each.measure == "p50"), overall[0])


def _searched(cells: Sequence[Cell]) -> Iterator[str]:
    for cell in cells:
        search = cell.first.manifest.get("search") if cell.first else None
        if search:
            yield f"{cell.label}: {search['reason']}"


def _varied(cells: Sequence[Cell]) -> Iterator[str]:
    for curve in load_curve.curves_of(cells):
        yield load_curve.sentence(curve)
    for group in scaling.scalings(cells).values():
        for each in group:
            yield scaling.sentence(each)


def _single(cell: Cell, parts: Sequence[Cell]) -> str:
    dataset, workload = cell.question
    if not parts:
        told = "did not come to a summary; what it measured until then stands below"
        return f"{cell.label} on {workload} and {dataset} {told}"
    operations = of(len(cell.operations), "operation")
    said = [f"{f'of the stream {part.stream} ' if part.stream else ''}{_rate(part)}" for part in parts]
    return f"{cell.label} answered {operations} of {workload} on {dataset}{',' if parts[0].stream else ''} " + (
        f"{', '.join(said[:-1])}, and {said[-1]}" if len(said) > 1 else said[0]
    )


def _rate(part: Cell) -> str:
    kind = part.measure
    middles = [value for value in (part.value(name, f"{kind}_p50_ns") for name in part.operations) if value is not None]
    spread = f" with a median {kind.replace('_', ' ')} of {_between(middles)} ms" if middles else ""
    return f"{number(part.total('goodput_per_s'))} times per s{spread}"


def _between(values: Sequence[float]) -> str:
    low, high = ms(min(values)), ms(max(values))
    return low if low == high else f"{low} to {high}"


def _several(cells: Sequence[Cell]) -> str:
    """No verdict, so no winner: only what was seen."""
    rates = {cell.label: cell.total("goodput_per_s") or 0.0 for cell in cells if cell.rows}
    if not rates:
        return f"None of {of(len(cells), 'cell')} came to a summary; what they measured until then stands below"
    most, least = max(rates, key=lambda label: rates[label]), min(rates, key=lambda label: rates[label])
    return (
        f"{of(len(cells), 'cell')} measured, which asked different questions or were not compared: from "
        f"{number(rates[least])} operations per s ({least}) to {number(rates[most])} ({most})"
    )
