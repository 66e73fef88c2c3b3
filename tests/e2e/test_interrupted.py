"""kill -9 and Ctrl-C, in the middle of a load and of a measurement: nothing measured is lost, and `resume` goes on."""

import json
import os
import signal
import time

import psutil
from command import UNHURRIED, bench, only_run, start
from known_backend import wait_until

from bench.results import open_run, open_sweep, read_cells

LONG = ("load.duration_s=30", "load.warm_up_s=0", "load.clients=2", UNHURRIED)


def manifest(cwd):
    found = list(cwd.glob("outputs/*/*/manifest.json"))
    return json.loads(found[0].read_text()) if found else {}


def no_children_of(pids):
    return all(not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE for pid in pids)


def run_again(run):
    """Another run has taken the place of `run`."""
    now = (
        json.loads((run.directory / "manifest.json").read_text()) if (run.directory / "manifest.json").exists() else {}
    )
    return now.get("run_id", run.key.run_id) != run.key.run_id


def kill_9(process):
    family = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until(lambda: no_children_of(family), seconds=20)


def test_kill_9_in_a_measurement_keeps_samples_and_resume_completes_the_sweep(tmp_path, home):
    words = ("backend=postgres,duckdb", "dataset=tiny", "workload=points", *LONG, "-m")
    process = start(*words, home=home, cwd=tmp_path)
    wait_until(lambda: list(tmp_path.glob("outputs/*/*/0_*/samples/part-*.parquet")), seconds=60)
    kill_9(process)
    sweep = only_run(tmp_path)
    killed = open_run(sweep / "0_postgres_tiny_points_closed")
    assert killed.in_progress
    assert killed.stage == "measurement"
    assert killed.samples().num_rows > 100
    for request in sweep.glob("*/.hydra/request.json"):
        assert "load.duration_s=30" in request.read_text()
    report = bench("report", str(sweep), home=home, cwd=tmp_path)
    assert "planned" in report.stdout + report.stderr
    process = start("resume", str(sweep), home=home, cwd=tmp_path)
    wait_until(lambda: run_again(killed) and killed.parts(), seconds=60)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    states = {name: entry.status.value for name, entry in open_sweep(sweep).cells.items()}
    assert list(states.values()) == ["interrupted", "planned"]


def test_kill_9_in_a_load_is_never_taken_for_a_finished_one(tmp_path):
    home = tmp_path / "home"
    words = ("backend=postgres,duckdb", "dataset=small", "workload=points", "load=quick", "-m")
    process = start(*words, home=home, cwd=tmp_path)
    wait_until(lambda: list(home.glob("data/*/orders.parquet")), seconds=60)
    time.sleep(0.5)
    kill_9(process)
    sweep = only_run(tmp_path)
    assert open_run(sweep / "0_postgres_small_points_quick").in_progress
    done = bench("resume", str(sweep), home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "an earlier load did not finish, loaded anew" in done.stderr
    assert "generated files reused" in done.stderr
    assert {cell["status"] for cell in read_cells(sweep).to_pylist()} == {"done"}
    rows = {
        row["table"]: row["rows"]
        for row in open_sweep(sweep).runs["1_duckdb_small_points_quick"].table("load").to_pylist()
    }
    assert sum(rows.values()) > 900_000


def test_ctrl_c_keeps_and_summarises_what_was_measured(tmp_path, home):
    process = start("backend=postgres", "dataset=tiny", "workload=points", *LONG, home=home, cwd=tmp_path)
    wait_until(lambda: manifest(tmp_path).get("stage") == "measurement", seconds=60)
    time.sleep(2)
    interrupted_ns = time.monotonic_ns()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    run = open_run(only_run(tmp_path))
    assert run.status == "interrupted"
    counts = {row["operation"]: row["count"] for row in run.table("summary").to_pylist()}
    assert counts["read_by_key"] > 10
    last_ns = max(run.samples(["end_ns"]).column("end_ns").to_pylist())
    assert last_ns > interrupted_ns - 50_000_000, "what the workers had not sent yet is missing"
    assert sum(counts.values()) == run.samples().num_rows
    assert "read_by_key" in out
    rate = {row["operation"]: row["throughput_per_s"] for row in run.table("summary").to_pylist()}
    assert rate["read_by_key"] > counts["read_by_key"] / 15, "the rate is over the time that was measured, not planned"
    again = bench("resume", str(run.directory), "load.duration_s=1", home=home, cwd=tmp_path)
    assert again.returncode == 2, "resume takes no overrides: it completes what was asked"


def test_no_server_and_no_worker_outlives_the_command(tmp_path, home):
    done = bench("dataset=tiny", "workload=points", "load=quick", home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    left = [
        process for process in psutil.process_iter(["cmdline"]) if str(home) in " ".join(process.info["cmdline"] or ())
    ]
    assert left == []
