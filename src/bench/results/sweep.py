"""The directory of a sweep, as it lies on disk: its cells, and all their summaries in one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from bench.errors import NoResultsError, ResultError
from bench.order import cell_of
from bench.results.ledger import LEDGER_NAME, Entry, read_ledger, states
from bench.results.manifest import FILE_NAME
from bench.results.run import STEPS_FOLDER, Run, open_run, read_table, write_parquet
from bench.results.schemas import CELLS, SCHEMAS, conform, demand_published

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

CELLS_NAME = "cells.parquet"


class CellState(NamedTuple):
    """How a cell ended, if it did."""

    status: str
    """A `CellStatus`."""
    message: str
    """Why it failed, or was not run; else empty."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Sweep:
    """The results of a sweep, as they lie on disk. A file is read when its table is asked for."""

    directory: Path
    cells: Mapping[str, Entry]
    """The last state of each run that was planned, by its name in the ledger: its cell's, with its repetition."""
    runs: Mapping[str, Run]
    """Those of them that have begun, by the same names."""
    unreadable: tuple[str, ...] = ()
    """What is wrong with the runs that cannot be read."""

    def groups(self) -> Mapping[str, tuple[Run, ...]]:
        """The runs of each cell in the order of their repetitions, by the cell's name without the repetition."""
        found: dict[str, list[Run]] = {}
        for name, run in self.runs.items():
            found.setdefault(cell_of(name, run.repetition), []).append(run)
        return {cell: tuple(sorted(runs, key=lambda run: run.repetition)) for cell, runs in found.items()}

    def summaries(self) -> pa.Table:
        """All summaries of the sweep, made from the runs: rows of `schemas.CELLS`."""
        return gather(self.runs)

    def samples(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The samples of all runs, or only some of their columns; each row carries the key of its run.

        Raises:
            ResultError: There is no such column, or a file is not whole.
        """
        return self.table("samples", columns)

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The published table `name` of all runs that have it; no rows where none has.

        Raises:
            ResultError: There is no such table or column, or a file is not whole.
        """
        import pyarrow as pa

        demand_published(name, columns)
        tables = [run.table(name, columns) for run in self.runs.values() if run.has(name)]
        fields = [SCHEMAS[name].field(column) for column in columns or SCHEMAS[name].names]
        return pa.concat_tables([pa.schema(fields).empty_table(), *tables]).unify_dictionaries()

    def states(self) -> Mapping[str, CellState]:
        """How each cell ended. Its manifest knows better than the ledger: answers are compared after a cell is done."""
        return {cell: self._state(entry, self.runs.get(cell)) for cell, entry in self.cells.items()}

    def _state(self, entry: Entry, run: Run | None) -> CellState:
        if run is None or run.in_progress:
            return CellState(entry.status.value, entry.message)
        errors = run.manifest.get("errors", [])
        return CellState(run.status.value, entry.message or (str(errors[0]) if errors else ""))

    def __repr__(self) -> str:
        from bench.results.card import sweep_text

        return sweep_text(self)

    def _repr_html_(self) -> str:
        from bench.results.card import sweep_html

        return sweep_html(self)


def open_sweep(path: Path | str) -> Sweep:
    """The sweep in the directory `path`.

    Raises:
        ResultError: It is no directory of a sweep, or its ledger is broken.
    """
    directory = Path(path)
    cells = states(read_ledger(directory))
    runs, unreadable = {}, []
    for cell, entry in cells.items():
        folder = directory / (entry.directory or cell)
        if not (folder / FILE_NAME).exists():
            continue
        try:
            runs[cell] = open_run(folder)
        except ResultError as error:
            unreadable.append(str(error))
    return Sweep(
        directory=directory, cells=MappingProxyType(cells), runs=MappingProxyType(runs), unreadable=tuple(unreadable)
    )


def gather(runs: Mapping[str, Run]) -> pa.Table:
    """The summaries of the runs, by folder, as one table `cells`; a run without a summary has no rows in it."""
    import pyarrow as pa

    tables = [
        conform(
            "cells",
            run.table("summary"),
            {
                "cell": cell_of(name, run.repetition),
                "status": run.status.value,
                "question_hash": run.manifest.get("question_hash"),
                "sql_hash": run.manifest.get("sql_hash"),
            },
        )
        for name, run in runs.items()
        if run.has("summary")
    ]
    return pa.concat_tables(tables) if tables else CELLS.empty_table()


def write_cells(sweep: Path, runs: Mapping[str, Run]) -> Path:
    """Write `cells.parquet` from the summaries of all runs."""
    path = sweep / CELLS_NAME
    write_parquet(path, gather(runs))
    return path


def read_cells(sweep: Path) -> pa.Table:
    """`cells.parquet` of a sweep.

    Raises:
        ResultError: It was not written, or is not whole.
    """
    path = sweep / CELLS_NAME
    if not path.is_file():
        raise ResultError(f"{sweep} has no {CELLS_NAME}: the sweep did not come to its end")
    return read_table(path, "cells")


def open_results(path: Path | str) -> Run | Sweep:
    """The sweep or the run in the directory `path`.

    Raises:
        ResultError: It is neither, or is broken.
    """
    directory = Path(path)
    return open_sweep(directory) if (directory / LEDGER_NAME).is_file() else open_run(directory)


def find_runs(paths: Iterable[Path | str]) -> tuple[Run, ...]:
    """All runs in or below the given directories, each once, in the order of the paths and then of their names.

    Raises:
        ResultError: A path holds no run, or a run in it cannot be read.
    """
    found: dict[Path, Run] = {}
    for path in map(Path, paths):
        folders = sorted(manifest.parent for manifest in path.rglob(FILE_NAME)) if path.is_dir() else []
        if not folders:
            open_run(path)  # says what is missing
        found.update({folder.resolve(): open_run(folder) for folder in folders})
    return tuple(found.values())


def latest(outputs: Path) -> Path:
    """The run or sweep below `outputs` that was started last.

    Raises:
        NoResultsError: There is none.
    """
    started: dict[str, Path] = {}
    for manifest in sorted(outputs.rglob(FILE_NAME)):
        try:
            if manifest.parent.parent.name == STEPS_FOLDER:
                continue  # part of a search, which has a manifest of its own
            run = open_run(manifest.parent)
            started[str(run.manifest["times"]["started_at"])] = manifest.parent
        except (ResultError, KeyError, TypeError):
            continue  # a broken run is not what was asked for
    if not started:
        raise NoResultsError(f"no results below {outputs}; `bench` makes some")
    last = started[max(started)]
    return last.parent if (last.parent / LEDGER_NAME).is_file() else last
