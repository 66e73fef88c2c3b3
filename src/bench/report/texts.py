"""Numbers and marks as a reader sees them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from bench import costs
from bench.compare import reasons

NULL = "–"
EMULATED = " (emulated)"
SEPARATE = (
    "What is said in all is a family of its own for each measure, and so is every further cell: each family may err, "
    "with up to 5 %."
)
"""What no correction covers; see docs/compare.md."""
NS_PER_MS = 1_000_000
SHOWN_CHARACTERS = 200
Row: TypeAlias = dict[str, Any]
"""One row of a published table."""


def measure_of(rows: Sequence[Row]) -> str:
    """Which time the rows are about: response time exists in an open loop only."""
    return "response_time" if any(row["response_time_max_ns"] is not None for row in rows) else "service_time"


def emulated(rows: Sequence[Row]) -> str:
    """The mark of what came from an emulator."""
    return EMULATED if any(row["emulated"] for row in rows) else ""


def short(text: str) -> str:
    """The text in one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def markdown(text: str) -> str:
    """The text as one line, or one cell, of Markdown: nothing in it opens a tag of HTML or ends the cell."""
    return " ".join(re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text).replace("|", "\\|").split())


def number(value: float | None) -> str:
    """Three digits that mean something, without an exponent."""
    if value is None:
        return NULL
    for limit, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def ratio(value: float | None) -> str:
    """A ratio to three digits that mean something."""
    return NULL if value is None else reasons.ratio(value)


def bounds(low: float | None, high: float | None) -> tuple[str, str]:
    """The bounds of an interval of a ratio."""
    return (NULL, NULL) if low is None or high is None else reasons.bounds(low, high)


def ms(value_ns: float | None) -> str:
    """Nanoseconds as milliseconds."""
    return number(None if value_ns is None else value_ns / NS_PER_MS)


def usd(value: float | None) -> str:
    """An amount of money, to three digits."""
    return NULL if value is None else costs.amount(value)


def usd_per_million(usd_per_1000: float | None) -> str:
    """What 1,000 operations cost as what a million do: an amount that can be read."""
    return usd(None if usd_per_1000 is None else 1_000 * usd_per_1000)
