"""Several groups of clients at once, each with operations and a load of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, MinLen

from bench.errors import ConfigError, nearest
from bench.load.arrivals import MixedArrivals
from bench.load.base import NS_PER_S, Arrivals, LoadProfile, Schedule, Share
from bench.load.closed import ThinkTime
from bench.load.rate import ArrivalProcess, Piece

if TYPE_CHECKING:
    from bench.workload import Workload


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One group of clients: a closed loop, or with `rate_per_s` an open one."""

    name: str
    clients: Annotated[int, Ge(1)]
    mix: Annotated[Mapping[str, Annotated[float, Gt(0)]], MinLen(1)]
    """The operations of the workload that it asks, with their weights; no other stream asks them."""
    rate_per_s: Annotated[float, Gt(0)] | None = None
    """Arrivals of its operations together; null: a closed loop."""
    arrival_process: ArrivalProcess = "poisson"
    think_time_s: Annotated[float, Ge(0)] = 0.0
    """In a closed loop: between an answer and the next question."""

    def __post_init__(self) -> None:
        if self.rate_per_s is not None and self.think_time_s:
            raise ConfigError("clients of an open loop do not think; leave it 0, or rate_per_s out", key="think_time_s")

    def __str__(self) -> str:
        asked = " ".join(f"{name}={weight:.12g}" for name, weight in sorted(self.mix.items()))
        clients = f"{self.clients} client{'s' if self.clients > 1 else ''}"
        if self.rate_per_s is not None:
            return f"{self.name}: {self.rate_per_s:.12g} arrivals/s ({self.arrival_process}), {clients}, {asked}"
        think = f", {self.think_time_s:g} s think time" if self.think_time_s else ""
        return f"{self.name}: closed loop, {clients}{think}, {asked}"


@dataclass(frozen=True, kw_only=True)
class Streams(LoadProfile):
    """Groups of clients beside each other, through one warm-up and one measurement interval."""

    streams: Annotated[tuple[Stream, ...], MinLen(1)]
    clients: Annotated[int, Ge(0)] = 0
    """Follows from the streams; 0 stands for that."""
    max_lag_s: Annotated[float, Ge(0)] = 0.0
    """In the open loops: an arrival that could not be started for so long is dropped, and counted; 0: it waits."""
    late_s: Annotated[float, Gt(0)] = 0.01
    """In the open loops: an operation that starts so late, or later, is counted as late."""

    def __post_init__(self) -> None:
        together = sum(stream.clients for stream in self.streams)
        if self.clients not in {0, together}:
            raise ConfigError(f"the streams have {together} together; leave it out", key="clients")
        object.__setattr__(self, "clients", together)
        super().__post_init__()
        if self.iterations:
            raise ConfigError("streams run for a time, not for a number; leave it 0", key="iterations")
        names = [stream.name for stream in self.streams]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"the stream '{name}' stands there twice", key="streams")

    @property
    def open_loop(self) -> bool:
        """One of them is open."""
        return any(stream.rate_per_s is not None for stream in self.streams)

    @property
    def late_ns(self) -> int | None:
        """`late_s`."""
        return int(self.late_s * NS_PER_S) if self.open_loop else None

    @property
    def groups(self) -> int:
        """As many as there are streams."""
        return len(self.streams)

    def group(self, client: int) -> int:
        """Clients are numbered stream by stream."""
        for at, stream in enumerate(self.streams):
            if client < stream.clients:
                return at
            client -= stream.clients
        raise IndexError(client)

    def mix(self, client: int, workload: Workload) -> Mapping[str, float]:
        """The stream's operations, and no others."""
        return self._mix(self.group(client), workload)

    def _mix(self, at: int, workload: Workload) -> Mapping[str, float]:
        return {operation.name: self.streams[at].mix.get(operation.name, 0.0) for operation in workload.asked}

    def on_schedule(self, operation: str) -> bool:
        """The stream that asks it is open."""
        return any(operation in stream.mix and stream.rate_per_s is not None for stream in self.streams)

    def check(self, workload: Workload) -> None:
        """Each operation is asked by one stream."""
        names = [operation.name for operation in workload.asked]
        for stream in self.streams:
            for name in stream.mix:
                if name not in names:
                    raise ConfigError(
                        f"the workload asks no operation '{name}'; it asks {', '.join(names)}{nearest(name, names)}",
                        key=f"load.streams.[{stream.name}].mix",
                    )
        for name in names:
            asking = [stream.name for stream in self.streams if name in stream.mix]
            if not asking:
                raise ConfigError(
                    f"no stream asks '{name}'; add it to one, or leave it out with workload.mix.{name}=0",
                    key="load.streams",
                )
            if len(asking) > 1:
                raise ConfigError(
                    f"'{name}' is asked by {' and '.join(asking)}; a summary is of one stream", key="load.streams"
                )

    def schedule(self, client: int, start_ns: int) -> Schedule:
        """Of a client in one of the closed loops."""
        return ThinkTime(think_time_ns=int(self.streams[self.group(client)].think_time_s * NS_PER_S))

    def arrivals(self, share: Share) -> Arrivals | None:
        """Of the stream `share.group`; None where it is closed."""
        stream = self.streams[share.group]
        if stream.rate_per_s is None:
            return None
        duration_s = self.warm_up_s + self.duration_s
        return MixedArrivals(
            pieces=[Piece(duration_s=duration_s, rate_per_s=stream.rate_per_s, to_rate_per_s=stream.rate_per_s)],
            mixes=[self._mix(share.group, share.workload)],
            process=stream.arrival_process,
            share=replace(share, purpose=stream.name),
            clients=stream.clients,
            first_client=sum(before.clients for before in self.streams[: share.group]),
            max_lag_ns=int(self.max_lag_s * NS_PER_S),
        )

    def describe(self) -> str:
        """Stream by stream."""
        dropped = f", dropped after {self.max_lag_s:g} s" if self.max_lag_s else ""
        streams = "; ".join(map(str, self.streams))
        return f"{streams}{dropped}; {self.warm_up_s:g} s warm-up, {self.duration_s:g} s"

    def facts(self) -> list[dict[str, object]]:
        """Each with its operations, in the order of its clients' numbers."""
        return [
            {"name": stream.name, "clients": stream.clients, "operations": sorted(stream.mix), "load": str(stream)}
            for stream in self.streams
        ]
