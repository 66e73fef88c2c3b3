"""Generated data into the database: DDL, ingest, keys and indexes, statistics."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bench import generate
from bench.dataset import GeneratedDataset
from bench.errors import PrepareError
from bench.model import Table
from bench.prepare.state import TableLoad

if TYPE_CHECKING:
    import pyarrow as pa

    from bench.prepare.state import Preparation

T = TypeVar("T")

GENERATOR_THREADS = 2
_COMMENT = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)
_TABLE = re.compile(r"CREATE\s+(?:\w+\s+){0,4}?TABLE\b", re.IGNORECASE)
_LATER = re.compile(r"ALTER\s+TABLE\b|CREATE\s+(?:UNIQUE\s+)?INDEX\b", re.IGNORECASE)


def load(preparation: Preparation, dataset: GeneratedDataset) -> list[TableLoad]:
    """Generate what is not there as files, make the tables, fill them, and make their keys and indexes.

    Raises:
        PrepareError: Rows were lost on the way.
    """
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
            preparation.database.give_up_ingest()
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
