"""What makes every number of a run doubtful, whatever was measured: the system that answered, and how it was met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.doubt import Doubt

if TYPE_CHECKING:
    from bench.plan import RunConfig
    from bench.stats import OperationSummary


def on(summaries: Iterable[OperationSummary], config: RunConfig) -> list[OperationSummary]:
    """The summaries, each with what the conditions of its run make doubtful about it."""
    doubts = tuple(_doubts(config))
    return [replace(summary, warnings=(*summary.warnings, *doubts)) for summary in summaries]


def _doubts(config: RunConfig) -> Iterator[Doubt]:
    can = config.backend.capabilities
    if can.emulated:
        yield Doubt.EMULATED
    # An engine that gives no real answers has nothing to keep of them.
    if can.answers and not config.cold and not config.load.warm_up_s:
        yield Doubt.CACHE_UNKNOWN
