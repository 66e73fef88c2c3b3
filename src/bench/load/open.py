"""The open loop: operations arrive by a clock, whether or not a client is free."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt

from bench.errors import ConfigError, nearest
from bench.load.arrivals import ArrivalsOfEach, MixedArrivals
from bench.load.base import NS_PER_S, Arrivals, LoadProfile, Schedule, Share
from bench.load.rate import ArrivalProcess, Piece

if TYPE_CHECKING:
    from bench.workload import Workload


@dataclass(frozen=True, kw_only=True)
class ByTheClock(LoadProfile):
    """What all open loops have.

    `clients` is the greatest number of operations that are under way at once. An arrival that finds all of them busy
    waits, and that wait is part of its response time.
    """

    arrival_process: ArrivalProcess = "poisson"
    """`poisson`: independent users, with bursts and gaps; `uniform`: like a metronome."""
    max_lag_s: Annotated[float, Ge(0)] = 0.0
    """An arrival that could not be started for so long is dropped, and counted; 0: it waits however long."""
    late_s: Annotated[float, Gt(0)] = 0.01
    """An operation that starts so long after its intended start, or longer, is counted as late."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations:
            raise ConfigError(
                "an open loop starts what arrives, so it cannot owe operations; leave it 0 and set duration_s",
                key="iterations",
            )

    @property
    def open_loop(self) -> bool:
        """True: arrivals wait for nobody."""
        return True

    @property
    def late_ns(self) -> int | None:
        """`late_s`."""
        return int(self.late_s * NS_PER_S)

    def schedule(self, client: int, start_ns: int) -> Schedule:
        """Clients of an open loop have none of their own.

        Raises:
            NotImplementedError: Always; `arrivals` is what they share.
        """
        raise NotImplementedError("the clients of an open loop take what `arrivals` gives")

    @abstractmethod
    def asked(self) -> str:
        """The rates, in a few words."""

    def describe(self) -> str:
        """Rates, arrival process, clients and phases."""
        clients = f"at most {self.clients} client{'s' if self.clients > 1 else ''} at work"
        dropped = f", dropped after {self.max_lag_s:g} s" if self.max_lag_s else ""
        return (
            f"open loop, {self.asked()} ({self.arrival_process}), {clients}{dropped}, "
            f"{self.warm_up_s:g} s warm-up, {self.duration_s:g} s"
        )


@dataclass(frozen=True, kw_only=True)
class OpenLoop(ByTheClock):
    """A constant arrival rate: of the mix, or of each operation."""

    rate_per_s: Annotated[float, Gt(0)] | None = None
    """Arrivals of all operations together, in the proportions of the workload's mix."""
    rates: Mapping[str, Annotated[float, Gt(0)]] = field(default_factory=dict)
    """Arrivals per second of each operation, instead of `rate_per_s` and the mix."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate_per_s is None and not self.rates:
            raise ConfigError("is missing; give arrivals per second, or rates by operation", key="rate_per_s")
        if self.rate_per_s is not None and self.rates:
            raise ConfigError("there are rates by operation too; give one of both, and null here", key="rate_per_s")

    def check(self, workload: Workload) -> None:
        """Each operation that is asked has a rate, and no other has one."""
        if not self.rates:
            return
        names = [operation.name for operation in workload.asked]
        for name in self.rates:
            if name not in names:
                raise ConfigError(
                    f"the mix asks no operation '{name}'; it asks {', '.join(names)}{nearest(name, names)}",
                    key="load.rates",
                )
        for name in names:
            if name not in self.rates:
                raise ConfigError(
                    f"there is no rate for '{name}'; give one, or leave it out with workload.mix.{name}=0",
                    key="load.rates",
                )

    def arrivals(self, share: Share) -> Arrivals:
        """From the start of the load until the end of the measurement interval."""
        duration_s = self.warm_up_s + self.duration_s
        if self.rate_per_s is None:
            return ArrivalsOfEach(
                duration_s=duration_s,
                rates=[self.rates[operation.name] for operation in share.workload.asked],
                process=self.arrival_process,
                share=share,
                clients=self.clients,
                max_lag_ns=int(self.max_lag_s * NS_PER_S),
            )
        return MixedArrivals(
            pieces=[Piece(duration_s=duration_s, rate_per_s=self.rate_per_s, to_rate_per_s=self.rate_per_s)],
            mixes=[{}],
            process=self.arrival_process,
            share=share,
            clients=self.clients,
            max_lag_ns=int(self.max_lag_s * NS_PER_S),
        )

    def asked(self) -> str:
        """One rate, or one per operation."""
        if self.rate_per_s is not None:
            return f"{self.rate_per_s:.12g} arrivals/s"
        return ", ".join(f"{name} {rate:.12g}/s" for name, rate in sorted(self.rates.items()))
