"""What a worker process is to do, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.model import Namespace, RenderedOperation
from bench.workload import Workload

if TYPE_CHECKING:
    from bench.backends.base import Backend
    from bench.load import LoadProfile

NS_PER_S = 1_000_000_000
NEVER_NS = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What a worker process is to do. Picklable."""

    backend: Backend
    namespace: Namespace
    operations: tuple[RenderedOperation, ...]
    """In the order of `workload.asked`."""
    workload: Workload
    """With every parameter resolved to values."""
    load: LoadProfile
    seed: int
    clients: tuple[int, ...]
    """Which of the `load.clients` this process drives."""
    process: int = 0
    """Number of this worker process among `processes`, by which an open loop's arrivals are shared out."""
    processes: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When to measure, in ns of the monotonic clock."""

    start_ns: int
    measure_ns: int
    """Warm-up ends and the measurement interval begins."""
    end_ns: int
    """No operation is meant to start from here on, unless iterations are still owed."""
    limit_ns: int
    """No operation starts from here on, whatever is owed."""

    @classmethod
    def of(cls, load: LoadProfile, start_ns: int) -> Window:
        """The window of a load that begins at `start_ns`."""
        measure = start_ns + int(load.warm_up_s * NS_PER_S)
        end = measure + int(load.duration_s * NS_PER_S)
        limit = measure + int(load.max_duration_s * NS_PER_S) if load.max_duration_s else NEVER_NS
        return cls(start_ns=start_ns, measure_ns=measure, end_ns=end, limit_ns=limit)
