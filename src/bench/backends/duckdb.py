"""DuckDB in the process of the client: one database file, one instance per process, one connection per session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias
from weakref import WeakSet

from bench.backends.base import Backend, Call, Capabilities, Database, Say, Session
from bench.errors import BackendError, ConfigError, ConnectError, MissingDriverError, nearest
from bench.model import CountedRows, ErrorClass, Namespace, Row, Statement, Table, TableFacts, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb
    import pyarrow as pa

Settings: TypeAlias = Mapping[str, str | int | float | bool]
"""DuckDB's own settings by their names."""

FIXED_SETTINGS: Mapping[str, bool] = {
    # A benchmark must not fetch code from the network while it is being timed.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Otherwise a table that is not there is looked for among the variables of the calling Python code.
    "python_enable_replacements": False,
}
REPORTED_SETTINGS = ("threads", "memory_limit", "temp_directory", "preserve_insertion_order", "TimeZone")
ISOLATION_LEVELS = ("read committed", "repeatable read")
"""What snapshot isolation, the only kind there is, fulfils."""


@dataclass(frozen=True, kw_only=True)
class DuckdbBackend(Backend):
    """DuckDB, embedded in the worker process.

    One process at a time can have a database file open for writing, so all clients live in one process.
    """

    name: str = "duckdb"
    path: str = ""
    """Database file; empty: one for each set of data below the tool's home directory."""
    settings: Settings = field(default_factory=dict)
    """Such as `threads` or `memory_limit`; the rest stays as DuckDB has it."""

    types: ClassVar[Mapping[str, str]] = {"double": "DOUBLE"}

    def __post_init__(self) -> None:
        if self.path.startswith(":memory:"):
            raise ConfigError("':memory:' would be another database in each process; give a file", key="path")
        fixed = sorted(FIXED_SETTINGS.keys() & self.settings.keys())
        if fixed:
            raise ConfigError(f"'{fixed[0]}' is always false here; leave it out", key="settings")
        for name in self.settings:
            if re.search("secret|password|token", name):
                raise ConfigError(f"'{name}' would be recorded with the results; leave secrets out", key="settings")

    @property
    def capabilities(self) -> Capabilities:
        """Many sessions in one process; snapshot isolation; DDL inside transactions."""
        return Capabilities(
            dialect="duckdb",
            paramstyle="dollar",
            transactional_ddl=True,
            isolation_levels=ISOLATION_LEVELS,
            max_processes=1,
            ingest_sessions=2,
            cancel=True,
            explain="EXPLAIN ",
        )

    @contextmanager
    def provision(self, data: str, home: Path, say: Say) -> Iterator[DuckdbBackend]:
        """Choose the database file and check the settings; there is no server to start.

        Raises:
            ConfigError: DuckDB does not know a setting, or refuses its value.
            MissingDriverError: The driver is not installed.
        """
        with _connect(":memory:", self.settings) as connection:
            version = connection.execute("SELECT library_version FROM pragma_version()").fetchall()[0][0]
        path = Path(self.path).expanduser() if self.path else home / "duckdb" / f"{data}.duckdb"
        if not self.path:
            path.parent.mkdir(parents=True, exist_ok=True)
        say(f"DuckDB {version}, database file {path}")
        yield replace(self, path=str(path.absolute()))

    def open(self, namespace: Namespace) -> DuckdbDatabase:
        """Open the file; every `Database` of one process on one file shares one instance of the engine.

        Raises:
            ConfigError: The file bears the schema's name, so that DuckDB could not tell one from the other.
            ConnectError: The file is in use by another process, or is no DuckDB database.
        """
        if not self.path:
            raise ConnectError("no database file was chosen; give backend.path, or provision the backend first")
        connection = _connect(self.path, self.settings)
        ((catalog,),) = connection.execute("SELECT current_database()").fetchall()
        if catalog.lower() == namespace.schema.lower():
            connection.close()
            raise ConfigError(
                f"'{self.path}' is named like the schema '{namespace.schema}', and DuckDB takes a file's name for a "
                "name of its own; give the file another name",
                key="path",
            )
        return DuckdbDatabase(connection, self.path, namespace, self.settings)


