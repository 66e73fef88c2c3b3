"""Long lists in few words: a reader takes in three names, and wants to know how many more there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.doubt import Doubt
from bench.wording import few

SHOWN_CELLS = 6


def warning(doubt: str, places: Iterable[tuple[str, str]], asked: Iterable[tuple[str, str]]) -> str:
    """The line about a doubt: which operations it concerns, of which cells where there are several, and the remedy.

    Args:
        doubt: A `Doubt`, or one of a later version.
        places: Cell and operation of what it concerns.
        asked: The same of all there is.
    """
    which = concerned(_by_cell(places), _by_cell(asked))
    return f"Warning: {Doubt(doubt).told(which) if doubt in set(Doubt) else f'{doubt} ({which})'}"


def concerned(found: Mapping[str, Sequence[str]], asked: Mapping[str, Sequence[str]]) -> str:
    """Which operations of which cells, in few words.

    Example:
        >>> concerned({"b": ["x", "y"]}, {"a": ["x", "y"], "b": ["x", "y"]})
        'b: all operations'
    """
    told = {
        cell: "all operations" if len(names) == len(asked[cell]) > 1 else few(names) for cell, names in found.items()
    }
    if found.keys() == asked.keys() and set(told.values()) == {"all operations"}:
        return "all operations"
    if len(asked) == 1:
        return next(iter(told.values()))
    cells = [f"{cell}: {names}" for cell, names in told.items()]
    rest = len(cells) - SHOWN_CELLS
    return "; ".join(cells[:SHOWN_CELLS]) + (f"; and {rest} more cells" if rest > 0 else "")


def _by_cell(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for cell, operation in places:
        found.setdefault(cell, {})[operation] = None
    return {cell: list(names) for cell, names in found.items()}
