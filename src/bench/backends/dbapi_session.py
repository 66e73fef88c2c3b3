"""What every PEP 249 driver does in the same way: sessions, values, errors and loads of `DbapiBackend`."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from bench.backends.base import Call, Database, Session
from bench.errors import BackendError, ConnectError
from bench.model import CountedRows, ErrorClass, Namespace, Paramstyle, Row, Statement, Table, TableFacts, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    import pyarrow as pa

    from bench.backends.dbapi import BoundAs, BoundType, DbapiBackend

MASK = "***"

PYTHON_TYPES: Mapping[BoundType, type] = {"boolean": bool, "decimal": Decimal, "date": date, "timestamp": datetime}

PEP_249_CLASSES: Mapping[str, ErrorClass] = {
    "IntegrityError": ErrorClass.ABORTED,
    "DataError": ErrorClass.ABORTED,
    "ProgrammingError": ErrorClass.FATAL,
    "NotSupportedError": ErrorClass.FATAL,
    # The standard puts lost connections among these. A client that reconnects once too often does less harm than one
    # that goes on with a dead session.
    "InterfaceError": ErrorClass.DISCONNECTED,
    "OperationalError": ErrorClass.DISCONNECTED,
    "InternalError": ErrorClass.DISCONNECTED,
}
SQLSTATE_CLASSES: Mapping[str, ErrorClass] = {
    "08": ErrorClass.DISCONNECTED,
    "22": ErrorClass.ABORTED,
    "23": ErrorClass.ABORTED,
    "40": ErrorClass.RETRYABLE,
    "42": ErrorClass.FATAL,
}


class DbapiDatabase(Database):
    """Connections of one driver to one database."""

    def __init__(
        self, backend: DbapiBackend, driver: ModuleType, namespace: Namespace, secrets: Mapping[str, str]
    ) -> None:
        self._backend = backend
        self._driver = driver
        self._namespace = namespace
        self._secrets = secrets
        self._sessions: WeakSet[DbapiSession] = WeakSet()
        self._turn: threading.Lock | nullcontext[None] = threading.Lock() if backend.single_writer else nullcontext()
        self.session().close()

    def session(self) -> DbapiSession:
        """A new connection, set up by `session_sql`."""
        try:
            connection = self._driver.connect(**self._backend.connect, **self._secrets)
        except Exception as error:  # noqa: BLE001  # a driver may refuse its arguments in any way
            raise ConnectError(f"'{self._backend.name}' cannot connect: {self._text(error)}") from (
                None if self._secrets else error
            )
        session = DbapiSession(connection, self._driver, self._backend)
        self._sessions.add(session)
        try:
            for sql in self._backend.session_sql:
                session.send(sql.replace("{schema}", self._namespace.schema))
        except self._driver.Error as error:
            session.close()
            raise ConnectError(f"'{self._backend.name}' refuses {sql!r}: {self._text(error)}") from error
        if self._backend.use_schema_sql:
            # The schema is missing before the first load; what needs it then says so by itself.
            with suppress(self._driver.Error):
                session.send(self._backend.use_schema_sql.replace("{schema}", self._namespace.schema))
        return session

    def execute(self, sql: str) -> Sequence[Row]:
        """Send one statement and give its rows, if it returns any."""
        with self.session() as session, self._refused(sql):
            return session.send(sql)

    def apply(self, statements: Sequence[str]) -> None:
        """Send all statements in one transaction, or one after another where DDL cannot be undone."""
        with self.session() as session, self._writing(session, together=self._backend.transactional_ddl):
            for sql in statements:
                with self._refused(sql):
                    session.send(sql)

    def table_names(self, namespace: Namespace) -> frozenset[str]:
        """What `tables_sql` lists."""
        return frozenset(self._listed(namespace))

    def tables(self, namespace: Namespace) -> Mapping[str, TableFacts]:
        """Each table of `tables_sql` with the columns of `columns_sql`; sizes are not asked for."""
        found = {}
        for name, spelled in sorted(self._listed(namespace).items()):
            columns = self.execute(self._filled(self._backend.columns_sql, namespace, spelled))
            (count,) = self.execute(f"SELECT COUNT(*) FROM {_full_name(namespace, spelled)}")[0]
            types = {str(column[0]).lower(): str(column[1]) for column in columns}
            found[name] = TableFacts(rows=int(str(count)), columns=types)
        return found

    def ingest(self, table: Table, namespace: Namespace, batches: Iterator[pa.RecordBatch]) -> int:
        """Insert by `executemany`, in one transaction."""
        count = 0
        with self.session() as session, self._writing(session, together=self._backend.transactions):
            for batch in batches:
                for start in range(0, batch.num_rows, self._backend.insert_rows):
                    part = batch.slice(start, self._backend.insert_rows)
                    with self._refused(f"rows of {table.name}"):
                        session.insert(namespace.qualified(table.name), part)
                    count += part.num_rows
        return count

    def analyze(self, table: Table, namespace: Namespace) -> None:
        """Send `analyze_sql`."""
        if self._backend.analyze_sql:
            self.execute(self._filled(self._backend.analyze_sql, namespace, f"{namespace.prefix}{table.name}"))

    def facts(self) -> Mapping[str, str]:
        """Name and version of the driver, and what `facts_sql` asks."""
        version = getattr(self._driver, "__version__", "")
        driver = f"{self._backend.module} {version}".strip()
        asked = {name: self.execute(sql) for name, sql in self._backend.facts_sql.items()}
        answers = {name: self._text(rows[0][0] if rows else "") for name, rows in asked.items()}
        return {"driver": driver, **answers}

    def close(self) -> None:
        """Close every session."""
        for session in list(self._sessions):
            session.close()

    def _listed(self, namespace: Namespace) -> dict[str, str]:
        """The tables' names in lower case and without the prefix, each with the engine's own spelling."""
        found = (str(row[0]) for row in self.execute(self._filled(self._backend.tables_sql, namespace, "")))
        prefix = namespace.prefix.lower()
        return {name.lower().removeprefix(prefix): name for name in found if name.lower().startswith(prefix)}

    def _filled(self, sql: str, namespace: Namespace, name: str) -> str:
        values = {"{schema}": namespace.schema, "{name}": name, "{table}": _full_name(namespace, name)}
        return re.sub(r"\{(?:schema|name|table)\}", lambda found: values[found[0]], sql)

    def _text(self, value: object) -> str:
        """Text of a value or error of the driver, without the secrets that were handed to it."""
        text = str(value).strip()
        for secret in self._secrets.values():
            text = text.replace(secret, MASK) if secret else text
        return text

    @contextmanager
    def _refused(self, what: str) -> Iterator[None]:
        """Turn the driver's errors outside of any measurement into ours."""
        try:
            yield
        except self._driver.Error as error:
            raise BackendError(f"'{self._backend.name}' refused {what}: {self._text(error)}") from error

    @contextmanager
    def _writing(self, session: DbapiSession, *, together: bool) -> Iterator[None]:
        """One transaction around what is written, in turn where only one session can write."""
        with self._turn:
            if not together:
                yield
                return
            session.begin()
            try:
                yield
                session.commit()
            finally:
                session.rollback()


