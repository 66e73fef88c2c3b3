"""What sqlglot carries into another dialect unchanged or wrong, although it reports nothing.

Each entry was seen with sqlglot 30: the text it writes is refused by the engine, or, worse, answers another question.
A construct is refused everywhere but in the dialects named beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.expressions.datatypes import DType as Type

from bench.render.naming import written

Test = Callable[[exp.Expr], bool]

TEMPORAL = frozenset({Type.DATE, Type.TIMESTAMP, Type.TIMESTAMPTZ, Type.TIMESTAMPNTZ, Type.DATETIME})
WHOLE = frozenset({Type.TINYINT, Type.SMALLINT, Type.INT, Type.BIGINT, Type.INT128})
UNKNOWN = frozenset({Type.UNKNOWN, Type.NULL})


@dataclass(frozen=True, kw_only=True)
class Pitfall:
    """A construct that does not survive translation."""

    nodes: tuple[type[exp.Expr], ...]
    what: str
    right_in: frozenset[str] = frozenset()
    """Dialects in which sqlglot's text means the same."""
    test: Test = lambda _: True


def _pitfall(nodes: str, what: str, right_in: str = "", test: Test = lambda _: True) -> Pitfall:
    return Pitfall(nodes=_classes(nodes), what=what, right_in=frozenset(right_in.split()), test=test)


def _classes(names: str) -> tuple[type[exp.Expr], ...]:
    return tuple(getattr(exp, name) for name in names.split())


def _type(node: exp.Expr | None) -> Type | None:
    return node.type.this if node is not None and isinstance(node.type, exp.DataType) else None


def _sides(node: exp.Expr) -> tuple[Type | None, Type | None]:
    return _type(node.args.get("this")), _type(node.args.get("expression"))


def _has(argument: str) -> Test:
    return lambda node: bool(node.args.get(argument))


def _sets_a_row(node: exp.Expr) -> bool:
    return any(isinstance(assignment.this, exp.Tuple) for assignment in node.expressions)


def _correlated_limit(node: exp.Expr) -> bool:
    inside = {table.alias_or_name for table in node.find_all(exp.Table, exp.Subquery, exp.CTE)}
    columns = {column.table for column in node.find_all(exp.Column) if column.table}
    return bool(node.args.get("limit")) and node.parent is not None and not columns <= inside


def _offset_by_value(node: exp.Expr) -> bool:
    kind = str(node.args.get("kind")).upper()
    by_value = any(isinstance(node.args.get(side), exp.Expr) for side in ("start", "end"))
    return kind == "GROUPS" or (kind == "RANGE" and by_value)


def _starts_with_text(node: exp.Expr) -> bool:
    start = node.args.get("start")
    return start is not None and start.is_string


def _several_units(node: exp.Expr) -> bool:
    amount = node.this
    return node.args.get("unit") is None or not (isinstance(amount, exp.Literal) and amount.this.lstrip("+-").isdigit())


def _calculated(node: exp.Expr) -> bool:
    return not isinstance(node.parent, exp.Add | exp.Sub | exp.WindowSpec)


def _difference_of_times(node: exp.Expr) -> bool:
    left, right = _sides(node)
    return left in TEMPORAL and right in TEMPORAL and not (left == Type.DATE == right)


PORTABLE_FIELDS = frozenset({"YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE"})
DUCKDB_FIELDS = PORTABLE_FIELDS | {"DOW", "DOY", "ISODOW", "WEEK", "ISOYEAR", "EPOCH"}


def _field_outside(known: frozenset[str]) -> Test:
    return lambda node: node.this.name.upper() not in known


