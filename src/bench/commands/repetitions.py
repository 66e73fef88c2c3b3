"""The repetitions of a sweep that is there already: how many are planned, and laying down those that are missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.errors import ConfigError, ResultError
from bench.order import Turn, cell_of, turns

_NUMBER = re.compile(r".+_r(\d+)")


def planned(sweep: Path) -> int:
    """How many repetitions of each cell the sweep has, those that were not run yet included."""
    return max(turn.repetition for turn in _turns(sweep).values()) + 1


def complete(sweep: Path) -> None:
    """Lay down again what somebody has removed of a run, from another repetition of its cell."""
    from bench.config import store_again

    found = _turns(sweep)
    for runs in _cells(found).values():
        kept = next((name for name in runs.values() if _request(sweep / name)), None)
        for name in runs.values():
            if kept and not _request(sweep / name):
                store_again(sweep / kept, sweep / name, replace(found[name], cell=found[kept].cell))


def extend(sweep: Path, repetitions: int) -> None:
    """Plan further repetitions of every cell: they take their turns after all that there are.

    Raises:
        ConfigError: There are more already.
        ResultError: What a cell was composed from is not known.
    """
    from bench.commands.resume import recompose
    from bench.config import read_request, store_again
    from bench.results import CellStatus, Ledger

    found, before = _turns(sweep), planned(sweep)
    if repetitions < before:
        raise ConfigError(f"{repetitions} is less than the {before} of this sweep; more is possible", key="repetitions")
    names = {found[name].cell: (cell, name) for cell, runs in _cells(found).items() for name in runs.values()}
    config, _ = recompose(sweep / next(iter(found)))
    order = turns(len(names), repetitions=repetitions, order=config.order, seed=config.seed)
    added = (turn for turn in order if turn.repetition >= before)
    ledger = Ledger(sweep)
    for position, turn in enumerate(added, start=len(found)):
        cell, source = names[turn.cell]
        name = f"{cell}_r{turn.repetition}"
        store_again(sweep / source, sweep / name, replace(turn, position=position))
        request = read_request(sweep / name)
        ledger.append(cell=name, config_hash=request.config_hash, status=CellStatus.PLANNED, directory=name)


def _turns(sweep: Path) -> dict[str, Turn]:
    """The turn of each run by its name, in the order in which they were planned."""
    from bench.results import read_ledger, states

    return {name: _turn(sweep / name, position) for position, name in enumerate(states(read_ledger(sweep)))}


def _turn(directory: Path, position: int) -> Turn:
    """As its request says; where that was removed, or is older than repetitions are, as its name does."""
    from bench.config import read_request

    request = read_request(directory) if _request(directory) else None
    if request and request.turn:
        return request.turn
    numbered = None if request else _NUMBER.fullmatch(directory.name)
    return Turn(cell=position, repetition=int(numbered[1]) if numbered else 0, position=position)


def _cells(found: Mapping[str, Turn]) -> Mapping[str, Mapping[int, str]]:
    """By cell, the name of each of its runs by repetition."""
    cells: dict[str, dict[int, str]] = {}
    for name, turn in found.items():
        cells.setdefault(cell_of(name, turn.repetition), {})[turn.repetition] = name
    return cells


def _request(directory: Path) -> bool:
    """What the run was composed from is there."""
    from bench.config import read_request

    try:
        read_request(directory)
    except ResultError:
        return False
    return True
