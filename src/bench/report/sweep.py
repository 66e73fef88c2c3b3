"""The page of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from bench.compare.configuration import flat, told_apart
from bench.costs import sweep_notes
from bench.report.page import Grid, Page
from bench.report.run import notes, streams_of
from bench.report.texts import Row, emulated, measure_of, ms, number, short, usd_per_million
from bench.results import CellState, Sweep
from bench.wording import of

REPEATED = "Each value is the median over up to {} repetitions, with the least and the greatest of them in brackets."


def sweep_page(sweep: Sweep) -> Page:
    """What there is to say about a sweep."""
    rows: list[Row] = sweep.summaries().to_pylist()
    states = sweep.states()
    done = sum(state.status == "done" for state in states.values())
    repetitions = max((len(runs) for runs in sweep.groups().values()), default=0)
    noun = "run" if repetitions > 1 else "cell"
    rows_of_states = tuple((cell, state.status) for cell, state in states.items())
    cells = Grid(title=f"{noun.capitalize()}s", header=(noun, "status"), rows=rows_of_states, left=2)
    return Page(
        title=f"Sweep {sweep.directory.name}: {done} of {of(len(states), noun)} done",
        grids=(*_side_by_side(rows, _configurations(sweep)), cells),
        notes=(
            *([REPEATED.format(repetitions)] if repetitions > 1 else []),
            *(_message(cell, state) for cell, state in states.items() if state.message),
            *notes(rows, streams_of(sweep.runs.values())),
            *sweep_notes(sweep),
            *(f"Warning: {text}" for text in sweep.unreadable),
        ),
    )


def _message(cell: str, state: CellState) -> str:
    """Below the table, which would grow as wide as the longest of them."""
    return f"{'Error in ' if state.status == 'failed' else ''}{cell}: {short(state.message)}"


def _configurations(sweep: Sweep) -> dict[str, Mapping[str, str]]:
    """By cell its configuration, as it is told apart from others by."""
    return {cell: flat(runs[0]) for cell, runs in sweep.groups().items()}


def _side_by_side(rows: Sequence[Row], configurations: Mapping[str, Mapping[str, str]]) -> list[Grid]:
    """Per dataset, workload and load one table: operations down, cells across."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["workload"], row["load"]), []).append(row)
    return [_group(" · ".join(group), members, configurations) for group, members in groups.items()]


def _group(title: str, rows: Sequence[Row], configurations: Mapping[str, Mapping[str, str]]) -> Grid:
    labels = _labels(rows, configurations)
    priced = any(row["usd_per_1000_operations"] is not None for row in rows)
    by_place: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_place.setdefault((row["operation"], row["cell"]), []).append(row)
    units = ("p50 ms", "per s", *(["USD per million"] if priced else []))
    header = ["operation"] + [f"{label} {unit}" for label in labels.values() for unit in units]
    lines = []
    for operation in dict.fromkeys(row["operation"] for row in rows):
        line = [operation]
        measure = measure_of([row for row in rows if row["operation"] == operation])
        for cell in labels:
            members = by_place.get((operation, cell), [])
            line.append(_middle([row[f"{measure}_p50_ns"] for row in members], ms))
            line.append(_middle([row["throughput_per_s"] for row in members], number))
            if priced:
                line.append(_middle([row["usd_per_1000_operations"] for row in members], usd_per_million))
        lines.append(tuple(line))
    return Grid(title=title, header=tuple(header), rows=tuple(lines))


def _labels(rows: Sequence[Row], configurations: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What each cell is called: its backend, with what tells it apart where two cells share one, else its own name."""
    backends = {row["cell"]: row["backend"] for row in rows}
    states: dict[str, set[str]] = {}
    for row in rows:
        states.setdefault(row["cell"], set()).add(row["status"])
    marks = {
        row["cell"]: emulated([row]) + "".join(f" ({state})" for state in sorted(states[row["cell"]] - {"done"}))
        for row in rows
    }
    names = told_apart([(backend, configurations.get(cell, {})) for cell, backend in backends.items()])
    return {
        cell: (name if names.count(name) == 1 else cell) + marks[cell]
        for cell, name in zip(backends, names, strict=True)
    }


def _middle(values: Sequence[float | None], shown: Callable[[float | None], str]) -> str:
    """The median over repetitions, with their range; nothing where one of them has no value, or there is none."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return shown(None)
    middle = shown(median(known))
    return middle if len(known) == 1 else f"{middle} [{shown(min(known))}, {shown(max(known))}]"
