"""Results that an older version wrote within the same schema version are read as if they were new."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.report import render
from bench.results import open_results, open_run, open_sweep, read_cells, survey
from bench.results.run import read_table
from bench.results.schemas import ADDED, SCHEMAS
from bench.views import asked

SWEEP = Path(__file__).parents[1] / "data" / "results_before_emulated"
CELL = SWEEP / "0_duckdb_tiny_points_closed"


def test_the_files_are_really_older():
    for name in ADDED:
        folder = SWEEP if name == "cells" else CELL
        path = folder / ("samples/part-00000.parquet" if name == "samples" else f"{name}.parquet")
        assert not set(ADDED[name]) & set(pq.read_schema(path).names)


@pytest.mark.parametrize("name", ["samples", "intervals", "summary", "answers", "load", "audit"])
def test_each_table_has_all_columns_of_today(name):
    table = open_run(CELL).table(name)
    assert table.num_rows
    assert table.schema.equals(SCHEMAS[name])
    assert set(table.column("emulated").to_pylist()) == {False}


def test_some_columns_of_the_samples_are_read_in_the_order_in_which_they_were_asked_for():
    table = open_run(CELL).samples(["emulated", "operation"])
    assert table.column_names == ["emulated", "operation"]
    assert table.num_rows == 633


def test_the_sweep_is_read_and_reported():
    assert read_cells(SWEEP).num_rows == 2
    assert open_sweep(SWEEP).summaries().num_rows == 2
    assert "(emulated)" not in render(open_results(SWEEP))
    assert "read_by_key" in render(open_run(CELL))
    assert "read_by_key" in render(open_run(CELL), "json")


def test_what_means_nothing_when_it_is_absent_is_null(tmp_path, monkeypatch):
    """As the next column that joins a table is going to be declared."""
    path = tmp_path / "load.parquet"
    pq.write_table(pq.read_table(CELL / "load.parquet").drop_columns(["bytes"]), path)
    monkeypatch.setattr("bench.results.run.ADDED", {"load": {"bytes": None, "emulated": False}})
    table = read_table(path, "load")
    assert table.schema.equals(SCHEMAS["load"])
    assert table.column("bytes").null_count == table.num_rows


def test_each_declared_column_is_published_and_fits():
    for name, columns in ADDED.items():
        for column, value in columns.items():
            field = SCHEMAS[name].field(column)
            assert field.nullable or value is not None
            pa.scalar(value, field.type)


OPEN_LOOP = SWEEP.parent / "results_before_repetitions"


def test_an_open_loop_of_before_repetitions_is_read_and_reported():
    (run,) = open_sweep(OPEN_LOOP).runs.values()
    for name in ("samples", "intervals", "summary", "answers", "load", "audit"):
        assert run.table(name).schema.equals(SCHEMAS[name])
        assert run.table(name).num_rows
    assert run.samples(["ready_ns"]).column("ready_ns").null_count == 0
    text = render(open_results(OPEN_LOOP))
    assert "Times are response times" in text
    assert "take_payment" in text
    assert "Arrivals: " in render(run)


def test_results_of_all_ages_are_asked_together():
    with asked(
        "select run_id, count(*) as n from summary group by all order by n", survey([SWEEP, OPEN_LOOP])
    ) as answer:
        assert answer.table().column("n").to_pylist() == [2, 6]
