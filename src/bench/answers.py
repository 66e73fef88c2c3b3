"""Answers that can be compared between engines: typed, canonical, and aware of order.

Engines disagree about the types of equal answers (`sum` of integers is an integer here and a decimal there, `avg` of
decimals a decimal here and a double there), about trailing zeros and about the order of rows that tie. A canonical row
irons out just that: numbers of any type are one kind and compared to ten significant digits when they are not whole;
rows are compared as a multiset; and where the statement orders its result, the sequence of its sort keys is compared
too, so that ties may fall either way.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import ROUND_HALF_EVEN, Context, Decimal

from bench.model import Row, Statement

SIGNIFICANT = Context(prec=10, rounding=ROUND_HALF_EVEN)
KEPT_ROWS = 100


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one operation answered to its fixed parameters."""

    operation: str
    digest: str
    rows: int
    ordered: bool
    """The order was compared too."""
    first_rows: tuple[str, ...]
    """Canonical rows as JSON: in the order of the result where that is compared, else sorted."""


def answer(operation: str, results: Sequence[tuple[Statement, Sequence[Row]]]) -> Answer:
    """The answer of an operation from the results of its statements.

    A statement that returns no rows answers with the number of rows it changed.
    """
    seen = hashlib.sha256()
    kept: list[str] = []
    count, ordered = 0, False
    for statement, result in results:
        count += len(result)
        rows = [canonical(row) for row in result] if statement.returns_rows else [f"{len(result)} rows changed"]
        for text in sorted(rows):
            seen.update(text.encode() + b"\n")
        if statement.order_by is not None and statement.returns_rows:
            ordered = True
            for row in result:
                seen.update(canonical([row[position] for position in statement.order_by]).encode() + b"\n")
        else:
            rows.sort()
        kept += rows[: KEPT_ROWS - len(kept)]
        seen.update(b"--\n")
    return Answer(operation=operation, digest=seen.hexdigest(), rows=count, ordered=ordered, first_rows=tuple(kept))


def canonical(row: Iterable[object]) -> str:
    """A row as JSON, equal for equal rows of any engine."""
    return json.dumps([_canonical(value) for value in row], ensure_ascii=False, separators=(",", ":"))


def _canonical(value: object) -> object:  # noqa: PLR0911  # one line per type, no simpler as a table
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float | Decimal):
        return {"n": _number(value)}
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return {"t": value.isoformat(sep=" ", timespec="microseconds")}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    if isinstance(value, time_of_day):
        return {"c": value.isoformat()}
    if isinstance(value, timedelta):
        return {"i": _number(Decimal(value // timedelta(microseconds=1)) / 1_000_000)}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"x": bytes(value).hex()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return str(value)


def _number(value: float | Decimal) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    exact = Decimal(value)
    if not exact.is_finite():
        return str(exact).lower()
    if exact == exact.to_integral_value():
        return str(int(exact))
    rounded = SIGNIFICANT.plus(exact).normalize()
    return format(rounded, "f")


def first_difference(one: Sequence[str], other: Sequence[str]) -> str:
    """Where two lists of kept rows part, in words."""
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return f"row {number + 1}: {_cut(left)} against {_cut(right)}"
    if len(one) != len(other):
        longer = one if len(one) > len(other) else other
        return f"row {min(len(one), len(other)) + 1} is only in one of them: {_cut(longer[min(len(one), len(other))])}"
    return f"beyond the first {KEPT_ROWS} rows, which are equal"


def _cut(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
