"""What every price list can say, and the plainest of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from bench.model import ComputeFacts, ComputeKind
from bench.price.usage import DATA, SECONDS_PER_HOUR, Cost, Usage


@dataclass(frozen=True, kw_only=True)
class Price(ABC):
    """A price list: what is asked for what was used."""

    name: str
    version: str = ""
    """Of the price list, in its publisher's words."""
    as_of: str = ""
    """Date of the price list, as YYYY-MM-DD."""
    source: str = ""
    """Where the figures come from, for the reader of a report."""

    @property
    @abstractmethod
    def gives_usd(self) -> bool:
        """It has a figure at all; False for a price that is left open."""

    @property
    def gives_credits(self) -> bool:
        """What it prices is billed in credits."""
        return False

    @abstractmethod
    def refusal(self, compute: ComputeFacts) -> str:
        """Why this price can give no cost, in one sentence that says what to do; empty when it can."""

    @abstractmethod
    def cost(self, usage: Usage) -> Cost | None:
        """What the usage costs; None where `refusal` has a reason, or there is no price."""

    def misfit(self, kind: ComputeKind) -> str:
        """Why this price list is of another kind of compute, in one sentence; empty when it fits."""
        return ""

    def listed(self, compute: ComputeFacts) -> Price:
        """The price list that is applied to this compute: this one, unless it chooses among several."""
        return self


@dataclass(frozen=True, kw_only=True)
class HourlyPrice(Price):
    """A system that costs the same in each hour, busy or not."""

    usd_per_hour: Annotated[float, Ge(0)] | None = None
    """Price of the whole system under test; null: not known, so that no cost is computed."""

    @property
    def gives_usd(self) -> bool:
        """Unless the price is null."""
        return self.usd_per_hour is not None

    def refusal(self, compute: ComputeFacts) -> str:
        """Empty: nothing need be known of the system."""
        return ""

    def cost(self, usage: Usage) -> Cost | None:
        """The price of the hours for which the system was used.

        Example:
            >>> cost = HourlyPrice(name="mine", usd_per_hour=0.36).cost(Usage(data_s=10, run_s=90))
            >>> round(cost.usd, 6), round(cost.run_usd, 6)
            (0.01, 0.009)
        """
        if self.usd_per_hour is None:
            return None
        data = self.usd_per_hour * usage.data_s / SECONDS_PER_HOUR
        instance = self.usd_per_hour * usage.run_s / SECONDS_PER_HOUR
        return Cost(
            usd=data + instance,
            parts_usd={DATA: data, "instance": instance},
            billed_s=usage.used_s,
            fixed_usd_per_hour=self.usd_per_hour,
            running_usd_per_hour=0.0,
            assumptions=(
                f"The system costs {self.usd_per_hour:g} USD per hour, busy or not, with storage and all else in it.",
                "Only the time in which the run used it is counted.",
            ),
        )
