"""What a run used, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.model import ComputeFacts

SECONDS_PER_HOUR = 3_600
HOURS_PER_MONTH = 730
"""8,760 hours a year by twelve: what providers divide a monthly price by."""
GB, TB = 1e9, 1e12
DATA = "data"
"""The part of a cost that bringing in the data took; all other parts belong to the run itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a run used of the system under test."""

    data_s: float = 0.0
    """Seconds in which the data were brought in, or found to be there."""
    run_s: float
    """Seconds from then until the last answer: checks, warm-up, measurement, and what was awaited after it."""
    starts: int = 1
    """How often the compute is started: once more where its caches are emptied by suspending it."""
    compute: ComputeFacts = field(default_factory=ComputeFacts)
    row_read_bytes: int | None = None
    """Read from row storage, where that is known; None: not told."""
    row_written_bytes: int | None = None

    @property
    def used_s(self) -> float:
        """Seconds from the first to the last moment in which the engine was used."""
        return self.data_s + self.run_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a usage costs at list prices; always an estimate."""

    usd: float
    credits: float | None = None
    """Units in which the provider bills compute; None where it bills money."""
    parts_usd: Mapping[str, float]
    """By name; they add up to `usd`."""
    billed_s: float
    """Seconds for which compute is billed."""
    fixed_usd_per_hour: float
    """What an hour costs in which nothing is asked."""
    running_usd_per_hour: float
    """What an hour of work adds to that."""
    assumptions: tuple[str, ...]
    """One sentence each: what the figures rest on."""
    estimate: bool = True

    @property
    def run_usd(self) -> float:
        """Without what bringing in the data took, so that it does not matter whether they were there already."""
        return self.usd - self.parts_usd.get(DATA, 0.0)

    def usd_per_1000_operations(self, throughput_per_s: float) -> float | None:
        """What 1,000 operations cost while they are asked for at this rate, above 0; None where nothing was served."""
        per_hour = self.fixed_usd_per_hour + self.running_usd_per_hour
        return per_hour / SECONDS_PER_HOUR / throughput_per_s * 1_000 if throughput_per_s else None
