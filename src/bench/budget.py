"""How much may be spent, how much was, and whether the next cell still fits. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from annotated_types import Ge

from bench.errors import ConfigError
from bench.price import Price

Limit: TypeAlias = Annotated[float, Ge(0)] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """Time and money, spent or estimated; None: not known, and counted as nothing."""

    seconds: float = 0.0
    usd: float | None = None
    credits: float | None = None

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            seconds=self.seconds + other.seconds,
            usd=_sum(self.usd, other.usd),
            credits=_sum(self.credits, other.credits),
        )


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a run or sweep may take; null: not limited."""

    max_usd: Limit = None
    max_credits: Limit = None
    max_s: Limit = None

    @property
    def limited(self) -> bool:
        """There is a limit at all."""
        return not (self.max_usd is None and self.max_credits is None and self.max_s is None)

    @property
    def money_limited(self) -> bool:
        """What is limited has a price, not only a duration."""
        return not (self.max_usd is None and self.max_credits is None)

    def excess(self, spent: Spending, estimate: Spending) -> str:
        """Which limit the next cell would break, with what was spent and what it is estimated at; empty: it fits.

        Example:
            >>> Budget(max_s=60).excess(Spending(seconds=50), Spending(seconds=12))
            'budget.max_s=60 would be exceeded: 50 s spent, 12 s estimated for what is next'
        """
        for limit, unit, before, after in (
            ("max_usd", "USD", spent.usd, estimate.usd),
            ("max_credits", "credits", spent.credits, estimate.credits),
            ("max_s", "s", spent.seconds, estimate.seconds),
        ):
            most = getattr(self, limit)
            if most is not None and (before or 0.0) + (after or 0.0) > most:
                already = _already(before, unit, begun=spent.seconds > 0)
                return f"budget.{limit}={most:g} would be exceeded: {already}, {_next(after, unit)}"
        return ""

    def demand_price(self, price: Price) -> None:
        """Refuse a limit that could never be kept.

        Raises:
            ConfigError: Money is limited, and nothing says what anything costs.
        """
        if self.max_usd is not None and not price.gives_usd:
            raise ConfigError(
                f"price '{price.name}' gives no cost in USD to be limited; choose a price, or limit budget.max_s",
                key="budget.max_usd",
            )
        if self.max_credits is not None and not price.gives_credits:
            raise ConfigError(
                f"price '{price.name}' is not in credits; limit budget.max_usd or budget.max_s instead",
                key="budget.max_credits",
            )


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0.0) + (other or 0.0)


def _already(spent: float | None, unit: str, *, begun: bool) -> str:
    if spent is None:
        return f"what was spent in {unit} is not known" if begun else "nothing spent so far"
    return f"{spent:.3g} {unit} spent"


def _next(estimate: float | None, unit: str) -> str:
    if estimate is None:
        return f"and what is next has no estimate in {unit}"
    return f"{estimate:.3g} {unit} estimated for what is next"
