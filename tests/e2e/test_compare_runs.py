"""`bench compare` on what the real command measured."""

import json

import numpy as np
import pyarrow as pa
import pytest
from at_once import summarize
from command import bench, only_run

from bench.results import CellStatus, Ledger, RunWriter, open_run
from bench.results.manifest import RunKey, RunStatus
from bench.results.summary import SAMPLE_COLUMNS, attempts, summary_rows

REPETITIONS, SLOWED = 5, "read_by_key"


@pytest.fixture(scope="module")
def run(home, tmp_path_factory):
    """A real run on a real engine, long enough to be cut into five."""
    cwd = tmp_path_factory.mktemp("work")
    words = ("backend=duckdb", "workload=points", "dataset=tiny", "load.clients=1", "load.warm_up_s=0", "plans=false")
    done = bench(*words, "load.duration_s=2", home=home, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return open_run(only_run(cwd))


def compared(*words, cwd, home):
    done = bench("compare", *words, "--json", home=home, cwd=cwd)
    return done, json.loads(done.stdout) if done.stdout else None


def test_a_run_compared_with_itself_is_never_faster(run, home, tmp_path):
    done, found = compared(run.directory, run.directory, home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(found["verdicts"]) == 2 * run.table("summary").num_rows
    assert {each["verdict"] for each in found["verdicts"]} <= {"equivalent", "cannot tell"}
    assert {each["ratio"] for each in found["verdicts"]} <= {1, None}
    assert found["differences"] == []


def test_an_operation_that_takes_10_percent_more_is_found_and_no_other(run, home, tmp_path):
    """The attempts are those of the real run, cut into five repetitions; the second build's are slowed afterwards."""
    sweep = tmp_path / "sweep"
    for repetition in range(REPETITIONS):
        for build, factor in (("before", 1.0), ("after", 1.1)):
            repeat(run, sweep, build, repetition, factor)
    done, found = compared(sweep, home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    p50 = {each["operation"]: each for each in found["verdicts"] if each["measure"] == "p50" and each["ratio"]}
    assert p50[SLOWED]["verdict"] == "slower"
    assert p50[SLOWED]["ratio"] == pytest.approx(1.1, rel=1e-4)
    assert p50[SLOWED]["paired"]
    assert len(p50) > 1
    assert {each["verdict"] for name, each in p50.items() if name != SLOWED} == {"equivalent"}
    gated = bench("compare", sweep, "--gate", "p50 < 1.05", "--markdown", home=home, cwd=tmp_path)
    assert gated.returncode == 1
    assert f"| p50 < 1.05 | missed | after | {SLOWED} |" in gated.stdout


def repeat(run, sweep, build, repetition, factor):
    """A fifth of the run as a run of its own, with one operation slowed by a factor."""
    folder = f"{build}_r{repetition}"
    samples = fifth(run, repetition, factor)
    start_ns = samples.column("intended_start_ns").to_numpy()
    window = {"start_ns": int(start_ns.min()), "measure_ns": int(start_ns.min()), "end_ns": int(start_ns.max()) + 1}
    names = run.table("summary").column("operation").to_pylist()
    key = RunKey(**{**run.key.columns(), "run_id": folder})
    kept = ("question_hash", "sql_hash", "config_hash", "data_fingerprint", "config", "versions")
    writer = RunWriter(sweep / folder, key, {name: run.manifest[name] for name in kept})
    writer.update(repetition=repetition, order={"block": repetition, "position": 2 * repetition}, window=window)
    writer.write_table("answers", run.table("answers").drop_columns(["run_id"]))
    writer.add_samples(samples.drop_columns(["run_id", "repetition"]), repetition=repetition)
    summaries = summarize(
        attempts(samples.select(SAMPLE_COLUMNS), names), names, start_ns=window["measure_ns"], end_ns=window["end_ns"]
    )
    writer.write_rows("summary", summary_rows(summaries, repetition=repetition))
    writer.finish(RunStatus.DONE)
    Ledger(sweep).append(cell=folder, config_hash=build, status=CellStatus.DONE, directory=folder)


def fifth(run, repetition, factor):
    samples = run.samples().sort_by("intended_start_ns")
    size = samples.num_rows // REPETITIONS
    part = samples.slice(repetition * size, size)
    start_ns, end_ns = (part.column(name).to_numpy() for name in ("start_ns", "end_ns"))
    slowed = np.array(part.column("operation").to_pylist()) == SLOWED
    end_ns = np.where(slowed, start_ns + np.rint((end_ns - start_ns) * factor).astype(np.int64), end_ns)
    return part.set_column(part.schema.get_field_index("end_ns"), part.schema.field("end_ns"), pa.array(end_ns))
