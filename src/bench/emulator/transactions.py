"""Where transactions begin and end. DuckDB has them; Snowflake's rules about DDL and several files are added here."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.emulator.sessions import Session

DDL = (exp.Create, exp.Drop, exp.Alter, exp.Comment)
ROWS = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


@contextmanager
def around(session: Session, tree: exp.Expr, *, batch: bool) -> Iterator[bool]:
    """Give the statement the transaction that it needs; True where there is nothing to do.

    DDL commits what is open. COPY and array bindings are several statements beneath, and are made one.
    """
    if isinstance(tree, exp.Transaction) and session.in_transaction:
        yield True  # a second BEGIN changes nothing
        return
    if isinstance(tree, DDL) and session.in_transaction:
        session.engine.commit()
        session.in_transaction = False
    if not (batch or isinstance(tree, exp.Copy)) or is_open(session):
        yield False
        return
    if not session.connection._autocommit:
        session.engine.begin()
        session.connection._in_transaction = True
        yield False
        return
    session.engine.begin()
    try:
        yield False
        session.engine.commit()
    except BaseException:  # an interrupt too must not leave it open
        session.engine.rollback()
        raise


def is_open(session: Session) -> bool:
    """Whether the session has a transaction that it must end itself."""
    return session.in_transaction or (not session.connection._autocommit and session.connection._in_transaction)


def settle(session: Session, tree: exp.Expr) -> None:
    """Note what a statement that succeeded did to the transaction."""
    if isinstance(tree, exp.Transaction):
        session.in_transaction = True
    elif isinstance(tree, exp.Commit | exp.Rollback):
        session.in_transaction = False
