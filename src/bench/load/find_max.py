"""The search for the highest arrival rate that meets an objective: which rate to try next, and what follows."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

from annotated_types import Ge, Gt, Le

from bench.errors import ConfigError
from bench.load.base import Arrivals, Share
from bench.load.open import ByTheClock, OpenLoop

if TYPE_CHECKING:
    from bench.workload import Workload

ENOUGH = 1_100
"""Arrivals of one step, at least: p99 needs a thousand that succeed."""
LOWEST_RATIO = 1 / 32
"""Of the first rate: below it the search for one that meets the objective is given up."""
DIGITS = 6
"""Of a rate that is tried: enough to tell rates apart, and short to read."""
GROWTH = 2.0
"""From one rate to the next until one meets the objective and a higher one does not."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What a rate has to meet."""

    p99_ms: Annotated[float, Gt(0)]
    """Greatest p99 of the response time of all operations together."""
    error_ratio: Annotated[float, Ge(0), Le(1)] = 0.0
    """Greatest part of the arrivals that may fail or be dropped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What came of one rate."""

    rate_per_s: float
    throughput_per_s: float
    p99_ms: float | None
    """None: too few succeeded to tell."""
    error_ratio: float
    client_limited: bool
    """The clients may have been the limit, or late themselves."""

    def meets(self, objective: Objective) -> bool:
        """It was good enough. A client at its limit makes times longer, so what it finds good is good."""
        return self.p99_ms is not None and self.p99_ms <= objective.p99_ms and self.error_ratio <= objective.error_ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class Conclusion:
    """What the search came to."""

    rate_per_s: float | None
    """The highest rate that met the objective, and did so again; None: nothing is concluded."""
    met_per_s: float | None
    """The highest rate that met it at all."""
    missed_per_s: float | None
    """The lowest rate above that did not; together they are the bracket."""
    reason: str
    """One sentence for the user."""


Search: TypeAlias = Generator[float, Tried, Conclusion]
"""Yields the rate to try next, and is sent what came of it."""


@dataclass(frozen=True, kw_only=True)
class FindMax(ByTheClock):
    """Open loops one after another, each at another rate: doubled until one fails, then halved in between."""

    objective: Objective
    from_rate_per_s: Annotated[float, Gt(0)] = 100.0
    """The first rate that is tried."""
    to_rate_per_s: Annotated[float, Gt(0)] | None = None
    """No higher rate is tried; null: as high as it goes."""
    precision_ratio: Annotated[float, Gt(0), Le(1)] = 0.05
    """The search ends when the rate that fails is at most so much higher than the one that meets the objective."""
    confirmations: Annotated[int, Ge(0)] = 1
    """How often the rate that was found must meet the objective again."""
    max_steps: Annotated[int, Ge(1)] = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.to_rate_per_s is not None and self.to_rate_per_s < self.from_rate_per_s:
            raise ConfigError(
                f"{self.to_rate_per_s:g} is below from_rate_per_s ({self.from_rate_per_s:g})", key="to_rate_per_s"
            )

    @property
    def runs(self) -> int:
        """As many as it may take."""
        return self.max_steps

    def at(self, rate_per_s: float) -> OpenLoop:
        """The load of one step, long enough for its p99."""
        return OpenLoop(
            name=self.name,
            clients=self.clients,
            processes=self.processes,
            pace=self.pace,
            warm_up_s=self.warm_up_s,
            duration_s=max(self.duration_s, ENOUGH / rate_per_s),
            drain_s=self.drain_s,
            arrival_process=self.arrival_process,
            max_lag_s=self.max_lag_s,
            late_s=self.late_s,
            rate_per_s=rate_per_s,
        )

    def arrivals(self, share: Share) -> Arrivals:
        """Those of the first step."""
        return self.at(self.from_rate_per_s).arrivals(share)

    def check(self, workload: Workload) -> None:
        """It can ask whatever the mix holds."""

    def asked(self) -> str:
        """Objective and bounds."""
        highest = f" to {self.to_rate_per_s:.12g}" if self.to_rate_per_s is not None else " up"
        return (
            f"highest rate from {self.from_rate_per_s:.12g}/s{highest} within {self.precision_ratio:.12g} and "
            f"{self.max_steps} steps, {self.confirmations} confirmed, "
            f"with p99 <= {self.objective.p99_ms:.12g} ms and errors <= {self.objective.error_ratio:.12g}"
        )

    def search(self) -> Search:
        """Bracket, halve, confirm."""
        met: list[float] = []
        missed: float | None = None
        rate = self.from_rate_per_s
        confirmed = 0
        for _ in range(self.max_steps):
            tried = yield rate
            if tried.meets(self.objective):
                confirmed = confirmed + 1 if rate in met else 0
                met.append(rate)
                if self._narrow(rate, missed) and confirmed >= self.confirmations:
                    return _found(max(met), missed)
            elif tried.client_limited:
                return _limited(rate, met)
            else:
                met, missed = [one for one in met if one < rate], rate
                if not met and missed / GROWTH < self.from_rate_per_s * LOWEST_RATIO:
                    break
            rate = self._next(met, missed)
        return _given_up(met, missed)

    def _narrow(self, rate: float, missed: float | None) -> bool:
        if missed is None:
            return self.to_rate_per_s is not None and rate >= self.to_rate_per_s
        return missed <= rate * (1 + self.precision_ratio)

    def _next(self, met: list[float], missed: float | None) -> float:
        if not met:
            assert missed is not None  # a rate was tried
            return missed / GROWTH
        best = max(met)
        if self._narrow(best, missed):
            return best
        if missed is not None:
            return float(f"{(best * missed) ** 0.5:.{DIGITS}g}")
        return min(best * GROWTH, self.to_rate_per_s or best * GROWTH)


def _found(best: float, missed: float | None) -> Conclusion:
    more = f"{missed:,.6g}/s do not" if missed is not None else "no higher rate was to be tried"
    reason = f"{best:,.6g} arrivals/s meet the objective; {more}"
    return Conclusion(rate_per_s=best, met_per_s=best, missed_per_s=missed, reason=reason)


def _limited(rate: float, met: list[float]) -> Conclusion:
    best = max(met, default=None)
    least = f"; {best:,.6g}/s met the objective, so the highest rate is no lower" if best is not None else ""
    reason = f"the client was the limit at {rate:,.6g} arrivals/s, so nothing is concluded{least}"
    return Conclusion(rate_per_s=None, met_per_s=best, missed_per_s=None, reason=reason)


def _given_up(met: list[float], missed: float | None) -> Conclusion:
    best = max(met, default=None)
    if best is None:
        reason = f"no rate that was tried met the objective, down to {missed or 0:,.6g} arrivals/s"
    else:
        above = f"{missed:,.6g}/s did not" if missed is not None else "and higher ones may do so too"
        reason = f"load.max_steps was not enough, so nothing is concluded: {best:,.6g}/s met the objective, {above}"
    return Conclusion(rate_per_s=None, met_per_s=best, missed_per_s=missed, reason=reason)
