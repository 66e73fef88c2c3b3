"""An open loop whose rate or mix changes over time: ramps, steps, and whatever else phases make up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, MinLen

from bench.errors import ConfigError, nearest
from bench.load.arrivals import MixedArrivals
from bench.load.base import NS_PER_S, Arrivals, Share
from bench.load.open import ByTheClock
from bench.load.rate import Piece

if TYPE_CHECKING:
    from bench.workload import Workload


@dataclass(frozen=True, kw_only=True)
class LoadPhase:
    """A stretch of the measurement interval."""

    duration_s: Annotated[float, Gt(0)]
    rate_per_s: Annotated[float, Ge(0)]
    """Arrivals per second of all operations together; 0: a pause."""
    to_rate_per_s: Annotated[float, Ge(0)] | None = None
    """The rate goes there in a straight line; null: it stays."""
    mix: Mapping[str, Annotated[float, Ge(0)]] = field(default_factory=dict)
    """Weights of operations, where they differ from the workload's."""

    @property
    def piece(self) -> Piece:
        """Its part of the curve."""
        to_rate = self.rate_per_s if self.to_rate_per_s is None else self.to_rate_per_s
        return Piece(duration_s=self.duration_s, rate_per_s=self.rate_per_s, to_rate_per_s=to_rate)

    def __str__(self) -> str:
        to_rate = "" if self.to_rate_per_s is None else f" to {self.to_rate_per_s:.12g}"
        mix = "".join(f" {name}={weight:.12g}" for name, weight in sorted(self.mix.items()))
        return f"{self.rate_per_s:.12g}{to_rate}/s for {self.duration_s:g} s{mix}"


@dataclass(frozen=True, kw_only=True)
class Phases(ByTheClock):
    """Phases one after another; together they are the measurement interval.

    The warm-up keeps the rate with which the first phase begins, and its mix.
    """

    phases: Annotated[tuple[LoadPhase, ...], MinLen(1)]
    duration_s: Annotated[float, Ge(0)] = 0.0
    """Follows from the phases; 0 stands for that."""

    def __post_init__(self) -> None:
        together_s = sum(phase.duration_s for phase in self.phases)
        if self.duration_s and abs(self.duration_s - together_s) > 1e-6:
            raise ConfigError(
                f"{self.duration_s:g} is not the length of the phases, {together_s:g} s; leave it out", key="duration_s"
            )
        object.__setattr__(self, "duration_s", together_s)
        super().__post_init__()
        if not sum(phase.piece.arrivals for phase in self.phases):
            raise ConfigError("nothing arrives in any of them; give one a rate above 0", key="phases")

    def check(self, workload: Workload) -> None:
        """Each mix names operations that are asked, and leaves some of them in."""
        names = [operation.name for operation in workload.asked]
        for at, phase in enumerate(self.phases):
            key = f"load.phases[{at}].mix"
            for name in phase.mix:
                if name not in names:
                    raise ConfigError(
                        f"the mix of the workload has no operation '{name}'; it has {', '.join(names)}"
                        f"{nearest(name, names)}",
                        key=key,
                    )
            if all(phase.mix.get(name, 1.0) == 0 for name in names):
                raise ConfigError("all weights are 0; for a pause give the phase a rate of 0", key=key)

    def arrivals(self, share: Share) -> Arrivals:
        """Through warm-up and phases."""
        first = self.phases[0].rate_per_s
        warm_up = Piece(duration_s=self.warm_up_s, rate_per_s=first, to_rate_per_s=first)
        return MixedArrivals(
            pieces=[warm_up, *(phase.piece for phase in self.phases)],
            mixes=[self.phases[0].mix, *(phase.mix for phase in self.phases)],
            process=self.arrival_process,
            share=share,
            clients=self.clients,
            max_lag_ns=int(self.max_lag_s * NS_PER_S),
        )

    def asked(self) -> str:
        """Phase by phase."""
        return ", then ".join(map(str, self.phases))
