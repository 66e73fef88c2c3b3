"""Counts and lists in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 3
"""So many names a reader takes in."""


def of(count: int, noun: str) -> str:
    """A count with its noun, in the plural where there are several."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def few(names: Sequence[str], shown: int = SHOWN) -> str:
    """The first names, and how many more there are.

    Example:
        >>> few(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
        >>> few(["a", "b", "c", "d"])
        'a, b, c, d'
    """
    if len(names) <= shown + 1:  # one more is as long as its name
        return ", ".join(names)
    return f"{', '.join(names[:shown])} and {len(names) - shown} more"
