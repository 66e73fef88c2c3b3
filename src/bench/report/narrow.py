"""Tables on a terminal that is not as wide as they are: nothing is dropped, and no number is broken in two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.report.page import Grid


def fitted(grid: Grid, fits: Callable[[Grid], bool]) -> list[Grid]:
    """The grid in parts that fit, one below the other, each with the columns on the left and some of the numbers.

    A column that does not fit even alone gets a part of its own. A grid without numbers stays as it is: texts can be
    broken.

    Example:
        >>> wide = Grid(header=("operation", "count", "per s"), rows=(("read", "1", "2"),))
        >>> [part.header for part in fitted(wide, lambda part: len(part.header) < 3)]
        [('operation', 'count'), ('operation', 'per s')]
    """
    parts: list[Grid] = []
    taken: list[int] = []
    for column in range(grid.left, len(grid.header)):
        if taken and not fits(_with(grid, [*taken, column])):
            parts.append(_with(grid, taken))
            taken = []
        taken.append(column)
    return [*parts, _with(grid, taken)] if parts else [grid]


def _with(grid: Grid, columns: Sequence[int]) -> Grid:
    """The columns on the left, and these."""
    chosen = [*range(grid.left), *columns]
    return replace(
        grid,
        header=tuple(grid.header[at] for at in chosen),
        rows=tuple(tuple(row[at] for at in chosen) for row in grid.rows),
    )