class DbapiSession(Session):
    """One connection with one cursor."""

    def __init__(self, connection: Any, driver: ModuleType, backend: DbapiBackend) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._driver = driver
        self._backend = backend
        self._style = backend.capabilities.paramstyle
        self._converters = {PYTHON_TYPES[kind]: _converter(kind, way) for kind, way in backend.bind.items()}
        self._in_transaction = False
        self._closed = False

    def prepare(self, statement: Statement) -> Call:
        """A call that lets the driver bind; whether it keeps a plan is the driver's affair."""
        cursor, sql, returns_rows = self._cursor, statement.sql, statement.returns_rows
        bound = self._binding(statement)

        def call(values: Sequence[Value]) -> Sequence[Row]:
            try:
                if bound is None:
                    cursor.execute(sql)
                else:
                    cursor.execute(sql, bound(values))
                rows: Sequence[Row] = cursor.fetchall() if cursor.description is not None else ()
            except Exception:  # whatever a driver raises, its statement must be ended; it is raised again
                self._end_statement(self._connection.rollback)
                raise
            self._end_statement(self._connection.commit)
            return rows if returns_rows else CountedRows(cursor.rowcount)

        return call

    def plan(self, statement: Statement, values: Sequence[Value]) -> str:
        """The rows that `explain` gives, as they are, if there are any; the statement is not executed."""
        if not self._backend.explain:
            return ""
        asked = replace(statement, sql=self._backend.explain + statement.sql, returns_rows=True)
        rows = [list(row) for row in self.prepare(asked)(values)]
        return json.dumps(rows, default=str) if rows else ""

    def send(self, sql: str) -> Sequence[Row]:
        """Send SQL as it stands and give its rows, if it returns any."""
        return self.prepare(Statement(sql=sql))([])

    def insert(self, table: str, batch: pa.RecordBatch) -> None:
        """Insert the rows of a batch."""
        names = batch.schema.names
        markers = ", ".join(_marker(self._style, position, name) for position, name in enumerate(names))
        columns = [self._converted_column(column.to_pylist()) for column in batch.columns]
        rows: list[Any] = list(zip(*columns, strict=True))
        if self._style in ("named", "pyformat"):
            rows = [dict(zip(names, row, strict=True)) for row in rows]
        self._cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({markers})", rows)

    def begin(self, isolation: str = "") -> None:
        """Open a transaction by SQL, or let the driver do it with the next statement."""
        backend = self._backend
        if not backend.transactions:
            raise BackendError(f"'{backend.name}' has no transactions")
        if isolation and isolation not in backend.isolation_sql:
            raise BackendError(f"no isolation_sql of '{backend.name}' says how to begin at '{isolation}'")
        sql = backend.isolation_sql[isolation] if isolation else backend.begin_sql
        if sql:
            self._cursor.execute(sql)
        self._in_transaction = True

    def commit(self) -> None:
        """Commit in the way in which the transaction was opened."""
        if self._backend.begin_sql:
            self._cursor.execute("COMMIT")
        else:
            self._connection.commit()
        self._in_transaction = False

    def rollback(self) -> None:
        """Undo in the way in which the transaction was opened."""
        self._in_transaction = False
        with suppress(self._driver.Error):  # no transaction is open, or the connection is gone
            if self._backend.begin_sql:
                self._cursor.execute("ROLLBACK")
            else:
                self._connection.rollback()

    def classify(self, error: Exception) -> ErrorClass:
        """By the description's own rules, then by SQLSTATE, then by PEP 249's classes."""
        text = f"{type(error).__name__}: {error}"
        for pattern, meaning in self._backend.error_classes.items():
            if re.search(pattern, text):
                return meaning
        state = self.sqlstate(error) or ""
        if state == "57014":
            return ErrorClass.TIMEOUT
        if len(state) == 5 and state[:2] in SQLSTATE_CLASSES:
            return SQLSTATE_CLASSES[state[:2]]
        names = (kind.__name__ for kind in type(error).__mro__)
        return next((PEP_249_CLASSES[name] for name in names if name in PEP_249_CLASSES), ErrorClass.FATAL)

    def sqlstate(self, error: Exception) -> str | None:
        """What the driver keeps under `sqlstate_attribute`."""
        state = getattr(error, self._backend.sqlstate_attribute, None)
        return None if state is None else str(state)

    def cancel(self) -> None:
        """Call the method that the description names."""
        if self._backend.cancel_method:
            with suppress(self._driver.Error):  # closed in the meantime
                getattr(self._connection, self._backend.cancel_method)()

    def close(self) -> None:
        """Close the connection; an open transaction is undone."""
        if not self._closed:
            self._closed = True
            with suppress(self._driver.Error):  # the engine is gone already
                self._connection.close()

    def _end_statement(self, end: Callable[[], object]) -> None:
        """Outside of a transaction, end the one that the driver opened by itself."""
        if not self._backend.begin_sql and not self._in_transaction:
            end()

    def _binding(self, statement: Statement) -> Callable[[Sequence[Value]], Any] | None:
        """What makes the driver's parameters of the values; None: there are none, and the driver leaves `%` alone."""
        names = statement.parameters
        if not names:
            return None
        if self._style in ("named", "pyformat"):
            return lambda values: dict(zip(names, self._converted(values), strict=True))
        return self._converted if self._converters else lambda values: values

    def _converted(self, values: Sequence[Value]) -> list[object]:
        known = self._converters
        return [known[type(value)](value) if type(value) in known else value for value in values]

    def _converted_column(self, values: list[object]) -> list[object]:
        kind = next((type(value) for value in values if value is not None), None)
        convert = self._converters.get(kind) if kind else None
        return [None if value is None else convert(value) for value in values] if convert else values


def _full_name(namespace: Namespace, name: str) -> str:
    return f"{namespace.schema}.{name}" if namespace.schema else name


def _converter(kind: BoundType, way: BoundAs) -> Callable[[Any], object]:
    if way == "float":
        return float
    if way == "integer":
        return int
    if kind == "timestamp":
        return lambda value: value.isoformat(sep=" ")
    return str


def _marker(style: Paramstyle, position: int, name: str) -> str:
    return {
        "dollar": f"${position + 1}",
        "numeric": f":{position + 1}",
        "named": f":{name}",
        "qmark": "?",
        "format": "%s",
        "pyformat": f"%({name})s",
    }[style]
