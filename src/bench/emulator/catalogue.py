"""What DuckDB does not know of tables: their kind, clustering key and secondary indexes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.emulator import errors, patches

if TYPE_CHECKING:
    from bench.emulator.engine import Engine
    from bench.emulator.statement import Index

STANDARD = "STANDARD"
TRANSIENT = "TRANSIENT"
HYBRID = "HYBRID"
INDEXES = "_fs_global._fs_information_schema._emulator_indexes"


@dataclass(frozen=True, kw_only=True)
class TableName:
    """A table with everything it lies in, as the catalogue writes it."""

    database: str
    schema: str
    table: str

    @property
    def parts(self) -> list[str]:
        """Database, schema and table."""
        return [self.database, self.schema, self.table]

    def __str__(self) -> str:
        return ".".join(self.parts)


class Catalogue:
    """Kinds and indexes by table, kept where the data are; safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._lock = threading.Lock()
        self._engine = engine.bare()
        self._engine.execute(patches.CREATE_KINDS)
        self._engine.execute(patches.CREATE_INDEXES)

    def kind(self, name: TableName) -> str:
        """STANDARD, TRANSIENT or HYBRID; STANDARD too for what is not there."""
        with self._lock:
            found = self._engine.execute(f"select kind from {patches.KINDS} where {SAME_TABLE}", name.parts).fetchone()
        return found[0] if found else STANDARD

    def note(self, name: TableName, *, kind: str, clustering: str | None, indexes: tuple[Index, ...] = ()) -> None:
        """Remember a table that was just made."""
        with self._lock:
            self._engine.execute(
                f"insert or replace into {patches.KINDS} values (?, ?, ?, ?, ?)", [*name.parts, kind, clustering]
            )
            self._engine.execute(f"delete from {INDEXES} where {SAME_TABLE}", name.parts)
        for index in indexes:
            self.add_index(name, index)

    def set_clustering(self, name: TableName, clustering: str | None) -> None:
        """Remember another clustering key, or that there is none."""
        self.note(name, kind=self.kind(name), clustering=clustering)

    def rename(self, name: TableName, to: TableName) -> None:
        """Have the notes follow a table to its new name."""
        with self._lock:
            for table in (patches.KINDS, INDEXES):
                self._engine.execute(
                    f"update {table} set database_name = ?, schema_name = ?, table_name = ? where {SAME_TABLE}",
                    to.parts + name.parts,
                )

    def exists(self, name: TableName) -> bool:
        """Whether there is such a table."""
        with self._lock:
            return bool(
                self._engine.execute(f"select 1 from duckdb_tables() where {SAME_TABLE}", name.parts).fetchone()
            )

    def add_index(self, name: TableName, index: Index, *, lenient: bool = False) -> bool:
        """Remember an index; False where one of the name is there and may stay.

        Raises:
            SqlError: The table is not hybrid, lacks a column, or has an index of the name.
        """
        if self.kind(name) != HYBRID:
            raise errors.SqlError(391409, "0A000", f"Table '{name}' is not a hybrid table; only those have indexes.")
        with self._lock:
            known = {
                row[0]
                for row in self._engine.execute(
                    f"select column_name from duckdb_columns() where {SAME_TABLE}", name.parts
                ).fetchall()
            }
            for column in (*index.columns, *index.included):
                if column not in known:
                    raise errors.SqlError(
                        904,
                        "42000",
                        f"SQL compilation error: error line 1 at position 1\ninvalid identifier '{column}'",
                    )
            if self._engine.execute(
                f"select 1 from {INDEXES} where {SAME_TABLE} and name = ?", [*name.parts, index.name]
            ).fetchone():
                if lenient:
                    return False
                raise errors.exists(index.name)
            self._engine.execute(
                f"insert into {INDEXES} values (now(), ?, ?, ?, ?, false, ?, ?)",
                [*name.parts, index.name, list(index.columns), list(index.included)],
            )
            return True

    def drop_index(self, name: TableName, index: str) -> bool:
        """Forget an index; whether it was there."""
        with self._lock:
            return bool(
                self._engine.execute(
                    f"delete from {INDEXES} where {SAME_TABLE} and name = ? returning 1", [*name.parts, index]
                ).fetchall()
            )

    def indexes(self) -> list[tuple[object, ...]]:
        """Every index of a table that is there: moment, name, unique, columns, included, table, schema, database."""
        with self._lock:
            return self._engine.execute(
                f"""select i.created_on, i.name, i.is_unique, i.columns, i.included,
                           i.table_name, i.schema_name, i.database_name
                    from {INDEXES} i semi join duckdb_tables() t using (database_name, schema_name, table_name)
                    order by i.database_name, i.schema_name, i.table_name, i.name"""
            ).fetchall()

    def hybrid_tables(self) -> list[tuple[object, ...]]:
        """Every hybrid table: name, database, schema, rows."""
        with self._lock:
            return self._engine.execute(
                f"""select t.table_name, t.database_name, t.schema_name, t.estimated_size
                    from duckdb_tables() t join {patches.KINDS} k using (database_name, schema_name, table_name)
                    where k.kind = '{HYBRID}' order by all"""
            ).fetchall()


SAME_TABLE = "database_name = ? and schema_name = ? and table_name = ?"
