"""What the others are compared with in a cell where the baseline came to no summary: the next side stands in for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.compare.objections import ended
from bench.wording import few

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.results import Run


def measured(members: Mapping[str, Sequence[Run]]) -> list[str]:
    """The sides of a cell that came to a summary there."""
    return [name for name, runs in members.items() if any(run.has("summary") for run in runs)]


def stand_ins(cells: Mapping[str, Mapping[str, Sequence[Run]]], baseline: str, *, by: str = "") -> dict[str, str]:
    """By cell, the side that stands in for the baseline, where it has no summary and two others have.

    Args:
        cells: By cell and side, its runs.
        baseline: A side.
        by: As of `cells.cells`. Sides that were put together by hand may have cells of their own, which are left out.
    """
    found = {}
    for cell, members in cells.items():
        able = measured(members)
        if baseline not in able and len(able) > 1 and (by or baseline in members):
            found[cell] = able[0]
    return found


def notes(cells: Mapping[str, Mapping[str, Sequence[Run]]], found: Mapping[str, str], baseline: str) -> Iterator[str]:
    """For each side that stands in a sentence: where, and what became of the baseline.

    Args:
        cells: By cell and side, its runs.
        found: What `stand_ins` found.
        baseline: A side.
    """
    places: dict[tuple[str, bool], list[str]] = {}
    for cell, other in found.items():
        places.setdefault((other, baseline in cells[cell]), []).append(cell)
    for (other, begun), names in places.items():
        where = f" on {few(names)}" if any(names) else ""
        run = cells[names[0]][baseline][0] if begun else None
        lacking = f"no summary{where}: the run {run.directory.name} is {ended(run)}" if run else f"no run{where}"
        yield f"Warning: {baseline} has {lacking.rstrip('.')}. There the others are compared with {other}."
