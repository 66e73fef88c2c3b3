"""What the page compares: the cells of all directories, each with its repetitions, under a name that tells it apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from bench.compare.configuration import told_apart
from bench.report.html.tally import Tally, tally
from bench.report.texts import EMULATED, Row, number
from bench.results import CellState, Run, Sweep, open_run

UNNAMED = ("name", "_target_")
OWN_NAMES = ("backend", "dataset", "workload", "load")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cell:
    """One backend x dataset x workload x load, with all its repetitions."""

    name: str
    """Of its folder."""
    label: str
    """What tells it apart from the others, in few words."""
    runs: tuple[Run, ...]
    """Its repetitions, as far as they can be read."""
    states: tuple[CellState, ...]
    """Of each repetition, those without a run included."""
    rows: tuple[Row, ...]
    """Of the summaries of all repetitions."""
    tallies: tuple[Tally, ...]
    """One for each run that has samples."""
    stream: str = ""
    """Which of several loads at once this part of a cell is of; empty for a whole cell."""

    @property
    def first(self) -> Run | None:
        """The run that speaks for all where they do not differ, such as for the configuration."""
        return self.runs[0] if self.runs else None

    @property
    def title(self) -> str:
        """Its label, with its stream where it is a part of a cell."""
        return f"{self.label} · {self.stream}" if self.stream else self.label

    @property
    def named(self) -> str:
        """Its label, with its workload where that does not say it already."""
        workload = self.question[1]
        return (
            self.label
            if not workload or workload in self.label.removesuffix(EMULATED).split(" · ")
            else f"{self.label} on {workload}"
        )

    @property
    def question(self) -> tuple[str, ...]:
        """Dataset, workload and stream: cells in which they differ are not drawn into one chart."""
        names = (self.first.key.dataset, self.first.key.workload) if self.first else ("", "")
        return (*names, f"stream {self.stream}") if self.stream else names

    @property
    def status(self) -> str:
        """Of all repetitions: the worst of them."""
        found = {status for status, _ in self.states}
        order = ("failed", "interrupted", "running", "planned", "skipped", "done")
        return next((status for status in order if status in found), "planned")

    @property
    def open_loop(self) -> bool:
        """Its operations, or some of them, arrive by a clock."""
        if not self.rows:
            return bool(self.first and self.first.manifest.get("open_loop"))
        return measure(self.rows) == "response_time"

    @property
    def emulated(self) -> bool:
        """An emulator answered, in one of its repetitions at least."""
        return any(run.emulated for run in self.runs)

    @property
    def measure(self) -> str:
        """Which time it is judged by: `response_time` or `service_time`."""
        return "response_time" if self.open_loop else "service_time"

    @property
    def operations(self) -> tuple[str, ...]:
        """Names, in the order of the workload."""
        return tuple(dict.fromkeys(row["operation"] for row in self.rows))

    def of(self, operation: str) -> list[Row]:
        """The summaries of one operation, one per repetition."""
        return [row for row in self.rows if row["operation"] == operation]

    def value(self, operation: str, column: str) -> float | None:
        """The median over the repetitions; None where one of them has no value."""
        return middle([row[column] for row in self.of(operation)])

    def total(self, column: str) -> float | None:
        """The sum over operations, as the median over the repetitions."""
        sums: dict[tuple[str, int], float] = {}
        for row in self.rows:
            key = (row["run_id"], row["repetition"])
            sums[key] = sums.get(key, 0.0) + (row[column] or 0)
        return median(sums.values()) if sums else None

    def config(self, key: str) -> Any:
        """A value of the configuration by its dotted key; None where there is none."""
        found: Any = self.first.manifest.get("config", {}) if self.first else {}
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


def middle(values: Sequence[float | None]) -> float | None:
    """The median; None where there are no values, or one of them is not known."""
    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None


def measure(rows: Sequence[Row]) -> str:
    """Which time these rows are judged by: `response_time` where they have one, else `service_time`."""
    return "response_time" if any(row["response_time_max_ns"] is not None for row in rows) else "service_time"


def cells_of(results: Sequence[Run | Sweep]) -> tuple[Cell, ...]:
    """All cells of the results, in their order.

    Raises:
        ResultError: A file of a run cannot be read.
    """
    found: list[_Found] = []
    for result in results:
        prefix = f"{result.directory.name}/" if len(results) > 1 else ""
        found += _of_run(result) if isinstance(result, Run) else _of_sweep(result, prefix)
    labels = _labels(found)
    return tuple(_cell(each, label) for each, label in zip(found, labels, strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    name: str
    runs: tuple[Run, ...]
    states: tuple[CellState, ...]


def _of_run(run: Run) -> list[_Found]:
    errors = run.manifest.get("errors", [])
    state = CellState(run.status.value, str(errors[0]) if errors else "")
    return [_Found(name=run.directory.name or str(run.directory), runs=(run,), states=(state,))]


def _of_sweep(sweep: Sweep, prefix: str) -> list[_Found]:
    """One cell for all repetitions of one configuration, also for those that were not run."""
    members: dict[str, list[str]] = {}
    for name, entry in sweep.cells.items():
        members.setdefault(entry.config_hash or name, []).append(name)
    states = sweep.states()
    return [
        _Found(
            name=prefix + _without_repetition(names),
            runs=tuple(sweep.runs[name] for name in names if name in sweep.runs),
            states=tuple(states[name] for name in names),
        )
        for names in members.values()
    ]


def _without_repetition(names: Sequence[str]) -> str:
    stem, mark, number = names[0].rpartition("_r")
    return stem if len(names) > 1 and mark and number.isdigit() else names[0]


def _cell(found: _Found, label: str) -> Cell:
    rows: list[Row] = []
    tallies = []
    for run in found.runs:
        mine: list[Row] = run.table("summary").to_pylist() if run.has("summary") else []
        rows += mine
        counted = _tally(run, mine)
        tallies += [counted] if counted else []
    return Cell(
        name=found.name, label=label, runs=found.runs, states=found.states, rows=tuple(rows), tallies=tuple(tallies)
    )


def by_stream(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells; in place of one with several loads at once a part for each of them, whose times are of one kind.

    Raises:
        ResultError: A file of the samples is not whole.
    """
    return tuple(part for cell in cells for part in _parts(cell))


