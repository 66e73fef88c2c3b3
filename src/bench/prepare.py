"""Bring the data into the database, once: schema, ingest, keys and indexes, statistics.

A marker table says what was loaded, with one row for each table that is ours. It is written before the first table is
made (`loading`) and after the last step (`loaded`), so that an interrupted load is never taken for a finished one; a
workload that is going to change the data sets it to `changed` first.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from bench import generate
from bench.dataset import Dataset, GeneratedDataset
from bench.errors import ConfigError, PrepareError, nearest
from bench.model import Table
from bench.sampling import Column, Sampler

if TYPE_CHECKING:
    import pyarrow as pa

    from bench.backends.base import Backend, Database, Say
    from bench.model import Namespace, Value
    from bench.sampling import AnySampler
    from bench.workload import Operation, Workload

T = TypeVar("T")

MARKER = "bench_marker"
LOADING, LOADED, CHANGED = "loading", "loaded", "changed"
GENERATOR_THREADS = 2
_COMMENT = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)
_TABLE = re.compile(r"CREATE\s+(?:\w+\s+){0,4}?TABLE\b", re.IGNORECASE)
_LATER = re.compile(r"ALTER\s+TABLE\b|CREATE\s+(?:UNIQUE\s+)?INDEX\b", re.IGNORECASE)
COLUMN_VALUES = 10_000
"""Greatest number of values from which a `column` parameter draws."""


@dataclass(kw_only=True)
class TableLoad:
    """How one table came into the database; durations in s, None for what was not done this time."""

    table: str
    rows: int
    bytes: int | None = None
    generate_s: float | None = None
    ingest_s: float | None = None
    index_s: float | None = None
    analyze_s: float | None = None
    reused: bool = False


@dataclass(frozen=True, kw_only=True)
class DataState:
    """What the operations are going to see."""

    fingerprint: str
    """Of the declaration where the data are generated, else of row counts and names of columns: what engines that
    hold the same data agree upon."""
    loads: tuple[TableLoad, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """The engine's type of each column, where nothing was declared."""

    @property
    def reused(self) -> bool:
        """Everything was there already."""
        return all(load.reused for load in self.loads)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Everything needed to bring one dataset into one open database."""

    database: Database
    backend: Backend
    dataset: Dataset
    namespace: Namespace
    home: Path
    say: Say
    advance: Callable[[str, int, int], None]
    """Takes (what is going on, rows done, rows in all)."""
    schema_ddl: tuple[str, ...] = ()
    """The dataset's own DDL from `sql/<schema>/schema.sql.j2`; empty: made from the declared tables."""


def prepare(preparation: Preparation) -> DataState:
    """Make sure that the data are there, in the declared state.

    Raises:
        PrepareError: Tables are missing, or are there and are not ours, or rows were lost on the way.
    """
    if not isinstance(preparation.dataset, GeneratedDataset):
        return _existing(preparation)
    key = load_key(preparation)
    there = preparation.database.table_names(preparation.namespace)
    found = _read_marker(preparation, there)
    if found and (found.load_key, found.state) == (key, LOADED) and found.tables <= there:
        preparation.say("data: already loaded, reused")
        loads = [
            TableLoad(table=table.name, rows=preparation.dataset.rows(table.name) or 0, reused=True)
            for table in preparation.dataset.shape
        ]
        return DataState(fingerprint=preparation.dataset.fingerprint, loads=tuple(loads))
    if found and found.state == CHANGED:
        preparation.say("data: changed by an earlier workload, loaded anew")
    elif found and found.state == LOADING:
        preparation.say("data: an earlier load did not finish, loaded anew")
    _make_room(preparation, key, there, found)
    loads = _load(preparation, preparation.dataset)
    return DataState(fingerprint=preparation.dataset.fingerprint, loads=tuple(loads))


def load_key(preparation: Preparation) -> str:
    """Hash of the data's declaration and of the DDL that holds them: equal keys, equal state."""
    seen = hashlib.sha256(preparation.dataset.fingerprint.encode())
    for table in preparation.dataset.shape:
        seen.update(preparation.backend.create_table(table, preparation.namespace).encode())
        seen.update("".join(preparation.backend.after_load(table, preparation.namespace)).encode())
    seen.update("".join(preparation.schema_ddl).encode())
    return seen.hexdigest()


def mark_changed(database: Database, namespace: Namespace) -> None:
    """Note that a workload is about to change the data; if this tool loaded them, the next run does so anew."""
    if MARKER in database.table_names(namespace):
        database.apply([_set_state(namespace, CHANGED)])


def resolve(workload: Workload, preparation: Preparation) -> Workload:
    """The workload with each `column` parameter drawing from the values that are really there.

    Raises:
        ConfigError: A parameter names a table or column that the dataset does not have.
    """
    return replace(workload, operations=tuple(_resolved(operation, preparation) for operation in workload.operations))


# ---- the marker -------------------------------------------------------------------------------------------------


