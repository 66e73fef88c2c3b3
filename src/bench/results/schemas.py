"""The published Arrow schemas of the results: file names, column names, types, and which columns may be null.

Users read these files with tools of their own, so nothing here may be renamed, removed or change its meaning within
one `SCHEMA_VERSION` (see `manifest`); `docs/results.md` says what each column holds.
"""

from __future__ import annotations

from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from bench.errors import ResultError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROWS_AT_ONCE = 10_000
_LABEL = pa.dictionary(pa.int32(), pa.string())
_INSTANT = pa.timestamp("us", tz="UTC")
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


LAGS = tuple(f"{lag}_{name}_ns" for lag in ("schedule_lag", "harness_lag") for name in ("p50", "p99", "max"))
"""Columns of a summary that only an open loop fills."""

EMULATED = pa.field("emulated", pa.bool_(), nullable=False)
"""Stands in every table: the row came from an emulator, so its times mean nothing."""

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
        *_optional(ready_ns=pa.int64(), first_row_ns=pa.int64(), server_ns=pa.int64()),
        *_needed(rows=pa.int64(), status=_LABEL),
        *_optional(error_class=_LABEL, sqlstate=pa.string(), query_id=pa.string()),
        EMULATED,
    ]
)

INTERVALS = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "load", "operation"),
        *_needed(repetition=pa.int32(), second=pa.int32(), count=pa.int64(), errors=pa.int64()),
        *_optional(**{f"service_time_{name}_ns": pa.int64() for name in ("p50", "p90", "p95", "p99", "max")}),
        EMULATED,
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
        *_optional(**dict.fromkeys(LAGS, pa.int64())),
        *_needed(rows=pa.int64()),
        *_optional(usd_per_1000_operations=pa.float64(), usd_per_run=pa.float64()),
        *_needed(warnings=_TEXTS),
    ]
)

ANSWERS = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "operation", "digest"),
        *_needed(rows=pa.int64(), ordered=pa.bool_(), first_rows=_TEXTS),
        EMULATED,
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
        EMULATED,
    ]
)

AUDIT = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "operation"),
        *_needed(statement=pa.int32()),
        *_texts("dialect", "origin", "template", "source", "rendered", "sql", "sqlglot_version", "verdict"),
        EMULATED,
    ]
)

SERVER = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "load", "operation"),
        *_needed(statement=pa.int32(), repetition=pa.int32(), samples=pa.int64(), samples_failed=pa.int64()),
        *_optional(
            calls=pa.int64(),
            plan_ns=pa.int64(),
            execution_ns=pa.int64(),
            execution_mean_ns=pa.float64(),
            rows=pa.int64(),
            blocks_hit=pa.int64(),
            blocks_read=pa.int64(),
            hit_ratio=pa.float64(),
            blocks_dirtied=pa.int64(),
            blocks_written=pa.int64(),
            temp_blocks=pa.int64(),
            wal_records=pa.int64(),
            wal_bytes=pa.int64(),
        ),
        EMULATED,
    ]
)

QUERIES = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "load", "query_id", "session"),
        *_optional(
            tag=pa.string(),
            operation=pa.string(),
            phase=pa.string(),
            repetition=pa.int32(),
            client=pa.int32(),
            attempt=pa.int32(),
            service_time_ns=pa.int64(),
            started_at=_INSTANT,
            **{f"{name}_ns": pa.int64() for name in ("elapsed", "compilation", "execution", "queued", "blocked")},
            rows=pa.int64(),
            bytes_scanned=pa.int64(),
            partitions_scanned=pa.int64(),
            partitions_total=pa.int64(),
            bytes_spilled=pa.int64(),
            credits_cloud_services=pa.float64(),
            warehouse_size=pa.string(),
            status=pa.string(),
        ),
        EMULATED,
    ]
)

WAITS = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "load", "wait_event"),
        *_needed(repetition=pa.int32(), samples=pa.int64(), share_ratio=pa.float64()),
        EMULATED,
    ]
)

AGGREGATES = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "load"),
        *_needed(started_at=_INSTANT, ended_at=_INSTANT, statement_hash=pa.string(), calls=pa.int64()),
        *_optional(
            sql=pa.string(),
            tag=pa.string(),
            errors=pa.int64(),
            elapsed_mean_ns=pa.float64(),
            **{f"elapsed_{name}_ns": pa.int64() for name in ("p50", "p90", "p99", "p999", "max")},
            **{f"{name}_mean_ns": pa.float64() for name in ("compilation", "execution", "queued")},
            rows=pa.int64(),
            bytes_scanned=pa.int64(),
            throttled=pa.int64(),
            warehouse_size=pa.string(),
        ),
        EMULATED,
    ]
)

METERING = pa.schema(
    [
        *_texts("run_id", "backend", "dataset", "workload", "load", "kind"),
        *_needed(started_at=_INSTANT, ended_at=_INSTANT),
        *_optional(
            name=pa.string(), credits=pa.float64(), credits_compute=pa.float64(), credits_cloud_services=pa.float64()
        ),
        EMULATED,
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
        "server": SERVER,
        "queries": QUERIES,
        "waits": WAITS,
        "aggregates": AGGREGATES,
        "metering": METERING,
        "cells": CELLS,
    }
)

ADDED: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        **{name: MappingProxyType({"emulated": False}) for name in ("intervals", "answers", "load", "audit")},
        "samples": MappingProxyType({"emulated": False, "ready_ns": None}),
        **{name: MappingProxyType({"usd_per_run": None, **dict.fromkeys(LAGS)}) for name in ("summary", "cells")},
    }
)
"""By table, the columns that joined it after the first files of this schema version were written, each with what it
means that a file lacks it. Whoever adds a column to a published table adds it here too."""


def demand_published(name: str, columns: Sequence[str] | None) -> None:
    """Refuse a table or a column that is not published.

    Raises:
        ResultError: The text names those that are, next to what was asked for.
    """
    if name not in SCHEMAS:
        raise ResultError(f"there is no table '{name}'; there are {', '.join(SCHEMAS)}{nearest(name, SCHEMAS)}")
    for column in columns or ():
        if column not in SCHEMAS[name].names:
            raise ResultError(f"the table '{name}' has no column '{column}'{nearest(column, SCHEMAS[name].names)}")


def from_rows(name: str, rows: Iterable[Mapping[str, object]], constants: Mapping[str, object]) -> pa.Table:
    """The published table `name` from one mapping per row, of which few are held at once; see `conform`."""
    left = iter(rows)
    tables = [SCHEMAS[name].empty_table()]
    while some := list(islice(left, ROWS_AT_ONCE)):
        tables.append(conform(name, _of_rows(name, some), constants))
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _of_rows(name: str, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    given = dict.fromkeys(column for row in rows for column in row)
    _refuse_unknown(name, given)
    fields = [pa.field(column, SCHEMAS[name].field(column).type) for column in given]
    try:
        return pa.Table.from_pylist(list(rows), schema=pa.schema(fields))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ResultError(f"the rows do not fit the published table '{name}': {error}") from error


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
