"""When operations start: one class per load shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from annotated_types import Ge

from bench.errors import ConfigError

NS_PER_S = 1_000_000_000


class Schedule(Protocol):
    """The starts of one client's operations."""

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

    def worker_processes(self, *, cores: int, limit: int | None = None) -> int:
        """How many worker processes drive the clients.

        Where the load does not say so: half of the cores, since a server on this machine needs the others, but two
        where there are two; never more than clients, nor than `limit`, the engine's own.
        """
        if self.processes is not None:
            return self.processes
        return max(1, min(self.clients, limit or self.clients, max(cores // 2, min(cores, 2))))

    def arrivals(self, process: int, processes: int, start_ns: int) -> Arrivals | None:
        """The starts of the clients of one of the worker processes; None: a closed loop, each client has its own.

        Args:
            process: Number of the worker process, from 0.
            processes: How many there are.
            start_ns: When the load begins.
        """
        return None

    @abstractmethod
    def schedule(self, client: int, start_ns: int) -> Schedule:
        """The schedule of one client from `start_ns` on."""

    @abstractmethod
    def describe(self) -> str:
        """One line for the screen."""


@dataclass(frozen=True, kw_only=True)
class ClosedLoop(LoadProfile):
    """Each client sends its next operation when it has the answer to the last, after a think time."""

    think_time_s: Annotated[float, Ge(0)] = 0.0

    @property
    def open_loop(self) -> bool:
        """False: a slow answer delays the next question."""
        return False

    def schedule(self, client: int, start_ns: int) -> Schedule:
        """Free plus think time."""
        return ThinkTime(think_time_ns=int(self.think_time_s * NS_PER_S))

    def describe(self) -> str:
        """Clients, processes, think time and phases."""
        think = f", {self.think_time_s:g} s think time" if self.think_time_s else ""
        clients = f"{self.clients} client{'s' if self.clients > 1 else ''}"
        least = f" and {self.iterations} operations each" if self.iterations else ""
        return f"closed loop, {clients}{think}, {self.warm_up_s:g} s warm-up, {self.duration_s:g} s{least}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ThinkTime:
    """The schedule of a closed loop."""

    think_time_ns: int

    def next_start_ns(self, free_at_ns: int) -> int:
        """When the client has thought."""
        return free_at_ns + self.think_time_ns
