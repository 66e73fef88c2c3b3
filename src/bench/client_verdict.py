"""Was the client the limit? Its workers, and its ceiling with an engine that answers at once, beside the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from bench.doubt import Doubt
from bench.errors import BenchError
from bench.executors import ceiling
from bench.executors.ceiling import CLOSE_RATIO, SATURATED_RATIO, Ceiling
from bench.stats import OperationSummary

if TYPE_CHECKING:
    from bench.drive import Assignment
    from bench.executors.vitals import WorkerFacts
    from bench.plan import RunConfig
    from bench.results import RunWriter

WORTH_IT = 10
"""A load shorter than so many times the measurement of its ceiling gets none."""


@dataclass(kw_only=True)
class ClientVerdict:
    """What one run says of its own clients."""

    config: RunConfig
    writer: RunWriter
    workers: list[WorkerFacts] = field(default_factory=list)
    ceiling: Ceiling | None = None

    def measure_ceiling(self, assignment: Assignment) -> None:
        """Measure what the same clients can do when nothing has to be waited for, and keep it in the manifest."""
        duration_s = self.config.ceiling_s
        if not duration_s or self.config.load.duration_s < WORTH_IT * duration_s:
            return
        try:
            self.ceiling = ceiling.measure(
                assignment, self.config.answering, processes=len(self.workers), duration_s=duration_s
            )
        except BenchError as error:
            self.writer.warn(f"the client's ceiling could not be measured: {error}")
            return
        self.writer.update(ceiling=asdict(self.ceiling))

    def on(self, summaries: Iterable[OperationSummary], more: Iterable[Doubt] = ()) -> list[OperationSummary]:
        """The summaries, each with what the clients make doubtful about it, and with `more` that concerns all."""
        found = list(summaries)
        doubts = (*self._doubts(sum(summary.throughput_per_s for summary in found)), *more)
        return [replace(summary, warnings=(*summary.warnings, *doubts)) for summary in found]

    def _doubts(self, throughput_per_s: float) -> Iterator[Doubt]:
        if self.ceiling is not None and throughput_per_s > CLOSE_RATIO * self.ceiling.operations_per_s:
            yield Doubt.CLIENT_LIMIT
        # A worker that spins until the next start uses its core up whether or not it has anything to do.
        busy = self.config.load.pace != "spin" and any(
            worker.cpu_s > SATURATED_RATIO * worker.elapsed_s for worker in self.workers
        )
        if busy:
            yield Doubt.WORKER_SATURATED
        if self.config.backend.capabilities.pipelined:
            yield Doubt.PIPELINED