class Marker(NamedTuple):
    """What the marker table says."""

    load_key: str
    state: str
    tables: frozenset[str]
    """The tables of that load: what may be dropped."""


def _read_marker(preparation: Preparation, there: frozenset[str]) -> Marker | None:
    if MARKER not in there:
        return None
    rows = preparation.database.execute(f"SELECT * FROM {preparation.namespace.qualified(MARKER)}")
    mine = frozenset(table.name for table in preparation.dataset.shape)
    if not rows:  # the engine was killed between the table and its rows; nothing else was made by then
        return Marker("", LOADING, frozenset())
    named = frozenset(str(row[2]) for row in rows if len(row) > 2)  # older markers name none
    return Marker(str(rows[0][0]), str(rows[0][1]), named or mine)


def _set_state(namespace: Namespace, state: str) -> str:
    return f"UPDATE {namespace.qualified(MARKER)} SET state = '{state}'"


def _make_room(preparation: Preparation, key: str, there: frozenset[str], found: Marker | None) -> None:
    """Remove what an earlier load of ours left, and put up the marker; refuses tables that are not ours.

    In an order that leaves no table of ours without a marker, also where DDL is not transactional.
    """
    database, namespace = preparation.database, preparation.namespace
    mine = [table.name for table in preparation.dataset.shape]
    ours = found.tables if found else frozenset()
    foreign = sorted((there & set(mine)) - ours)
    if foreign:
        raise PrepareError(
            f"the schema '{preparation.dataset.schema}' holds {', '.join(foreign)}, and not from this tool: "
            "nothing was touched; load into another with dataset.schema=…, or measure these with dataset=existing"
        )
    if preparation.backend.capabilities.schemas:
        database.apply([f"CREATE SCHEMA IF NOT EXISTS {namespace.schema}"])
    if found:
        database.apply([_set_state(namespace, LOADING)])
    marker = namespace.qualified(MARKER)
    database.apply(
        [
            *(f"DROP TABLE IF EXISTS {namespace.qualified(name)}" for name in sorted(ours - set(mine))),
            *(f"DROP TABLE IF EXISTS {namespace.qualified(name)}" for name in reversed(mine)),
            f"DROP TABLE IF EXISTS {marker}",
            f"CREATE TABLE {marker} "
            "(load_key VARCHAR(64) NOT NULL, state VARCHAR(16) NOT NULL, table_name VARCHAR(255) NOT NULL)",
            *(f"INSERT INTO {marker} VALUES ('{key}', '{LOADING}', '{name}')" for name in mine),
        ]
    )


# ---- loading ----------------------------------------------------------------------------------------------------


def _load(preparation: Preparation, dataset: GeneratedDataset) -> list[TableLoad]:
    began = time.monotonic()
    files = _generate(preparation, dataset)
    loads = {table.name: TableLoad(table=table.name, rows=dataset.rows(table.name) or 0) for table in dataset.shape}
    for made in files.values():
        loads[made.name].bytes = made.bytes
        loads[made.name].generate_s = None if made.reused else made.seconds
    before, after = _split_ddl(preparation)
    preparation.database.apply(before)
    _ingest_all(preparation, dataset, files, loads)
    for number, table in enumerate(dataset.shape):
        preparation.advance("index", number, len(dataset.shape))
        _, loads[table.name].index_s = _timed(partial(preparation.database.apply, after.get(table.name, ())))
        _, loads[table.name].analyze_s = _timed(partial(preparation.database.analyze, table, preparation.namespace))
    if "" in after:
        preparation.database.apply(after[""])
    preparation.database.apply([_set_state(preparation.namespace, LOADED)])
    seconds = time.monotonic() - began
    rows = sum(load.rows for load in loads.values())
    preparation.say(f"data: {rows:,} rows in {len(loads)} tables loaded in {seconds:.1f} s")
    return list(loads.values())


def _split_ddl(preparation: Preparation) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """DDL before the data, and after them by table ('' for what belongs to no single table)."""
    backend, namespace, shape = preparation.backend, preparation.namespace, preparation.dataset.shape
    if preparation.schema_ddl:
        before, after = split_schema(preparation.schema_ddl)
        return before, {"": after}
    return [backend.create_table(table, namespace) for table in shape], {
        table.name: backend.after_load(table, namespace) for table in shape
    }


