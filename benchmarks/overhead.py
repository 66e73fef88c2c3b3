"""What the tool itself takes: `uv run python -m benchmarks.overhead [--smoke]`.

Operations of an engine that answers at once, through both loops: operations per second and processor time of each.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bench.backends.null import NullBackend
from bench.drive import Assignment, Window
from bench.executors.local import Batch, Finished, LocalExecutor
from bench.load import ClosedLoop
from bench.model import Namespace, RenderedOperation, Statement
from bench.sampling import Uniform
from bench.workload import Operation, Workload
from benchmarks.pairs import machine

HEAD = "| loop | processes | clients | operations/s | client CPU, µs | resident, MiB |\n|---|--:|--:|--:|--:|--:|"


def measure(*, nonblocking: bool, processes: int, clients: int, duration_s: float) -> str:
    """One row of the table."""
    operation = Operation(name="ask", template="ask", params={"key": Uniform(low=1, high=1_000_000)})
    statement = Statement(sql="SELECT 1", parameters=("key",))
    load = ClosedLoop(name="overhead", clients=clients, processes=processes, duration_s=duration_s)
    assignment = Assignment(
        backend=NullBackend(nonblocking=nonblocking),
        namespace=Namespace(schema=""),
        operations=(RenderedOperation(name="ask", statements=(statement,), timeout_s=operation.timeout_s),),
        workload=Workload(name="ask", operations=(operation,)),
        load=load,
        seed=1,
        clients=tuple(range(clients)),
    )
    count, facts = 0, []
    with LocalExecutor(processes) as executor:
        executor.assign(assignment)
        _, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        for message in messages:
            if isinstance(message, Batch):
                count += len(message.chunk.samples())
            elif isinstance(message, Finished):
                facts.append(message.facts)
    cpu_us = sum(worker.cpu_s for worker in facts) / count * 1e6
    resident_mib = max(worker.rss_bytes for worker in facts) / 2**20
    loop = facts[0].loop
    return f"| {loop} | {processes} | {clients} | {count / duration_s:,.0f} | {cpu_us:.2f} | {resident_mib:.0f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=5, help="seconds of each row")
    parser.add_argument("--smoke", action="store_true", help="one second in all, to see that it works")
    asked = parser.parse_args(arguments)
    rows = [(False, 1, 1), (False, 2, 2), (True, 1, 8), (True, 2, 8), (True, 2, 32)]
    duration_s = asked.duration
    if asked.smoke:
        rows, duration_s = [(False, 1, 1), (True, 1, 2)], 0.5
    print(machine())
    print(HEAD)
    for nonblocking, processes, clients in rows:
        print(measure(nonblocking=nonblocking, processes=processes, clients=clients, duration_s=duration_s), flush=True)


if __name__ == "__main__":
    main()
