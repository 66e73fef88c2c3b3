"""Results in words and tables: for the terminal, for a pipe, as Markdown, as JSON. Needs no driver and no database."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from bench.costs import comparisons, run_notes, sweep_notes
from bench.errors import ConfigError, nearest
from bench.results import Run
from bench.stats import Doubt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.table import Table

    from bench.results import Sweep

Format: TypeAlias = Literal["table", "json", "markdown"]

NULL = "–"
NULL_NOTE = (
    f"{NULL}: too few samples; a percentile needs ten in its tail: p50 20, p90 100, p95 200, p99 1,000 "
    "successful attempts. A longer run (load.duration_s) gives them."
)
CLOSED_NOTE = (
    "Times are service times, from the start of an operation to its end. The load is a closed loop: "
    "a slow answer delays the next question, so no time spent waiting for a turn is in them."
)
OPEN_NOTE = "Times are response times, from the moment an operation was due to its end."
NS_PER_MS = 1_000_000
SHOWN_ERRORS = 3
SHOWN_CHARACTERS = 200

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What is going to be shown, before it is decided how."""

    title: str
    lines: tuple[str, ...] = ()
    """Above the tables."""
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()
    """Below the tables."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A table of texts; all columns but the first `left` are numbers."""

    title: str = ""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


def render(results: Run | Sweep, format: str = "table") -> str:
    """The results as one text that ends with a newline.

    Args:
        results: From `open_run`, `open_sweep` or `open_results`.
        format: `table` (plain text), `markdown` or `json`.

    Raises:
        ConfigError: There is no such format.
        ResultError: A file of the results cannot be read.
    """
    if format == "json":
        return json.dumps(_document(results), indent=2, ensure_ascii=False) + "\n"
    if format == "markdown":
        return _markdown(page(results))
    if format == "table":
        return _plain(page(results))
    known = get_args(Format)
    raise ConfigError(
        f"no report format '{format}'; there are {', '.join(known)}{nearest(format, known)}", key="--format"
    )


def show(results: Run | Sweep, console: Console) -> None:
    """Print the results: in colours on a terminal (not with NO_COLOR), else as plain text of any width.

    Raises:
        ResultError: A file of the results cannot be read.
    """
    if not console.is_terminal:
        console.file.write(render(results))
        return
    _print(page(results), console)


def page(results: Run | Sweep) -> Page:
    """What there is to say about a run or a sweep."""
    return _run_page(results) if isinstance(results, Run) else _sweep_page(results)


# ---- one run ----------------------------------------------------------------------------------------------------


def _run_page(run: Run) -> Page:
    rows: list[Row] = run.table("summary").to_pylist() if run.has("summary") else []
    key = run.key
    return Page(
        title=f"{key.backend} · {key.dataset} · {key.workload} · {key.load}" + _emulated(rows),
        lines=(*_standing(run), *_load(run), _answers(run)),
        grids=(_operations(rows),) if rows else (),
        notes=tuple(dict.fromkeys([*_notes(rows), *run_notes(run), *_errors(run), *_warnings(run)])),
    )


def _standing(run: Run) -> list[str]:
    """How the run ended, where it did not end well."""
    errors = [f"Error: {text}" for text in run.manifest.get("errors", [])]
    if run.in_progress:
        return [f"No end was written: the run is in progress, or was killed, in stage {run.stage}.", *errors]
    return [] if run.status == "done" else [f"The run is {run.status}; it came to stage {run.stage}.", *errors]


def _load(run: Run) -> list[str]:
    described = run.manifest.get("load_description")
    return [f"Load: {described}."] if described else []


def _errors(run: Run) -> list[str]:
    """The most frequent kinds of errors of the load, each with its first message."""
    return [
        f"Error in {kind.get('operation')}: {kind.get('count'):,} × {kind.get('error_class')}"
        + (f" {kind['sqlstate']}" if kind.get("sqlstate") else "")
        + "".join(f": {_short(text)}" for text in kind.get("messages", [])[:1])
        for kind in run.manifest.get("operation_errors", [])[:SHOWN_ERRORS]
    ]


def _warnings(run: Run) -> list[str]:
    return [f"Warning: {text}" for text in run.manifest.get("warnings", [])]


