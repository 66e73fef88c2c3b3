import pyarrow as pa
import pytest

from bench.errors import ResultError
from bench.results.schemas import SCHEMAS, conform, from_rows

LABEL = "dictionary<values=string, indices=int32, ordered=0>"
TEXTS = "list<item: string not null>"
STATISTICS = """
    {0}_mean_ns double?, {0}_p50_ns int64?, {0}_p90_ns int64?, {0}_p95_ns int64?, {0}_p99_ns int64?, {0}_p999_ns int64?,
    {0}_max_ns int64?, {0}_p50_low_ns int64?, {0}_p50_high_ns int64?, {0}_p99_low_ns int64?, {0}_p99_high_ns int64?,
"""
SUMMARY = (
    """run_id string, backend string, dataset string, workload string, load string, operation string, repetition int32,
    emulated bool, count int64, errors int64, aborted int64, late int64, dropped int64, throughput_per_s double,
    goodput_per_s double,"""
    + STATISTICS.format("service_time")
    + STATISTICS.format("response_time")
    + """schedule_lag_p50_ns int64?, schedule_lag_p99_ns int64?, schedule_lag_max_ns int64?, harness_lag_p50_ns int64?,
    harness_lag_p99_ns int64?, harness_lag_max_ns int64?,"""
    + "rows int64, usd_per_1000_operations double?, usd_per_run double?, warnings texts"
)

# Version 1 as it was published. A change here breaks what users have written: it needs a new schema version, a reader
# for the old one and an entry in the change log.
PUBLISHED = {
    "samples": """run_id label, backend label, dataset label, workload label, load label, operation label, phase label,
        repetition int32, client int32, attempt int32, intended_start_ns int64, start_ns int64, end_ns int64,
        ready_ns int64?, first_row_ns int64?, server_ns int64?, rows int64, status label, error_class label?,
        sqlstate string?, query_id string?, emulated bool""",
    "intervals": """run_id string, backend string, dataset string, workload string, load string, operation string,
        repetition int32, second int32, count int64, errors int64, service_time_p50_ns int64?,
        service_time_p90_ns int64?, service_time_p95_ns int64?, service_time_p99_ns int64?,
        service_time_max_ns int64?, emulated bool""",
    "summary": SUMMARY,
    "answers": """run_id string, backend string, dataset string, workload string, operation string, digest string,
        rows int64, ordered bool, first_rows texts, emulated bool""",
    "load": """run_id string, backend string, dataset string, table string, rows int64, bytes int64?,
        generate_s double?, ingest_s double?, index_s double?, analyze_s double?, reused bool,
        emulated bool""",
    "audit": """run_id string, backend string, dataset string, workload string, operation string, statement int32,
        dialect string, origin string, template string, source string, rendered string, sql string,
        sqlglot_version string, verdict string, emulated bool""",
    "server": """run_id string, backend string, dataset string, workload string, load string, operation string,
        statement int32, repetition int32, samples int64, samples_failed int64, calls int64?, plan_ns int64?,
        execution_ns int64?, execution_mean_ns double?, rows int64?, blocks_hit int64?, blocks_read int64?,
        hit_ratio double?, blocks_dirtied int64?, blocks_written int64?, temp_blocks int64?, wal_records int64?,
        wal_bytes int64?, emulated bool""",
    "queries": """run_id string, backend string, dataset string, workload string, load string, query_id string,
        session string, tag string?, operation string?, phase string?, repetition int32?, client int32?,
        attempt int32?, service_time_ns int64?, started_at instant?, elapsed_ns int64?, compilation_ns int64?,
        execution_ns int64?, queued_ns int64?, blocked_ns int64?, rows int64?, bytes_scanned int64?,
        partitions_scanned int64?, partitions_total int64?, bytes_spilled int64?, credits_cloud_services double?,
        warehouse_size string?, status string?, emulated bool""",
    "waits": """run_id string, backend string, dataset string, workload string, load string, wait_event string,
        repetition int32, samples int64, share_ratio double, emulated bool""",
    "aggregates": """run_id string, backend string, dataset string, workload string, load string, started_at instant,
        ended_at instant, statement_hash string, calls int64, sql string?, tag string?, errors int64?,
        elapsed_mean_ns double?, elapsed_p50_ns int64?, elapsed_p90_ns int64?, elapsed_p99_ns int64?,
        elapsed_p999_ns int64?, elapsed_max_ns int64?, compilation_mean_ns double?, execution_mean_ns double?,
        queued_mean_ns double?, rows int64?, bytes_scanned int64?, throttled int64?, warehouse_size string?,
        emulated bool""",
    "metering": """run_id string, backend string, dataset string, workload string, load string, kind string,
        started_at instant, ended_at instant, name string?, credits double?, credits_compute double?,
        credits_cloud_services double?, emulated bool""",
    "cells": SUMMARY + ", cell string, status string, question_hash string?, sql_hash string?",
}


