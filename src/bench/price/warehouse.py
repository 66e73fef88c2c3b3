"""Compute that is billed in credits while it runs, by size, with a least time per start and an idle tail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from annotated_types import Ge, Gt

from bench.errors import ConfigError, nearest
from bench.model import ComputeFacts, ComputeKind
from bench.price.assumptions import of_warehouse
from bench.price.base import Price
from bench.price.usage import DATA, GB, HOURS_PER_MONTH, SECONDS_PER_HOUR, TB, Cost, Usage

Figure: TypeAlias = Annotated[float, Ge(0)]


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What is asked for stored bytes, whether or not the warehouse runs."""

    usd_per_tb_month: Figure = 0.0
    """Per 10^12 bytes and month of 730 hours."""
    row_usd_per_gb_month: Figure = 0.0
    """Per 10^9 bytes of row storage and month."""


@dataclass(frozen=True, kw_only=True)
class RowRequests:
    """Credits asked for each 10^9 bytes read from or written to row storage; 0: not charged."""

    credits_per_gb_read: Figure = 0.0
    credits_per_gb_written: Figure = 0.0


@dataclass(frozen=True, kw_only=True)
class CloudServices:
    """What the provider's own services take, as a part of the credits of compute."""

    assumed_ratio: Figure = 0.0
    """Assumed: what they take. The engine tells it only hours later."""
    free_ratio: Figure = 0.1
    """What is free of charge; above it they are billed. The provider reckons by day and account, this by run."""

    @property
    def charged_ratio(self) -> float:
        """What is billed, as a part of the credits of compute."""
        return max(0.0, self.assumed_ratio - self.free_ratio)


