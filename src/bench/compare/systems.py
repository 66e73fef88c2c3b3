"""The systems of one or several directories: each backend as it was configured, under a name that tells it apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.compare.configuration import flat, told_apart
from bench.results import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.results import Sweep

_NAMES = ("backend.name", "backend._target_")
"""Keys that say what the name of the backend says."""


def systems(results: Sequence[Run | Sweep]) -> dict[str, tuple[Run, ...]]:
    """By name, the runs of each system: the sides of a page, and of `bench compare --by backend`.

    One that stands in two directories is two systems, as before and after a change.
    """
    found: dict[tuple[object, ...], list[Run]] = {}
    for at, result in enumerate(results):
        for run in runs_of(result):
            found.setdefault((at, run.key.backend, *_keys(run).items()), []).append(run)
    places = directory_names([result.directory for result in results])
    names = _names([runs[0] for runs in found.values()], [places[int(str(key[0]))] for key in found])
    return {name: tuple(runs) for name, runs in zip(names, found.values(), strict=True)}


def runs_of(results: Run | Sweep) -> tuple[Run, ...]:
    """All runs that a directory holds."""
    return (results,) if isinstance(results, Run) else tuple(results.runs.values())


def directory_names(directories: Sequence[Path]) -> list[str]:
    """The last parts of the paths, as many as tell them apart."""
    resolved = [directory.resolve() for directory in directories]
    for count in range(1, max((len(path.parts) for path in resolved), default=0) + 1):
        names = ["/".join(path.parts[-count:]) for path in resolved]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} ({number})" for number, path in enumerate(resolved, start=1)]  # one directory, given twice


def _keys(run: Run) -> Mapping[str, str]:
    return {key: value for key, value in flat(run).items() if key.startswith("backend.")}


def _names(firsts: Sequence[Run], places: Sequence[str]) -> list[str]:
    """Of each system, given by one of its runs, what to call it: with its directory where that alone tells it apart."""
    keys = [{key: value for key, value in _keys(run).items() if key not in _NAMES} for run in firsts]
    texts = told_apart([(run.key.backend, mine) for run, mine in zip(firsts, keys, strict=True)])
    if len({run.key.backend for run in firsts}) == 1:
        bare = told_apart([("", mine) for mine in keys])
        texts = bare if all(bare) else texts
    named = [
        text if texts.count(text) == 1 else place if places.count(place) == 1 else f"{place} · {text}"
        for text, place in zip(texts, places, strict=True)
    ]
    return [text if named.count(text) == 1 else f"{text} ({number})" for number, text in enumerate(named, start=1)]
