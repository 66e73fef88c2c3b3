"""fakesnow underneath: the only module that reaches into its connections and cursors."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fakesnow import info_schema, macros
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.instance import GLOBAL_DATABASE_NAME, FakeSnow
from sqlglot import exp

from bench.emulator import patches
from bench.emulator.kept import KeptResults
from bench.emulator.rewrites import rewrite
from bench.emulator.values import Column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb
    import pyarrow as pa
    from fakesnow.conn import FakeSnowflakeConnection

    from bench.emulator.values import Value

ROWS_TOGETHER = 100
"""Rows of an array binding that DuckDB is given at once, for speed."""
STAGES = "_fs_global._fs_information_schema._fs_stages"


class Engine:
    """One DuckDB process for the whole account, in files or in memory.

    Args:
        data: Directory with one DuckDB file for each database; None keeps everything in memory.
    """

    def __init__(self, data: Path | None) -> None:
        patches.apply()
        self.data = data
        self._fake = _WithFiles(data) if data else FakeSnow(create_database_on_connect=False)
        self._fake.create_database_on_connect = False
        self._fake.create_schema_on_connect = False
        self._kept = self._fake.results_cache = KeptResults()
        self._lock = threading.Lock()
        if data:
            for file in sorted(data.glob("*.db")):
                if file.stem != GLOBAL_DATABASE_NAME:
                    self._attach(file.stem)

    def connect(self, database: str | None, schema: str | None, *, autocommit: bool) -> FakeSnowflakeConnection:
        """A connection for one session."""
        with self._lock:
            return self._fake.connect(database, schema, autocommit=autocommit)

    def bare(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection for the emulator's own tables."""
        return self._fake.duck_conn.cursor()

    def kept(self, query_id: str) -> pa.Table | None:
        """The rows of an earlier statement, None once they are forgotten."""
        return self._kept.rows(query_id)

    def keep(self, query_id: str, table: pa.Table) -> None:
        """Have RESULT_SCAN find these rows."""
        self._kept[query_id] = (table, table.num_rows, None, None, None)

    def ensure_database(self, name: str) -> None:
        """Make a database, with its schema PUBLIC, unless it is there."""
        with self._lock:
            self._attach(name)

    def has_database(self, name: str) -> bool:
        """Whether there is a database of this name."""
        sql = "select 1 from duckdb_databases() where database_name = ? and not internal"
        with self.bare() as connection:
            return connection.execute(sql, [name]).fetchone() is not None

    def drop_database(self, name: str) -> None:
        """Remove a database with all that is in it, other sessions may stand in it or not."""
        with self._lock, self.bare() as connection:
            connection.execute("USE memory.main")
            connection.execute(f"DETACH {_quoted(name)}")
            if self.data:
                (self.data / f"{name}.db").unlink(missing_ok=True)

    def drop_table(self, database: str, schema: str, name: str) -> None:
        """Remove a table if it is there."""
        with self.bare() as connection:
            connection.execute(f"DROP TABLE IF EXISTS {_quoted(database)}.{_quoted(schema)}.{_quoted(name)}")

    def drop_stage(self, database: str, schema: str, name: str) -> bool:
        """Remove a stage, without its files; whether it was there."""
        sql = f"delete from {STAGES} where database_name = ? and schema_name = ? and name = ? returning 1"
        with self.bare() as connection:
            return bool(connection.execute(sql, [database, schema, name]).fetchall())

    def ensure_public(self, name: str) -> None:
        """Make the schema PUBLIC in a database unless it is there."""
        with self._lock:
            self._fake.duck_conn.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(name)}.PUBLIC")

    def _attach(self, name: str) -> None:
        file = self.data / f"{name}.db" if self.data else ":memory:"
        connection = self._fake.duck_conn
        connection.execute(f"ATTACH IF NOT EXISTS '{file}' AS {_quoted(name)}")
        connection.execute(info_schema.per_db_creation_sql(name))
        connection.execute(macros.creation_sql(name))
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(name)}.PUBLIC")


