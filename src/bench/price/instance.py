"""A server that is rented by the hour, with storage that is rented by the month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from bench.model import ComputeFacts
from bench.price.base import Price
from bench.price.usage import DATA, GB, HOURS_PER_MONTH, SECONDS_PER_HOUR, Cost, Usage


@dataclass(frozen=True, kw_only=True)
class InstancePrice(Price):
    """An instance per hour, storage per month, and as many copies of both as are kept."""

    usd_per_hour: Annotated[float, Ge(0)]
    """Of one instance."""
    instances: Annotated[int, Ge(1)] = 1
    """The primary and its replicas, each with an instance and storage of its own."""
    storage_usd_per_gb_month: Annotated[float, Ge(0)] = 0.0
    provisioned_gb: Annotated[float, Ge(0)] = 0.0
    """Storage that is paid for, full or not, in 10^9 bytes; 0: as much as the tables take, where the engine says it."""
    backup_ratio: Annotated[float, Ge(0)] = 0.0
    """Backup that is paid for, as a part of the storage of one instance, at the price of storage."""

    @property
    def gives_usd(self) -> bool:
        """Always."""
        return True

    def refusal(self, compute: ComputeFacts) -> str:
        """Empty: nothing need be known of the engine."""
        return ""

    def cost(self, usage: Usage) -> Cost | None:
        """Instance, storage and backup for the time for which they were used."""
        stored_gb = self.provisioned_gb or (usage.compute.stored_bytes or 0) / GB
        gb_hour = self.storage_usd_per_gb_month / HOURS_PER_MONTH * stored_gb
        compute, storage, backup = (
            self.usd_per_hour * self.instances,
            gb_hour * self.instances,
            gb_hour * self.backup_ratio,
        )
        hours = usage.used_s / SECONDS_PER_HOUR
        parts = {
            DATA: compute * usage.data_s / SECONDS_PER_HOUR,
            "instance": compute * usage.run_s / SECONDS_PER_HOUR,
            "storage": storage * hours,
            "backup": backup * hours,
        }
        return Cost(
            usd=sum(parts.values()),
            parts_usd=parts,
            billed_s=usage.used_s,
            fixed_usd_per_hour=compute + storage + backup,
            running_usd_per_hour=0.0,
            assumptions=self._assumptions(usage.compute),
        )

    def _assumptions(self, compute: ComputeFacts) -> tuple[str, ...]:
        count = "1 instance" if self.instances == 1 else f"{self.instances} instances (primary and replicas)"
        known = self.provisioned_gb or compute.stored_bytes is not None
        size = f"{self.provisioned_gb:g} GB provisioned" if self.provisioned_gb else "as much as the tables take"
        storage = (
            f"Storage costs {self.storage_usd_per_gb_month:g} USD per GB and month, {size}, for each instance; "
            f"backup is {self.backup_ratio:g} of it."
            if known
            else "Storage is not counted: neither price.provisioned_gb nor the engine says how much there is."
        )
        return (
            f"{count} at {self.usd_per_hour:g} USD per hour, busy or not.",
            storage,
            f"A month has {HOURS_PER_MONTH} hours; only the time in which the run used the server is counted.",
            "Traffic, input and output operations, and minimum billing times are not counted.",
        )
