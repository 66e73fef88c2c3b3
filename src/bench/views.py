"""SQL over results: every published table as a view over the files of many runs, whichever version wrote them.

Nothing is loaded: a view reads the Parquet files when it is asked, and of them only the columns and row groups that the
question needs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.errors import ConfigError
from bench.results.run import read_table
from bench.results.schemas import ADDED, SCHEMAS

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from bench.results import Run, Survey

TABLES = tuple(name for name in SCHEMAS if name != "cells")
"""The views over files of the runs."""
VIEWS: Mapping[str, str] = MappingProxyType(
    {
        **{name: f"the published table {name}" for name in TABLES},
        "cells": "summary, with cell, status, question_hash and sql_hash of the run",
        "runs": "one row per run: its directory, its status, and what its manifest says",
    }
)
ANSWER = "asked.answer"
"""In a schema of its own: a view looks for what it names in its own schema first."""
FACTS = ("stage", "label", "repetition", "seed", "cold", "open_loop", "question_hash", "sql_hash", "config_hash")
"""Entries of the manifest that stand in `runs` as they are."""
TIMES = ("started_at", "finished_at")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one question came to, not yet computed. It lives as long as the context that gave it."""

    connection: DuckDBPyConnection

    def relation(self) -> DuckDBPyRelation:
        """The answer for DuckDB itself."""
        return self.connection.sql(f"FROM {ANSWER}")

    def table(self) -> pa.Table:
        """The answer, computed.

        Raises:
            ConfigError: The question turns out to be wrong while it is computed, as a text that is no number.
        """
        with _explained():
            return self.relation().to_arrow_table()

    def texts(self) -> tuple[tuple[str, ...], list[tuple[str | None, ...]]]:
        """Names of the columns, and the rows as DuckDB writes their values.

        Raises:
            ConfigError: As `table`.
        """
        with _explained():
            relation = self.relation()
            return tuple(relation.columns), relation.project("COLUMNS(*)::VARCHAR").fetchall()

    def drawn(self, *, width: int, rows: int) -> str:
        """The answer as DuckDB draws it, in at most so many characters of width; of more rows those in the middle go.

        Raises:
            ConfigError: As `table`.
        """
        out = io.StringIO()
        with _explained(), redirect_stdout(out):  # it can only print
            self.relation().show(max_width=width, max_rows=rows)
        return out.getvalue().rstrip() + "\n"

    def write(self, path: Path, options: str) -> None:
        """Write the answer to `path` as `COPY … TO` does, with its `options`, without holding it in memory.

        Raises:
            ConfigError: As `table`.
            ResultError: The file cannot be written.
        """
        from bench.results.manifest import replacing

        with replacing(path) as beside, _explained():
            self.connection.execute(f"COPY (FROM {ANSWER}) TO {_quoted(beside)} ({options})")


@contextmanager
def asked(sql: str, found: Survey) -> Iterator[Answer]:
    """Ask one question of the runs that were found.

    Args:
        sql: One SELECT (or FROM, WITH, VALUES, DESCRIBE, SUMMARIZE, SHOW) in DuckDB's dialect, over `VIEWS`.
        found: Whose files are read.

    Raises:
        ConfigError: The SQL is wrong, or would change something.
        ResultError: A file that it needs is not whole.
    """
    from duckdb import connect

    connection = connect(config={"autoinstall_known_extensions": "false"})
    try:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA published; CREATE SCHEMA asked")
        question = _only_reading(connection, sql)
        _create_views(connection, found.runs, mentioned(sql))
        with _explained():
            connection.execute(f"CREATE VIEW {ANSWER} AS FROM (\n{question}\n)")
        yield Answer(connection=connection)
    finally:
        connection.close()


def mentioned(sql: str) -> frozenset[str]:
    """The tables that the text may mean; the files of the others need not be looked at."""
    words = set(re.findall(r"\w+", sql.lower()))
    return frozenset(TABLES) & (words | ({"summary"} if "cells" in words else set()))


def _only_reading(connection: DuckDBPyConnection, sql: str) -> str:
    from duckdb import StatementType

    with _explained():
        statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise ConfigError(f"give one SQL statement; there are {len(statements)}")
    kind = statements[0].type
    if kind != StatementType.SELECT:
        raise ConfigError(f"results are only read: give a SELECT over {', '.join(VIEWS)}; this is {_named(kind)}")
    return str(statements[0].query).strip().rstrip(";")


