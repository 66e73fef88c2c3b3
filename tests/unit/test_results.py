import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from at_once import distribution, per_second, summarize

from bench.errors import ResultError
from bench.results import RunWriter, fail_run, new_run_id, open_run
from bench.results.manifest import FILE_NAME, SCHEMA_VERSION, RunKey, RunStatus, Stage, read_manifest
from bench.results.schemas import SCHEMAS
from bench.results.summary import SAMPLE_COLUMNS, attempts, interval_rows, summary_rows
from bench.stats import STATUSES, Arriving

KEY = RunKey(run_id="r1", backend="duckdb", dataset="tiny", workload="points", load="closed")
LOADED = {"table": "orders", "rows": 5, "reused": False}


def samples(size=1_000, *, start_ns=10**15, clients=2):
    """What a run records: per client one operation after the other."""
    rng = np.random.default_rng(3)
    took = rng.lognormal(12, 0.5, size).astype(np.int64)
    end = start_ns + np.cumsum(took)
    return pa.table(
        {
            "operation": pa.array(rng.choice(["read", "write"], size)).dictionary_encode(),
            "client": np.repeat(np.arange(clients), size // clients),
            "attempt": np.zeros(size, dtype=np.int64),
            "intended_start_ns": end - took,
            "start_ns": end - took + 200,
            "end_ns": end,
            "rows": np.ones(size, dtype=np.int64),
            "status": pa.array(["ok"] * size).dictionary_encode(),
        }
    )


@pytest.fixture
def writer(tmp_path):
    return RunWriter(tmp_path / "run", KEY)


def add(writer, **options):
    return writer.add_samples(samples(**options), phase="measurement", repetition=0)


# ---- manifest -------------------------------------------------------------------------------------------------------


def test_a_manifest_is_there_from_the_start_and_says_how_far_the_run_came(writer):
    assert read_manifest(writer.directory)["status"] == "running"
    for stage in Stage:
        writer.enter(stage)
        assert read_manifest(writer.directory)["stage"] == stage
    writer.finish(RunStatus.DONE)
    content = read_manifest(writer.directory)
    assert (content["status"], content["stage"], content["schema_version"]) == ("done", "summary", SCHEMA_VERSION)
    assert content["times"]["started_at"] <= content["times"]["finished_at"]
    assert content["times"]["started_at"].endswith("+00:00")
    assert {name: content[name] for name in ("run_id", "backend", "dataset", "workload", "load")} == KEY.columns()


def test_the_anchor_turns_times_of_samples_into_wall_clock(writer):
    import time

    anchor = read_manifest(writer.directory)["times"]["anchor"]
    wall_ns = anchor["wall_ns"] + time.monotonic_ns() - anchor["monotonic_ns"]
    assert abs(wall_ns - time.time_ns()) < 50_000_000


def test_the_manifest_takes_whatever_a_run_knows(writer):
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Capabilities:
        dialect: str
        levels: tuple[str, ...]

    writer.update(
        question_hash="q",
        capabilities=Capabilities(dialect="duckdb", levels=("serializable",)),
        config=MappingProxyType({"load": MappingProxyType({"clients": np.int64(4)})}),
        host={"cores": {2}, "since": date(2026, 11, 22), "load": float("nan"), "home": Path("x")},
    )
    content = read_manifest(writer.directory)
    assert content["question_hash"] == "q"
    assert content["capabilities"] == {"dialect": "duckdb", "levels": ["serializable"]}
    assert content["config"] == {"load": {"clients": 4}}
    assert content["host"] == {"cores": [2], "since": "2026-11-22", "load": None, "home": "x"}


def test_the_manifest_holds_no_secret(writer):
    writer.update(config={"backend": {"dsn": "postgresql://bench:hunter2@db/x", "password": "hunter2"}})
    writer.warn("password=hunter2 is in the configuration")
    writer.fail("cannot connect to postgresql://bench:hunter2@db/x")
    written = (writer.directory / FILE_NAME).read_text()
    assert "hunter2" not in written
    assert "bench:***@db/x" in written


def test_what_the_writer_itself_writes_cannot_be_updated(writer):
    with pytest.raises(ResultError, match="status, run_id in the manifest cannot be set"):
        writer.update(status="done", run_id="other")


def test_warnings_stand_there_once(writer):
    writer.warn("cold cache")
    writer.warn("cold cache")
    assert read_manifest(writer.directory)["warnings"] == ["cold cache"]


@pytest.mark.parametrize(
    ("error", "status", "texts"),
    [
        (None, "done", []),
        (ValueError("no such table"), "failed", ["no such table"]),
        (KeyboardInterrupt(), "interrupted", []),
    ],
)
def test_the_context_notes_how_the_run_ended(writer, error, status, texts):
    def body():
        with writer:
            if error:
                raise error

    if error:
        with pytest.raises(type(error)):
            body()
    else:
        body()
    content = read_manifest(writer.directory)
    assert (content["status"], content["errors"]) == (status, texts)


def test_a_run_with_an_error_is_failed_even_if_it_came_to_its_end(writer):
    with writer:
        writer.fail("operation 'read' was never measured")
    assert open_run(writer.directory).status is RunStatus.FAILED


def test_a_run_that_was_done_can_fail_afterwards(writer):
    writer.finish(RunStatus.DONE)
    fail_run(writer.directory, "answers differ from those of postgres")
    run = open_run(writer.directory)
    assert (run.status, run.manifest["errors"]) == (RunStatus.FAILED, ["answers differ from those of postgres"])


def test_results_are_not_overwritten(writer):
    with pytest.raises(ResultError, match="holds the results of a run already"):
        RunWriter(writer.directory, KEY)
    writer.finish(RunStatus.DONE)
    with pytest.raises(ResultError, match="a run that is done; they are not overwritten"):
        RunWriter(writer.directory, KEY, replace=True)


def test_an_unfinished_run_can_be_replaced_and_leaves_nothing(writer):
    add(writer)
    writer.write_rows("load", [LOADED])
    writer.write_sql("read", "SELECT 1")
    (writer.directory / "notes.txt").write_text("mine")
    again = RunWriter(writer.directory, KEY, replace=True)
    assert {path.name for path in again.directory.rglob("*")} == {FILE_NAME, "notes.txt"}


def test_a_run_with_a_broken_manifest_can_be_replaced(writer):
    (writer.directory / FILE_NAME).write_text("{")
    RunWriter(writer.directory, KEY, replace=True)
    assert open_run(writer.directory).in_progress


def test_run_ids_differ_and_sort_by_time():
    assert len({new_run_id() for _ in range(100)}) == 100
    assert new_run_id()[:8].isdigit()


# ---- tables ---------------------------------------------------------------------------------------------------------


def test_tables_come_back_as_they_were_written(writer):
    writer.write_rows("load", [LOADED | {"bytes": 7, "ingest_s": 0.5}])
    writer.write_rows(
        "answers", [{"operation": "read", "digest": "ab", "rows": 1, "ordered": True, "first_rows": ["[1]"]}]
    )
    run = open_run(writer.directory)
    assert run.has("load")
    assert not run.has("summary")
    assert run.table("load").schema.equals(SCHEMAS["load"])
    assert run.table("load").to_pylist()[0]["ingest_s"] == 0.5
    assert run.table("answers").column("first_rows").to_pylist() == [["[1]"]]


def test_samples_come_in_parts_and_are_read_as_one(writer):
    add(writer, size=1_000)
    add(writer, size=500)
    run = open_run(writer.directory)
    assert [part.name for part in run.parts()] == ["part-00000.parquet", "part-00001.parquet"]
    whole = run.samples()
    assert whole.num_rows == 1_500
    assert whole.schema.equals(SCHEMAS["samples"])
    assert whole.slice(0, 1_000).column("end_ns").to_pylist() == samples().column("end_ns").to_pylist()
    assert run.samples(["client", "rows"]).column_names == ["client", "rows"]
    assert run.table("samples").num_rows == 1_500


def test_no_samples_are_an_empty_table(writer):
    run = open_run(writer.directory)
    assert (run.has("samples"), run.samples().num_rows, run.samples(["rows"]).column_names) == (False, 0, ["rows"])


def test_a_sample_takes_few_bytes(writer):
    size = 200_000
    path = add(writer, size=size, clients=8)
    assert path.stat().st_size / size < 10, "about 8.5 bytes, of which the noise of the times takes most"


def test_other_tools_read_the_files_alone(writer):
    add(writer)
    writer.write_rows("load", [LOADED])
    found = duckdb.sql(
        "SELECT backend, phase, count(*), count(error_class) "
        f"FROM '{writer.directory}/**/samples/*.parquet' GROUP BY ALL"
    ).fetchall()
    assert found == [("duckdb", "measurement", 1_000, 0)]
    assert duckdb.sql(f"SELECT \"table\", reused FROM '{writer.directory}/load.parquet'").fetchall() == [
        ("orders", False)
    ]


def test_sql_is_kept_as_it_stands(writer):
    text = "SELECT 'password=hunter2', 5 % 2\n"
    assert writer.write_sql("read", text).read_text() == text


def test_from_samples_to_summary(writer):
    add(writer)
    run = open_run(writer.directory)
    names = ["write", "read", "never"]
    data = attempts(run.samples(SAMPLE_COLUMNS), names)
    start_ns, end_ns = int(data.intended_start_ns.min()), int(data.end_ns.max())
    found = summarize(data, names, start_ns=start_ns, end_ns=end_ns)
    writer.write_rows("summary", summary_rows(found, repetition=0))
    writer.write_rows("intervals", interval_rows(per_second(data, names, start_ns=start_ns), repetition=0))
    counted = dict(duckdb.sql(f"SELECT operation, count(*) FROM '{run.parts()[0]}' GROUP BY ALL").fetchall())
    rows = run.table("summary").to_pylist()
    assert [(row["operation"], row["count"]) for row in rows] == [
        ("write", counted["write"]), ("read", counted["read"]), ("never", 0)
    ]  # fmt: skip
    ok_ns = (data.end_ns - data.start_ns)[data.operation == 1]
    assert rows[1]["service_time_p50_ns"] == distribution(ok_ns).p50_ns
    assert rows[1]["response_time_max_ns"] is None
    assert rows[1]["usd_per_1000_operations"] is None
    assert rows[2]["warnings"] == ["nothing_measured"]
    assert sum(run.table("intervals").column("count").to_pylist()) == 1_000


def test_costs_of_the_operations_add_up_to_the_cost_of_the_system(writer):
    from bench.price import HourlyPrice, Usage

    table = samples()
    data = attempts(table, ["read", "write"])
    start_ns, end_ns = int(data.intended_start_ns.min()), int(data.end_ns.max())
    found = summarize(data, ["read", "write"], start_ns=start_ns, end_ns=end_ns, arriving=Arriving(late_ns=10**7))
    cost = HourlyPrice(name="mine", usd_per_hour=3.6).cost(Usage(data_s=50, run_s=20))
    rows = summary_rows(found, repetition=0, cost=cost)
    spent_per_s = sum(row["usd_per_1000_operations"] / 1_000 * row["goodput_per_s"] for row in rows)
    assert spent_per_s == pytest.approx(0.001)
    assert sum(row["usd_per_run"] for row in rows) == pytest.approx(0.02)
    assert rows[0]["response_time_p50_ns"] == rows[0]["service_time_p50_ns"] + 200


def test_what_comes_from_an_emulator_says_so_everywhere(tmp_path):
    writer = RunWriter(tmp_path / "run", KEY, emulated=True)
    add(writer)
    writer.write_rows("load", [{"table": "orders", "rows": 5, "reused": False}])
    writer.write_plans("read", [{"statement": 0, "plan": {}}])
    run = open_run(writer.directory)
    assert set(run.samples().column("emulated").to_pylist()) == {True}
    assert run.table("load").column("emulated").to_pylist() == [True]
    assert json.loads((writer.directory / "plans" / "read.json").read_text()) == [
        {"run_id": KEY.run_id, "emulated": True, "operation": "read", "statement": 0, "plan": {}}
    ]
    assert run.manifest["emulated"] is True
    with pytest.raises(ResultError, match="emulated in the manifest cannot be set"):
        writer.update(emulated=False)


def test_unknown_operations_in_samples_are_named():
    with pytest.raises(ResultError, match="unknown operation write; known are read"):
        attempts(samples(), ["read"])


def test_status_codes_are_those_of_stats():
    table = samples(size=4).set_column(7, "status", pa.array([str(status) for status in STATUSES]))
    assert attempts(table, ["read", "write"]).status.tolist() == [0, 1, 2, 3]
