"""Two price lists for one sweep: each backend is priced by the one of its kind."""

from __future__ import annotations

from dataclasses import dataclass

from bench.model import ComputeFacts, ComputeKind
from bench.price.base import Price
from bench.price.instance import InstancePrice
from bench.price.usage import Cost, Usage
from bench.price.warehouse import WarehousePrice


@dataclass(frozen=True, kw_only=True)
class PriceByCompute(Price):
    """The price of an instance for what runs on one, the price of a warehouse for what suspends."""

    instance: InstancePrice
    warehouse: WarehousePrice

    @property
    def gives_usd(self) -> bool:
        """Always."""
        return True

    @property
    def gives_credits(self) -> bool:
        """For warehouses."""
        return True

    def refusal(self, compute: ComputeFacts) -> str:
        """What the price list of this kind of compute lacks."""
        return self.listed(compute).refusal(compute)

    def cost(self, usage: Usage) -> Cost | None:
        """By the price list of this kind of compute."""
        return self.listed(usage.compute).cost(usage)

    def listed(self, compute: ComputeFacts) -> Price:
        """The price list of this kind of compute."""
        return self.warehouse if compute.kind is ComputeKind.WAREHOUSE else self.instance
