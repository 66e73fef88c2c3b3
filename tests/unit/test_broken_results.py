import json
import os
import signal
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.errors import ResultError
from bench.results import RunWriter, open_run
from bench.results.manifest import FILE_NAME, RunKey, replacing

KEY = RunKey(run_id="r1", backend="duckdb", dataset="tiny", workload="points", load="closed")
LOADED = {"table": "orders", "rows": 5, "reused": False}


@pytest.fixture
def writer(tmp_path):
    return RunWriter(tmp_path / "run", KEY)


def add_samples(writer):
    times = {name: list(range(1_000)) for name in ("intended_start_ns", "start_ns", "end_ns")}
    constants = {"operation": "read", "phase": "measurement", "status": "ok"}
    counts = dict.fromkeys(("repetition", "client", "attempt", "rows"), 0)
    return writer.add_samples(pa.table(times), **constants, **counts)


KILLED = """
import os, signal, sys
from pathlib import Path
import bench.results.manifest, bench.results
from bench.results.manifest import RunKey, Stage
from bench.results import RunWriter

class Killed(type(Path())):
    def replace(self, target):
        if str(target).endswith(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().replace(target)

writer = RunWriter(Path(sys.argv[1]), RunKey(run_id="r", backend="b", dataset="d", workload="w", load="l"))
writer.write_rows("load", [{"table": "old", "rows": 1, "reused": False}])
writer.enter(Stage.VERIFY)
writer.directory = Killed(writer.directory)
if sys.argv[2] == "manifest.json":
    writer.enter(Stage.SUMMARY)
writer.write_rows("load", [{"table": "new", "rows": 2, "reused": False}])
"""


@pytest.mark.parametrize("file", ["load.parquet", "manifest.json"])
def test_kill_between_write_and_rename_leaves_whole_files(tmp_path, file):
    directory = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(directory), file]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert (directory / f"{file}.part").exists(), "it was written beside"
    run = open_run(directory)
    assert (run.in_progress, run.stage) == (True, "verify")
    assert run.table("load").column("table").to_pylist() == ["old"]
    assert [path.name for path in directory.glob("*.parquet")] == ["load.parquet"]


def test_a_failing_write_leaves_the_old_file_and_nothing_beside(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def write():
        with replacing(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("file", "old")]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match=r"cannot write .*file/run/manifest.json"):
        RunWriter(tmp_path / "file" / "run", KEY)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is not a results directory: it has no manifest.json"),
        ("", "cannot be read: .*; run the cell again"),
        ('{"schema_version": 1, "sta', "cannot be read: .*; run the cell again"),
        ("[]", "is no manifest"),
        ("{}", "'schema_version' is missing"),
        ('{"schema_version": 1}', "is no whole manifest: status, stage, run_id"),
        ('{"schema_version": 2, "versions": {"bench": "3.1"}}',
         "has schema version 2, this bench reads up to 1; read it with bench 3.1 or later"),
        ('{"schema_version": 2}', "read it with bench of the version that wrote it or later"),
    ],
)  # fmt: skip
def test_broken_manifests(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(ResultError, match=sentence):
        open_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", {"start_ns": 1}),
        ("window", [1]),
        ("times", {"started_at": 5}),
        ("times", {"started_at": "yesterday"}),
        ("warnings", [1]),
        ("errors", [None]),
        ("host", []),
        ("server", [1]),
        ("order", "A B"),
    ],
)
def test_an_entry_that_nobody_can_use(writer, name, value):
    path = writer.directory / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(ResultError, match=f"is no manifest of this tool: {name} of another kind; run the cell again"):
        open_run(writer.directory)


def test_an_unknown_status(writer):
    path = writer.directory / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "well"}))
    with pytest.raises(ResultError, match="unknown status 'well'; known are running, done, failed, interrupted"):
        open_run(writer.directory)


def test_not_a_directory(tmp_path):
    with pytest.raises(ResultError, match="is not a directory"):
        open_run(tmp_path / "missing")


def test_a_table_that_was_not_written(writer):
    with pytest.raises(ResultError, match=r"has no summary.parquet: the run is running in stage prepare"):
        open_run(writer.directory).table("summary")


@pytest.mark.parametrize("left", [0, 3, 0.5, 0.99])
def test_truncated_parquet(writer, left):
    for path in (add_samples(writer), writer.write_rows("load", [LOADED])):
        size = path.stat().st_size
        os.truncate(path, left if left >= 1 else int(size * left))
    run = open_run(writer.directory)
    with pytest.raises(ResultError, match=r"part-00000.parquet is not a whole Parquet file: .*; run the cell again"):
        run.samples()
    with pytest.raises(ResultError, match=r"load.parquet is not a whole Parquet file"):
        run.table("load")


def test_a_table_without_a_published_column(writer):
    path = writer.write_rows("load", [LOADED])
    pq.write_table(pq.read_table(path).drop_columns(["rows"]), path)
    with pytest.raises(ResultError, match=r"load.parquet lacks the published column rows of the table 'load'"):
        open_run(writer.directory).table("load")
