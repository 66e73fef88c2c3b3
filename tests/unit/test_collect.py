"""Chunks of many recorders become part files."""

from collections import deque

from bench.collect import Collector
from bench.model import ErrorClass
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
