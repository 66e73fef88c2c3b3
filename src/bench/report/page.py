"""What is going to be shown, before it is decided how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What is going to be shown, before it is decided how."""

    title: str
    lines: tuple[str, ...] = ()
    """Above the tables."""
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()
    """Below the tables."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """A table of texts; all columns but the first `left` are numbers."""

    title: str = ""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
