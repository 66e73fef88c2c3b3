"""Databases: each is born with the schema PUBLIC, and is entered there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from bench.emulator import errors
from bench.emulator.results import Result, status
from bench.emulator.tables import written

if TYPE_CHECKING:
    from bench.emulator.sessions import Session
    from bench.emulator.statement import Statement

PUBLIC = "PUBLIC"


def answer(session: Session, statement: Statement) -> Result | None:
    """The result of DROP DATABASE, None for any other statement.

    Raises:
        SqlError: No such database, or a transaction is open in it.
    """
    tree = statement.tree
    if not isinstance(tree, exp.Drop) or str(tree.args.get("kind")).upper() != "DATABASE":
        return None
    name = written(tree.args["tables"][0].this)
    if not session.account.engine.has_database(name):
        if tree.args.get("exists"):
            return status(f"Drop statement executed successfully ({name} already dropped).")
        raise errors.missing("Database", name)
    session.account.engine.drop_database(name)
    session.leave(name)
    return status(f"{name} successfully dropped.")


def enter(session: Session, tree: exp.Expr) -> None:
    """After CREATE DATABASE and USE DATABASE: have the session stand in the schema PUBLIC."""
    name = _entered(tree)
    if not name:
        return
    session.account.engine.ensure_public(name)
    use = exp.Use(kind=exp.Var(this="SCHEMA"), this=exp.table_(PUBLIC, db=name, quoted=True))
    session.cursor("").run(use)


def _entered(tree: exp.Expr) -> str:
    if isinstance(tree, exp.Create) and str(tree.args.get("kind")).upper() == "DATABASE":
        return written(tree.this.this)
    if isinstance(tree, exp.Use) and getattr(tree.args.get("kind"), "name", "").upper() == "DATABASE":
        return written(tree.this.this)
    return ""
