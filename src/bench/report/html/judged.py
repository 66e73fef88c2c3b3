"""Which cells of a report are compared with each other: those that were asked the same under the same load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.compare import Comparison, compare
from bench.report.html.cells import Cell
from bench.report.texts import EMULATED


def comparisons(cells: Sequence[Cell]) -> Mapping[str, Comparison]:
    """By what was asked, the first cell as the baseline and the others as candidates.

    Empty where each question was asked of one cell only.

    Raises:
        ResultError: A file of a run is not whole.
    """
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        if cell.rows and cell.first:
            groups.setdefault((*cell.question, cell.first.key.load, str(cell.config("load"))), []).append(cell)
    several = [group for group in groups.values() if len(group) > 1]
    names = [" · ".join(group[0].question) for group in several]
    return {
        _named(group[0], twice=names.count(name) > 1): _compared(group)
        for name, group in zip(names, several, strict=True)
    }


def _compared(group: Sequence[Cell]) -> Comparison:
    baseline, *others = zip(_short(group), group, strict=True)
    candidates = {name: cell.runs for name, cell in others}
    return compare(baseline[1].runs, candidates, baseline_name=baseline[0])


def _short(group: Sequence[Cell]) -> list[str]:
    """The labels without what all of them share."""
    parts = [cell.label.removesuffix(EMULATED).split(" · ") for cell in group]
    shared = set.intersection(*map(set, parts))
    texts = [
        " · ".join(part for part in each if part not in shared) + (EMULATED if cell.emulated else "")
        for each, cell in zip(parts, group, strict=True)
    ]
    return (
        texts
        if all(text.removesuffix(EMULATED) for text in texts) and len(set(texts)) == len(texts)
        else [cell.label for cell in group]
    )


def _named(cell: Cell, *, twice: bool) -> str:
    """Dataset and workload, and the load where one question was asked under several."""
    load = cell.first.manifest.get("load_description", cell.first.key.load) if cell.first else ""
    return " · ".join((*cell.question, str(load))) if twice else " · ".join(cell.question)
