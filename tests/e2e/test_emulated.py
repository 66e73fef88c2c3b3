"""Snowflake's way without an account: the real command, the real drivers, an emulator of the run's own."""

import json
import os
import signal

import duckdb
import psutil
import pytest
from command import FAST, bench, only_run, start
from known_backend import wait_until

from bench import report
from bench.results import open_run, open_sweep, read_cells

EMULATED = ("snowflake_emulated", "snowpark_emulated")
NO_COST = "no cost is computed: an emulator answered"
HIDDEN = """
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "fakesnow" else super().find_spec(name, path, target)

sys.meta_path[:] = [Hiding if finder is PathFinder else finder for finder in sys.meta_path]
"""


def emulators(home):
    """The processes of emulators that keep their data below `home`."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or ()
        if "bench.emulator" in words and any(str(home) in word for word in words):
            found.append(process.pid)
    return found


def test_four_backends_answer_alike_and_what_is_emulated_says_so(home, tmp_path):
    words = ("dataset=tiny", "workload=joins,points", *FAST, "plans=false", "price=by_compute", "-m")
    prices = ("price.instance.usd_per_hour=0.27", "price.warehouse.edition=standard")
    done = bench(
        f"backend=postgres,duckdb,{','.join(EMULATED)}", *words, *prices, home=home, cwd=tmp_path, timeout_s=300
    )
    assert done.returncode == 0, done.stderr
    sweep = open_sweep(only_run(tmp_path))
    assert [entry.status for entry in sweep.cells.values()] == ["done"] * 8
    seen = {}
    for run in sweep.runs.values():
        answers = {row["operation"]: row["digest"] for row in run.table("answers").to_pylist()}
        assert seen.setdefault(run.key.workload, answers) == answers, run.key
        assert run.emulated == (run.key.backend in EMULATED)
        marked = {path for path in run.directory.rglob("*.parquet") if is_emulated(path) != {(run.emulated,)}}
        assert marked == set()
        assert any(NO_COST in warning for warning in run.manifest["warnings"]) == run.emulated
        assert (run.manifest["cost"] is None) == run.emulated
        doubted = {"emulated" in row["warnings"] for row in run.table("summary").to_pylist()}
        assert doubted == {run.emulated}
    assert [len(answers) for answers in seen.values()] == [19, 6]
    cells = read_cells(sweep.directory).to_pylist()
    assert {(cell["backend"], cell["emulated"]) for cell in cells} == {
        ("postgres", False), ("duckdb", False), *((name, True) for name in EMULATED)
    }  # fmt: skip
    assert {cell["emulated"] for cell in cells if cell["usd_per_run"] is not None} == {False}
    check_reports(sweep)
    assert emulators(home) == []


def is_emulated(path):
    return set(duckdb.sql(f"SELECT DISTINCT emulated FROM '{path}'").fetchall())


def check_reports(sweep):
    for form in ("table", "markdown"):
        text = report.render(sweep, form)
        assert "postgres p50 ms" in text
        for name in EMULATED:
            assert f"{name} (emulated) p50 ms" in text
            assert f"{name} p50 ms" not in text
            assert f"No break-even of postgres and {name} on commerce_tiny" in text
    plain = json.loads(report.render(sweep, "json"))
    assert all(row["emulated"] == (row["backend"] in EMULATED) for row in plain["operations"])
    (one,) = [run for run in sweep.runs.values() if (run.key.backend, run.key.workload) == (EMULATED[0], "points")]
    page = report.render(one)
    assert "snowflake_emulated · commerce_tiny · points · closed (emulated)" in page
    assert NO_COST in page
    assert page.count("Warning: emulated (all operations): an emulator answered") == 1


def test_ctrl_c_keeps_samples_and_leaves_no_emulator_behind(home, tmp_path):
    words = ("backend=snowflake_emulated", "dataset=tiny", "workload=points", "load.duration_s=60", "load.warm_up_s=0")
    process = start(*words, "load.clients=2", "load.processes=1", "plans=false", home=home, cwd=tmp_path)
    wait_until(lambda: list(tmp_path.glob("outputs/*/*/samples/part-*.parquet")), seconds=120)
    assert len(emulators(home)) == 1
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    run = open_run(only_run(tmp_path))
    assert run.status == "interrupted"
    assert sum(row["count"] for row in run.table("summary").to_pylist()) == run.samples().num_rows > 0
    assert "(emulated)" in out
    assert emulators(home) == []


def test_kill_9_leaves_no_emulator_behind(home, tmp_path):
    words = ("backend=snowflake_emulated", "dataset=tiny", "workload=points", "load.duration_s=60", "plans=false")
    process = start(*words, home=home, cwd=tmp_path)
    wait_until(lambda: emulators(home), seconds=120)
    process.kill()
    process.communicate()
    wait_until(lambda: not emulators(home), seconds=30)


@pytest.mark.parametrize("backend", EMULATED)
def test_without_the_extra_the_command_says_how_to_get_it(tmp_path, backend):
    """The installation of the tests has it, so that it is hidden from this process."""
    (tmp_path / "sitecustomize.py").write_text(HIDDEN)
    environ = {"PYTHONPATH": str(tmp_path)}
    words = (f"backend={backend}", "dataset=tiny", "workload=points", *FAST)
    done = bench(*words, home=tmp_path / "home", cwd=tmp_path, environ=environ)
    assert done.returncode == 2, done.stderr
    says = "the emulator needs fakesnow, which this installation lacks; run with `uv run --extra emulator bench …`"
    assert done.stderr == f"bench: {says}\n"
    assert not (tmp_path / "outputs").exists()