def _answers(run: Run) -> str:
    if not run.has("answers"):
        return "Answers: not checked."
    answers = run.table("answers")
    ordered = sum(answers.column("ordered").to_pylist())
    return (
        f"Answers: {_of(answers.num_rows, 'operation')} checked before the load, the order of rows in {ordered}; "
        "digests are in answers.parquet."
    )


def _operations(rows: Sequence[Row]) -> Grid:
    """One line per operation, and per repetition where there are several."""
    measure = _measure(rows)
    repeated = len({row["repetition"] for row in rows}) > 1
    priced = any(row["usd_per_1000_operations"] is not None for row in rows)
    aborted, open_loop = any(row["aborted"] for row in rows), measure == "response_time"
    columns: dict[str, list[str]] = {"operation": [row["operation"] + _emulated([row]) for row in rows]}
    if repeated:
        columns["repetition"] = [str(row["repetition"]) for row in rows]
    columns |= {
        "count": [f"{row['count']:,}" for row in rows],
        "per s": [_number(row["throughput_per_s"]) for row in rows],
    }
    for name in ("mean", "p50", "p95", "p99"):
        columns[f"{name} ms"] = [_ms(row[f"{measure}_{name}_ns"]) for row in rows]
    columns["max ms"] = [_ms(row[f"{measure}_max_ns"]) for row in rows]
    columns["errors"] = [f"{row['errors']:,}" for row in rows]
    if aborted:
        columns["aborted"] = [f"{row['aborted']:,}" for row in rows]
    if open_loop:
        columns |= {name: [f"{row[name]:,}" for row in rows] for name in ("late", "dropped")}
    if priced:
        columns["USD per 1,000"] = [_usd(row["usd_per_1000_operations"]) for row in rows]
        columns["USD per run"] = [_usd(row["usd_per_run"]) for row in rows]
    return Grid(header=tuple(columns), rows=tuple(zip(*columns.values(), strict=True)))


