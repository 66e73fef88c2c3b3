"""What lies in and below some directories: every run that can be read, and what is wrong with the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import NoResultsError, ResultError
from bench.results.ledger import LEDGER_NAME
from bench.results.manifest import FILE_NAME, RunStatus, read_manifest
from bench.results.run import STEPS_FOLDER, Run, open_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What was found."""

    runs: tuple[Run, ...]
    """Each run once, in the order of the paths and then of their names."""
    left_out: tuple[str, ...] = ()
    """One sentence for each run that is not among them: broken, of a newer version, or a copy."""

    def unfinished(self) -> str:
        """One sentence about the runs that are not done, or nothing where all are."""
        states = Counter(run.status for run in self.runs if run.status is not RunStatus.DONE)
        if not states:
            return ""
        counted = ", ".join(f"{count} {state.value}" for state, count in sorted(states.items()))
        return f"{states.total()} of {len(self.runs)} runs did not come to their end ({counted}), and may lack files"


def survey(paths: Iterable[Path | str]) -> Survey:
    """The runs in or below the given directories.

    The steps of a search are part of its run, and are found only where a path leads into them. A run that cannot be
    read is left out and named, except where a path leads to that run and to nothing else.

    Raises:
        NoResultsError: A path is not there, or holds neither a run nor a sweep.
        ResultError: Nothing in or below a path can be read.
    """
    found: dict[str, Run] = {}
    left_out: list[str] = []
    for path in map(Path, paths):
        runs, broken = _look(path)
        left_out += [sentence for sentence in broken if sentence not in left_out]
        for run in runs:
            first = found.setdefault(run.key.run_id, run)
            if first.directory.resolve() != run.directory.resolve():
                left_out.append(f"{run.directory} is a copy of {first.directory}, which counts")
    return Survey(runs=tuple(found.values()), left_out=tuple(left_out))


def _look(path: Path) -> tuple[list[Run], list[str]]:
    runs, broken = [], []
    folders = list(_folders(path))
    for folder in folders:
        try:
            runs.append(open_run(folder))
        except ResultError as error:
            broken.append(str(error))
    if runs:
        return runs, broken
    if broken:
        more = f" (and {len(broken) - 1} more that cannot be read)" if len(broken) > 1 else ""
        raise ResultError(f"{broken[0]}{more}")
    if path.is_dir() and (path / LEDGER_NAME).is_file():
        raise NoResultsError(f"{path} is a sweep of which no cell has begun; `bench resume {path}` runs it")
    read_manifest(path)  # says what is missing
    raise AssertionError(path)  # it was not


def _folders(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        return
    for manifest in sorted(path.rglob(FILE_NAME)):
        below = manifest.parent.relative_to(path).parts
        if STEPS_FOLDER not in below or path.name == STEPS_FOLDER:
            yield manifest.parent
