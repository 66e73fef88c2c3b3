"""Open loops and searches by the real command, on a real PostgreSQL and on an engine of known speed."""

import json
import os
import signal
import time

import duckdb
import pytest
from command import bench, called, only_run, start

from bench.results import open_run

# Four clients that wait 5 ms for each answer get at most 800 answers per second.
SEARCH = (
    "backend=null", "backend.delay_s=0.005", "workload=points", "load=find_max", "load.clients=4", "load.processes=1",
    "load.objective.p99_ms=150", "load.objective.error_ratio=0.02", "load.from_rate_per_s=200", "load.max_lag_s=0.5",
    "load.precision_ratio=1", "load.warm_up_s=0.2", "load.duration_s=1",
)  # fmt: skip


@pytest.mark.alone  # beside other tests a core may not be free when an arrival is due
def test_a_real_server_gets_the_rate_that_is_asked(home, tmp_path):
    words = ("workload=points", "load=open", "load.rate_per_s=200", "load.duration_s=6", "load.warm_up_s=1")
    done = bench(*words, "load.arrival_process=uniform", "load.processes=2", home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = open_run(only_run(tmp_path))
    assert run.manifest["arrivals"] == {
        "warm_up": {"started": 200, "dropped": 0},
        "measurement": {"started": 1_200, "dropped": 0},
    }
    rows = run.table("summary").to_pylist()
    assert sum(row["count"] for row in rows) == 1_200
    assert sum(row["throughput_per_s"] for row in rows) == pytest.approx(200, rel=0.02)
    for row in rows:
        assert row["errors"] == row["dropped"] == 0
        assert row["response_time_p50_ns"] >= row["service_time_p50_ns"]
        assert 0 <= row["harness_lag_p50_ns"] <= row["schedule_lag_p50_ns"]
    gaps_ns = duckdb.sql(
        f"""SELECT DISTINCT intended_start_ns - lag(intended_start_ns) OVER (ORDER BY intended_start_ns) AS gap
        FROM '{run.directory}/samples/*.parquet' WHERE attempt = 0 QUALIFY gap IS NOT NULL"""
    ).fetchall()
    assert {gap for (gap,) in gaps_ns} == {5_000_000}
    assert "Arrivals: 1,200 started, 0 dropped" in done.stdout


def test_bad_loads_are_refused_before_anything_is_touched(home, tmp_path):
    for words, sentence in (
        (("load=open", "load.rate_per_s=0"), "load.rate_per_s: 0 is too small"),
        (("load=open", "load.max_lag_s=-1"), "load.max_lag_s: -1 is too small"),
        (("load=open", "load.clients=2", "load.processes=3"), "load.processes: 3 processes for 2 clients"),
        (("load.think_time_s=-1",), "load.think_time_s: -1 is too small"),
        (
            ("load=open", "load.rate_per_s=null", "load.rates={two_way: 5}"),
            "load.rates: there is no rate for '",
        ),
        (("load=steps", "load.phases=[{duration_s: 1, rate_per_s: 0}]"), "load.phases: nothing arrives"),
        (("load=find_max", "load.objective.p99_ms=0"), "load.objective.p99_ms: 0 is too small"),
    ):
        refused = called(*words, home=home, cwd=tmp_path)
        assert refused.returncode == 2, words
        assert sentence in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "outputs").exists()


@pytest.mark.alone  # a machine that others keep busy is a client at its limit, of which a search says nothing
def test_a_search_that_was_killed_goes_on_where_it_was(home, tmp_path):
    process = start(*SEARCH, home=home, cwd=tmp_path)
    second = wait_for(tmp_path, "outputs/*/*/steps/01_400_per_s/manifest.json")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    directory = second.parents[2]
    first = directory / "steps" / "00_200_per_s" / "manifest.json"
    before = first.read_bytes()
    assert json.loads(before)["status"] == "done"

    done = bench("resume", str(directory), home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert first.read_bytes() == before
    search = json.loads((directory / "manifest.json").read_text())["search"]
    assert search["rate_per_s"] in {400, 800}
    assert search["missed_per_s"] == 2 * search["rate_per_s"]
    assert [step["rate_per_s"] for step in search["steps"]][:3] == [200, 400, 800]
    for step in search["steps"]:
        assert open_run(directory / step["directory"]).status == "done"
    run = open_run(directory)
    assert set(run.table("summary").column("run_id").to_pylist()) == {run.key.run_id}
    assert sum(row["throughput_per_s"] for row in run.table("summary").to_pylist()) == pytest.approx(
        search["rate_per_s"], rel=0.15
    )
    shown = bench("report", home=home, cwd=tmp_path)
    assert f"Search: {search['rate_per_s']:,.0f} arrivals/s meet the objective" in shown.stdout
    assert "steps/01_400_per_s" in shown.stdout


def wait_for(folder, pattern):
    give_up_at = time.monotonic() + 100
    while time.monotonic() < give_up_at:
        for found in folder.glob(pattern):
            return found
        time.sleep(0.05)
    raise TimeoutError(pattern)


def test_streams_have_a_summary_each(home, tmp_path):
    done = bench(
        "workload=points", "load=streams", "load.duration_s=4", "load.warm_up_s=0.5", "plans=false",
        "load.streams.0.rate_per_s=150", "load.streams.0.arrival_process=uniform",
        home=home, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = open_run(only_run(tmp_path))
    rows = {row["operation"]: row for row in run.table("summary").to_pylist()}
    reads, changes = (stream["operations"] for stream in run.manifest["streams"])
    assert run.manifest["arrivals"]["measurement"] == {"started": 600, "dropped": 0}
    assert sum(rows[name]["count"] for name in reads) == 600
    for name in reads:
        assert rows[name]["response_time_p50_ns"] >= rows[name]["service_time_p50_ns"]
    for name in changes:
        assert rows[name]["count"] > 20
        assert rows[name]["response_time_max_ns"] is rows[name]["schedule_lag_max_ns"] is None
    askers = duckdb.sql(
        f"SELECT operation, min(client), max(client) FROM '{run.directory}/samples/*.parquet' GROUP BY operation"
    ).fetchall()
    assert {name: (low >= 8, high >= 8) for name, low, high in askers} == {
        **dict.fromkeys(reads, (False, False)),
        **dict.fromkeys(changes, (True, True)),
    }
    assert "Stream reads: 150 arrivals/s (uniform), 8 clients" in done.stdout
    assert "Stream changes: closed loop, 2 clients" in done.stdout
