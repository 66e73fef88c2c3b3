"""What a statement is: a query or a change, whether rows come back, and by which columns they are ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)

QUERY_WORDS = frozenset({"SELECT", "WITH", "VALUES", "FROM", "TABLE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "PRAGMA"})
"""First words by which a statement that sqlglot cannot read is taken for one that gives rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Nature:
    """What the driver loop and the comparison of answers need to know of a statement."""

    returns_rows: bool
    read_only: bool
    order_by: tuple[int, ...] | None = None


def nature(tree: exp.Expr, resolved: exp.Expr | None = None) -> Nature:
    """The nature of a parsed statement.

    Args:
        tree: The statement as the author wrote it.
        resolved: The same with `*` written out, if there is a declared schema.
    """
    query = isinstance(tree, exp.Query | exp.Values | exp.Show | exp.Describe | exp.Pragma)
    changes = not query or tree.find(*CHANGES, exp.Lock, exp.Into) is not None
    return Nature(
        returns_rows=(query and tree.find(exp.Into) is None) or bool(tree.args.get("returning")),
        read_only=not changes,
        order_by=_order(tree, resolved) if isinstance(tree, exp.Query) else None,
    )


def nature_by_first_word(word: str) -> Nature:
    """The nature of a statement that sqlglot cannot read."""
    reads = word.upper() in QUERY_WORDS
    return Nature(returns_rows=reads, read_only=reads and word.upper() != "WITH")


def _order(tree: exp.Query, resolved: exp.Expr | None) -> tuple[int, ...] | None:
    query = tree
    if query.is_star:
        if not isinstance(resolved, exp.Query) or resolved.is_star:
            return None
        query = resolved
    order = query.args.get("order")
    if order is None:
        return None
    places = [_place(ordered.this, query.selects) for ordered in order.expressions]
    return None if None in places else tuple(place for place in places if place is not None)


def _place(key: exp.Expr, selects: Sequence[exp.Expr]) -> int | None:
    """Position in the result of a sort key; None: it is not in it."""
    if isinstance(key, exp.Literal) and key.is_int:
        return int(key.this) - 1
    if isinstance(key, exp.Column) and not key.table:
        for position, select in enumerate(selects):
            if select.alias_or_name.lower() == key.name.lower():
                return position
    return next((position for position, select in enumerate(selects) if select.unalias() == key), None)
