"""Databases: each is born with the schema PUBLIC, and is entered there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from bench.emulator.sessions import Session

PUBLIC = "PUBLIC"


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
        return _written(tree.this.this)
    if isinstance(tree, exp.Use) and getattr(tree.args.get("kind"), "name", "").upper() == "DATABASE":
        return _written(tree.this.this)
    return ""


def _written(identifier: exp.Expr) -> str:
    return identifier.name if identifier.args.get("quoted") else identifier.name.upper()