PITFALLS: tuple[Pitfall, ...] = (
    # changes
    _pitfall("OnConflict", "ON CONFLICT", "duckdb sqlite"),
    _pitfall("Returning", "RETURNING", "duckdb sqlite"),
    _pitfall("Merge", "MERGE", "duckdb snowflake"),
    _pitfall("Into", "SELECT INTO"),
    _pitfall("CTE", "a CTE that changes data", "", lambda n: not isinstance(n.this, exp.Query)),
    _pitfall("Delete", "DELETE … USING", "duckdb snowflake", _has("using")),
    _pitfall("Insert", "INSERT … DEFAULT VALUES", "duckdb sqlite", _has("default")),
    _pitfall("Update", "SET (a, b) = …", "sqlite", _sets_a_row),
    # queries
    _pitfall("Lock", "FOR UPDATE or FOR SHARE, which has no counterpart,"),
    _pitfall("CTE", "MATERIALIZED", "duckdb sqlite", lambda n: n.args.get("materialized") is not None),
    _pitfall("Table", "ONLY", "", _has("only")),
    _pitfall("Values", "VALUES as a statement", "duckdb sqlite", lambda n: n.parent is None),
    _pitfall("Distinct", "DISTINCT ON, whose order is lost,", "duckdb", _has("on")),
    _pitfall("LimitOptions", "WITH TIES", "", _has("with_ties")),
    _pitfall("Rollup Cube GroupingSets", "a grouping set", "duckdb snowflake"),
    _pitfall("TableSample", "TABLESAMPLE", "duckdb snowflake"),
    _pitfall("Lateral", "LATERAL", "duckdb"),
    _pitfall("Select", "LIMIT in a correlated subquery", "duckdb sqlite", _correlated_limit),
    _pitfall("GenerateSeries ExplodingGenerateSeries Unnest Explode", "a set from a function", "duckdb"),
    _pitfall("WindowSpec", "a window frame with a RANGE or GROUPS offset", "duckdb sqlite", _offset_by_value),
    _pitfall("GT GTE LT LTE", "a comparison of rows", "duckdb sqlite", lambda n: isinstance(n.this, exp.Tuple)),
    # text
    _pitfall("RegexpLike RegexpILike", "a regular expression, matched in part or as a whole,", "duckdb"),
    _pitfall("RegexpReplace", "regexp_replace, which replaces the first match or all,", "duckdb"),
    _pitfall("SimilarTo", "SIMILAR TO, whose patterns differ,"),
    _pitfall("Like", "LIKE, which may ignore case,", "duckdb snowflake"),
    _pitfall("Collate", "a named collation"),
    _pitfall("Substring", "substring by a pattern", "", _starts_with_text),
    _pitfall("TimeToStr", "to_char of anything but a date or timestamp", "", lambda n: _type(n.this) not in TEMPORAL),
    _pitfall("ToNumber ToChar", "to_number or to_char"),
    _pitfall("HexString BitString ByteString UnicodeString", "a literal of this kind"),
    # numbers
    _pitfall("Rand", "random(), whose range differs,", "duckdb"),
    _pitfall("Log", "log(x) to the base 10", "duckdb sqlite", lambda n: not n.args.get("expression")),
    _pitfall("Mode", "mode()"),
    # times
    _pitfall("AtTimeZone", "AT TIME ZONE", "duckdb"),
    _pitfall("MakeInterval", "make_interval"),
    _pitfall("Interval", "an interval", "duckdb snowflake"),
    _pitfall("Interval", "an interval of several units", "duckdb", _several_units),
    _pitfall("Interval", "calculating with an interval itself", "duckdb", _calculated),
    _pitfall("Sub", "the difference of two timestamps", "duckdb", _difference_of_times),
    _pitfall("Add Sub", "calculating with dates", "duckdb snowflake", lambda n: any(s in TEMPORAL for s in _sides(n))),
    _pitfall("Extract", "a field that EXTRACT knows otherwise", "duckdb", _field_outside(PORTABLE_FIELDS)),
    _pitfall("Extract", "a field that EXTRACT knows otherwise", "", _field_outside(DUCKDB_FIELDS)),
    # what is not a plain value
    _pitfall("Any All Array ArrayAgg Bracket Slice", "an array", "duckdb"),
    _pitfall("JSONExtract JSONExtractScalar", "a JSON path", "duckdb sqlite"),
    _pitfall(
        "ArrayContainsAll ArrayContainedBy ArrayOverlaps JSONBExtract JSONBExtractScalar JSONBContains "
        "JSONBContainsAnyTopKeys JSONBContainsAllTopKeys MatchAgainst Operator Overlaps Distance",
        "this operator of PostgreSQL",
    ),
    _pitfall("Anonymous AnonymousAggFunc", "a function that sqlglot does not know"),
)

STATEMENTS = (exp.Query, exp.Values, exp.Insert, exp.Update, exp.Delete, exp.Merge)
"""What may be translated at all; DDL is made from the dataset's declared shape."""

