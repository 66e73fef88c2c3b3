"""The workloads that come with the tool give the same answers through the real driver as DuckDB gives itself."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import test_workloads_render as workloads

from bench.answers import answer
from bench.backends import ddl
from bench.generate import stream

TYPES = {"double": "FLOAT", "timestamp": "TIMESTAMP_NTZ"}
duck = workloads.duck


@pytest.fixture(scope="module")
def loaded(emulator, tmp_path_factory):
    """The tables of `duck`, brought in as a user's data would be: Parquet, PUT, COPY."""
    import snowflake.connector

    directory = tmp_path_factory.mktemp("parquet")
    data = replace(workloads.COMMERCE, scale=0.02)
    with snowflake.connector.connect(
        host="127.0.0.1", port=emulator.port, protocol="http", account="e", user="u", password="p", paramstyle="qmark",
        database="bench", warehouse="compute_wh", arrow_number_to_decimal=True, platform_detection_timeout_seconds=0.0,
    ) as connection:  # fmt: skip
        ask = connection.cursor().execute
        ask("create database joins_and_points")  # others have a schema of this name in theirs
        ask("create schema commerce")
        ask("create temporary stage load")
        for table in data.shape:
            ask(ddl.create_table(table, workloads.SCHEMA, TYPES))
            rows = 0
            for number, batch in enumerate(stream(data, table.name)):
                with pq.ParquetWriter(directory / f"{table.name}_{number}.parquet", batch.schema) as writer:
                    writer.write_batch(batch)
                rows += batch.num_rows
            ask(f"put 'file://{directory}/{table.name}_*.parquet' @load/{table.name} parallel=4 auto_compress=false")
            loads = ask(
                f"copy into commerce.{table.name} from @load/{table.name}/ "
                "file_format=(type=parquet use_logical_type=true) match_by_column_name=case_insensitive"
            ).fetchall()
            assert sum(load[3] for load in loads) == rows
            ask(ddl.add_primary_key(table, workloads.SCHEMA))
        yield connection


@pytest.mark.parametrize("key", workloads.OPERATIONS)
def test_the_answer_is_the_same(duck, loaded, key):
    operation = workloads.OPERATIONS[key]
    rendered, _ = workloads.RENDERERS["snowflake"].render_operation(operation)
    params = workloads.values_of(duck, operation)
    results = []
    for statement in rendered.statements:
        cursor = loaded.cursor().execute(statement.sql, [params[name] for name in statement.parameters])
        rows = cursor.fetchall()
        results.append((statement, rows if statement.returns_rows else range(cursor.rowcount)))
    assert answer(operation.name, results) == workloads.asked_of_duck(duck, "duckdb", key)


@pytest.mark.parametrize("key", workloads.OPERATIONS)
def test_every_text_can_be_explained(duck, loaded, key):
    rendered, _ = workloads.RENDERERS["snowflake"].render_operation(workloads.OPERATIONS[key])
    for statement in rendered.statements:
        assert loaded.cursor().execute(f"explain using text {statement.sql}").fetchall()[0][0].startswith("GlobalStats")