class _WithFiles(FakeSnow):
    """As fakesnow's, with its own tables in a file too: they hold stages and the lengths of columns."""

    def __init__(self, data: Path) -> None:
        import duckdb
        from fakesnow.transforms import show

        self.create_database_on_connect = False
        self.create_schema_on_connect = False
        self.db_path = data
        self.nop_regexes = None
        self.results_cache = {}
        self.duck_conn = duckdb.connect(database=":memory:", config={"lambda_syntax": "ENABLE_SINGLE_ARROW"})
        file = data / f"{GLOBAL_DATABASE_NAME}.db"
        self.duck_conn.execute(f"ATTACH IF NOT EXISTS '{file}' AS {GLOBAL_DATABASE_NAME}")
        self.duck_conn.execute(info_schema.fs_global_creation_sql())
        self.duck_conn.execute(show.fs_global_creation_sql())
        self.duck_conn.execute("SET GLOBAL TimeZone = 'UTC'")


def _is_one_row(insert: exp.Expr) -> bool:
    values = insert.args.get("expression") if isinstance(insert, exp.Insert) else None
    return isinstance(values, exp.Values) and len(values.expressions) == 1


def _repeated(insert: exp.Expr, count: int) -> exp.Expr:
    """INSERT … VALUES with the one row of placeholders so many times."""
    if count == 1:
        return insert
    repeated = insert.copy()
    (row,) = repeated.expression.expressions
    repeated.expression.set("expressions", [row.copy() for _ in range(count)])
    return repeated


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Cursor(FakeSnowflakeCursor):
    """fakesnow's cursor, given a tree instead of a text, and telling the columns without asking DuckDB again."""

    def __init__(
        self, connection: FakeSnowflakeConnection, engine: duckdb.DuckDBPyConnection, *, query_id: str
    ) -> None:
        super().__init__(connection, engine)
        self.query_id = query_id
        self.columns: tuple[Column, ...] = ()

    def run(self, tree: exp.Expr, values: Sequence[Value] = ()) -> pa.Table:
        """Execute a statement of Snowflake's dialect and give its rows.

        Raises:
            Exception: Whatever fakesnow or DuckDB raise; see `bench.emulator.errors.translate`.
        """
        bound: list[Any] = list(values)
        tree = rewrite(tree)
        self.check_db_and_schema(tree)
        for part in self._transform_explode(tree):
            transformed = self._transform(part, bound)
            self._execute(transformed, bound if transformed.find(exp.Placeholder) else None)
        table: pa.Table = self._arrow_table
        return table

    def run_batch(self, tree: exp.Expr, rows: Sequence[Sequence[Value]]) -> int:
        """Execute a statement once for each row of values, all or none; how many rows it changed."""
        self.check_db_and_schema(tree)
        transformed = self._transform(tree, list(rows[0]))
        together = ROWS_TOGETHER if _is_one_row(transformed) else 1
        changed = 0
        for start in range(0, len(rows), together):
            chunk = rows[start : start + together]
            sql = _repeated(transformed, len(chunk)).sql(dialect="duckdb")
            (count,) = self._duck_conn.execute(sql, [value for row in chunk for value in row]).fetchall()[0]
            changed += int(count)
        return changed

    def translated(self, tree: exp.Expr, values: Sequence[Value] = ()) -> str:
        """The statement in DuckDB's dialect, not executed."""
        self.check_db_and_schema(tree)
        return self._transform(rewrite(tree), list(values)).sql(dialect="duckdb")

    @property
    def rows_affected(self) -> int | None:
        """Rows changed by INSERT, UPDATE, DELETE or MERGE, else rows returned."""
        return self._rowcount

    @property
    def last_transformed(self) -> exp.Expr | None:
        """What was executed last, with fakesnow's notes about it."""
        return self._last_transformed

    def _execute(self, transformed: exp.Expr, params: Any = None) -> None:
        super()._execute(transformed, params)
        self.columns = tuple(Column.of(entry[0], str(entry[1])) for entry in self._duck_conn.description or ())
        kept = self._conn.results_cache
        assert isinstance(kept, KeptResults)
        kept.rename(str(self._sfqid), self.query_id)
