"""From directories to the sides of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.compare.configuration import ABSENT, NOUNS, flat, value_of
from bench.compare.nothing import demand_like_questions, demand_measured, one_side, standing
from bench.compare.systems import directory_names, runs_of, systems
from bench.errors import ConfigError, nearest
from bench.results import Run, open_results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bench.results import Sweep

BACKEND = "backend"
"""What `by` is called for the systems: each backend as it was configured."""
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


def open_sides(paths: Sequence[Path | str], *, by: str = "", baseline: str = "", allow: Sequence[str] = ()) -> Sides:
    """The sides that directories of runs or sweeps stand for.

    Several directories are a side each, the first of them the baseline. One sweep is cut into sides by a key; by
    `backend` several directories are cut, too: each backend as it was configured is a side.

    Args:
        paths: Directories.
        by: `backend`, `dataset`, `workload`, `load`, a dotted key of the configuration, or `cell`; by default
            `backend` where a sweep has several of them, or of their configurations, else `cell`.
        baseline: Name of the side that the others are compared with; by default the first.
        allow: Kinds of objections that are going to be overlooked; without `question` cells of one system that were
            asked nothing in common are nothing to compare, unless `by` says that they are to be.

    Raises:
        ConfigError: There is nothing to compare, or a name is not known.
        ResultError: A directory holds no results, or nothing was measured in any.
    """
    directories = [Path(path) for path in paths]
    for directory in directories:
        if not directory.is_dir():
            raise ConfigError(f"there is no directory '{directory}'; give one that `bench` printed")
    if len(directories) > 1 and by not in ("", BACKEND):
        raise ConfigError(
            f"cuts one sweep into sides, and there are several directories; give one of them, or --by {BACKEND}",
            key="--by",
        )
    opened = [open_results(directory) for directory in directories]
    if len(opened) > 1 and not by:
        key, runs = "", {name: _runs(each) for name, each in zip(directory_names(directories), opened, strict=True)}
    else:
        key, runs = _cut(opened, by)
    demand_measured(opened, runs)
    if key == CELL and not by and "question" not in allow:
        demand_like_questions(opened[0], runs)
    chosen = _chosen(runs, baseline)
    return Sides(baseline=chosen, runs=runs, by="" if key == CELL else key, notes=tuple(_notes(opened)))


def _notes(opened: Iterable[Run | Sweep]) -> Iterator[str]:
    for each in opened:
        if told := standing(each):
            yield f"Warning: {told}."
        if not isinstance(each, Run):
            yield from (f"Left out: {text}" for text in each.unreadable)


def _runs(results: Run | Sweep) -> tuple[Run, ...]:
    found = runs_of(results)
    if not found:
        raise ConfigError(f"{results.directory} holds no run yet; wait for its first cell, or give another directory")
    return found


def _cut(opened: Sequence[Run | Sweep], by: str) -> tuple[str, dict[str, tuple[Run, ...]]]:
    """(The key, the runs of each side) of one sweep; of several results by `backend`."""
    results = opened[0]
    if len(opened) == 1 and isinstance(results, Run):
        raise ConfigError(f"{results.directory} is one run; give a second directory to compare it with, or a sweep")
    runs = [run for each in opened for run in _runs(each)]
    found: dict[str, tuple[Run, ...]] = systems(opened)
    key = by or (BACKEND if len(found) > 1 else CELL)
    if key == CELL:
        assert not isinstance(results, Run)
        found = dict(results.groups())
    elif key != BACKEND:
        _demand_known(key, runs)
        found = {}
        for run in runs:
            found[value_of(run, key)] = (*found.get(value_of(run, key), ()), run)
    if len(found) < 2:
        raise one_side(results, runs, key)
    return key, found


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
