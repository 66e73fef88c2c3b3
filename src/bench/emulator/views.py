"""Tables that exist only while a statement runs: the history views and functions, and RESULT_SCAN."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from bench.emulator import errors
from bench.emulator.history import OBJECTS, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from bench.emulator.sessions import Session
    from bench.emulator.values import Value

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 10_000
FUNCTIONS = (
    "QUERY_HISTORY",
    "QUERY_HISTORY_BY_SESSION",
    "QUERY_HISTORY_BY_USER",
    "QUERY_HISTORY_BY_WAREHOUSE",
)
POSITIONAL = {
    "QUERY_HISTORY": ("END_TIME_RANGE_START", "END_TIME_RANGE_END", "RESULT_LIMIT"),
    "QUERY_HISTORY_BY_SESSION": ("SESSION_ID", "END_TIME_RANGE_START", "END_TIME_RANGE_END", "RESULT_LIMIT"),
    "QUERY_HISTORY_BY_USER": ("USER_NAME", "END_TIME_RANGE_START", "END_TIME_RANGE_END", "RESULT_LIMIT"),
    "QUERY_HISTORY_BY_WAREHOUSE": ("WAREHOUSE_NAME", "END_TIME_RANGE_START", "END_TIME_RANGE_END", "RESULT_LIMIT"),
}
_numbers = itertools.count(1)


@dataclass(kw_only=True)
class Views:
    """The tables that one statement needs beside those of the database."""

    session: Session
    query_id: str
    names: list[str] = field(default_factory=list)

    def rewrite(self, tree: exp.Expr, values: Sequence[Value]) -> tuple[exp.Expr, list[Value]]:
        """The statement reading from real tables, and the values that are still to be bound.

        Raises:
            SqlError: An argument that the function does not know, or a result that is forgotten.
        """
        bound = _Bound(tree, list(values))
        for call in list(tree.find_all(exp.TableFromRows)):
            _replace(call, self._from_function(call, bound))
        for table in list(tree.find_all(exp.Table)):
            _replace(table, self._from_view(table))
        return tree, bound.left()

    def drop(self) -> None:
        """Forget the tables again."""
        for name in self.names:
            self.session.engine.execute(f"drop view if exists temp.main.{name}_view")
            self.session.engine.unregister(name)

    def _from_function(self, node: exp.TableFromRows, bound: _Bound) -> exp.Table | None:
        call = node.this.expression if isinstance(node.this, exp.Dot) else node.this
        if not isinstance(call, exp.Anonymous):
            return None
        name = call.name.upper()
        if name == "RESULT_SCAN":
            return self._table(self._scanned(call, bound), node, "RESULT_SCAN")
        if name not in FUNCTIONS:
            return None
        arguments = self._arguments(name, call, bound)
        history = self.session.account.history
        limit = int(arguments.pop("RESULT_LIMIT", DEFAULT_LIMIT))
        if not 1 <= limit <= LARGEST_LIMIT:
            raise errors.SqlError(
                1008, "22023", f"SQL compilation error:\nInvalid value [{limit}] for function 'RESULT_LIMIT'"
            )
        entries = history.latest(_filter(name, arguments, self.session), limit)
        return self._table(history.table(entries), node, name)

    def _from_view(self, node: exp.Table) -> exp.Table | None:
        if (node.catalog.upper(), node.db.upper()) != ("SNOWFLAKE", "ACCOUNT_USAGE"):
            return None
        history, name = self.session.account.history, node.name.upper()
        if name == "QUERY_HISTORY":
            entries = history.latest(lambda _: True, LARGEST_LIMIT * 10)
            return self._table(history.table(entries, account_usage=True), node, name)
        if name == "AGGREGATE_QUERY_HISTORY":
            return self._table(history.aggregate(), node, name, variants=OBJECTS)
        if name == "WAREHOUSE_METERING_HISTORY":
            return self._table(_no_metering(), node, name)
        raise errors.missing("Object", f"SNOWFLAKE.ACCOUNT_USAGE.{name}")

    def _scanned(self, call: exp.Anonymous, bound: _Bound) -> pa.Table:
        argument = call.expressions[0] if call.expressions else None
        query_id = str(self._evaluated(argument, bound)) if argument is not None else ""
        found = self.session.account.engine.kept(query_id)
        if found is None:
            raise errors.SqlError(709, "02000", f"Statement {query_id} not found")
        return found

    def _arguments(self, name: str, call: exp.Anonymous, bound: _Bound) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for place, argument in enumerate(call.expressions):
            if isinstance(argument, exp.Kwarg | exp.PropertyEQ):
                key, expression = argument.this.name.upper(), argument.expression
            else:
                key, expression = POSITIONAL[name][place], argument
            if key not in (*POSITIONAL[name], "INCLUDE_CLIENT_GENERATED_STATEMENT"):
                raise errors.syntax(f"invalid argument '{key}' for function '{name}'")
            given[key] = self._evaluated(expression, bound)
        return given

    def _evaluated(self, expression: exp.Expr, bound: _Bound) -> Value:
        if isinstance(expression, exp.Literal):
            return str(expression.this)
        values = [bound.take(node) for node in expression.find_all(exp.Placeholder, bfs=False)]
        cursor = self.session.cursor(self.query_id)
        rows = cursor.run(exp.select(exp.alias_(expression.copy(), "value")), values).to_pylist()
        found: Value = next(iter(rows[0].values()))
        return found

    def _table(self, rows: pa.Table, node: exp.Expr, alias: str, variants: Sequence[str] = ()) -> exp.Table:
        name = f"_emulator_rows_{next(_numbers)}"
        engine = self.session.engine
        engine.register(name, rows)
        self.names.append(name)
        casts = ", ".join(f'"{column}"::JSON as "{column}"' for column in variants)
        replaced = f"* replace ({casts})" if casts else "*"
        engine.execute(f"create or replace temp view {name}_view as select {replaced} from temp.main.{name}")
        table = exp.Table(
            this=exp.to_identifier(f"{name}_view".upper()),
            db=exp.to_identifier("MAIN"),
            catalog=exp.to_identifier("TEMP"),
        )
        given = node.args.get("alias")
        table.set("alias", given.copy() if given else exp.TableAlias(this=exp.to_identifier(alias)))
        for part in ("joins", "laterals", "pivots"):
            if node.args.get(part):
                table.set(part, node.args[part])
        return table


class _Bound:
    """Values by the `?` they belong to; those that were used up in a rewrite are not bound any more."""

    def __init__(self, tree: exp.Expr, values: list[Value]) -> None:
        nodes = list(tree.find_all(exp.Placeholder, bfs=False))
        self._values = dict(zip((id(node) for node in nodes), values, strict=False))
        self._nodes = nodes
        self._all = values

    def take(self, node: exp.Placeholder) -> Value:
        """The value of a placeholder that goes away."""
        if id(node) not in self._values:
            raise errors.SqlError(2049, "42601", "SQL compilation error:\nBind variable ? not set.")
        return self._values.pop(id(node))

    def left(self) -> list[Value]:
        """What is to be bound to the placeholders that stay."""
        kept = [self._values[id(node)] for node in self._nodes if id(node) in self._values]
        return kept + self._all[len(self._nodes) :]


def _replace(node: exp.Expr, made: exp.Expr | None) -> None:
    if made is not None:
        node.replace(made)


def _filter(name: str, arguments: dict[str, Any], session: Session) -> Callable[[Entry], bool]:
    start = _moment(arguments.get("END_TIME_RANGE_START"), datetime.datetime.min)
    end = _moment(arguments.get("END_TIME_RANGE_END"), datetime.datetime.max)
    same: dict[str, object] = {}
    if name.endswith("SESSION"):
        same["session_id"] = int(arguments.get("SESSION_ID") or session.number)
    elif name.endswith("USER"):
        same["user_name"] = str(arguments.get("USER_NAME") or session.user)
    elif name.endswith("WAREHOUSE"):
        same["warehouse_name"] = str(arguments.get("WAREHOUSE_NAME") or session.warehouse)

    def wanted(entry: Entry) -> bool:
        return start <= entry.end_time <= end and all(getattr(entry, key) == value for key, value in same.items())

    return wanted


def _moment(value: object, default: datetime.datetime) -> datetime.datetime:
    if value is None:
        return default.replace(tzinfo=datetime.UTC)
    found = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _no_metering() -> pa.Table:
    import pyarrow as pa

    moment, text, number = pa.timestamp("us", "UTC"), pa.string(), pa.float64()
    return pa.schema(
        [
            ("START_TIME", moment),
            ("END_TIME", moment),
            ("WAREHOUSE_ID", pa.int64()),
            ("WAREHOUSE_NAME", text),
            ("CREDITS_USED", number),
            ("CREDITS_USED_COMPUTE", number),
            ("CREDITS_USED_CLOUD_SERVICES", number),
        ]
    ).empty_table()
