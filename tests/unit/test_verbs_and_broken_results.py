"""What every verb that reads results says of directories that are broken, foreign, empty, or not finished."""

import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import bench
from bench.cli import main
from bench.errors import BenchError
from bench.results import Ledger, RunWriter
from bench.results.ledger import LEDGER_NAME, CellStatus
from bench.results.manifest import FILE_NAME, RunKey, RunStatus, Stage

DATA = Path(__file__).parents[1] / "data"
OLD = DATA / "results_before_emulated"
READING = {"report": ["report"], "json": ["report", "--format", "json"], "query": ["query", "from cells"]}
SAMPLES = {"intended_start_ns": 0, "start_ns": 0, "rows": 1, "client": 0, "attempt": 0, "repetition": 0}
COUNTS = dict.fromkeys(("errors", "aborted", "late", "dropped", "rows", "repetition"), 0)
RATES = {"throughput_per_s": 3.0, "goodput_per_s": 3.0}


@pytest.fixture
def writer(tmp_path):
    writer = RunWriter(tmp_path / "run", RunKey(run_id="r", backend="b", dataset="d", workload="w", load="l"))
    writer.add_samples(pa.table({"end_ns": [10, 20]}), operation="o", phase="measurement", status="ok", **SAMPLES)
    writer.write_rows("summary", [{"operation": "o", "count": 2, "warnings": [], **COUNTS, **RATES}])
    writer.enter(Stage.SUMMARY)
    return writer


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs `bench ARGUMENTS`; gives exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def manifest_is_no_json(directory):
    (directory / FILE_NAME).write_text("<html>")


def manifest_is_half(directory):
    path = directory / FILE_NAME
    path.write_text(path.read_text()[:200])


def manifest_is_newer(directory):
    path = directory / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 2}))


def manifest_is_missing(directory):
    (directory / FILE_NAME).unlink()


def manifest_is_foreign(directory):
    (directory / FILE_NAME).write_text('{"manifest_version": 3, "name": "an extension"}')


def summary_is_truncated(directory):
    path = directory / "summary.parquet"
    os.truncate(path, path.stat().st_size - 10)


def ledger_is_broken(directory):
    (directory / LEDGER_NAME).write_text("not a line\n")


def nothing_is_there(directory):
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


BROKEN = [
    (manifest_is_no_json, 1, "manifest.json cannot be read: "),
    (manifest_is_half, 1, "manifest.json cannot be read: "),
    (manifest_is_newer, 1, "has schema version 2, this bench reads up to 1"),
    (manifest_is_missing, 2, "is not a results directory: it has no manifest.json"),
    (manifest_is_foreign, 1, "is no manifest: 'schema_version' is missing"),
    (summary_is_truncated, 1, "summary.parquet is not a whole Parquet file"),
    (nothing_is_there, 2, "is not a results directory: it has no manifest.json"),
]


@pytest.mark.parametrize("verb", READING)
@pytest.mark.parametrize("broken", BROKEN)
def test_one_sentence_and_nothing_else(writer, command, verb, broken):
    spoil, exit_code, sentence = broken
    writer.finish(RunStatus.DONE)
    spoil(writer.directory)
    code, out, err = command(*READING[verb], writer.directory)
    assert (code, out) == (exit_code, "")
    assert err.startswith("bench: ")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("spoil", "exit_code", "sentence"), BROKEN)
def test_open_raises_the_same(writer, spoil, exit_code, sentence):
    writer.finish(RunStatus.DONE)
    spoil(writer.directory)
    with pytest.raises(BenchError) as caught:
        _ = bench.open(writer.directory).summary
    assert sentence in str(caught.value)
    assert caught.value.exit_code == exit_code


def test_a_broken_ledger(writer, command):
    ledger_is_broken(writer.directory)
    code, out, err = command("report", writer.directory)
    assert (code, out) == (1, "")
    assert "ledger.jsonl, line 1 is no entry of a ledger" in err
    with pytest.raises(BenchError, match="line 1 is no entry of a ledger"):
        bench.open(writer.directory)


def test_no_page_is_printed_before_all_directories_are_judged(writer, command, tmp_path):
    (tmp_path / "empty").mkdir()
    code, out, err = command("report", OLD, tmp_path / "empty")
    assert (code, out) == (2, "")
    assert "empty is not a results directory" in err


def test_a_run_in_progress_says_so_in_every_verb(writer, command):
    code, out, _ = command("report", writer.directory)
    assert code == 0
    assert "No end was written: the run is in progress, or was killed, in stage summary." in out
    code, out, err = command("query", "select count(*) as n from samples", writer.directory)
    assert (code, out) == (0, "n\n2\n")
    assert err == "bench: 1 of 1 runs did not come to their end (1 running), and may lack files\n"
    assert "in progress, or killed, in stage summary" in repr(bench.open(writer.directory))


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.DONE])
def test_a_run_that_measured_nothing(tmp_path, command, status):
    writer = RunWriter(tmp_path, RunKey(run_id="r", backend="b", dataset="d", workload="w", load="l"))
    writer.finish(status)
    code, out, _ = command("report", tmp_path)
    assert code == 0
    assert "Nothing was measured" in out
    assert command("query", "select * from cells", tmp_path)[0] == 0
    run = bench.open(tmp_path)
    assert run.samples().num_rows == 0
    with pytest.raises(BenchError, match=r"has no summary.parquet: the run is \w+ in stage prepare"):
        _ = run.summary


def test_a_sweep_whose_cells_have_not_begun(tmp_path, command):
    Ledger(tmp_path).append(cell="0_a", config_hash="x", status=CellStatus.PLANNED)
    code, out, _ = command("report", tmp_path)
    assert code == 0
    assert out.startswith(f"Sweep {tmp_path.name}: 0 of 1 cell done")
    code, out, err = command("query", "from runs", tmp_path)
    assert (code, out) == (2, "")
    assert "is a sweep of which no cell has begun" in err
    assert bench.open(tmp_path).summaries().num_rows == 0


@pytest.mark.parametrize("old", ["results_before_emulated", "results_before_repetitions"])
@pytest.mark.parametrize("verb", READING)
def test_old_results_are_read_by_every_verb(command, verb, old):
    code, out, err = command(*READING[verb], DATA / old)
    assert (code, err) == (0, "")
    assert "read_by_key" in out
