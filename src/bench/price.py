"""What a run costs. Pure arithmetic; every figure is an estimate from list prices and measured rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

SECONDS_PER_HOUR = 3_600


@dataclass(frozen=True, kw_only=True)
class Price:
    """A system that costs the same in each hour, busy or not."""

    name: str
    usd_per_hour: Annotated[float, Ge(0)] | None = None
    """Price of the whole system under test; null: not known, so that no cost is computed."""
    as_of: str = ""
    """Date of the price list, as YYYY-MM-DD."""
    source: str = ""
    """Where the figure comes from, for the reader of a report."""

    def usd_per_1000_operations(self, throughput_per_s: float | None) -> float | None:
        """Cost of 1,000 operations at this throughput; None where price or throughput is unknown or zero."""
        if self.usd_per_hour is None or not throughput_per_s:
            return None
        return self.usd_per_hour / SECONDS_PER_HOUR / throughput_per_s * 1_000