def _parts(cell: Cell) -> Iterator[Cell]:
    streams = cell.first.manifest.get("streams") if cell.first else None
    if not streams:
        yield cell
        return
    on_schedule = {each["name"] for each in cell.config("load.streams") or () if each.get("rate_per_s") is not None}
    for stream in streams:
        names = stream["operations"]
        rows = tuple(row for row in cell.rows if row["operation"] in names)
        by_clock = measure(rows) == "response_time" if rows else stream["name"] in on_schedule
        operations = [name for name in cell.operations or sorted(names) if name in names]
        counted = (tally(run, operations, operations if by_clock else ()) for run in cell.runs)
        tallies = tuple(each for each in counted if each)
        if rows or tallies:
            yield replace(cell, stream=stream["name"], rows=rows, tallies=tallies)


def _tally(run: Run, rows: Sequence[Row]) -> Tally | None:
    """Of a search: of the step that is shown."""
    step = shown_step(run)
    if step:
        run = open_run(run.directory / step["directory"])
    arriving = [row["operation"] for row in rows if measure([row]) == "response_time"]
    operations = list(dict.fromkeys(row["operation"] for row in rows)) or asked(run)
    return tally(run, operations, arriving if rows else operations if run.manifest.get("open_loop") else ())


def shown_step(run: Run) -> Mapping[str, Any] | None:
    """Of a search: the last step at the rate that was found, or else at the highest that met the objective once."""
    search = run.manifest.get("search")
    if not search:
        return None
    rate = search["rate_per_s"] or search.get("met_per_s")
    best: list[Mapping[str, Any]] = [step for step in search["steps"] if step["rate_per_s"] == rate]
    return (best or search["steps"])[-1]


def steps_told(cells: Sequence[Cell]) -> Iterator[str]:
    """Of searches: which of their steps is drawn."""
    for cell in cells:
        step = shown_step(cell.first) if cell.first else None
        if step:
            yield f"{cell.label}: drawn is {step['directory']}, at {number(step['rate_per_s'])} arrivals per s."


def asked(run: Run) -> list[str]:
    """The operations of a run that did not come to its summary."""
    workload = run.manifest.get("config", {}).get("workload") or {}
    return [str(each.get("name")) for each in workload.get("operations", [])]


def _labels(found: Sequence[_Found]) -> list[str]:
    """The names in which the cells differ, and the keys in which those of equal names do."""
    described = [_described(each) for each in found]
    known = [names for names, _ in described if names]
    differing_names = [key for key in OWN_NAMES if len({names[key] for names in known}) > 1]
    shown = list(dict.fromkeys(["backend", *differing_names]))
    texts = told_apart(
        [(" · ".join(filter(None, (names.get(key) for key in shown))), keys) for names, keys in described]
    )
    twice = {text for text in texts if texts.count(text) > 1 or not text}
    marks = [EMULATED if any(run.emulated for run in each.runs) else "" for each in found]
    return [(each.name if text in twice else text) + mark for each, text, mark in zip(found, texts, marks, strict=True)]


def _described(found: _Found) -> tuple[dict[str, str], dict[str, str]]:
    """(names, every other key of the configuration that says what was measured) of a cell."""
    if not found.runs:
        return {}, {}
    run = found.runs[0]
    names = {key: str(getattr(run.key, key)) for key in OWN_NAMES}
    config = run.manifest.get("config", {})
    parts = {key: config.get(key) for key in (*OWN_NAMES, "price", "cold", "seed")}
    return names, flat(parts)


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """The configuration as dotted keys with their values as texts; names that stand elsewhere are left out."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        elif key not in UNNAMED:
            found[f"{prefix}{key}"] = str(value)
    return found


def blocks(cells: Sequence[Cell]) -> dict[tuple[str, ...], list[Cell]]:
    """The cells that have something measured, by dataset, workload and stream."""
    found: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        if cell.rows or cell.tallies:
            found.setdefault(cell.question, []).append(cell)
    return found


def place(path: Path) -> str:
    """As short as it can be written from here."""
    here, there = Path.cwd(), path.resolve()
    return str(there.relative_to(here) if there.is_relative_to(here) else there)