class DuckdbDatabase(Database):
    """One open database file."""

    def __init__(
        self,
        root: duckdb.DuckDBPyConnection,
        path: str,
        namespace: Namespace,
        settings: Settings,
    ) -> None:
        self._root = root
        self._path = path
        self._namespace = namespace
        self._settings = settings
        # The file stays locked for as long as one connection is open, so closing means closing all of them.
        self._sessions: WeakSet[DuckdbSession] = WeakSet()

    def session(self) -> DuckdbSession:
        """A connection of its own to the shared instance."""
        import duckdb

        with _refused("a session"):
            session = DuckdbSession(self._root.cursor())
            self._sessions.add(session)
            # The schema is missing before the first load; what needs it then says so by itself.
            with suppress(duckdb.CatalogException):
                session.cursor.execute(f"USE {self._namespace.schema}")
        return session

    def execute(self, sql: str) -> Sequence[Row]:
        """Send one statement; one that returns no rows gives one row with the number of rows it changed, or none."""
        with self.session() as session, _refused(sql):
            return session.cursor.execute(sql).fetchall()

    def apply(self, statements: Sequence[str]) -> None:
        """Send all statements in one transaction."""
        with self.session() as session:
            session.begin()
            try:
                for sql in statements:
                    with _refused(sql):
                        session.cursor.execute(sql)
                session.commit()
            finally:
                session.rollback()

    def table_names(self, namespace: Namespace) -> frozenset[str]:
        """Names of the schema's tables; views are left out."""
        found = self.execute(
            "SELECT lower(table_name) FROM duckdb_tables() "
            f"WHERE database_name = current_database() AND lower(schema_name) = '{namespace.schema.lower()}'"
        )
        names = (str(row[0]) for row in found)
        return frozenset(name.removeprefix(namespace.prefix) for name in names if name.startswith(namespace.prefix))

    def tables(self, namespace: Namespace) -> Mapping[str, TableFacts]:
        """Exact counts and column types; the size of a single table is not known to the engine."""
        return {name: self._facts_of(name, namespace) for name in sorted(self.table_names(namespace))}

    def _facts_of(self, name: str, namespace: Namespace) -> TableFacts:
        columns = self.execute(
            "SELECT lower(column_name), data_type FROM duckdb_columns() WHERE database_name = current_database() "
            f"AND lower(schema_name) = '{namespace.schema.lower()}' "
            f"AND lower(table_name) = '{namespace.prefix}{name}' ORDER BY column_index"
        )
        (count,) = self.execute(f"SELECT count(*) FROM {namespace.qualified(name)}")[0]
        return TableFacts(rows=int(str(count)), columns={str(column): str(kind) for column, kind in columns})

    def ingest(self, table: Table, namespace: Namespace, batches: Iterator[pa.RecordBatch]) -> int:
        """Stream the batches through one `INSERT … SELECT` that reads Arrow memory as it is."""
        import pyarrow as pa

        first = next(batches, None)
        if first is None:
            return 0
        reader = pa.RecordBatchReader.from_batches(first.schema, chain([first], batches))
        columns = ", ".join(first.schema.names)
        with self.session() as session, _refused(f"the rows of {table.name}"):
            session.cursor.register("bench_incoming", reader)
            insert = f"INSERT INTO {namespace.qualified(table.name)} ({columns}) SELECT {columns} FROM bench_incoming"
            (count,) = session.cursor.execute(insert).fetchall()[0]
        return int(count)

    def analyze(self, table: Table, namespace: Namespace) -> None:
        """Recompute the counts of distinct values."""
        self.execute(f"ANALYZE {namespace.qualified(table.name)}")

    def facts(self) -> Mapping[str, str]:
        """Version, file and the settings that matter, as the engine reads them back."""
        names = dict.fromkeys([*REPORTED_SETTINGS, *FIXED_SETTINGS, *self._settings])
        version, source = self.execute("SELECT library_version, source_id FROM pragma_version()")[0]
        settings = {name: str(self.execute(f"SELECT current_setting('{name}')")[0][0]) for name in names}
        return {"version": str(version), "source_id": str(source), "file": self._path, **settings}

    def close(self) -> None:
        """Close every session and give the file free."""
        for session in list(self._sessions):
            session.close()
        self._root.close()


