"""DuckDB as an engine with pipelines: its own relations are the DataFrames. Named by a YAML of the tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.backends.duckdb import DuckdbBackend, DuckdbDatabase, DuckdbSession


class RelationSession(DuckdbSession):
    def prepare(self, statement):
        if not statement.pipeline:
            return super().prepare(statement)
        return lambda values: self._relation(statement, values).fetchall()

    def generated(self, statement, values):
        return self._relation(statement, values).sql_query() if statement.pipeline else ""

    def _relation(self, statement, values):
        names = {}
        exec(statement.pipeline, names)
        return names["pipeline"](self.cursor.table, dict(zip(statement.parameters, values, strict=True)).__getitem__)


class RelationDatabase(DuckdbDatabase):
    def session(self):
        return RelationSession(super().session().cursor)


@dataclass(frozen=True, kw_only=True)
class RelationBackend(DuckdbBackend):
    name: str = "relations"

    @property
    def capabilities(self):
        return replace(super().capabilities, pipelines="relation")

    def open(self, namespace):
        database = super().open(namespace)
        return RelationDatabase(database._root, database._path, namespace, self.settings)
