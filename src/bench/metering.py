"""What a run uses of the system under test, from the moment it is open until the last answer, and what that costs."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from bench.model import ComputeFacts
from bench.price import Cost, Price, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.results import RunWriter

EMULATED = "no cost is computed: an emulator answered, so neither times nor prices mean anything"


@dataclass(kw_only=True)
class Meter:
    """Takes the time of a run and writes its usage and cost into the manifest, however the run ends."""

    price: Price
    emulated: bool
    writer: RunWriter
    starts: int = 1
    """How often the system is started in the run."""
    clock_s: Callable[[], float] = time.monotonic
    _compute: ComputeFacts = field(default_factory=ComputeFacts)
    _opened_s: float | None = None
    _ready_s: float | None = None
    _stopped: bool = False
    _cost: Cost | None = None

    def opened(self, compute: ComputeFacts) -> None:
        """The system is about to be used; so much is known of what is billed."""
        self._compute, self._opened_s = compute, self.clock_s()

    def data_ready(self, compute: ComputeFacts | None) -> None:
        """The data are in; what follows is the run itself."""
        self._compute, self._ready_s = compute or self._compute, self.clock_s()

    def stop(self) -> Cost | None:
        """The last answer is there: write usage and cost; gives the same when called again."""
        if self._opened_s is None or self._stopped:
            return self._cost
        self._stopped = True
        now_s = self.clock_s()
        ready_s = self._ready_s if self._ready_s is not None else now_s
        usage = Usage(data_s=ready_s - self._opened_s, run_s=now_s - ready_s, starts=self.starts, compute=self._compute)
        self._cost = self._priced(usage)
        self.writer.update(usage=asdict(usage), cost=cost_entry(self.price.listed(usage.compute), self._cost))
        return self._cost

    def _priced(self, usage: Usage) -> Cost | None:
        if not self.price.gives_usd:
            return None
        reason = EMULATED if self.emulated else self.price.refusal(usage.compute)
        if reason:
            self.writer.warn(reason if self.emulated else f"no cost is computed: {reason}")
            return None
        return self.price.cost(usage)


def cost_entry(price: Price, cost: Cost | None) -> dict[str, object] | None:
    """The manifest's `cost`, with the price list that it comes from; None where there is no cost."""
    if cost is None:
        return None
    listed = {"name": price.name, "version": price.version, "as_of": price.as_of, "source": price.source}
    return {"price": listed, **asdict(cost), "run_usd": cost.run_usd}