class DuckdbSession(Session):
    """One connection, for one thread."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor

    def prepare(self, statement: Statement) -> Call:
        """Parse once; each call then binds, plans and fetches the whole result."""
        execute = self.cursor.execute
        parsed = self.cursor.extract_statements(statement.sql)
        # One parsed statement saves a fifth of a point read's time; the driver plans anew at each call all the same.
        sql = parsed[0] if len(parsed) == 1 else statement.sql

        def fetch(values: Sequence[Value]) -> Sequence[Row]:
            return execute(sql, values).fetchall()

        def change(values: Sequence[Value]) -> Sequence[Row]:
            counted = execute(sql, values).fetchall()
            return CountedRows(counted[0][0] if counted else 0)

        return fetch if statement.returns_rows else change

    def begin(self, isolation: str = "") -> None:
        """Open a transaction; it sees the state at its first statement."""
        if isolation and isolation not in ISOLATION_LEVELS:
            raise BackendError(f"DuckDB has no isolation level '{isolation}'; it fulfils {', '.join(ISOLATION_LEVELS)}")
        self.cursor.begin()

    def commit(self) -> None:
        """Make the transaction's changes last; a conflict with another transaction may show only now."""
        self.cursor.commit()

    def rollback(self) -> None:
        """Undo the open transaction."""
        import duckdb

        with suppress(duckdb.Error):  # no transaction is open, or the connection is closed
            self.cursor.rollback()

    def plan(self, statement: Statement, values: Sequence[Value]) -> str:
        """The plan with times and rows, or without, for the statements of which DuckDB gives no more."""
        for explain in ("EXPLAIN (ANALYZE, FORMAT JSON) ", "EXPLAIN (FORMAT JSON) "):
            ((_, text),) = self.cursor.execute(explain + statement.sql, values).fetchall()
            if '"result": "error"' not in text:
                return str(text)
        return ""

    def classify(self, error: Exception) -> ErrorClass:
        """By the driver's exception classes; conflicts are known by their message alone."""
        import duckdb

        if isinstance(error, duckdb.InterruptException):
            return ErrorClass.TIMEOUT
        if isinstance(error, duckdb.ConnectionException | duckdb.FatalException | duckdb.InternalException):
            return ErrorClass.DISCONNECTED
        if isinstance(error, duckdb.TransactionException) and "conflict" in str(error).lower():
            return ErrorClass.RETRYABLE
        wrong = isinstance(error, duckdb.ProgrammingError | duckdb.NotSupportedError)
        return ErrorClass.FATAL if wrong or not isinstance(error, duckdb.Error) else ErrorClass.ABORTED

    def cancel(self) -> None:
        """Interrupt the running statement; does nothing to an idle session."""
        import duckdb

        with suppress(duckdb.ConnectionException):  # closed in the meantime
            self.cursor.interrupt()

    def close(self) -> None:
        """Close the connection; an open transaction is undone."""
        self.cursor.close()


def _connect(path: str, settings: Settings) -> duckdb.DuckDBPyConnection:
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise MissingDriverError("the backend 'duckdb' needs the module duckdb; add it with `uv add duckdb`") from error
    try:
        connection = duckdb.connect(path, config={**settings, **FIXED_SETTINGS})
    except duckdb.ProgrammingError as error:
        raise ConfigError(_setting_refused(error), key="settings") from error
    except duckdb.Error as error:
        raise ConnectError(_file_refused(path, error)) from error
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


def _setting_refused(error: duckdb.Error) -> str:
    import duckdb

    unknown = re.search(r"not recognized: (\w+)", str(error))
    if not unknown:
        return f"DuckDB refuses a setting: {_first_line(error)}"
    with duckdb.connect(":memory:") as connection:
        known = [name for (name,) in connection.execute("SELECT name FROM duckdb_settings()").fetchall()]
    return f"DuckDB has no setting '{unknown[1]}'{nearest(unknown[1], known)}"


def _file_refused(path: str, error: duckdb.Error) -> str:
    text = str(error)
    if "set lock" in text:
        holder = re.search(r"PID (\d+)", text)
        process = f"process {holder[1]}" if holder else "another process"
        return (
            f"{path} is open in {process}, and DuckDB lets only one process in; "
            "end that one, or choose another file with backend.path=…"
        )
    if re.search("not a valid DuckDB|[Cc]orrupt|[Ee]xtension|version number", text):
        return (
            f"{path} is not a DuckDB database that this DuckDB can read ({_first_line(error)}); "
            "move it away, or choose another file with backend.path=…"
        )
    return f"DuckDB cannot open {path}: {_first_line(error)}; check backend.path"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].rstrip(".!")


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Turn the driver's errors outside of any measurement into ours."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise BackendError(f"DuckDB refused {what}: {str(error).strip()}") from error
