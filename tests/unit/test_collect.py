"""Chunks of samples on their way into part files."""

from collections import deque

import pyarrow as pa

from bench.collect import Collector
from bench.model import ErrorClass, Status
from bench.record import STATUSES, Recorder


def test_a_part_holds_chunks_with_errors_and_without(tmp_path):
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
