"""The data of a dataset: as batches of rows, as a stream, as Parquet files that are kept for the next run.

The bytes depend on the declaration alone: not on the number of threads, nor on the order in which chunks are made.
"""

from __future__ import annotations

import os
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock

from bench.errors import ConfigError, PrepareError, nearest
from bench.generate.generator import Generator
from bench.generate.values import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Generator as Steps
    from pathlib import Path

    from bench.dataset import GeneratedDataset
    from bench.model import Table, Value

Progress: TypeAlias = "Callable[[str, int, int], None]"
"""Takes a table, how many of its rows are done, and how many it has."""

READ_ROWS = 65_536
SAMPLED_CHUNKS = 4
FINGERPRINT_KEY = b"bench.fingerprint"


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedTable:
    """One table as a Parquet file."""

    name: str
    path: Path
    rows: int
    bytes: int
    seconds: float
    """How long it took; next to nothing when the file was there."""
    reused: bool
    """The file was there already and whole."""


def chunk_count(dataset: GeneratedDataset, table: str) -> int:
    """Number of chunks in which a table is generated, at least 1."""
    return Generator(dataset).chunk_count(table)


def generate_chunk(
    dataset: GeneratedDataset, table: str, chunk: int, columns: Iterable[str] | None = None
) -> pa.RecordBatch:
    """The rows of one chunk, counted from 0, with all columns or these, in the types of `arrow_schema`.

    Raises:
        IndexError: There is no such chunk.
    """
    return Generator(dataset).chunk(table, chunk, columns)


def stream(dataset: GeneratedDataset, table: str, threads: int = 1) -> Iterator[pa.RecordBatch]:
    """All rows of a table in order, one batch per chunk, a few chunks made ahead by `threads` threads."""
    generator = Generator(dataset)
    tasks = ((table, chunk) for chunk in range(generator.chunk_count(table)))
    with closing(_ahead(generator, tasks, threads)) as batches:
        yield from batches


def materialize(
    dataset: GeneratedDataset, directory: Path, *, threads: int = 2, progress: Progress | None = None
) -> tuple[GeneratedTable, ...]:
    """Every table as a Parquet file below `directory`, in the order of `dataset.shape`.

    A file that is there and whole is reused. Files are written beside and renamed, so a killed run leaves none that
    is half-written; a second process waits for the first and reuses what it made.

    Raises:
        PrepareError: The disk cannot be written, or is full.
        ConfigError: The declaration turns out to be impossible, such as a reference to an empty group of rows.
    """
    place = directory / f"{dataset.name}-{dataset.fingerprint[:12]}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / ".lock"):
            return _materialize(dataset, place, threads, progress)
    except OSError as error:
        raise PrepareError(f"the generated data cannot be written to {place}: {error}") from error


def read_batches(path: Path, rows: int = READ_ROWS) -> Iterator[pa.RecordBatch]:
    """The rows of a file in order, at most `rows` in one batch."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(rows)


def column_values(dataset: GeneratedDataset, table: str, column: str, limit: int) -> list[Value]:
    """Values that the column really holds, distinct and ascending, at most `limit`, without a database.

    Of a column with more values it is a fixed sample: of up to four chunks that lie evenly over the table.

    Raises:
        ConfigError: No such table or column, or it holds no value at all.
    """
    tables = {each.name: [column.name for column in each.columns] for each in dataset.shape}
    if table not in tables:
        raise ConfigError(f"no table '{table}'; there are {', '.join(tables)}{nearest(table, tables)}", key="table")
    if column not in tables[table]:
        known = tables[table]
        raise ConfigError(
            f"no column '{column}' in {table}; there are {', '.join(known)}{nearest(column, known)}", key="column"
        )
    generator = Generator(dataset)
    count = generator.chunk_count(table)
    chosen = np.unique(np.linspace(0, count - 1, min(count, SAMPLED_CHUNKS)).astype(int)).tolist()
    parts = [generator.chunk(table, chunk, [column]).column(0) for chunk in chosen]
    distinct = pa.chunked_array(parts).unique().drop_null()
    if not len(distinct):
        raise ConfigError(f"{table}.{column} holds no values to draw from", key="column")
    ascending = distinct.take(pc.array_sort_indices(distinct))
    if len(ascending) > limit:
        ascending = ascending.take(pa.array(np.linspace(0, len(ascending) - 1, limit).astype(np.int64)))
    return cast("list[Value]", ascending.to_pylist())


# ---- chunks ahead of their use ----------------------------------------------------------------------------------


def _ahead(generator: Generator, tasks: Iterator[tuple[str, int]], threads: int) -> Steps[pa.RecordBatch, None, None]:
    """The batch of each task, in order; as many as there are threads, and one, are made ahead."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="generate")
    waiting: deque[Future[pa.RecordBatch]] = deque()

    def refill() -> None:
        while len(waiting) <= threads and (task := next(tasks, None)):
            waiting.append(pool.submit(generator.chunk, *task))

    try:
        refill()
        while waiting:
            batch = waiting.popleft().result()
            refill()
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


