"""Secondary indexes of hybrid tables: declared and listed, not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from bench.emulator import errors
from bench.emulator.catalogue import TableName
from bench.emulator.results import Result, listing, status
from bench.emulator.statement import Index
from bench.emulator.words import Words, like

if TYPE_CHECKING:
    from bench.emulator.sessions import Session
    from bench.emulator.statement import Statement

SHOWN = (
    "created_on",
    "name",
    "is_unique",
    "columns",
    "included_columns",
    "table",
    "database_name",
    "schema_name",
    "owner",
    "owner_role_type",
    "status",
)
OWNED = ("SYSADMIN", "ROLE", "ACTIVE")
HYBRID_SHOWN = ("created_on", "name", "database_name", "schema_name", "owner", "rows", "bytes", "comment")


def answer(session: Session, statement: Statement) -> Result | None:
    """The result of a statement about indexes, or SHOW HYBRID TABLES; None for any other."""
    words = Words(statement.text)
    if words.take("CREATE"):
        return _create(session, words)
    if words.take("DROP", "INDEX"):
        return _drop(session, words)
    if words.take("SHOW", "INDEXES"):
        return _show(session, words)
    if words.take("SHOW", "HYBRID", "TABLES"):
        return _show_hybrid(session, words)
    return None


def answers(tree: exp.Expr) -> bool:
    """Whether a statement can be one of these."""
    return isinstance(tree, exp.Command | exp.Create | exp.Drop | exp.Show)


def _complete(session: Session, parts: tuple[str, ...]) -> TableName:
    filled = (session.connection.database or "", session.connection.schema or "", "")[: 3 - len(parts)] + parts
    return TableName(database=filled[0], schema=filled[1], table=filled[2])


def _create(session: Session, words: Words) -> Result | None:
    words.take("OR", "REPLACE")
    if not words.take("INDEX"):
        return None
    lenient = words.take("IF", "NOT", "EXISTS")
    name = words.name()
    words.expect("ON")
    table = _complete(session, words.qualified())
    columns = _columns(words)
    included = _columns(words) if words.take("INCLUDE") else ()
    if not session.account.catalogue.exists(table):
        raise errors.missing("Table", str(table))
    made = session.account.catalogue.add_index(
        table, Index(name=name, columns=columns, included=included), lenient=lenient
    )
    return status(f"Index {name} successfully created." if made else f"{name} already exists, statement succeeded.")


def _columns(words: Words) -> tuple[str, ...]:
    words.expect("(")
    found = [words.name()]
    while words.take(","):
        found.append(words.name())
    words.expect(")")
    return tuple(found)


def _drop(session: Session, words: Words) -> Result:
    lenient = words.take("IF", "EXISTS")
    *table, index = words.qualified()
    if not session.account.catalogue.drop_index(_complete(session, tuple(table)), index) and not lenient:
        raise errors.missing("Index", index)
    return status(f"{index} successfully dropped.")


def _scope(session: Session, words: Words) -> tuple[str, ...]:
    """Database, schema and table that IN names; each may be left out from the end."""
    here = tuple(part for part in (session.connection.database, session.connection.schema) if part)
    if not words.take("IN") and not words.take("FROM"):
        return here
    if words.take("ACCOUNT"):
        return ()
    if words.take("DATABASE"):
        return here[:1] if words.at_end else words.qualified()
    schema = words.take("SCHEMA")
    words.take("TABLE")
    parts = here if words.at_end else words.qualified()
    length = 2 if schema else 3
    return here[: length - len(parts)] + parts if len(parts) < length else parts


def _show(session: Session, words: Words) -> Result:
    wanted = like(words.value() if words.take("LIKE") else None)
    scope = _scope(session, words)
    rows = []
    for created, name, unique, columns, included, table, schema, database in session.account.catalogue.indexes():
        if wanted.fullmatch(str(name)) and (database, schema, table)[: len(scope)] == scope:
            rows.append(
                [
                    created,
                    name,
                    "Y" if unique else "N",
                    _listed(columns),
                    _listed(included),
                    table,
                    database,
                    schema,
                    *OWNED,
                ]
            )
    return listing(SHOWN, rows)


def _listed(names: object) -> str:
    assert isinstance(names, list)
    return "[" + ", ".join(names) + "]"


def _show_hybrid(session: Session, words: Words) -> Result:
    wanted = like(words.value() if words.take("LIKE") else None)
    scope = _scope(session, words)
    rows = [
        ["1970-01-01 00:00:00", name, database, schema, "SYSADMIN", count, 0, ""]
        for name, database, schema, count in session.account.catalogue.hybrid_tables()
        if wanted.fullmatch(str(name)) and (database, schema, name)[: len(scope)] == scope
    ]
    return listing(HYBRID_SHOWN, rows)
