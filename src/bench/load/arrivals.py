"""The arrivals of one worker process, in the form in which a loop takes them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeAlias

from bench.load.base import NS_PER_S, Share
from bench.load.rate import ArrivalProcess, Piece, RateCurve, marks
from bench.randomness import generator

if TYPE_CHECKING:
    import numpy as np

    from bench.workload import Workload

Arrival: TypeAlias = tuple[int, int]
"""Intended start in ns, position of the operation in `workload.asked`."""
MIX_BLOCK = 512


@dataclass(frozen=True, kw_only=True)
class MixedArrivals:
    """Arrivals of a changing rate and mix, of which a process takes those that fall to its clients.

    The whole schedule follows from the seed: arrival k belongs to client k modulo `clients`, so a process has as large
    a part as it has clients, the parts add up to the asked rate, and other numbers of processes give the same
    arrivals. Blocks are laid out as they are needed, from nothing but the seed, whatever the clients do.
    """

    pieces: Sequence[Piece]
    mixes: Sequence[Mapping[str, float]]
    """Of each piece: the weights that differ from the workload's."""
    process: ArrivalProcess
    share: Share
    clients: int
    max_lag_ns: int
    first_client: int = 0
    """The number of the first of the clients."""

    def __iter__(self) -> Iterator[Arrival]:
        """The first block is laid out at once."""
        return _primed(self._arrivals())

    def _arrivals(self) -> Iterator[Arrival]:
        import numpy as np

        share, curve, first = self.share, RateCurve(self.pieces), 0
        drawn = [
            _order(share.workload, generator(share.seed, "arrivals", share.purpose, "mix", at), mix)
            for at, mix in enumerate(self.mixes)
        ]
        for block in marks(self.process, generator(share.seed, "arrivals", share.purpose, "times"), total=curve.total):
            seconds, at = curve.place(block)
            found, sizes = np.unique(at, return_counts=True)
            operations = [
                one for piece, size in zip(found, sizes, strict=True) for one in islice(drawn[piece], int(size))
            ]
            mine = _mine(first, len(block), share, self.clients, self.first_client)
            yield from zip(
                _instants(seconds[mine], share.start_ns),
                [operations[position] for position in mine],
                strict=True,
            )
            first += len(block)


@dataclass(frozen=True, kw_only=True)
class ArrivalsOfEach:
    """Each operation arrives by a schedule of its own; otherwise as `MixedArrivals`."""

    duration_s: float
    rates: Sequence[float]
    """Per second, by the position of the operation."""
    process: ArrivalProcess
    share: Share
    clients: int
    max_lag_ns: int

    def __iter__(self) -> Iterator[Arrival]:
        """The first block of each is laid out at once."""
        return heapq.merge(*[_primed(self._arrivals(position)) for position in range(len(self.rates))])

    def _arrivals(self, position: int) -> Iterator[Arrival]:
        share, rate = self.share, self.rates[position]
        curve = RateCurve([Piece(duration_s=self.duration_s, rate_per_s=rate, to_rate_per_s=rate)])
        name = share.workload.asked[position].name
        # The schedules are dealt from different clients on, so that the first of all do not fall to the same one.
        first = position
        randomness = generator(share.seed, "arrivals", "times", name)
        for block in marks(self.process, randomness, total=curve.total, shift=position / len(self.rates)):
            mine = _mine(first, len(block), share, self.clients)
            yield from ((instant, position) for instant in _instants(curve.place(block)[0][mine], share.start_ns))
            first += len(block)


def _order(workload: Workload, randomness: np.random.Generator, mix: Mapping[str, float]) -> Iterator[int]:
    while True:
        yield from workload.order(randomness, MIX_BLOCK, mix)


def _mine(first: int, size: int, share: Share, clients: int, first_client: int = 0) -> np.ndarray:
    """Places in a block of those arrivals, of which the first has the number `first`, that fall to this process."""
    import numpy as np

    clients_of = first_client + np.arange(first, first + size) % clients
    return np.flatnonzero(clients_of % share.processes == share.process)


def _instants(seconds: np.ndarray, start_ns: int) -> list[int]:
    import numpy as np

    instants: list[int] = (np.rint(seconds * NS_PER_S).astype(np.int64) + start_ns).tolist()
    return instants


def _primed(arrivals: Iterator[Arrival]) -> Iterator[Arrival]:
    """The same with its first block already laid out."""
    return chain(list(islice(arrivals, 1)), arrivals)
