"""Which runs are repetitions of one cell, and which of them were made side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.compare.configuration import NOUNS, value_of, varying, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.results import Run


def cells(sides: Mapping[str, Sequence[Run]], by: str = "") -> dict[str, dict[str, tuple[Run, ...]]]:
    """By side and label, the runs of each cell, in order of repetition.

    A label names what tells the cells of a side apart: `points`, `load.clients=4`; it is empty where each side has
    one cell. Runs with the same label are repetitions.

    Args:
        sides: The runs of each side.
        by: Key in which the sides differ on purpose; it is in no label, nor is what lies below it.
    """
    nouns = [noun for noun in NOUNS if noun != by and any(_several(runs, noun) for runs in sides.values())]
    groups = {name: _grouped(runs, nouns) for name, runs in sides.items()}
    keys = _keys([group for each in groups.values() for group in each.values()], (by, *nouns) if by else nouns)
    return {
        name: _grouped(sorted(runs, key=lambda run: int(run.manifest.get("repetition", 0))), nouns, keys)
        for name, runs in sides.items()
    }


def block_of(run: Run) -> tuple[str, int] | None:
    """The block in which a run was made: that of its sweep and its place in the order; None where it has none."""
    order = run.manifest.get("order")
    if not isinstance(order, dict) or not isinstance(order.get("block"), int):
        return None
    return str(run.directory.resolve().parent), order["block"]


def pairs(baseline: Sequence[Run], candidate: Sequence[Run]) -> tuple[tuple[int, int], ...]:
    """Positions of the runs of both sides that were made in one block, by block; empty where there are none."""
    base, cand = (
        {block: at for at, run in enumerate(runs) if (block := block_of(run))} for runs in (baseline, candidate)
    )
    return tuple((base[block], cand[block]) for block in sorted(base.keys() & cand.keys()))


def matched(baseline: Iterable[str], candidate: Iterable[str]) -> list[tuple[str, str]]:
    """Labels that belong together: equal ones, and one that is left over on each side."""
    base, cand = list(baseline), list(candidate)
    equal = [(label, label) for label in base if label in cand]
    left = [[label for label in side if (label, label) not in equal] for side in (base, cand)]
    return equal + ([(left[0][0], left[1][0])] if len(left[0]) == len(left[1]) == 1 else [])


def _several(runs: Sequence[Run], noun: str) -> bool:
    return len({value_of(run, noun) for run in runs}) > 1


def _keys(groups: Iterable[Sequence[Run]], known: Sequence[str]) -> list[str]:
    """Dotted keys that still vary within a group, but for those that follow from what is known."""
    found: dict[str, None] = {}
    for group in groups:
        if len({run.manifest.get("config_hash") for run in group}) > 1:
            found.update(dict.fromkeys(varying(group)))
    return [key for key in found if not any(within(key, root) for root in known) and key != "label"]


def _grouped(runs: Sequence[Run], nouns: Sequence[str], keys: Sequence[str] = ()) -> dict[str, tuple[Run, ...]]:
    groups: dict[str, tuple[Run, ...]] = {}
    for run in runs:
        parts = [value_of(run, noun) for noun in nouns] + [f"{key}={value_of(run, key)}" for key in keys]
        label = " · ".join(parts)
        groups[label] = (*groups.get(label, ()), run)
    return groups