TYPES = (
    WHOLE | TEMPORAL | {Type.BOOLEAN, Type.DECIMAL, Type.DOUBLE, Type.FLOAT}
    | {Type.TEXT, Type.VARCHAR, Type.CHAR, Type.NCHAR, Type.NVARCHAR, Type.TIME}
)  # fmt: skip
"""Types that a cast may name in any dialect."""

OWN_TYPES = {"duckdb": TYPES | {Type.INTERVAL, Type.JSON, Type.JSONB, Type.UUID, Type.VARBINARY, Type.ARRAY}}
"""Types that a cast may name in one dialect."""

PORTABLE = _classes(
    "Abs And Or Xor Avg Case Cast Ceil Coalesce Count CountIf CumeDist DenseRank Exists FirstValue Floor Greatest If "
    "Lag LastValue Lead Least Length Lower Max Min NthValue Ntile Nullif PercentRank Pow Rank Replace Round RowNumber "
    "Sign Sqrt StrPosition Substring Sum Trim Upper"
)
"""Functions that mean the same in any engine."""

WELL_KNOWN = frozenset({"duckdb", "snowflake"})
"""Dialects whose functions sqlglot knows well: only pitfalls are refused. Elsewhere all that is not portable is."""


def found(tree: exp.Expr, dialect: str) -> Iterator[tuple[exp.Expr, str]]:
    """Each construct of a resolved statement that does not survive the way into `dialect`, and what is wrong."""
    if not isinstance(tree, STATEMENTS):
        yield tree, f"{tree.key.upper()} is translated by no rule that could be checked"
    for node in tree.walk():
        for pitfall in PITFALLS:
            if isinstance(node, pitfall.nodes) and dialect not in pitfall.right_in and pitfall.test(node):
                yield node, f"{pitfall.what} would be carried over unchanged or wrongly ({written(node)})"
        reason = _bad_type(node, dialect) or _bad_function(node, dialect)
        if reason:
            yield node, f"{reason} ({written(node)})"


def undecided_division(tree: exp.Expr, dialect: str) -> exp.Div | None:
    """A division of which nobody can say whether it is one of whole numbers, where `dialect` would answer otherwise."""
    if Dialect.get_or_raise(dialect).TYPED_DIVISION:
        return None
    for division in tree.find_all(exp.Div):
        sides = _sides(division)
        known_fraction = any(side is not None and side not in WHOLE | UNKNOWN for side in sides)
        if not known_fraction and not all(side in WHOLE for side in sides):
            return division
    return None


def doubts(tree: exp.Expr, dialect: str) -> tuple[str, ...]:
    """What may make equal questions answer differently although the text is right: one sentence each."""
    sentences = []
    if tree.find(exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Localtimestamp, exp.Rand, exp.Uuid):
        sentences.append("The answer depends on the clock or on chance.")
    for query in tree.find_all(exp.Query):
        if query.args.get("limit") and not query.args.get("order"):
            sentences.append("LIMIT without ORDER BY may pick other rows on another engine.")
            break
    if dialect != "postgres" and any(not node.find_ancestor(exp.Round, exp.Cast) for node in _inexact(tree)):
        sentences.append("An average or quotient has another scale on each engine; round it.")
    if dialect == "sqlite" and any(_type(node) == Type.DECIMAL for node in tree.find_all(exp.Cast)):
        sentences.append("sqlite has no decimals: the cast gives a binary fraction and does not round.")
    return tuple(sentences)


def _inexact(tree: exp.Expr) -> Iterator[exp.Expr]:
    for node in tree.find_all(exp.Avg, exp.Div, exp.Stddev, exp.StddevPop, exp.Variance, exp.PercentileCont):
        if not isinstance(node, exp.Div) or not all(side in WHOLE for side in _sides(node)):
            yield node


def _bad_type(node: exp.Expr, dialect: str) -> str:
    if not isinstance(node, exp.DataType) or not isinstance(node.parent, exp.Cast):
        return ""
    return "" if node.this in OWN_TYPES.get(dialect, TYPES) else "the type of this cast would be carried over unchanged"


def _bad_function(node: exp.Expr, dialect: str) -> str:
    if dialect in WELL_KNOWN or not isinstance(node, exp.Func) or isinstance(node, PORTABLE):
        return ""
    return f"whether {dialect} has this function with the same meaning is not known"
