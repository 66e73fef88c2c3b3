"""The published Arrow schemas of the results: file names, column names, types, and which columns may be null.

Users read these files with tools of their own, so nothing here may be renamed, removed or change its meaning within
one `SCHEMA_VERSION` (see `manifest`); `docs/results.md` says what each column holds.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from bench.errors import ResultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LABEL = pa.dictionary(pa.int32(), pa.string())
_TEXTS = pa.list_(pa.field("item", pa.string(), nullable=False))
_STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p999", "max", "p50_low", "p50_high", "p99_low", "p99_high")


def _needed(**types: pa.DataType) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=False) for name, kind in types.items()]


def _optional(**types: pa.DataType) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=True) for name, kind in types.items()]


def _texts(*names: str) -> list[pa.Field]:
    return _needed(**dict.fromkeys(names, pa.string()))


def _statistics(measure: str) -> list[pa.Field]:
    """Columns of one measured time; the mean is a double, the others are values that were measured."""
    return _optional(**{f"{measure}_{name}_ns": pa.float64() if name == "mean" else pa.int64() for name in _STATISTICS})


SAMPLES = pa.schema(
    [
        *_needed(
            run_id=_LABEL,
            backend=_LABEL,
            dataset=_LABEL,
            workload=_LABEL,
            load=_LABEL,
            operation=_LABEL,
            phase=_LABEL,
            repetition=pa.int32(),
            client=pa.int32(),
            attempt=pa.int32(),
            intended_start_ns=pa.int64(),
            start_ns=pa.int64(),
            end_ns=pa.int64(),
        ),
        *_optional(first_row_ns=pa.int64(), server_ns=pa.int64()),
        *_needed(rows=pa.int64(), status=_LABEL),
        *_optional(error_class=_LABEL, sqlstate=pa.string(), query_id=pa.string()),
    ]
)

INTERVALS = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "load", "operation"),
        *_needed(repetition=pa.int32(), second=pa.int32(), count=pa.int64(), errors=pa.int64()),
        *_optional(**{f"service_time_{name}_ns": pa.int64() for name in ("p50", "p90", "p95", "p99", "max")}),
    ]
)

SUMMARY = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "load", "operation"),
        *_needed(
            repetition=pa.int32(),
            emulated=pa.bool_(),
            count=pa.int64(),
            errors=pa.int64(),
            aborted=pa.int64(),
            late=pa.int64(),
            dropped=pa.int64(),
            throughput_per_s=pa.float64(),
            goodput_per_s=pa.float64(),
        ),
        *_statistics("service_time"),
        *_statistics("response_time"),
        *_needed(rows=pa.int64()),
        *_optional(usd_per_1000_operations=pa.float64(), usd_per_run=pa.float64()),
        *_needed(warnings=_TEXTS),
    ]
)

ANSWERS = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "operation", "digest"),
        *_needed(rows=pa.int64(), ordered=pa.bool_(), first_rows=_TEXTS),
    ]
)

LOAD = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "table"),
        *_needed(rows=pa.int64()),
        *_optional(
            bytes=pa.int64(),
            generate_s=pa.float64(),
            ingest_s=pa.float64(),
            index_s=pa.float64(),
            analyze_s=pa.float64(),
        ),
        *_needed(reused=pa.bool_()),
    ]
)

AUDIT = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "operation"),
        *_needed(statement=pa.int32()),
        *_texts("dialect", "origin", "template", "source", "rendered", "sql", "sqlglot_version", "verdict"),
    ]
)

CELLS = pa.schema([*SUMMARY, *_texts("cell", "status"), *_optional(question_hash=pa.string(), sql_hash=pa.string())])

SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "samples": SAMPLES,
        "intervals": INTERVALS,
        "summary": SUMMARY,
        "answers": ANSWERS,
        "load": LOAD,
        "audit": AUDIT,
        "cells": CELLS,
    }
)


def from_rows(name: str, rows: Iterable[Mapping[str, object]], constants: Mapping[str, object]) -> pa.Table:
    """The published table `name` from one mapping per row; see `conform`."""
    rows = list(rows)
    schema = SCHEMAS[name]
    if not rows:
        return schema.empty_table()
    given = dict.fromkeys(column for row in rows for column in row)
    _refuse_unknown(name, given)
    fields = [pa.field(column, schema.field(column).type) for column in given]
    try:
        table = pa.Table.from_pylist(rows, schema=pa.schema(fields))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ResultError(f"the rows do not fit the published table '{name}': {error}") from error
    return conform(name, table, constants)


def conform(name: str, table: pa.Table, constants: Mapping[str, object]) -> pa.Table:
    """`table` with exactly the columns, order and types of the published table `name`.

    Args:
        name: Key of `SCHEMAS`.
        table: Its columns in any order; one that may be null may be absent.
        constants: Values for columns that the table lacks; those that the published table lacks are passed over.

    Raises:
        ResultError: A column is unknown, missing, null where it may not be, or does not fit its type.
    """
    schema = SCHEMAS[name]
    _refuse_unknown(name, table.column_names)
    columns = [_column(name, field, table, constants) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _refuse_unknown(name: str, columns: Iterable[str]) -> None:
    unknown = [column for column in columns if column not in SCHEMAS[name].names]
    if unknown:
        raise ResultError(f"the published table '{name}' has no column {', '.join(unknown)}")


def _column(name: str, field: pa.Field, table: pa.Table, constants: Mapping[str, object]) -> pa.ChunkedArray | pa.Array:
    if field.name in table.column_names:
        column = table.column(field.name)
    elif field.name in constants:
        column = _repeated(field, constants[field.name], table.num_rows)
    elif field.nullable:
        return pa.nulls(table.num_rows, field.type)
    else:
        raise ResultError(f"the published table '{name}' needs the column '{field.name}', which is missing")
    try:
        column = _as_type(column, field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ResultError(f"the column '{field.name}' of '{name}' must be {field.type}: {error}") from error
    if column.null_count and not field.nullable:
        raise ResultError(f"the column '{field.name}' of '{name}' must not be null, and is in {column.null_count} rows")
    return column


def _repeated(field: pa.Field, value: object, size: int) -> pa.Array:
    if not pa.types.is_dictionary(field.type) or value is None:
        return pa.repeat(pa.scalar(value, None if value is None else field.type), size)
    codes = pa.repeat(pa.scalar(0, pa.int32()), size)
    return pa.DictionaryArray.from_arrays(codes, pa.array([str(value)], pa.string()))


def _as_type(column: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    """The column cast without loss; Arrow itself does not cast between kinds of dictionaries."""
    if column.type == kind:
        return column
    if not pa.types.is_dictionary(kind) or pa.types.is_null(column.type):
        return column.cast(kind)
    if not pa.types.is_dictionary(column.type):
        return column.cast(kind.value_type).dictionary_encode()
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    recoded = [
        pa.DictionaryArray.from_arrays(chunk.indices.cast(kind.index_type), chunk.dictionary.cast(kind.value_type))
        for chunk in chunks
    ]
    return pa.chunked_array(recoded, type=kind)
