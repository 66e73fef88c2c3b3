"""Names in a statement: tables of the dataset get their place in the engine, unknown names are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from bench.errors import RenderError, nearest
from bench.model import Namespace, Table

CANONICAL = "postgres"
"""The dialect in which templates are written."""

SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
"""What every table of the canonical dialect's engine has besides."""

Refuse: TypeAlias = Callable[[str, str, int | None], RenderError]
"""Makes the error from what is wrong, a remedy (empty: write an override) and a line of the rendered text."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """The declared tables of a dataset and where they live in the engine."""

    tables: Sequence[Table]
    namespace: Namespace
    complete: bool = True
    """The declaration holds every table and column, so that whatever is not in it is a mistake."""
    _columns: Mapping[str, Sequence[str]] = field(init=False, repr=False)
    _schema: MappingSchema = field(init=False, repr=False)

    def __post_init__(self) -> None:
        columns = {self.namespace.prefix + table.name: [c.name for c in table.columns] for table in self.tables}
        types: dict[str, object] = {
            self.namespace.prefix + table.name: {column.name: str(column.type) for column in table.columns}
            for table in self.tables
        }
        nested: dict[str, object] = {self.namespace.schema: types} if self.namespace.schema else types
        object.__setattr__(self, "_columns", columns)
        object.__setattr__(self, "_schema", MappingSchema(nested if types else None, dialect=CANONICAL))

    @property
    def _checked(self) -> bool:
        return self.complete and bool(self.tables)

    def place_tables(self, tree: exp.Expr, refuse: Refuse) -> None:
        """Write the engine's name for each table of the dataset into `tree`; names of CTEs and aliases stay."""
        declared = {table.name for table in self.tables}
        for table in list(_base_tables(tree)):
            name = table.name if table.this.quoted else table.name.lower()
            here = not table.db or table.db.lower() == self.namespace.schema
            if here and self.namespace.prefix and name in self._columns:
                continue  # the author wrote {{ tables.x }}, so the prefix is there
            if here and name in declared:
                self._place(tree, table, name)
            elif self._checked:
                what = f"the dataset has no table '{written(table)}'{nearest(name, declared)}"
                raise refuse(what, f"it has {', '.join(sorted(declared))}", line_of(table))

    def _place(self, tree: exp.Expr, table: exp.Table, name: str) -> None:
        if self.namespace.prefix:
            referred = any(column.table.lower() == name for column in tree.find_all(exp.Column))
            if referred and not table.alias and not isinstance(table.find_ancestor(exp.Insert, exp.Query), exp.Insert):
                table.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
            table.set("this", exp.to_identifier(self.namespace.prefix + name))
        if self.namespace.schema:
            table.set("db", exp.to_identifier(self.namespace.schema))

    def resolved(self, tree: exp.Expr, refuse: Refuse, *, strict: bool) -> exp.Expr:
        """A copy in which each column names its table and each expression knows its type.

        Args:
            tree: The statement, its tables in place.
            refuse: Makes the error.
            strict: Refuse also where it is sqlglot that cannot tell; otherwise only what is certainly wrong.

        Raises:
            RenderError: A column is unknown, or fits several tables.
        """
        self._check_change(tree, refuse)
        try:
            qualified = qualify(
                tree.copy(),
                schema=self._schema,
                dialect=CANONICAL,
                quote_identifiers=False,
                identify=False,
                validate_qualify_columns=self._checked,
            )
            return annotate_types(qualified, schema=self._schema, dialect=CANONICAL)
        except SqlglotError as error:
            certain = self._mistake(tree, str(error), refuse, strict=strict)
            if certain is not None:
                raise certain from error
            if strict:
                raise refuse(f"sqlglot cannot resolve its names: {error}", "", line_of(tree)) from error
            return tree.copy()

    def _mistake(self, tree: exp.Expr, message: str, refuse: Refuse, *, strict: bool) -> RenderError | None:
        """The error behind what sqlglot says of a column, unless it may be sqlglot that is wrong."""
        found = re.search(r"[Cc]olumn:? '?\"?(\w+)", message)
        column = next((c for c in tree.find_all(exp.Column) if found and c.name.lower() == found[1].lower()), None)
        if column is None:
            return None
        name = column.name.lower()
        if sum(name in self._columns.get(table.name.lower(), ()) for table in _beside(column)) > 1:
            return refuse(f"column '{name}' is in more than one table", "write its table before it", line_of(column))
        known = {known for table in _base_tables(tree) for known in self._columns.get(table.name.lower(), ())}
        if name in known | _named_here(tree) or (name in SYSTEM_COLUMNS and not strict):
            return None
        what = f"no column '{written(column)}'{nearest(name, known)}"
        return refuse(what, f"there are {', '.join(sorted(known))}", line_of(column))

    def _check_change(self, tree: exp.Expr, refuse: Refuse) -> None:
        """Check the columns that INSERT, UPDATE and DELETE name themselves, which sqlglot leaves alone."""
        if not self._checked or not isinstance(tree, exp.Insert | exp.Update | exp.Delete):
            return
        sources = [table for table in _base_tables(tree) if _is_own(table, tree)]
        known = {column for table in sources for column in self._columns.get(table.name.lower(), ())}
        derived = any(_is_own(query, tree) for query in tree.find_all(exp.Subquery, exp.CTE))
        for name, node in _own_columns(tree):
            if name not in known | SYSTEM_COLUMNS and not derived:
                what = f"no column '{name}'{nearest(name, known)}"
                raise refuse(what, f"there are {', '.join(sorted(known))}", line_of(node))


