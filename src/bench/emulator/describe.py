"""What a statement would give, told without executing it: the driver's `describe`, on which Snowpark relies."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from fakesnow.statement_type import statement_type_id
from sqlglot import exp

from bench.emulator import functions
from bench.emulator.results import SELECT, Result, listing, status
from bench.emulator.values import Column
from bench.emulator.views import Views

if TYPE_CHECKING:
    from bench.emulator.sessions import Execution
    from bench.emulator.statement import Statement

COUNTS: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Insert: ("number of rows inserted",),
    exp.Update: ("number of rows updated", "number of multi-joined rows updated"),
    exp.Delete: ("number of rows deleted",),
}


def describe(execution: Execution, statement: Statement) -> Result | None:
    """Columns and number of bindings, without rows; None for statements that are known only by their result.

    Raises:
        SqlError: A name is not there, or the syntax is wrong.
    """
    tree = statement.tree
    binds = len(list(tree.find_all(exp.Placeholder)))
    if isinstance(tree, exp.Query):
        return dataclasses.replace(_query(execution, statement), bind_count=binds)
    names = COUNTS.get(type(tree))
    if names:
        empty = listing(names, [])
        columns = tuple(Column.of(name, "BIGINT") for name in names)
        return dataclasses.replace(empty, columns=columns, statement_type=statement_type_id(tree), bind_count=binds)
    if isinstance(tree, exp.Create | exp.Drop | exp.Alter):
        return status()
    return None


def _query(execution: Execution, statement: Statement) -> Result:
    session = execution.session
    tree = statement.tree.copy().transform(lambda node: exp.Null() if isinstance(node, exp.Placeholder) else node)
    views = Views(session=session, query_id=execution.query_id)
    try:
        tree, _ = views.rewrite(functions.rewrite(execution, tree), [])
        cursor = session.cursor(execution.query_id)
        sql = cursor.translated(tree)
        session.engine.execute(f"SELECT * FROM ({sql}) LIMIT 0")
        columns = tuple(Column.of(each[0], str(each[1])) for each in session.engine.description or ())
        table = session.engine.to_arrow_table()
    finally:
        views.drop()
    return Result(table=table, columns=columns, statement_type=SELECT, arrow=True)