def described(schema):
    kinds = {LABEL: "label", TEXTS: "texts", "timestamp[us, tz=UTC]": "instant"}
    return [
        f"{field.name} {kinds.get(str(field.type), str(field.type))}{'?' if field.nullable else ''}" for field in schema
    ]


def test_the_published_tables_are_these():
    assert list(SCHEMAS) == list(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_order_types_and_nulls_are_as_published(name):
    assert described(SCHEMAS[name]) == [" ".join(column.split()) for column in PUBLISHED[name].split(",")]


def test_every_table_says_of_every_row_whether_it_was_emulated():
    for name, schema in SCHEMAS.items():
        field = schema.field("emulated")
        assert (field.type, field.nullable) == (pa.bool_(), False), name


KEY = {"run_id": "r", "backend": "b", "dataset": "d", "workload": "w", "load": "l", "emulated": False}
LOADED = {"table": "orders", "rows": 5, "reused": False}


def test_columns_are_ordered_filled_and_cast():
    given = pa.table({"rows": pa.array([5], pa.int32()), "table": ["orders"], "reused": [True]})
    table = conform("load", given, KEY)
    assert table.schema.equals(SCHEMAS["load"])
    assert table.to_pylist() == [
        {"run_id": "r", "backend": "b", "dataset": "d", "table": "orders", "rows": 5, "bytes": None, "generate_s": None,
         "ingest_s": None, "index_s": None, "analyze_s": None, "reused": True, "emulated": False}
    ]  # fmt: skip


def test_a_column_of_the_table_wins_over_a_constant():
    assert from_rows("load", [LOADED | {"backend": "mine"}], KEY).column("backend").to_pylist() == ["mine"]


def test_no_rows_make_an_empty_table():
    table = from_rows("load", [], KEY | LOADED)
    assert (table.num_rows, table.schema.equals(SCHEMAS["load"])) == (0, True)


@pytest.mark.parametrize(
    "column",
    [
        pa.chunked_array([["ok"], ["error"]]),
        pa.chunked_array([pa.array(["ok"]).dictionary_encode(), pa.array(["error"]).dictionary_encode()]),
        pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), ["ok", "error"]),
        pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["ok", "error"], pa.large_string())),
    ],
)
def test_labels_may_come_in_any_form(column):
    times = {name: [1, 2] for name in ("intended_start_ns", "start_ns", "end_ns", "rows")}
    given = pa.table({**times, "status": column, "error_class": pa.nulls(2)})
    constants = KEY | {"operation": "read", "phase": "measurement", "repetition": 0, "client": 0, "attempt": 0}
    table = conform("samples", given, constants)
    assert table.schema.equals(SCHEMAS["samples"])
    assert table.column("status").to_pylist() == ["ok", "error"]
    assert table.column("operation").to_pylist() == ["read", "read"]
    assert table.column("error_class").null_count == 2


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (LOADED | {"colour": 1}, "'load' has no column colour"),
        ({"table": "orders", "rows": 5}, "'load' needs the column 'reused'"),
        (LOADED | {"rows": None}, "'rows' of 'load' must not be null, and is in 1 rows"),
        (LOADED | {"rows": "many"}, "the rows do not fit the published table 'load'"),
    ],
)
def test_what_does_not_fit_is_refused(row, sentence):
    with pytest.raises(ResultError, match=sentence):
        from_rows("load", [row], KEY)


def test_a_cast_that_would_lose_something_is_refused():
    given = pa.table({"rows": [2.5], "table": ["orders"], "reused": [True]})
    with pytest.raises(ResultError, match="'rows' of 'load' must be int64"):
        conform("load", given, KEY)
