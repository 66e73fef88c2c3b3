"""At which rate of operations two systems cost the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class HourlyCost:
    """What an hour costs in which operations are asked for at some rate: a fixed part, and a part for each of them."""

    name: str
    fixed_usd_per_hour: float
    """Of an hour without any operation."""
    usd_per_operation: float
    """What each operation adds; 0 where the hour costs the same whatever is asked in it."""
    max_operations_per_hour: float
    """What was measured: more cannot be served."""

    def usd_per_hour(self, operations_per_hour: float) -> float:
        """Cost of an hour at this rate, in USD.

        Example:
            >>> warehouse = HourlyCost(
            ...     name="w", fixed_usd_per_hour=0.5, usd_per_operation=0.01, max_operations_per_hour=1000
            ... )
            >>> warehouse.usd_per_hour(250)
            3.0
        """
        return self.fixed_usd_per_hour + operations_per_hour * self.usd_per_operation


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakEven:
    """Which of two systems is cheaper, and where that changes."""

    operations_per_hour: float | None
    """The rate at which both cost the same; None: one of them is cheaper at any rate that both can serve."""
    usd_per_hour: float | None = None
    """What an hour costs at that rate."""
    cheaper_below: str
    """The cheaper one below that rate, or at any; empty where both cost the same at any."""
    cheaper_above: str
    common_operations_per_hour: float
    """Up to which both can serve."""


def break_even(one: HourlyCost, other: HourlyCost) -> BreakEven:
    """The rate at which two systems cost the same, up to what both can serve.

    Two straight lines: `fixed + rate x usd_per_operation`. They cross at most once.

    Example:
        >>> server = HourlyCost(name="s", fixed_usd_per_hour=1, usd_per_operation=0, max_operations_per_hour=9000)
        >>> warehouse = HourlyCost(name="w", fixed_usd_per_hour=0, usd_per_operation=0.01, max_operations_per_hour=400)
        >>> found = break_even(server, warehouse)
        >>> found.operations_per_hour, found.cheaper_below, found.cheaper_above
        (100.0, 'w', 's')
    """
    common = min(one.max_operations_per_hour, other.max_operations_per_hour)
    fixed = one.fixed_usd_per_hour - other.fixed_usd_per_hour
    steepness = other.usd_per_operation - one.usd_per_operation
    rate = fixed / steepness if steepness else None
    if rate is not None and 0 < rate <= common:
        low, high = (other, one) if fixed > 0 else (one, other)
        return BreakEven(
            operations_per_hour=rate,
            usd_per_hour=one.usd_per_hour(rate),
            cheaper_below=low.name,
            cheaper_above=high.name,
            common_operations_per_hour=common,
        )
    difference = one.usd_per_hour(common) - other.usd_per_hour(common)
    cheaper = "" if not fixed and not difference else one.name if (fixed or difference) < 0 else other.name
    if fixed and difference and (fixed < 0) != (difference < 0):  # only rounding brings it here
        cheaper = ""
    return BreakEven(
        operations_per_hour=None, cheaper_below=cheaper, cheaper_above=cheaper, common_operations_per_hour=common
    )
