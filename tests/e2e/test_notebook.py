"""The API as a notebook, a script and a thread use it, on a real DuckDB."""

import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest

import bench
from bench.config import own_directory
from bench.errors import ConfigError, RunError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/notebook.md").read_text(encoding="utf-8")
QUICK = [
    "backend=duckdb", "dataset=tiny", "workload=points", "load.duration_s=0.3", "load.warm_up_s=0", "load.clients=1",
    "plans=false",
]  # fmt: skip


@pytest.fixture
def notebook(home, tmp_path, monkeypatch):
    """An empty directory to work in, with the data of other tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_HOME", str(home))
    monkeypatch.delenv("BENCH_CONF_DIR", raising=False)
    return tmp_path


def test_the_page_runs(notebook, capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) >= 6
    names = {}
    for block in blocks:
        exec(compile(block, "notebook.md", "exec"), names)
    captured = capsys.readouterr()
    assert "did you mean 'duckdb'?" in captured.out
    run, sweep = names["run"], names["sweep"]
    assert run.directory.is_relative_to(notebook / "outputs")
    assert captured.err == "", "quiet was asked for"
    assert isinstance(names["samples"], pa.Table)
    assert names["samples"].column_names == ["operation", "phase", "status", "start_ns", "end_ns"]
    measured = names["measured"]
    counted = {row["operation"]: row["count"] for row in run.summary.to_pylist()}
    assert measured.groupby("operation", observed=True).size().to_dict() == counted
    assert [state.status for state in sweep.states().values()] == ["done", "done"]
    assert set(names["everything"]["run_id"].to_pylist()) == {each.key.run_id for each in sweep.runs.values()}
    assert names["summaries"].num_rows == sum(each.summary.num_rows for each in sweep.runs.values())
    assert names["table"].num_rows == names["summaries"].num_rows + run.summary.num_rows
    assert "read_by_key" in run._repr_html_()
    assert "0_duckdb_tiny_points_closed" in sweep._repr_html_()
    assert repr(sweep).endswith(": 2 cells, 2 done>")


SCRIPT = """
import bench
run = bench.run({overrides!r}, quiet=True)
print(run.status)
"""


def test_a_script_needs_no_guard(notebook):
    """Were it imported in every worker, each of them would run the benchmark anew."""
    (notebook / "script.py").write_text(
        SCRIPT.format(overrides=[*QUICK, "backend=null", "load.processes=2", "load.clients=2"])
    )
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, timeout=120, check=False, env={**os.environ}
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert done.stderr == ""
    assert len(list((notebook / "outputs").glob("*/*"))) == 1


def test_in_a_thread_and_with_a_logger_of_the_callers_own(notebook):
    seen = []
    handler = logging.StreamHandler()
    root = logging.getLogger()
    root.addHandler(handler)
    before = root.handlers[:], root.level
    thread = threading.Thread(target=lambda: seen.append(bench.run(QUICK, quiet=True)))
    thread.start()
    thread.join()
    assert seen[0].status == "done"
    assert all("cache_unknown" in row["warnings"] for row in seen[0].summary.to_pylist()), "it had no warm-up"
    assert any(text.startswith("cache_unknown (all operations): ") for text in seen[0].manifest["warnings"])
    assert (root.handlers, root.level) == before
    root.removeHandler(handler)


def test_a_program_that_uses_hydra_itself_goes_on_with_it(notebook):
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    with initialize_config_dir(str(own_directory(ROOT / "src/bench")), version_base="1.3"):
        theirs = GlobalHydra.instance().hydra
        with pytest.raises(ConfigError, match=r"load\.clientz"):
            bench.run([*QUICK, "load.clientz=3"])
        assert GlobalHydra.instance().hydra is theirs
        assert compose("config").seed == 42


def test_a_run_that_fails_raises_and_says_where_it_is(notebook):
    (notebook / "conf/workload").mkdir(parents=True)
    (notebook / "sql/w").mkdir(parents=True)
    (notebook / "conf/workload/w.yaml").write_text("name: w\noperations:\n  - {name: o, template: w/o.sql.j2}\n")
    (notebook / "sql/w/o.sql.j2").write_text("select cast('x' || country as integer) from companies")
    with pytest.raises(RunError, match=r"operation 'o' fails.*; what was measured is in .*outputs/"):
        bench.run([*QUICK, "workload=w"], config_dirs=[notebook / "conf"], quiet=True)
    assert bench.open().status == "failed"


def test_wrong_choices_touch_nothing(notebook, capsys):
    for overrides, sentence in (
        ("backend=duckdb", r"overrides are a list of texts: \['backend=duckdb'\]"),
        (["load.clients=0"], "load.clients"),
        (["backend=nothing"], "nothing"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            bench.run(overrides)
    assert list(notebook.iterdir()) == []
    assert capsys.readouterr().err == ""
