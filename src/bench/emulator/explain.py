"""EXPLAIN: the statement is read and its names are looked up, but it is not executed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlglot import exp

from bench.emulator import errors
from bench.emulator.results import SELECT, Result, listing
from bench.emulator.statement import parse
from bench.emulator.views import Views
from bench.emulator.words import Words

if TYPE_CHECKING:
    from bench.emulator.sessions import Execution
    from bench.emulator.statement import Statement

TABULAR = (
    "step",
    "id",
    "parent",
    "operation",
    "objects",
    "alias",
    "expressions",
    "partitionsTotal",
    "partitionsAssigned",
    "bytesAssigned",
)


def answer(execution: Execution, statement: Statement) -> Result | None:
    """The plan that EXPLAIN asks for, None for any other statement.

    Raises:
        SqlError: What is explained cannot be executed: syntax, or a name that is not there.
    """
    if not isinstance(statement.tree, exp.Command) or str(statement.tree.this).upper() != "EXPLAIN":
        return None
    words = Words(statement.text)
    words.expect("EXPLAIN")
    form = words.value().upper() if words.take("USING") else "TABULAR"
    operations = _operations(execution, parse(words.rest()).tree, statement)
    if form == "JSON":
        return listing(["content"], [[json.dumps(_document(operations))]], statement_type=SELECT)
    if form == "TEXT":
        lines = [
            "GlobalStats:",
            "    partitionsTotal=0",
            "    partitionsAssigned=0",
            "    bytesAssigned=0",
            "Operations:",
        ]
        lines += [f"1:{place}     ->{operation}" for place, operation in enumerate(operations)]
        return listing(["content"], [["\n".join(lines)]], statement_type=SELECT)
    if form != "TABULAR":
        raise errors.syntax(f"unexpected '{form}' after USING")
    rows: list[list[object]] = [[None, None, None, "GlobalStats", None, None, None, 0, 0, 0]]
    rows += [
        [1, place, None, operation, None, None, None, None, None, None] for place, operation in enumerate(operations)
    ]
    return listing(TABULAR, rows, statement_type=SELECT)


def _document(operations: list[str]) -> dict[str, object]:
    nodes = [{"id": place, "operation": operation} for place, operation in enumerate(operations)]
    return {"GlobalStats": {"partitionsTotal": 0, "partitionsAssigned": 0, "bytesAssigned": 0}, "Operations": [nodes]}


def _operations(execution: Execution, tree: exp.Expr, statement: Statement) -> list[str]:
    """Names of the operators of DuckDB's plan, from the top."""
    if isinstance(tree, exp.Command):
        raise errors.syntax("this statement cannot be explained")
    session, values = execution.session, list(statement.values)
    if not values:
        tree = tree.transform(lambda node: exp.Null() if isinstance(node, exp.Placeholder) else node)
    views = Views(session=session, query_id=execution.query_id)
    try:
        tree, values = views.rewrite(tree, values)
        sql = session.cursor(execution.query_id).translated(tree, values)
        plan = session.engine.execute(f"EXPLAIN (FORMAT JSON) {sql}", values or None).fetchall()
    finally:
        views.drop()
    found: list[str] = []
    _collect(json.loads(plan[-1][1]), found)
    return ["Result", *found]


def _collect(nodes: list[dict[str, object]], found: list[str]) -> None:
    for node in nodes:
        found.append(str(node.get("name", "")).strip().title().replace("_", ""))
        children = node.get("children")
        if isinstance(children, list):
            _collect(children, found)
