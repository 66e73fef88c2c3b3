"""What each client asks, in which order, with which values: all of it from the seed, so the same on every backend."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bench.model import Value
from bench.randomness import generator

if TYPE_CHECKING:
    from bench.workload import Operation, Params, Workload

BLOCK = 1_024
"""Values drawn at once."""
DIGEST_DRAWS = 64
VERIFY_LANE = -1
"""The lane of the one fixed draw by which answers are checked."""


def columns(
    operation: Operation, seed: int, *, lane: int, lanes: int, block: int = BLOCK
) -> Iterator[Mapping[str, Sequence[Value]]]:
    """The bound values of one client's next `block` runs of an operation, by parameter, without end."""
    randomness = {name: generator(seed, "parameter", operation.name, name, lane) for name in operation.params}
    for position in itertools.count(0, block):
        yield {
            name: sampler.draw(randomness[name], block, position=position, lane=lane % lanes, lanes=lanes)
            for name, sampler in operation.params.items()
        }


def parameters(operation: Operation, seed: int, *, lane: int, lanes: int, block: int = BLOCK) -> Iterator[Params]:
    """The bound values of one client's runs of an operation, without end."""
    for drawn in columns(operation, seed, lane=lane, lanes=lanes, block=block):
        rows: Iterator[tuple[Value, ...]] = zip(*drawn.values(), strict=True) if drawn else iter([()] * block)
        for row in rows:
            yield dict(zip(drawn, row, strict=True))


def fixed_parameters(operation: Operation, seed: int) -> Params:
    """The values with which an operation's answer is checked: the same for every backend and load."""
    return next(parameters(operation, seed, lane=VERIFY_LANE, lanes=1, block=1))


def order(workload: Workload, seed: int, *, lane: int, changes: Mapping[str, float] | None = None) -> Iterator[int]:
    """Positions in `workload.asked` of one client's operations, without end."""
    randomness = generator(seed, "mix", lane)
    while True:
        yield from workload.order(randomness, BLOCK, changes)


def digest(workload: Workload, seed: int, lanes: int) -> str:
    """Hash of the first values and operations of each client: equal when two backends are asked the same."""
    seen = hashlib.sha256()
    for lane in range(lanes):
        chosen = order(workload, seed, lane=lane)
        seen.update(repr([next(chosen) for _ in range(DIGEST_DRAWS)]).encode())
        for operation in workload.asked:
            drawn = parameters(operation, seed, lane=lane, lanes=lanes, block=DIGEST_DRAWS)
            seen.update(repr([sorted(next(drawn).items()) for _ in range(DIGEST_DRAWS)]).encode())
    return seen.hexdigest()