# ---- files ------------------------------------------------------------------------------------------------------


def _materialize(
    dataset: GeneratedDataset, place: Path, threads: int, progress: Progress | None
) -> tuple[GeneratedTable, ...]:
    for left_over in place.glob("*.part"):
        # We hold the lock, so whoever was writing this is dead.
        left_over.unlink(missing_ok=True)
    found = {table.name: _found(dataset, table, place / f"{table.name}.parquet") for table in dataset.shape}
    missing = [table for table in dataset.shape if found[table.name] is None]
    generator = Generator(dataset)
    tasks = ((table.name, chunk) for table in missing for chunk in range(generator.chunk_count(table.name)))
    with closing(_ahead(generator, tasks, threads)) as batches:
        for table in missing:
            own = islice(batches, generator.chunk_count(table.name))
            counted = _counted(own, table.name, dataset.rows(table.name), progress)
            found[table.name] = _write(dataset, table, place / f"{table.name}.parquet", counted)
    return tuple(table for table in found.values() if table is not None)


def _found(dataset: GeneratedDataset, table: Table, path: Path) -> GeneratedTable | None:
    """The file of a table, if it is there, whole and of these data."""
    start = time.monotonic()
    try:
        with pq.ParquetFile(path) as file:
            rows, notes = file.metadata.num_rows, file.metadata.metadata or {}
        size = path.stat().st_size
    except (OSError, pa.ArrowInvalid):
        return None
    if rows != dataset.rows(table.name) or notes.get(FINGERPRINT_KEY) != dataset.fingerprint.encode():
        return None
    seconds = time.monotonic() - start
    return GeneratedTable(name=table.name, path=path, rows=rows, bytes=size, seconds=seconds, reused=True)


def _write(dataset: GeneratedDataset, table: Table, path: Path, batches: Iterator[pa.RecordBatch]) -> GeneratedTable:
    start = time.monotonic()
    part = path.with_suffix(f".{os.getpid()}.part")
    schema = arrow_schema(table).with_metadata({FINGERPRINT_KEY: dataset.fingerprint.encode()})
    try:
        with pq.ParquetWriter(part, schema, **_encoding(table)) as writer:
            for batch in batches:
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))
        size = part.stat().st_size
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    rows, seconds = dataset.rows(table.name), time.monotonic() - start
    return GeneratedTable(name=table.name, path=path, rows=rows, bytes=size, seconds=seconds, reused=False)


def _counted(
    batches: Iterator[pa.RecordBatch], table: str, rows: int, progress: Progress | None
) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        yield batch
        done += batch.num_rows
        if progress:
            progress(table, done, rows)


def _encoding(table: Table) -> dict[str, object]:
    """How columns are written: numbers as differences, in a third of the time of the default, and smaller."""
    numbers = ("smallint", "integer", "bigint", "decimal", "date", "timestamp")
    return {
        "compression": "zstd",
        "compression_level": 1,
        "store_decimal_as_integer": True,
        "use_dictionary": [column.name for column in table.columns if column.type.name == "text"],
        "column_encoding": {each.name: "DELTA_BINARY_PACKED" for each in table.columns if each.type.name in numbers},
    }
