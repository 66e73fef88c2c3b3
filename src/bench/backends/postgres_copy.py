"""Arrow into PostgreSQL: binary `COPY`, encoded in one thread while the other sends."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Literal, TypeAlias

import pgpq
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from bench.errors import BackendError

if TYPE_CHECKING:
    from bench.backends.postgres_session import Connection

Format: TypeAlias = Literal["binary", "csv"]

ROWS_AT_ONCE = 8_192
"""Rows encoded into one block, which is still in the cache when it is sent; two are in memory for each ingest."""

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "text": pa.large_string(),
    "varchar": pa.large_string(),
}
"""The Arrow type whose encoding PostgreSQL's type reads. Text is large, since 2 GiB of it may stand in one batch."""

ENCODED_AS: Mapping[str, tuple[str, ...]] = {
    "Bool": ("bool",),
    "Int2": ("int2",),
    "Int4": ("int4",),
    "Int8": ("int8",),
    "Float4": ("float4",),
    "Float8": ("float8",),
    "Numeric": ("numeric",),
    "Date": ("date",),
    "Timestamp": ("timestamp",),
    "Text": ("text", "varchar"),
}
"""PostgreSQL's types that read what the encoder makes, by the encoder's own name of it."""


def copy_batches(
    connection: Connection, table: str, batches: Iterator[pa.RecordBatch], *, form: Format | None = None
) -> int:
    """Append all batches to a table in one transaction; gives the number of rows.

    Args:
        connection: Not shared with anybody for as long as this lasts.
        table: Qualified name of the table. Its columns are found by the names of the batches' columns.
        batches: All of one schema.
        form: Binary, as far as the types allow, unless it is said here.

    Raises:
        BackendError: The table lacks a column, or a value does not fit its column's type.
    """
    first = next(batches, None)
    if first is None:
        return 0
    types = _column_types(connection, table, first.schema.names)
    schema = pa.schema([_wanted(field, kind) for field, kind in zip(first.schema, types, strict=True)])
    binary = form != "csv" and can_encode(schema, types)
    encode = _binary if binary else _csv
    blocks = encode(_slices(chain([first], batches), schema), schema)
    target = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(
        sql.SQL(table),
        sql.SQL(", ").join(sql.SQL(name) for name in first.schema.names),
        sql.SQL("binary" if binary else "csv"),
    )
    with connection.cursor() as cursor:
        with cursor.copy(target) as copy:
            for block in _ahead(blocks):
                copy.write(block)
        return cursor.rowcount


def can_encode(schema: pa.Schema, types: Sequence[str]) -> bool:
    """Whether the binary encoder knows every Arrow type, and makes of it what each of the table's columns reads."""
    try:
        made = pgpq.ArrowToPostgresBinaryEncoder(schema).schema().columns
    except ValueError:
        return False
    return all(
        kind in ENCODED_AS.get(type(column.data_type).__name__, ()) for column, kind in zip(made, types, strict=True)
    )


def _column_types(connection: Connection, table: str, names: Sequence[str]) -> list[str]:
    """The internal name of each column's type, in the order of `names`; a domain's is that of its base."""
    rows = connection.execute(
        "SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
        "WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped",
        [table],
    ).fetchall()
    known = {str(name): str(kind) for name, kind in rows}
    missing = [name for name in names if name.lower() not in known]
    if missing:
        raise BackendError(f"{table} has no column {', '.join(missing)}; it has {', '.join(known)}")
    return [known[name.lower()] for name in names]


def _wanted(field: pa.Field, kind: str) -> pa.Field:
    """The Arrow type in which a column is encoded: what PostgreSQL's reads, or else what there is, decoded."""
    found = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return pa.field(field.name, ARROW_TYPES.get(kind, found), nullable=True)


def _slices(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same rows in the wanted types, in pieces small enough that encoding and sending overlap."""
    for batch in batches:
        try:
            fitting = batch.cast(schema)
        except pa.ArrowException as error:
            raise BackendError(f"a value does not fit its column: {error}") from error
        for start in range(0, fitting.num_rows, ROWS_AT_ONCE):
            yield fitting.slice(start, ROWS_AT_ONCE)


def _binary(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[bytes]:
    encoder = pgpq.ArrowToPostgresBinaryEncoder(schema)
    yield encoder.write_header()
    for batch in batches:
        yield encoder.write_batch(batch)
    yield encoder.finish()


def _csv(batches: Iterator[pa.RecordBatch], _: pa.Schema) -> Iterator[bytes]:
    # NULL is written as nothing and an empty text as "", which is how PostgreSQL tells them apart.
    options = pa.csv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in batches:
        sink = io.BytesIO()
        pa.csv.write_csv(batch, sink, options)
        yield sink.getvalue()


def _ahead(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks, the next of which is made in another thread while this one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="encode") as pool:
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield block
