"""From directories to the sides of a comparison."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.compare.configuration import ABSENT, NOUNS, flat, value_of, varying
from bench.errors import ConfigError, nearest
from bench.results import Run, open_results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.results import Sweep

CELL = "cell"
"""What `by` is called for the cells of a sweep as they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """Runs by the name of their side."""

    baseline: str
    runs: Mapping[str, tuple[Run, ...]]
    by: str = ""
    """Key in which the sides differ on purpose; empty where they are directories."""
    notes: tuple[str, ...] = ()

    @property
    def candidates(self) -> dict[str, tuple[Run, ...]]:
        """All sides but the baseline, in their order."""
        return {name: runs for name, runs in self.runs.items() if name != self.baseline}


def open_sides(paths: Sequence[Path | str], *, by: str = "", baseline: str = "") -> Sides:
    """The sides that directories of runs or sweeps stand for.

    Several directories are a side each, the first of them the baseline. One sweep is cut into sides by a key.

    Args:
        paths: Directories.
        by: `backend`, `dataset`, `workload`, `load`, a dotted key of the configuration, or `cell`; by default
            `backend` where a sweep has several, else `cell`.
        baseline: Name of the side that the others are compared with; by default the first.

    Raises:
        ConfigError: There is nothing to compare, or a name is not known.
        ResultError: A directory holds no results.
    """
    directories = [Path(path) for path in paths]
    for directory in directories:
        if not directory.is_dir():
            raise ConfigError(f"there is no directory '{directory}'; give one that `bench` printed")
    if len(directories) > 1 and by:
        raise ConfigError("cuts one sweep into sides, and there are several directories; give one of them", key="--by")
    opened = [open_results(directory) for directory in directories]
    notes = tuple(f"Left out: {text}" for each in opened if not isinstance(each, Run) for text in each.unreadable)
    if len(opened) > 1:
        names = _names(directories)
        runs = {name: _runs(each) for name, each in zip(names, opened, strict=True)}
    else:
        by, runs = _cut(opened[0], by)
    return Sides(baseline=_chosen(runs, baseline), runs=runs, by="" if by == CELL else by, notes=notes)


def groups(sweep: Sweep) -> dict[str, tuple[Run, ...]]:
    """The repetitions of each cell, by the cell's name without the suffix of a repetition."""
    found: dict[str, tuple[Run, ...]] = {}
    for cell, run in sweep.runs.items():
        name = re.sub(r"_r\d+$", "", cell)
        found[name] = (*found.get(name, ()), run)
    return found


def _runs(results: Run | Sweep) -> tuple[Run, ...]:
    found = (results,) if isinstance(results, Run) else tuple(results.runs.values())
    if not found:
        raise ConfigError(f"{results.directory} holds no run yet; wait for its first cell, or give another directory")
    return found


def _names(directories: Sequence[Path]) -> list[str]:
    """The last parts of the paths, as many as tell them apart."""
    resolved = [directory.resolve() for directory in directories]
    for count in range(1, max(len(path.parts) for path in resolved) + 1):
        names = ["/".join(path.parts[-count:]) for path in resolved]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} ({number})" for number, path in enumerate(resolved, start=1)]  # one directory, given twice


def _cut(results: Run | Sweep, by: str) -> tuple[str, dict[str, tuple[Run, ...]]]:
    """(The key, the runs of each side) of one sweep."""
    if isinstance(results, Run):
        raise ConfigError(f"{results.directory} is one run; give a second directory to compare it with, or a sweep")
    runs = _runs(results)
    key = by or ("backend" if len({run.key.backend for run in runs}) > 1 else CELL)
    found: dict[str, tuple[Run, ...]] = {}
    if key == CELL:
        found = groups(results)
    else:
        _demand_known(key, runs)
        for run in runs:
            found[value_of(run, key)] = (*found.get(value_of(run, key), ()), run)
    if len(found) < 2:
        others = ", ".join([*_nouns_that_vary(runs), *varying(runs)]) or "nothing: it has one cell"
        raise ConfigError(f"all runs of {results.directory} have the same {key}; they differ in {others}", key="--by")
    return key, found


def _nouns_that_vary(runs: Sequence[Run]) -> list[str]:
    return [noun for noun in NOUNS if len({value_of(run, noun) for run in runs}) > 1]


def _demand_known(key: str, runs: Sequence[Run]) -> None:
    known = [*NOUNS, CELL, *dict.fromkeys(name for run in runs for name in flat(run))]
    if key not in known or all(value_of(run, key) == ABSENT for run in runs):
        raise ConfigError(f"no run has a key '{key}'{nearest(key, known)}", key="--by")


def _chosen(runs: Mapping[str, Sequence[Run]], baseline: str) -> str:
    if baseline and baseline not in runs:
        raise ConfigError(
            f"there is no side '{baseline}'; there are {', '.join(runs)}{nearest(baseline, runs)}", key="--baseline"
        )
    return baseline or next(iter(runs))