def split_schema(ddl: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The DDL of a user before and after the data: all up to the last table, but indexes and changes of tables."""
    plain = [_COMMENT.sub("", text) for text in ddl]
    last = max((position for position, text in enumerate(plain) if _TABLE.match(text)), default=-1)
    early = [position for position in range(last + 1) if not _LATER.match(plain[position])]
    return [ddl[position] for position in early], tuple(
        text for position, text in enumerate(ddl) if position not in early
    )


def _generate(preparation: Preparation, dataset: GeneratedDataset) -> Mapping[str, generate.GeneratedTable]:
    """The data as files; nothing where they are to be streamed."""
    if not dataset.cache:
        return {}
    made = generate.materialize(
        dataset, preparation.home / "data", threads=GENERATOR_THREADS, progress=preparation.advance
    )
    if all(table.reused for table in made):
        preparation.say("data: generated files reused")
    return {table.name: table for table in made}


def _ingest_all(
    preparation: Preparation,
    dataset: GeneratedDataset,
    files: Mapping[str, generate.GeneratedTable],
    loads: Mapping[str, TableLoad],
) -> None:
    """Every table, several at once where that serves the engine; the largest first, so that none is left alone.

    Where the engine enforces foreign keys, one after another, parents first.
    """
    total = sum(dataset.rows(table.name) or 0 for table in dataset.shape)
    done: dict[str, int] = {}
    given_up = threading.Event()

    def ingest(table: Table) -> None:
        source = (
            generate.read_batches(files[table.name].path)
            if table.name in files
            else generate.stream(dataset, table.name, threads=GENERATOR_THREADS)
        )
        counted = _counted(source, table.name, done, lambda rows: preparation.advance("load", rows, total), given_up)
        rows, seconds = _timed(lambda: preparation.database.ingest(table, preparation.namespace, counted))
        if rows != dataset.rows(table.name):
            raise PrepareError(f"{table.name}: {rows} of {dataset.rows(table.name)} rows arrived in the database")
        loads[table.name].ingest_s = seconds

    can = preparation.backend.capabilities
    if can.foreign_keys:  # the engine refuses a row whose parent is not there yet, and a table comes after its parents
        sessions, by_size = 1, list(dataset.shape)
    else:
        sessions = can.ingest_sessions
        by_size = sorted(dataset.shape, key=lambda table: -(dataset.rows(table.name) or 0))
    with ThreadPoolExecutor(sessions, thread_name_prefix="ingest") as pool:
        try:
            for future in as_completed([pool.submit(ingest, table) for table in by_size]):
                future.result()
        except BaseException:  # Ctrl-C too: nobody is to wait for the rest of a load that will not be used
            given_up.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _counted(
    batches: Iterator[pa.RecordBatch],
    name: str,
    done: dict[str, int],
    advance: Callable[[int], None],
    given_up: threading.Event,
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if given_up.is_set():
            raise PrepareError(f"{name}: the load was given up")
        yield batch
        done[name] = done.get(name, 0) + batch.num_rows
        advance(sum(done.values()))


def _timed(step: Callable[[], T]) -> tuple[T, float]:
    start = time.monotonic()
    result = step()
    return result, time.monotonic() - start


# ---- data that are there already --------------------------------------------------------------------------------


def _existing(preparation: Preparation) -> DataState:
    found = preparation.database.tables(preparation.namespace)
    tables = {name: facts for name, facts in found.items() if name != MARKER}
    if not tables and preparation.backend.capabilities.answers:
        raise PrepareError(
            f"no tables in the schema '{preparation.dataset.schema}'; name the one to measure with dataset.schema=…"
        )
    missing = [table.name for table in preparation.dataset.shape if table.name not in tables]
    if missing and preparation.backend.capabilities.answers:
        raise PrepareError(f"the dataset declares {missing[0]}, which is not there{nearest(missing[0], tables)}")
    seen = hashlib.sha256()
    for name in sorted(tables):
        seen.update(repr((name, tables[name].rows, sorted(tables[name].columns))).encode())
    loads = [TableLoad(table=name, rows=facts.rows, bytes=facts.bytes, reused=True) for name, facts in tables.items()]
    types = {f"{name}.{column}": kind for name, facts in tables.items() for column, kind in facts.columns.items()}
    preparation.say(f"data: {len(tables)} existing tables, {sum(facts.rows for facts in tables.values()):,} rows")
    return DataState(fingerprint=seen.hexdigest(), loads=tuple(loads), facts=types)


# ---- parameters from columns ------------------------------------------------------------------------------------


def _resolved(operation: Operation, preparation: Preparation) -> Operation:
    params: dict[str, Sampler] = {}
    for name, sampler in operation.params.items():
        if isinstance(sampler, Column):
            values = _column_values(preparation, sampler, f"workload.{operation.name}.params.{name}")
            params[name] = sampler.resolve(values)
        else:
            params[name] = sampler
    return replace(
        operation, params=cast("Mapping[str, AnySampler]", params)
    )  # what a column resolves to is no YAML form


def _column_values(preparation: Preparation, sampler: Column, key: str) -> list[Value]:
    dataset = preparation.dataset
    if isinstance(dataset, GeneratedDataset):
        return generate.column_values(dataset, sampler.table, sampler.column, COLUMN_VALUES)
    name, column = preparation.namespace.qualified(sampler.table), sampler.column
    rows = preparation.database.execute(
        f"SELECT DISTINCT {column} FROM {name} WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {COLUMN_VALUES}"
    )
    if not rows:
        raise ConfigError(f"{sampler.table}.{sampler.column} holds no values to draw from", key=key)
    return [row[0] for row in rows]  # type: ignore[misc]  # a driver gives plain values
