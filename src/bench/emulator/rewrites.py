"""Forms of Snowflake's dialect that the translation to DuckDB lacks, put into ones that it knows."""

from __future__ import annotations

from sqlglot import exp

from bench.emulator import errors


def rewrite(tree: exp.Expr) -> exp.Expr:
    """The statement with all of them replaced, in place.

    Raises:
        SqlError: A form that cannot be.
    """
    for join in tree.find_all(exp.Join):
        _as_of(join)
    for parameter in list(tree.find_all(exp.Parameter)):
        _position(parameter)
    for call in list(tree.find_all(exp.AggFunc)):
        _named(call)
    return tree


def _as_of(join: exp.Join) -> None:
    """ASOF JOIN … MATCH_CONDITION keeps every row of its left side; DuckDB says so, and has one condition for all."""
    match = join.args.get("match_condition")
    if match is None:
        return
    if join.args.get("using"):
        raise errors.not_emulated("ASOF JOIN … USING; write ON")
    on = join.args.get("on")
    join.set("match_condition", None)
    join.set("side", "LEFT")
    join.set("on", exp.and_(on, match) if on is not None else match)


def _position(parameter: exp.Parameter) -> None:
    """`$2` is the second column of VALUES."""
    place = parameter.this
    if isinstance(place, exp.Literal) and not place.is_string and parameter.find_ancestor(exp.Select):
        parameter.replace(exp.column(exp.to_identifier(f"COLUMN{place.this}", quoted=True)))


def _named(call: exp.AggFunc) -> None:
    """An aggregate without an alias bears its own text for a name."""
    if isinstance(call.parent, exp.Select) and call.arg_key == "expressions":
        call.replace(exp.alias_(call.copy(), call.sql(dialect="snowflake").upper(), quoted=True))
