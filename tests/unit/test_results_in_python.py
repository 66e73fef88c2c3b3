"""Results as a notebook handles them: tables for other libraries, and what it draws."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import bench
from bench.errors import NoResultsError, ResultError
from bench.results import Ledger, Run, RunWriter, Sweep
from bench.results.ledger import CellStatus
from bench.results.manifest import RunKey, Stage
from bench.results.schemas import CELLS, SCHEMAS

OLD = Path(__file__).parents[1] / "data" / "results_before_emulated"
COUNTS = dict.fromkeys(("errors", "aborted", "late", "dropped", "rows"), 0)
RATES = {"throughput_per_s": 3.0, "goodput_per_s": 3.0}
SAMPLES = {"intended_start_ns": 0, "start_ns": 0, "rows": 1, "client": 0, "attempt": 0, "repetition": 0}


def make_run(directory, run_id, *, error=None, emulated=False):
    key = RunKey(run_id=run_id, backend="b", dataset="d", workload="<w>", load="l")
    with RunWriter(directory, key, emulated=emulated) as writer:
        writer.enter(Stage.SUMMARY)
        writer.add_samples(pa.table({"end_ns": [10, 20]}), operation="o", phase="measurement", status="ok", **SAMPLES)
        row = {"operation": "o", "repetition": 0, "count": 1_234, "warnings": [], **COUNTS, **RATES}
        writer.write_rows("summary", [row | {"service_time_p50_ns": 1_500_000}])
        if error:
            writer.fail(error)
    return directory


@pytest.fixture
def sweep(tmp_path):
    """Two cells with samples, one that failed before it had any, and one that was not run."""
    ledger = Ledger(tmp_path)
    for cell, status in (("0_a", "done"), ("1_b", "done"), ("2_c", "failed"), ("3_d", "planned")):
        message = "no such <engine>" if status == "failed" else ""
        ledger.append(cell=cell, config_hash=cell, status=CellStatus(status), directory=cell, message=message)
    make_run(tmp_path / "0_a", "r0")
    make_run(tmp_path / "1_b", "r1", error="answers differ")
    return bench.open(tmp_path)


def test_import_costs_nothing():
    code = (
        "import sys; before = set(sys.modules); import bench; new = set(sys.modules) - before\n"
        "assert not [name for name in new if name.startswith('bench.')], new\n"
        "assert set(bench.__all__) <= set(dir(bench)); assert callable(bench.run) and callable(bench.open)\n"
        "sys.exit(any(name in sys.modules for name in ('hydra', 'duckdb', 'pyarrow', 'numpy', 'sqlglot')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_public_names_are_what_they_say():
    assert bench.Run is Run
    assert bench.Sweep is Sweep
    for name in bench.__all__:
        assert getattr(bench, name).__name__ == name
    with pytest.raises(AttributeError, match="module 'bench' has no attribute 'runn'"):
        bench.runn  # noqa: B018


def test_no_module_takes_the_place_of_a_function():
    """`import bench.x` sets the attribute `x` of the package."""
    modules = {path.stem for path in Path(bench.__file__).parent.iterdir()}
    assert modules & set(bench.__all__) == set()


def test_open_knows_runs_and_sweeps(sweep):
    assert isinstance(sweep, Sweep)
    assert isinstance(bench.open(sweep.directory / "0_a"), Run)
    with pytest.raises(NoResultsError, match="nowhere is not a directory"):
        bench.open(sweep.directory / "nowhere")


def test_open_finds_the_newest(sweep, monkeypatch):
    monkeypatch.chdir(sweep.directory)
    with pytest.raises(NoResultsError, match="no results below outputs"):
        bench.open()
    make_run(sweep.directory / "outputs" / "day" / "time", "r9")
    assert bench.open().key.run_id == "r9"


# ---- tables ---------------------------------------------------------------------------------------------------------


def test_tables_of_a_run_with_some_columns(sweep):
    run = sweep.runs["0_a"]
    assert run.summary.schema.equals(SCHEMAS["summary"])
    assert run.table("summary", ["count", "operation"]).to_pylist() == [{"count": 1_234, "operation": "o"}]
    assert run.samples(["end_ns"]).to_pydict() == {"end_ns": [10, 20]}


def test_tables_of_a_sweep_are_those_of_its_runs(sweep):
    samples = sweep.samples(["run_id", "end_ns"])
    assert samples.to_pydict() == {"run_id": ["r0", "r0", "r1", "r1"], "end_ns": [10, 20, 10, 20]}
    assert sweep.samples().schema.equals(SCHEMAS["samples"])
    assert sweep.table("summary", ["count"]).to_pydict() == {"count": [1_234, 1_234]}
    assert sweep.table("waits").schema.equals(SCHEMAS["waits"])
    assert sweep.summaries().schema.equals(CELLS)


@pytest.mark.parametrize("open_results", [lambda sweep: sweep, lambda sweep: sweep.runs["0_a"]])
def test_names_that_are_not_published(sweep, open_results):
    results = open_results(sweep)
    with pytest.raises(ResultError, match=r"there is no table 'sumary'; there are samples.*; did you mean 'summary'\?"):
        results.table("sumary")
    with pytest.raises(ResultError, match=r"the table 'samples' has no column 'ends_ns'; did you mean 'end_ns'\?"):
        results.samples(["ends_ns"])
    with pytest.raises(ResultError, match="the table 'summary' has no column 'p50'"):
        results.table("summary", ["p50"])


def test_a_run_without_a_summary_says_so(tmp_path):
    key = RunKey(run_id="r", backend="b", dataset="d", workload="w", load="l")
    RunWriter(tmp_path, key)
    with pytest.raises(ResultError, match=r"has no summary.parquet: the run is running in stage prepare"):
        _ = bench.open(tmp_path).summary


def test_other_libraries_take_the_tables(sweep):
    samples = sweep.samples(["operation", "end_ns"])
    assert samples.to_pandas()["end_ns"].sum() == 60
    assert duckdb.sql("select operation, sum(end_ns) from samples group by all").fetchall() == [("o", 60)]
    assert pa.RecordBatchReader.from_stream(samples).read_all().num_rows == 4, "by the stream that Polars reads"


def test_query_gives_a_table_and_warns_of_what_is_left_out(sweep):
    with pytest.warns(UserWarning, match=r"1 of 2 runs did not come to their end \(1 failed\)"):
        table = bench.query("select cell, status from cells order by cell", sweep.directory)
    assert table.to_pylist() == [{"cell": "0_a", "status": "done"}, {"cell": "1_b", "status": "failed"}]


# ---- what is drawn --------------------------------------------------------------------------------------------------


def test_states_are_those_of_the_manifests_first(sweep):
    assert {cell: tuple(state) for cell, state in sweep.states().items()} == {
        "0_a": ("done", ""),
        "1_b": ("failed", "answers differ"),
        "2_c": ("failed", "no such <engine>"),
        "3_d": ("planned", ""),
    }


def test_a_line(sweep):
    assert repr(sweep) == f"<Sweep {sweep.directory}: 4 cells, 1 done, 2 failed, 1 planned>"
    assert repr(sweep.runs["1_b"]) == f"<Run {sweep.directory}/1_b: b · d · <w> · l, failed: answers differ>"


def test_a_card_of_a_run_is_escaped_and_has_its_numbers(sweep):
    html = sweep.runs["0_a"]._repr_html_()
    assert "b · d · &lt;w&gt; · l" in html
    for cell in ("1,234", "3.0", "1.500", "–"):
        assert f">{cell}</td>" in html


def test_a_card_of_a_sweep_has_every_cell(sweep):
    html = sweep._repr_html_()
    assert html.count("<tr>") == 1 + 4
    assert "no such &lt;engine&gt;" in html
    assert "<engine>" not in html


def test_what_comes_from_an_emulator_says_so(tmp_path):
    run = bench.open(make_run(tmp_path, "r", emulated=True))
    assert "(emulated)" in repr(run)
    assert "(emulated)" in run._repr_html_()


def test_a_broken_table_does_not_keep_the_card_from_being_drawn(sweep):
    (sweep.directory / "0_a" / "summary.parquet").write_bytes(b"PAR1")
    for results in (sweep, sweep.runs["0_a"]):
        assert "summary.parquet is not a whole Parquet file" in results._repr_html_()


def test_old_results_are_drawn_too():
    assert repr(bench.open(OLD)).endswith(": 1 cells, 1 done>")
    assert "read_by_key" in bench.open(OLD)._repr_html_()
