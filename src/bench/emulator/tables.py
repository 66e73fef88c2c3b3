"""Tables: which constraints hold, and what is remembered of a table beside DuckDB's own catalogue.

In Snowflake only hybrid tables enforce PRIMARY KEY, UNIQUE and FOREIGN KEY. Standard and transient ones record them and
enforce NOT NULL alone, which a primary key implies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from bench.emulator import errors
from bench.emulator.catalogue import HYBRID, STANDARD, TRANSIENT, TableName
from bench.emulator.results import Result, status

if TYPE_CHECKING:
    from bench.emulator.sessions import Session
    from bench.emulator.statement import Statement

KEYS = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.Reference)


def name_of(session: Session, table: exp.Table) -> TableName:
    """The table that is meant, completed with the session's database and schema."""
    return TableName(
        database=written(table.args.get("catalog")) or session.connection.database or "",
        schema=written(table.args.get("db")) or session.connection.schema or "",
        table=written(table.this),
    )


def written(identifier: exp.Expr | None) -> str:
    """A name as the catalogue writes it: in capitals unless quoted; empty where there is none."""
    if identifier is None:
        return ""
    quoted = isinstance(identifier, exp.Identifier) and identifier.args.get("quoted")
    return identifier.name if quoted else identifier.name.upper()


def is_create_table(tree: exp.Expr) -> bool:
    """Whether a statement makes a table."""
    return isinstance(tree, exp.Create) and str(tree.args.get("kind")).upper() == "TABLE"


def prepare(statement: Statement) -> exp.Expr:
    """The CREATE TABLE that DuckDB can execute, with the constraints that this kind of table enforces.

    Raises:
        SqlError: A hybrid table without primary key, or with a clustering key.
    """
    tree = statement.tree.copy()
    if statement.hybrid:
        if not (tree.find(exp.PrimaryKey) or tree.find(exp.PrimaryKeyColumnConstraint)):
            raise errors.SqlError(391480, "42601", "SQL compilation error:\nPrimary key is required for hybrid tables.")
        if tree.find(exp.Cluster, exp.ClusterProperty):
            raise errors.unsupported("CLUSTER BY of a hybrid table")
    else:
        _relax(tree)
    _limit_lengths(tree)
    if is_temporary_elsewhere(tree):
        _pop(tree, exp.TemporaryProperty)
    _pop(tree, exp.Cluster, exp.ClusterProperty, exp.TransientProperty)
    return tree


def _limit_lengths(tree: exp.Expr) -> None:
    """VARCHAR(n) takes at most n characters, which DuckDB has to be told as a check."""
    for column in tree.find_all(exp.ColumnDef):
        kind = column.args.get("kind")
        if not isinstance(kind, exp.DataType) or kind.this not in exp.DataType.TEXT_TYPES or not kind.expressions:
            continue
        length = exp.Length(this=exp.column(column.this.copy()))
        check = exp.CheckColumnConstraint(this=exp.LTE(this=length, expression=kind.expressions[0].this.copy()))
        column.append("constraints", exp.ColumnConstraint(kind=check))


def filled_afterwards(statement: Statement, create: exp.Expr) -> exp.Insert | None:
    """The INSERT that fills a hybrid table of CREATE … AS SELECT, which is taken out of the statement.

    A table that DuckDB makes from a query has no keys.
    """
    query = create.args.get("expression")
    if not statement.hybrid or query is None:
        return None
    create.set("expression", None)
    return exp.Insert(this=_target(create).copy(), expression=query)


def is_temporary_elsewhere(tree: exp.Expr) -> bool:
    """Whether it is a temporary table with a schema named, which DuckDB lacks: it becomes one that goes with us."""
    return tree.find(exp.TemporaryProperty) is not None and bool(_target(tree).db)


def _pop(tree: exp.Expr, *kinds: type[exp.Expr]) -> None:
    for node in list(tree.find_all(*kinds)):
        node.pop()


def _relax(tree: exp.Expr) -> None:
    schema = tree.this
    if not isinstance(schema, exp.Schema):
        return
    needed = {written(part) for key in schema.find_all(exp.PrimaryKey) for part in key.expressions}
    for column in schema.find_all(exp.ColumnDef):
        constraints = [c for c in column.args.get("constraints") or [] if isinstance(c, exp.ColumnConstraint)]
        primary = any(isinstance(c.kind, exp.PrimaryKeyColumnConstraint) for c in constraints)
        kept = [c for c in constraints if not isinstance(c.kind, KEYS)]
        if (primary or written(column.this) in needed) and not any(
            isinstance(c.kind, exp.NotNullColumnConstraint) for c in kept
        ):
            kept.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
        column.set("constraints", kept)
    schema.set("expressions", [part for part in schema.expressions if not _is_key(part)])


def _is_key(part: exp.Expr) -> bool:
    if isinstance(part, exp.Constraint):
        return all(_is_key(each) for each in part.expressions)
    return isinstance(part, exp.PrimaryKey | exp.ForeignKey | exp.UniqueColumnConstraint)


def _target(tree: exp.Expr) -> exp.Table:
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    assert isinstance(target, exp.Table)
    return target


def is_kept(session: Session, tree: exp.Expr) -> bool:
    """Whether it is CREATE TABLE IF NOT EXISTS of a table that is there, which then stays as it is."""
    if not is_create_table(tree) or not tree.args.get("exists"):
        return False
    return session.account.catalogue.exists(name_of(session, _target(tree)))


def remember(session: Session, statement: Statement) -> None:
    """Note kind, clustering key and indexes of a table that was just made."""
    tree = statement.tree
    target = _target(tree)
    if is_temporary_elsewhere(tree):
        place = name_of(session, target)
        session.at_end.append(lambda: session.account.engine.drop_table(*place.parts))
    kind = HYBRID if statement.hybrid else TRANSIENT if tree.find(exp.TransientProperty) else STANDARD
    clustering = tree.find(exp.Cluster, exp.ClusterProperty)
    session.account.catalogue.note(
        name_of(session, target),
        kind=kind,
        clustering=_clustering(clustering) if clustering else None,
        indexes=statement.indexes,
    )


def _clustering(node: exp.Expr) -> str:
    return ", ".join(part.sql(dialect="snowflake").upper() for part in node.expressions)


def alter(session: Session, tree: exp.Alter) -> Result | None:
    """The result of ALTER TABLE where DuckDB is not to be asked: keys, clustering; None otherwise.

    Raises:
        SqlError: No such table, or a change that hybrid tables do not allow.
    """
    if str(tree.args.get("kind")).upper() != "TABLE" or not isinstance(tree.this, exp.Table):
        return None
    name, actions = name_of(session, tree.this), tree.args.get("actions") or []
    clustering = [action for action in actions if isinstance(action, exp.Cluster | exp.ClusterProperty)]
    if not clustering and not all(isinstance(action, exp.AddConstraint) for action in actions):
        return None
    catalogue = session.account.catalogue
    if not catalogue.exists(name):
        raise errors.missing("Table", str(name))
    if catalogue.kind(name) == HYBRID:
        raise errors.unsupported("ALTER TABLE of keys or clustering of a hybrid table")
    if clustering:
        catalogue.set_clustering(name, _clustering(clustering[0]))
    return status()


def renamed(session: Session, tree: exp.Expr) -> None:
    """Have the notes about a table follow ALTER TABLE … RENAME TO."""
    if isinstance(tree, exp.Alter) and isinstance(tree.this, exp.Table):
        for action in tree.args.get("actions") or []:
            if isinstance(action, exp.AlterRename):
                session.account.catalogue.rename(name_of(session, tree.this), name_of(session, action.this))
