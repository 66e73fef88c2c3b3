"""What makes every number of a run doubtful, whatever was measured: the system that answered, and how it was met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.doubt import Doubt

if TYPE_CHECKING:
    from bench.plan import RunConfig


def doubts(config: RunConfig) -> Iterator[Doubt]:
    """What is doubtful about all operations of a run that was asked for in this way."""
    can = config.backend.capabilities
    if can.emulated:
        yield Doubt.EMULATED
    # An engine that gives no real answers has nothing to keep of them.
    if can.answers and not config.cold and not config.load.warm_up_s:
        yield Doubt.CACHE_UNKNOWN