@dataclass(frozen=True, kw_only=True)
class WarehousePrice(Price):
    """Credits per hour by size and generation, times the price of a credit; and storage."""

    cloud: str
    """Key of the cloud whose prices these are."""
    region: str = ""
    """For the reader: the region whose prices these are."""
    edition: str
    """Key of the edition of the account."""
    usd_per_credit: Figure | None = None
    """What a credit really costs you; null: the list price of the edition."""
    usd_per_credit_by_edition: Mapping[str, Figure]
    credits_per_hour: Mapping[str, Annotated[float, Gt(0)]]
    """By size, of one cluster of the first generation."""
    generation_ratio: Mapping[str, Mapping[str, Annotated[float, Gt(0)]]]
    """By generation and cloud: credits per hour as a multiple of those of the first generation."""
    generation_sizes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By generation, the sizes that it has; those of all sizes need not be named."""
    size: str | None = None
    """What to reckon with where the engine does not tell; null: then there is no cost."""
    generation: str | None = None
    """What to reckon with where the engine does not tell; null: then there is no cost."""
    minimum_s: Figure = 60.0
    """Least time that is billed each time the warehouse starts."""
    idle_tail_s: Figure | None = None
    """Idle time that is billed after the last answer; null: the auto-suspend time that the engine tells."""
    storage: Storage = Storage()
    row_requests: RowRequests = RowRequests()
    cloud_services: CloudServices = CloudServices()

    def __post_init__(self) -> None:
        _demand(self.edition, self.usd_per_credit_by_edition, "edition")
        clouds = dict.fromkeys(cloud for ratios in self.generation_ratio.values() for cloud in ratios)
        _demand(self.cloud, clouds, "cloud")
        if self.generation is not None:
            _demand(self.generation, self.generation_ratio, "generation")
        if self.size is not None and size_key(self.size) not in self._sizes:
            known = ", ".join(self.credits_per_hour)
            hint = nearest(self.size, self.credits_per_hour)
            raise ConfigError(f"there is no size '{self.size}'; there are {known}{hint}", key="size")

    @property
    def gives_usd(self) -> bool:
        """Always."""
        return True

    @property
    def gives_credits(self) -> bool:
        """Always."""
        return True

    @property
    def credit_usd(self) -> float:
        """What a credit costs: the user's own figure, or the list price of the edition."""
        return self.usd_per_credit_by_edition[self.edition] if self.usd_per_credit is None else self.usd_per_credit

    @property
    def _sizes(self) -> dict[str, float]:
        return {size_key(size): credits for size, credits in self.credits_per_hour.items()}

    def misfit(self, kind: ComputeKind) -> str:
        """A warehouse is wanted."""
        if kind is ComputeKind.WAREHOUSE:
            return ""
        return f"'{self.name}' prices warehouses, and this backend runs on none; use price=hourly or price=by_compute"

    def refusal(self, compute: ComputeFacts) -> str:
        """No warehouse, or its size or generation is not told, or the price list does not have it."""
        return self.misfit(compute.kind) or self._size_refusal(compute) or self._generation_refusal(compute)

    def _size_refusal(self, compute: ComputeFacts) -> str:
        size = compute.size or self.size
        if size is None:
            return "the engine does not tell the size of its warehouse; say it with price.size=…"
        if size_key(size) not in self._sizes:
            return f"the price list '{self.name}' has no size '{size}'; it has {', '.join(self.credits_per_hour)}"
        return ""

    def _generation_refusal(self, compute: ComputeFacts) -> str:
        size, generation = compute.size or self.size or "", compute.generation or self.generation
        known = ", ".join(self.generation_ratio)
        if generation is None:
            return f"the engine does not tell the generation of its warehouse; say it with price.generation=… ({known})"
        if self.cloud not in self.generation_ratio.get(generation, {}):
            return f"the price list '{self.name}' has no generation '{generation}' on {self.cloud}; it has {known}"
        sizes = self.generation_sizes.get(generation)
        if sizes is not None and size_key(size) not in map(size_key, sizes):
            return f"the price list '{self.name}' has no size '{size}' of generation '{generation}'"
        return ""

    def credits_per_second(self, compute: ComputeFacts) -> float:
        """What the warehouse takes while it runs, with all its clusters and without cloud services.

        The compute must be one that `refusal` has nothing against.
        """
        size, generation = compute.size or self.size or "", compute.generation or self.generation or ""
        ratio = self.generation_ratio[generation][self.cloud]
        return self._sizes[size_key(size)] * ratio * (compute.clusters or 1) / SECONDS_PER_HOUR

    def cost(self, usage: Usage) -> Cost | None:
        """Credits of the seconds that are billed, cloud services, requests to row storage, and storage."""
        compute = usage.compute
        if self.refusal(compute):
            return None
        rate = self.credits_per_second(compute)
        tail_s = self._tail_s(compute) or 0.0
        running_s = usage.used_s + tail_s
        billed_s = max(running_s, self.minimum_s * usage.starts)
        credits = {
            DATA: rate * usage.data_s,
            "warehouse": rate * usage.run_s,
            "idle_tail": rate * tail_s,
            "minimum": rate * (billed_s - running_s),
            "cloud_services": rate * billed_s * self.cloud_services.charged_ratio,
            "row_requests": self._request_credits(usage),
        }
        storage_per_hour = self._storage_usd_per_hour(compute)
        parts = {name: amount * self.credit_usd for name, amount in credits.items()}
        parts["storage"] = storage_per_hour * running_s / SECONDS_PER_HOUR
        working = rate * (1 + self.cloud_services.charged_ratio) * SECONDS_PER_HOUR
        return Cost(
            usd=sum(parts.values()),
            credits=sum(credits.values()),
            parts_usd=parts,
            billed_s=billed_s,
            fixed_usd_per_hour=storage_per_hour,
            running_usd_per_hour=working * self.credit_usd,
            assumptions=tuple(of_warehouse(self, usage, self._tail_s(compute))),
        )

    def _tail_s(self, compute: ComputeFacts) -> float | None:
        return self.idle_tail_s if self.idle_tail_s is not None else compute.auto_suspend_s

    def _storage_usd_per_hour(self, compute: ComputeFacts) -> float:
        stored = (compute.stored_bytes or 0) / TB * self.storage.usd_per_tb_month
        row_stored = (compute.row_stored_bytes or 0) / GB * self.storage.row_usd_per_gb_month
        return (stored + row_stored) / HOURS_PER_MONTH

    def _request_credits(self, usage: Usage) -> float:
        read = (usage.row_read_bytes or 0) / GB * self.row_requests.credits_per_gb_read
        return read + (usage.row_written_bytes or 0) / GB * self.row_requests.credits_per_gb_written


def size_key(size: str) -> str:
    """A size in one spelling: `2X-Large`, `XXLARGE` and `X2LARGE` are one.

    Example:
        >>> size_key("X-Small"), size_key("xxlarge"), size_key("X4LARGE"), size_key("4X-Large")
        ('XSMALL', '2XLARGE', '4XLARGE', '4XLARGE')
    """
    bare = re.sub(r"[-_ ]", "", size).upper()
    numbered = re.fullmatch(r"X(\d)LARGE", bare)
    repeated = re.fullmatch(r"(XX+)LARGE", bare)
    if numbered:
        return f"{numbered[1]}XLARGE"
    return f"{len(repeated[1])}XLARGE" if repeated else bare


def _demand(value: str, known: Mapping[str, object], key: str) -> None:
    if value not in known:
        raise ConfigError(f"there is no {key} '{value}'; there are {', '.join(known)}{nearest(value, known)}", key=key)
