"""Every warning of every cell, with what it means and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.compare import Comparison
from bench.doubt import Doubt
from bench.report.html.cells import Cell
from bench.report.html.document import Column, Section, Table, Value
from bench.report.texts import short
from bench.wording import few

MAX_NAMED = 6


def doubts_section(cells: Sequence[Cell], compared: Mapping[str, Comparison], others: Sequence[str]) -> Section | None:
    """All warnings; None where there are none.

    Args:
        cells: Of the report.
        compared: Of them; a comparison has doubts of its own.
        others: Sentences that concern no cell that could be read.
    """
    rows = [
        *_of_summaries(cells),
        *_of_verdicts(cells, compared),
        *_of_manifests(cells),
        *_errors(cells),
        *(("unreadable", "", "", text) for text in others),
    ]
    if not rows:
        return None
    names = ("warning", "cells", "operations", "meaning and remedy")
    columns = tuple(Column(name=name, number=False, wide=name == names[-1]) for name in names)
    table = Table(
        caption="Warnings and remedies",
        columns=columns,
        rows=tuple((Value(text=row[0], mark="unsure"), *map(_value, row[1:])) for row in rows),
        name="warnings",
    )
    return Section(name="warnings", title="Warnings", blocks=(table,))


def doubted(cells: Sequence[Cell]) -> list[str]:
    """The names of all doubts about the cells, the most frequent first."""
    found: dict[str, int] = {}
    for cell in cells:
        for row in cell.rows:
            for doubt in row["warnings"]:
                found[doubt] = found.get(doubt, 0) + 1
    return sorted(found, key=lambda name: -found[name])


def _value(text: str) -> Value:
    return Value(text=text)


def _of_summaries(cells: Sequence[Cell]) -> Iterator[tuple[str, str, str, str]]:
    for doubt in doubted(cells):
        mine = [(cell, [row["operation"] for row in cell.rows if doubt in row["warnings"]]) for cell in cells]
        concerned = {cell.label: list(dict.fromkeys(names)) for cell, names in mine if names}
        all_of = all(len(set(names)) == len(cell.operations) for cell, names in mine if names)
        operations = list(dict.fromkeys(name for names in concerned.values() for name in names))
        told = "all" if all_of and len(operations) > 1 else few(operations, MAX_NAMED)
        yield doubt, few(list(concerned), MAX_NAMED), told, _remedy(doubt)


def _of_verdicts(cells: Sequence[Cell], compared: Mapping[str, Comparison]) -> Iterator[tuple[str, str, str, str]]:
    """Those that stand in no summary, as they arose in comparing."""
    known = set(doubted(cells))
    found: dict[str, dict[tuple[str, str], None]] = {}
    for comparison in compared.values():
        for verdict in comparison.verdicts:
            for doubt in map(str, verdict.warnings):
                if doubt not in known:
                    found.setdefault(doubt, {})[(verdict.candidate, verdict.operation)] = None
    for doubt, places in found.items():
        candidates, operations = (list(dict.fromkeys(place[at] for place in places)) for at in (0, 1))
        yield doubt, few(candidates, MAX_NAMED), few(operations, MAX_NAMED), _remedy(doubt)


def _remedy(doubt: str) -> str:
    return Doubt(doubt).remedy if doubt in set(Doubt) else "a later version of this tool knows it"


def _of_manifests(cells: Sequence[Cell]) -> Iterator[tuple[str, str, str, str]]:
    """Those that do not stand in a summary too."""
    known = {doubt for cell in cells for row in cell.rows for doubt in row["warnings"]}
    found: dict[str, list[str]] = {}
    for cell in cells:
        for run in cell.runs:
            for text in map(str, run.manifest.get("warnings", [])):
                if text.partition(" (")[0] not in known:
                    found.setdefault(text, []).append(cell.label)
    for text, labels in found.items():
        name, _, meaning = text.partition(": ")
        told = meaning if name.replace("_", "").replace(" ", "").isalnum() and meaning and " " not in name else text
        yield name if told is meaning else "note", few(list(dict.fromkeys(labels)), MAX_NAMED), "", told


def _errors(cells: Sequence[Cell]) -> Iterator[tuple[str, str, str, str]]:
    """The kinds of errors of the load, each with its first message; what says the same is one row."""
    counts: dict[tuple[str, str, str], int] = {}
    labels: dict[tuple[str, str, str], dict[str, None]] = {}
    for cell in cells:
        for run in cell.runs:
            for kind in run.manifest.get("operation_errors", [])[:MAX_NAMED]:
                state = f" {kind['sqlstate']}" if kind.get("sqlstate") else ""
                said = "".join(map(short, kind.get("messages", [])[:1]))
                key = (f"{kind.get('error_class')}{state}", str(kind.get("operation")), said)
                counts[key] = counts.get(key, 0) + int(kind.get("count") or 0)
                labels.setdefault(key, {})[cell.label] = None
    for key, count in counts.items():
        name, operation, said = key
        yield f"{count:,} × {name}", few(list(labels[key]), MAX_NAMED), operation, said