def _named(kind: object) -> str:
    return str(kind).rpartition(".")[2]


def _create_views(connection: DuckDBPyConnection, runs: Sequence[Run], wanted: frozenset[str]) -> None:
    for name in TABLES:
        files = [path for run in runs for path in _files(run, name)] if name in wanted else []
        try:
            _create_view(connection, name, files)
        except _engine_error():
            for path in files:
                read_table(path, name, [])  # says which is not whole
            raise
    connection.register("manifests", _manifests(runs))
    connection.execute("CREATE TABLE published.runs AS FROM manifests; CREATE VIEW runs AS FROM published.runs")
    connection.unregister("manifests")
    connection.execute(
        "CREATE VIEW cells AS SELECT s.*, r.cell, r.status, r.question_hash, r.sql_hash "
        "FROM summary s JOIN published.runs r USING (run_id)"
    )


def _create_view(connection: DuckDBPyConnection, name: str, files: Sequence[Path]) -> None:
    """The published columns first, filled with what it means that an older file lacks them."""
    import pyarrow as pa

    fields = [pa.field(field.name, _plain(field.type)) for field in SCHEMAS[name]]
    connection.register("published_schema", pa.schema(fields).empty_table())
    connection.execute(f'CREATE TABLE published."{name}" AS FROM published_schema')
    connection.unregister("published_schema")
    source = f'FROM published."{name}"'
    if files:
        paths = ", ".join(map(_quoted, files))
        source += f" UNION ALL BY NAME FROM read_parquet([{paths}], union_by_name = true)"
    filled = ", ".join(
        f'coalesce("{column}", {value}) AS "{column}"'
        for column, value in ADDED.get(name, {}).items()
        if value is not None
    )
    connection.execute(f'CREATE VIEW "{name}" AS SELECT *{f" REPLACE ({filled})" if filled else ""} FROM ({source})')


def _plain(kind: pa.DataType) -> pa.DataType:
    """A dictionary of texts is a column of texts."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _files(run: Run, name: str) -> Sequence[Path]:
    return run.parts() if name == "samples" else [run.directory / f"{name}.parquet"] if run.has(name) else []


def _manifests(runs: Sequence[Run]) -> pa.Table:
    import pyarrow as pa

    texts = ("run_id", "cell", "directory", "backend", "dataset", "workload", "load", "status", "stage", "label")
    hashes = ("question_hash", "sql_hash", "config_hash", "bench_version", "git_commit")
    instant = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [
            *((name, pa.string()) for name in texts),
            *((name, pa.int64()) for name in ("repetition", "seed")),
            *((name, pa.bool_()) for name in ("cold", "open_loop", "emulated")),
            *((name, instant) for name in ("started_at", "finished_at")),
            *((name, pa.string()) for name in hashes),
        ]
    )
    return pa.Table.from_pylist([_manifest(run) for run in runs], schema=schema)


def _manifest(run: Run) -> dict[str, object]:
    times, repetition = run.manifest.get("times", {}), run.manifest.get("repetition", 0)
    return {
        **{name: run.manifest.get(name) for name in FACTS},
        **run.key.columns(),
        "cell": run.directory.resolve().name.removesuffix(f"_r{repetition}"),
        "directory": str(run.directory),
        "status": run.status.value,
        "repetition": repetition,
        "emulated": run.emulated,
        **{name: datetime.fromisoformat(times[name]) if times.get(name) else None for name in TIMES},
        "bench_version": run.manifest.get("versions", {}).get("bench"),
        "git_commit": run.manifest.get("git_commit"),
    }


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _engine_error() -> type[Exception]:
    from duckdb import Error

    return Error


@contextmanager
def _explained() -> Iterator[None]:
    """What DuckDB says of a question, as one sentence: without the excerpt that repeats it."""
    try:
        yield
    except _engine_error() as error:
        said = " ".join(re.split(r"\n\s*LINE \d+:", str(error))[0].split())
        raise ConfigError(f"the query cannot be answered: {said.rstrip('.')}") from error
