"""What the harness alone can do: the same operations by as many clients, asked of an engine that answers at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.drive import Assignment, Window
from bench.executors.local import Batch, LocalExecutor
from bench.load import ClosedLoop

if TYPE_CHECKING:
    from bench.backends.base import Backend

CLOSE_RATIO = 0.5
"""Above this part of the ceiling the client is taken for a limit."""
SATURATED_RATIO = 0.9
"""Of a core, for a worker process: its interpreter runs on one at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """How fast the same clients were when nothing had to be waited for."""

    operations_per_s: float
    duration_s: float
    processes: int


def measure(assignment: Assignment, answering: Backend, *, processes: int, duration_s: float) -> Ceiling:
    """Drive the assignment's operations against `answering`, in a closed loop without think time.

    Raises:
        RunError: A worker could not go on.
    """
    load = ClosedLoop(name="ceiling", clients=len(assignment.clients), processes=processes, duration_s=duration_s)
    operations = tuple(replace(operation, timeout_s=0.0) for operation in assignment.operations)
    count, end_ns = 0, 0
    with LocalExecutor(processes) as executor:
        executor.assign(replace(assignment, backend=answering, load=load, operations=operations))
        window, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        for message in messages:
            if isinstance(message, Batch):
                samples = message.chunk.samples()
                count += len(samples)
                end_ns = max(end_ns, int(samples["end_ns"].max()))
    elapsed_s = (max(end_ns, window.end_ns) - window.start_ns) / 1e9
    return Ceiling(operations_per_s=count / elapsed_s, duration_s=duration_s, processes=processes)
