"""Which runs are repetitions of one cell, and which of them were made side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.compare.configuration import NOUNS, value_of, varying

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.results import Run

_FAR_APART = "sequential"
"""The order in which all repetitions of a cell come before the next cell, so that a drift falls on one of them."""


def cells(sides: Mapping[str, Sequence[Run]], by: str = "") -> dict[str, dict[str, tuple[Run, ...]]]:
    """By side and label, the runs of each cell, in order of repetition.

    A label names what tells the cells of a side apart: `points`, `load.clients=4`; it is empty where each side has
    one cell. Runs with the same label are repetitions. Sides that differ in one noun on purpose were asked the same
    otherwise, so that a label also names the other nouns, and the load, in which runs of two sides differ.

    Args:
        sides: The runs of each side.
        by: Key in which the sides differ on purpose; it is in no label. Empty: they are whatever was put together.
    """
    everything = [run for runs in sides.values() for run in runs]
    scopes = [everything] if by in NOUNS else list(sides.values())
    nouns = [noun for noun in NOUNS if noun != by and any(_several(runs, noun) for runs in scopes)]
    keys = _keys(group for runs in sides.values() for group in _grouped(runs, nouns).values())
    if by in NOUNS and by != "load":
        loads = [key for key in _keys(_grouped(everything, nouns).values()) if key.startswith("load.")]
        keys = list(dict.fromkeys([*keys, *loads]))
    return {name: _grouped(sorted(runs, key=lambda run: run.repetition), nouns, keys) for name, runs in sides.items()}


def faced(sides: Mapping[str, Sequence[Run]], by: str = "") -> dict[str, dict[str, tuple[Run, ...]]]:
    """By the label of a cell and side, the runs that face each other; a cell that only one side has is there too.

    Cells with one label belong together. So do those of sides that were put together by hand, with `by` empty, where
    the first side and another have a single cell each, whatever these are called.
    """
    labelled = cells(sides, by)
    first = next(iter(labelled.values()))
    found: dict[str, dict[str, tuple[Run, ...]]] = {label: {} for label in first}
    for name, own in labelled.items():
        alone = not by and len(first) == len(own) == 1
        for label, runs in own.items():
            found.setdefault(next(iter(first)) if alone else label, {})[name] = runs
    return found


def block_of(run: Run) -> tuple[str, int] | None:
    """The sweep and the block in which a run was made; None where it has none, or runs of a block were far apart."""
    order = run.manifest.get("order")
    if not isinstance(order, dict) or not isinstance(order.get("block"), int) or order.get("kind") == _FAR_APART:
        return None
    return str(run.directory.resolve().parent), order["block"]


def pairs(baseline: Sequence[Run], candidate: Sequence[Run]) -> tuple[tuple[int, int], ...]:
    """Positions of the runs of both sides that were made in one block, by block.

    Empty where there are none, and where most blocks were torn apart: when one side was made anew later, as by `bench
    resume` after its server was down, all differences have in common what changed on the machine in between.
    """
    base, cand = (
        {block: at for at, run in enumerate(runs) if (block := block_of(run))} for runs in (baseline, candidate)
    )
    found = tuple((base[block], cand[block]) for block in sorted(base.keys() & cand.keys()))
    starts = [sorted((baseline[ours].started_at, candidate[theirs].started_at)) for ours, theirs in found]
    torn = sum(any(first < start < last for other in starts for start in other) for first, last in starts)
    return () if 2 * torn > len(found) else found


def _several(runs: Sequence[Run], noun: str) -> bool:
    return len({value_of(run, noun) for run in runs}) > 1


def _keys(groups: Iterable[Sequence[Run]]) -> list[str]:
    """Dotted keys that still vary within a group: runs of one side and of the same nouns."""
    found: dict[str, None] = {}
    for group in groups:
        if len({run.manifest.get("config_hash") for run in group}) > 1:
            found.update(dict.fromkeys(varying(group)))
    return [key for key in found if key != "label"]


def _grouped(runs: Sequence[Run], nouns: Sequence[str], keys: Sequence[str] = ()) -> dict[str, tuple[Run, ...]]:
    groups: dict[str, tuple[Run, ...]] = {}
    for run in runs:
        parts = [value_of(run, noun) for noun in nouns] + [f"{key}={value_of(run, key)}" for key in keys]
        label = " · ".join(parts)
        groups[label] = (*groups.get(label, ()), run)
    return groups
