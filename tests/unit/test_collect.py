"""Chunks of many recorders become part files."""

import subprocess
import sys
from collections import deque

import pyarrow as pa

from bench.collect import Collector
from bench.model import ErrorClass, Status
from bench.record import STATUS_OK, STATUSES, Recorder
from bench.results.schemas import conform


def test_samples_with_and_without_errors_share_a_part():
    parts: list = []
    collector = Collector(operations=["a"], measure_ns=0, write=parts.append)
    outbox: deque = deque()
    fine, unlucky = Recorder(0, outbox), Recorder(1, outbox)
    fine.add(0, 0, 0, STATUS_OK, -1, 3, 10, 10, 10, 20)
    error = unlucky.errors.add("a", ErrorClass.FATAL, "42P01", "no such table")
    unlucky.add(1, 0, 0, STATUSES.index("error"), error, 0, 10, 10, 10, 30)
    unlucky.add(1, 0, 0, STATUS_OK, -1, 1, 40, 40, 40, 50)
    for recorder in (fine, unlucky, fine):
        recorder.flush()
    for chunk in outbox:
        collector.add(chunk, unlucky.errors.known if chunk.recorder else [])
    collector.flush()
    (part,) = parts
    constants = dict.fromkeys(("run_id", "backend", "dataset", "workload", "load"), "x")
    table = conform("samples", part, {**constants, "repetition": 0, "emulated": False})
    assert table.column("error_class").to_pylist() == [None, "fatal", None]
    assert table.column("sqlstate").to_pylist() == [None, "42P01", None]
    assert (collector.measured, collector.failed) == (3, 1)


def test_a_part_holds_chunks_with_errors_and_without():
    outbox, parts = deque(), []
    recorder = Recorder(0, outbox)
    fault = recorder.errors.add("read", ErrorClass.RETRYABLE, "55P03", "locked")
    for status, error in ((Status.OK, -1), (Status.ABORTED, fault)):
        recorder.add(0, 0, 0, STATUSES.index(status), error, 1, 5, 5, 6, 7)
        recorder.flush()
    collector = Collector(operations=["read"], measure_ns=0, write=parts.append)
    while outbox:
        collector.add(outbox.popleft(), recorder.errors.known)
    collector.flush()
    (part,) = parts
    assert part.column("error_class").to_pylist() == [None, "retryable"]
    assert part.column("sqlstate").to_pylist() == [None, "55P03"]
    assert pa.types.is_dictionary(part.schema.field("error_class").type)


DURING_A_LOAD = """
import sys
from collections import deque
from pathlib import Path
from bench import collect
from bench.record import STATUS_OK, Recorder
from bench.results import RunKey, RunWriter

outbox = deque()
recorder = Recorder(0, outbox)
recorder.add(0, 0, 0, STATUS_OK, -1, 1, 5, 5, 6, 7)
recorder.flush()
writer = RunWriter(Path(sys.argv[1]), RunKey(run_id="r", backend="b", dataset="d", workload="w", load="l"))
write = lambda table: writer.add_samples(table, repetition=1)
collector = collect.Collector(operations=["a"], measure_ns=0, write=write)
collect.make_ready()
before = set(sys.modules)
collector.add(outbox[0], [])
collector.flush()
print(sorted(name for name in set(sys.modules) - before if name.partition(".")[0] in {"numpy", "pandas", "pyarrow"}))
"""


def test_nothing_large_is_imported_when_the_first_samples_come(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DURING_A_LOAD, tmp_path / "run"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
