"""Long lists in few words: a reader takes in three names, and wants to know how many more there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from bench.compare import Overall, Verdict
from bench.compare.measured import WHOLE
from bench.doubt import Doubt
from bench.wording import SHOWN, few

Said = TypeVar("Said", Verdict, Overall)
SHOWN_CELLS = 6


def alike(said: Iterable[Said]) -> list[list[Said]]:
    """What has no ratio, that of two sides with one reason together: one row of a table, not one of dashes each."""
    groups: dict[tuple[str, str, str, str], list[Said]] = {}
    for each in said:
        if each.ratio is None:
            groups.setdefault((each.baseline, each.candidate, each.verdict, each.reason), []).append(each)
    return list(groups.values())


def measures_of(group: Iterable[Verdict | Overall]) -> str:
    """What was claimed, each measure once."""
    return ", ".join(dict.fromkeys(each.measure for each in group))


def cells_of(group: Iterable[Verdict | Overall], asked: Iterable[Verdict | Overall]) -> str:
    """The cells of a group, or `all` of those that were asked and how many these are."""
    return _all_or_few({each.cell: None for each in group}, {each.cell for each in asked})


def operations_of(group: Sequence[Verdict], asked: Iterable[Verdict], shown: int = SHOWN) -> str:
    """The operations of a group, or `all` of those that were asked in its cells and how many these are."""
    cells = {each.cell for each in group}
    lacking = {(each.cell, each.operation) for each in asked if each.cell in cells} - {
        (each.cell, each.operation) for each in group
    }
    names = {each.operation: None for each in group}
    if lacking:
        return few(list(names), shown)
    single = {name: None for name in names if name != WHOLE} or names  # a claim on the workload is on none of its own
    return _all_or_few(single, set(single))


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


def _all_or_few(names: Mapping[str, None], asked: Iterable[str]) -> str:
    return f"all {len(names)}" if names.keys() == set(asked) and len(names) > 1 else few(list(names))


def _by_cell(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for cell, operation in places:
        found.setdefault(cell, {})[operation] = None
    return {cell: list(names) for cell, names in found.items()}