def _notes(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    measure = _measure(rows)
    notes = [OPEN_NOTE if measure == "response_time" else CLOSED_NOTE]
    if any(row[f"{measure}_{name}_ns"] is None for row in rows for name in ("p50", "p95", "p99")):
        notes.append(NULL_NOTE)
    for doubt in dict.fromkeys(doubt for row in rows for doubt in row["warnings"]):
        operations = [row["operation"] for row in rows if doubt in row["warnings"]]
        known = doubt in set(Doubt)
        text = Doubt(doubt).concerning(operations, of=len(rows)) if known else f"{doubt} ({', '.join(operations)})"
        notes.append(f"Warning: {text}")
    if any(row["usd_per_1000_operations"] is not None for row in rows):
        notes.append("USD per 1,000 operations is an estimate from the price list and the measured rates.")
    return notes


# ---- a sweep ----------------------------------------------------------------------------------------------------


def _sweep_page(sweep: Sweep) -> Page:
    rows: list[Row] = sweep.summaries().to_pylist()
    states = [_state(sweep, cell) for cell in sweep.cells]
    done = sum(state[1] == "done" for state in states)
    cells = Grid(title="Cells", header=("cell", "status", "message"), rows=tuple(states), left=3)
    return Page(
        title=f"Sweep {sweep.directory.name}: {done} of {_of(len(states), 'cell')} done",
        grids=(*_side_by_side(rows), cells),
        notes=(*_notes(rows), *sweep_notes(sweep), *(f"Warning: {text}" for text in sweep.unreadable)),
    )


def _state(sweep: Sweep, cell: str) -> tuple[str, str, str]:
    """The manifest knows better than the ledger that a cell failed: answers are compared after a cell is done."""
    entry, run = sweep.cells[cell], sweep.runs.get(cell)
    if run is None or run.in_progress:
        return cell, entry.status.value, entry.message
    errors = run.manifest.get("errors", [])
    return cell, run.status.value, entry.message or (str(errors[0]) if errors else "")


def _side_by_side(rows: Sequence[Row]) -> list[Grid]:
    """Per dataset, workload and load one table: operations down, cells across."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["workload"], row["load"]), []).append(row)
    return [_group(" · ".join(group), members) for group, members in groups.items()]


def _group(title: str, rows: Sequence[Row]) -> Grid:
    measure = _measure(rows)
    labels = _labels(rows)
    by_place: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_place.setdefault((row["operation"], row["cell"]), []).append(row)
    header = ["operation"] + [f"{label} {unit}" for label in labels.values() for unit in ("p50 ms", "per s")]
    lines = []
    for operation in dict.fromkeys(row["operation"] for row in rows):
        line = [operation]
        for cell in labels:
            members = by_place.get((operation, cell), [])
            line.append(_ms(_middle([row[f"{measure}_p50_ns"] for row in members])))
            line.append(_number(_middle([row["throughput_per_s"] for row in members])))
        lines.append(tuple(line))
    return Grid(title=title, header=tuple(header), rows=tuple(lines))


def _labels(rows: Sequence[Row]) -> dict[str, str]:
    """What each cell is called: its backend, or its own name where two cells share a backend."""
    backends = {row["cell"]: row["backend"] for row in rows}
    marks = {row["cell"]: _emulated([row]) + ("" if row["status"] == "done" else f" ({row['status']})") for row in rows}
    shared = list(backends.values())
    return {cell: (backend if shared.count(backend) == 1 else cell) + marks[cell] for cell, backend in backends.items()}


def _middle(values: Sequence[float | None]) -> float | None:
    """The median over repetitions; None where one of them has no value, or there is none."""
    from statistics import median

    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None


# ---- texts ------------------------------------------------------------------------------------------------------


def _measure(rows: Sequence[Row]) -> str:
    """Which time the rows are about: response time exists in an open loop only."""
    return "response_time" if any(row["response_time_max_ns"] is not None for row in rows) else "service_time"


def _emulated(rows: Sequence[Row]) -> str:
    return " (emulated)" if any(row["emulated"] for row in rows) else ""


def _of(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def _number(value: float | None) -> str:
    """Three digits that mean something, without an exponent."""
    if value is None:
        return NULL
    for limit, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def _ms(value_ns: float | None) -> str:
    return _number(None if value_ns is None else value_ns / NS_PER_MS)


def _usd(value: float | None) -> str:
    return NULL if value is None else f"{value:.3g}"


# ---- forms ------------------------------------------------------------------------------------------------------


def _document(results: Run | Sweep) -> Mapping[str, object]:
    if isinstance(results, Run):
        return {
            "directory": str(results.directory),
            **results.key.columns(),
            "status": results.status.value,
            "stage": results.stage,
            "errors": results.manifest.get("errors", []),
            "warnings": results.manifest.get("warnings", []),
            "cost": results.manifest.get("cost"),
            "operations": results.table("summary").to_pylist() if results.has("summary") else [],
        }
    states = [_state(results, cell) for cell in results.cells]
    return {
        "directory": str(results.directory),
        "cells": [dict(zip(("cell", "status", "message"), state, strict=True)) for state in states],
        "warnings": list(results.unreadable),
        "break_even": [each.document() for each in comparisons(results)],
        "operations": results.summaries().to_pylist(),
    }


def _markdown(content: Page) -> str:
    blocks = [f"## {_escaped(content.title)}", *map(_escaped, content.lines)]
    for grid in content.grids:
        if grid.title:
            blocks.append(f"### {_escaped(grid.title)}")
        rule = ["---" if at < grid.left else "---:" for at in range(len(grid.header))]
        lines = [grid.header, rule, *grid.rows]
        blocks.append("\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines))
    blocks += [f"- {_escaped(note)}" for note in content.notes]
    return "\n\n".join(blocks) + "\n"


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _plain(content: Page) -> str:
    """The page without colours, as wide as it needs to be, so that no column is cut when it is piped."""
    from rich.console import Console

    out = io.StringIO()
    _print(content, Console(file=out, width=10_000, no_color=True, force_terminal=False, legacy_windows=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _print(content: Page, console: Console) -> None:
    from rich.text import Text

    console.print(Text(content.title, style="bold"))
    for line in content.lines:
        console.print(Text(line))
    for grid in content.grids:
        if grid.title:
            console.print(Text(f"\n{grid.title}", style="bold"))
        console.print(_rich_table(grid))
    for note in content.notes:
        console.print(Text(note, style="yellow" if note.startswith(("Warning", "Error")) else "dim"))


def _rich_table(grid: Grid) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(grid.header):
        table.add_column(Text(name), justify="left" if at < grid.left else "right", overflow="fold")
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table
