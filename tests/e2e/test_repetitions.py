"""Two engines, each run twice in paired blocks; then a run is missing, and is made up for."""

import json
import shutil
from itertools import chain

import pytest
from command import bench, only_run

from bench.results import open_sweep, read_cells, read_ledger

QUICK = ("load=quick", "load.duration_s=0.3", "ceiling_s=0", "plans=false", "repetitions=2")
WORDS = ("backend=duckdb,sqlite", "dataset=tiny", "workload=points", *QUICK, "-m")
A, B = "0_duckdb_tiny_points_quick", "1_sqlite_tiny_points_quick"


@pytest.fixture(scope="module")
def swept(home, tmp_path_factory):
    cwd = tmp_path_factory.mktemp("work")
    done = bench(*WORDS, home=home, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return cwd, only_run(cwd), done


def test_the_blocks_are_paired(swept):
    _, directory, done = swept
    running = [entry.cell for entry in read_ledger(directory) if entry.status == "running"]
    assert running == [f"{A}_r0", f"{B}_r0", f"{B}_r1", f"{A}_r1"]
    told = [line for line in done.stderr.splitlines() if line.startswith("cell ")]
    assert told[2] == f"cell 3 of 4: {B}, repetition 2 of 2"
    assert "4 of 4 runs done" in done.stdout


def test_each_repetition_is_a_run_of_its_own(swept):
    sweep = open_sweep(swept[1])
    groups = sweep.groups()
    assert list(groups) == [A, B]
    runs = list(chain(*groups.values()))
    assert [run.repetition for run in runs] == [0, 1, 0, 1]
    assert [run.manifest["order"] for run in runs] == [
        {"kind": "interleaved", "block": block, "position": position}
        for block, position in ((0, 0), (1, 3), (0, 1), (1, 2))
    ]
    assert all(len({run.manifest["config_hash"] for run in group}) == 1 for group in groups.values())
    assert len({run.manifest["question_hash"] for run in runs}) == 1
    for run in runs:
        for name in ("samples", "summary", "intervals"):
            assert set(run.table(name).column("repetition").to_pylist()) == {run.repetition}
    for reading in (run.manifest["machine"][when] for run in runs for when in ("before", "after")):
        assert reading.keys() == {"wall_ns", "monotonic_ns", "load_average", "frequency_mhz", "calibration_ns"}
    rows = {(row["cell"], row["repetition"]) for row in read_cells(swept[1]).to_pylist()}
    assert rows == {(cell, repetition) for cell in (A, B) for repetition in (0, 1)}


def test_connections_are_new_and_data_are_loaded_anew(swept):
    first, second = open_sweep(swept[1]).groups()[B]
    processes = [{worker["pid"] for worker in run.manifest["workers"]} for run in (first, second)]
    assert all(processes)
    assert not processes[0] & processes[1]  # a connection ends with the process that opened it
    assert "data: changed by an earlier workload, loaded anew" in second.manifest["messages"]
    assert second.manifest["reset"] == "reload"


def test_only_the_repetition_that_is_missing_is_run(swept, home):
    cwd, directory, _ = swept
    kept = {path.parent.name: path.read_bytes() for path in directory.glob("*/manifest.json")}
    shutil.rmtree(directory / f"{A}_r1")
    done = bench("resume", str(directory), home=home, cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert "1 of 4 cells are missing or failed" in done.stderr
    assert f"cell 1 of 1: {A}, repetition 2 of 2" in done.stderr
    again = {path.parent.name: path.read_bytes() for path in directory.glob("*/manifest.json")}
    assert {name for name in kept if kept[name] != again[name]} == {f"{A}_r1"}
    resumed = json.loads(again[f"{A}_r1"])
    assert (resumed["repetition"], resumed["order"]["block"], resumed["order"]["position"]) == (1, 1, 3)


def test_the_plan_says_the_order_and_counts_each_repetition(swept, home):
    cwd = swept[0]
    shown = bench("plan", *WORDS, home=home, cwd=cwd)
    assert "order: interleaved; by number of the cell: 0 1 1 0" in shown.stdout
    plan = json.loads(bench("plan", *WORDS, "--json", home=home, cwd=cwd).stdout)
    assert plan["total"]["seconds"] == pytest.approx(2 * sum(cell["seconds"] for cell in plan["cells"]))
    assert [(run["cell"], run["repetition"]) for run in plan["runs"]] == [(0, 0), (1, 0), (1, 1), (0, 1)]


def test_kept_data_drift_and_are_flagged(home, tmp_path):
    for folder in ("conf/workload", "sql/shrink"):
        (tmp_path / folder).mkdir(parents=True)
    workload = "operations: [{name: remove, template: shrink/remove.sql.j2}]\n"
    (tmp_path / "conf/workload/shrink.yaml").write_text(workload, encoding="utf-8")
    sql = "delete from payments where payment_id = (select min(payment_id) from payments)\n"
    (tmp_path / "sql/shrink/remove.sql.j2").write_text(sql, encoding="utf-8")
    words = ["--config-dir", "conf", "backend=duckdb", "dataset=tiny", "workload=shrink", *QUICK, "load.clients=1"]
    done = bench(*words, "reset=keep", home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (runs,) = open_sweep(only_run(tmp_path)).groups().values()
    second = runs[1].manifest
    assert second["reset"] == "keep"
    assert "data: changed by an earlier workload, kept as they are" in second["messages"]
    assert second["data_drift"]["changed"]
    removed = {
        name: table for name, table in second["data_drift"]["tables"].items() if table["after"] < table["before"]
    }
    assert list(removed) == ["payments"]
    assert removed["payments"]["before"] == runs[0].manifest["data_drift"]["tables"]["payments"]["after"]
    assert all("data_drifted" in row["warnings"] for row in runs[1].table("summary").to_pylist())
    assert any(text.startswith("data_drifted (remove): ") for text in second["warnings"])
