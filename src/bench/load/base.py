"""What every load shape has: clients, processes, phases, and what a loop asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from annotated_types import Ge

from bench.errors import ConfigError

if TYPE_CHECKING:
    from bench.workload import Workload

NS_PER_S = 1_000_000_000
FEW_CLIENTS = 8
"""So many may have a process each, which takes about 70 MiB."""


class Schedule(Protocol):
    """The starts of one client's operations."""

    @property
    def prompt(self) -> bool:
        """Each operation is meant to start when the client becomes free."""
        ...

    def next_start_ns(self, free_at_ns: int) -> int:
        """When the next operation is meant to start, given when the client became free; ns of the monotonic clock."""
        ...


class Arrivals(Protocol):
    """The starts in one worker process of an open loop, laid out before any client is free.

    Whichever client is free takes the next one. One that has to wait for a client longer than `max_lag_ns` is dropped.
    """

    @property
    def max_lag_ns(self) -> int:
        """How late an arrival may be started; 0: however late."""
        ...

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Intended starts, ascending, in ns of the monotonic clock, each with what is asked.

        That is a position in `workload.asked`, or -1: the next one in the order of the client that takes it.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Share:
    """Which part of an open loop's arrivals a worker process is to start."""

    process: int
    """Number of the worker process, from 0."""
    processes: int
    """How many there are."""
    start_ns: int
    """When the load begins, in ns of the monotonic clock."""
    seed: int
    workload: Workload
    group: int = 0
    """Of which group of clients; see `LoadProfile.groups`."""
    purpose: str = ""
    """What tells these arrivals from others of the same seed."""


@dataclass(frozen=True, kw_only=True)
class LoadProfile(ABC):
    """How many clients ask, for how long."""

    name: str
    clients: Annotated[int, Ge(1)] = 1
    processes: Annotated[int, Ge(1)] | None = None
    """Worker processes among which the clients are shared out; null: as many as serve, see `worker_processes`."""
    pace: Literal["sleep", "spin"] = "sleep"
    """How a client that is free waits for its next start. `spin` comes closer to it, and takes the core for itself."""
    warm_up_s: Annotated[float, Ge(0)] = 0.0
    duration_s: Annotated[float, Ge(0)] = 10.0
    """Least length of the measurement interval."""
    iterations: Annotated[int, Ge(0)] = 0
    """Least number of operations that each client starts in the measurement interval."""
    max_duration_s: Annotated[float, Ge(0)] = 0.0
    """Greatest length of the measurement interval, whatever `iterations` asks; 0: not limited."""
    drain_s: Annotated[float, Ge(0)] = 60.0
    """How long operations that are under way at the end are awaited before they are cancelled."""

    def __post_init__(self) -> None:
        if not self.duration_s and not self.iterations:
            raise ConfigError("0 measures nothing; give duration_s, iterations or both", key="duration_s")
        if self.processes is not None and self.processes > self.clients:
            raise ConfigError(
                f"{self.processes} processes for {self.clients} clients leave some idle; use at most {self.clients}",
                key="processes",
            )
        if self.max_duration_s and self.max_duration_s < self.duration_s:
            raise ConfigError(
                f"{self.max_duration_s:g} is less than duration_s ({self.duration_s:g})", key="max_duration_s"
            )

    @property
    @abstractmethod
    def open_loop(self) -> bool:
        """Operations arrive by a clock, whether or not a client is free."""

    def worker_processes(self, *, cores: int, limit: int | None = None, lone: bool = False) -> int:
        """How many worker processes drive the clients.

        Where the load does not say so: half of the cores, since a server on this machine needs the others, but two
        where there are two; never more than clients, nor than `limit`, the engine's own. A few clients of a closed loop
        have a process each, where that serves them better; those of an open loop take each other's arrivals, which
        they can in one process only.

        Args:
            cores: That this machine has for us.
            limit: The engine's own; None: it has none.
            lone: A client that is alone in its process has its answers sooner than one of several.
        """
        if self.processes is not None:
            return self.processes
        few = lone and not self.open_loop and self.clients <= min(2 * cores, FEW_CLIENTS)
        return max(1, min(self.clients, limit or self.clients, self.clients if few else max(cores // 2, min(cores, 2))))

    @property
    def runs(self) -> int:
        """How often the load may be run, one after another, in one cell."""
        return 1

    @property
    def groups(self) -> int:
        """Into how many groups, each with a load of its own, the clients fall."""
        return 1

    def group(self, client: int) -> int:
        """Number of a client's group, from 0."""
        return 0

    def mix(self, client: int, workload: Workload) -> Mapping[str, float]:
        """Weights of a client's operations where they differ from the workload's."""
        return {}

    def on_schedule(self, operation: str) -> bool:
        """The operation arrives by a clock."""
        return self.open_loop

    def facts(self) -> list[dict[str, object]]:
        """What the manifest says of each group, where there are several."""
        return []

    @property
    def late_ns(self) -> int | None:
        """How long after its intended start an operation counts as late; None: nothing is late in a closed loop."""
        return None

    def check(self, workload: Workload) -> None:  # noqa: B027  # a load that asks whatever the mix holds refuses none
        """Refuse a workload that this load cannot ask.

        Raises:
            ConfigError: It names operations that are not there, or leaves some out.
        """

    def arrivals(self, share: Share) -> Arrivals | None:
        """The starts of the clients of one of the worker processes; None: a closed loop, each client has its own."""
        return None

    @abstractmethod
    def schedule(self, client: int, start_ns: int) -> Schedule:
        """The schedule of one client from `start_ns` on."""

    @abstractmethod
    def describe(self) -> str:
        """One line for the screen."""

    def question(self) -> object:
        """What of this load belongs to the question: results of loads that differ in it are not compared."""
        return self.describe()