def line_of(node: exp.Expr) -> int | None:
    """The line of a node, or of the first one within it that knows its own, from 1."""
    lines = (part.meta.get("line") for part in node.walk(bfs=False) if part.meta)
    return next((int(line) for line in lines if line), None)


def written(node: exp.Expr, limit: int = 60) -> str:
    """A node as a template would say it, cut to `limit` characters."""
    text = re.sub(r"%\((\w+)\)s", r":\1", node.sql(dialect=CANONICAL, comments=False))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _base_tables(tree: exp.Expr) -> Iterator[exp.Table]:
    """The tables that are read or changed: not the name of a CTE, the result of a function, or made just here."""
    for table in tree.find_all(exp.Table):
        in_cte = not table.db and _names_cte(table)
        if isinstance(table.this, exp.Identifier) and not in_cte and not _made_here(table):
            yield table


def _made_here(table: exp.Table) -> bool:
    maker = table.parent.parent if isinstance(table.parent, exp.Schema) else table.parent
    return isinstance(maker, exp.Into | exp.Create)


def _names_cte(table: exp.Table) -> bool:
    """Whether a CTE of this name is visible where the table stands: its own only when recursive, never a later one."""
    name = table.name.lower()
    below: exp.Expr | None = table
    inside: exp.CTE | None = None
    while below is not None:
        if isinstance(below, exp.CTE):
            inside = below
        with_ = below.args.get("with_")
        if isinstance(with_, exp.With):
            visible = list(with_.expressions)
            if inside is not None and inside.parent is with_ and not with_.recursive:
                visible = visible[: visible.index(inside)]
            if any(cte.alias.lower() == name for cte in visible):
                return True
        below = below.parent
    return False


def _beside(column: exp.Expr) -> list[exp.Table]:
    """The tables in FROM and JOIN of the query in which a column stands."""
    query = column.find_ancestor(exp.Select)
    if query is None:
        return []
    sources = [query.args.get("from_"), *query.args.get("joins", ())]
    return [source.this for source in sources if source is not None and isinstance(source.this, exp.Table)]


def _named_here(tree: exp.Expr) -> set[str]:
    """Every name that the statement itself gives to something."""
    aliases = {node.alias.lower() for node in tree.find_all(exp.Alias, exp.TableAlias, exp.CTE) if node.alias}
    columns = {column.name.lower() for alias in tree.find_all(exp.TableAlias) for column in alias.columns}
    tables = {alias.name.lower() for alias in tree.find_all(exp.TableAlias)}
    return aliases | columns | tables


def _is_own(node: exp.Expr, change: exp.Expr) -> bool:
    """Whether `node` belongs to the change itself, not to a query within it."""
    return node.find_ancestor(exp.Query) is None and node is not change


def _own_columns(change: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    target = change.this
    if isinstance(change, exp.Insert) and isinstance(target, exp.Schema):
        yield from ((column.name.lower(), column) for column in target.expressions)
    for column in change.find_all(exp.Column):
        in_conflict = column.table.lower() == "excluded"
        if _is_own(column, change) and not isinstance(column.this, exp.Star) and not in_conflict:
            yield column.name.lower(), column
