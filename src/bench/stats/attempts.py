"""Attempts as columns: what every summary is made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

NS_PER_S = 1_000_000_000
STATUSES = tuple(Status)
"""Their positions are the codes in `Attempts.status`."""
OK = STATUSES.index(Status.OK)
ABORTED = STATUSES.index(Status.ABORTED)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Attempts:
    """Attempts as columns: arrays of integers, each of shape (n,), in any order. Times are ns of one clock."""

    operation: np.ndarray
    """Position of the operation in the list of operations."""
    client: np.ndarray
    """From 0."""
    status: np.ndarray
    """Position in `STATUSES`."""
    intended_start_ns: np.ndarray
    start_ns: np.ndarray
    end_ns: np.ndarray
    rows: np.ndarray
    attempt: np.ndarray | None = None
    """0 for the first of an operation; needed in an open loop, as `ready_ns` is."""
    ready_ns: np.ndarray | None = None
    """When the operation was due and its client free."""

    def __len__(self) -> int:
        return len(self.operation)

    def take(self, chosen: np.ndarray) -> Attempts:
        """The attempts at the given positions, or where a mask is true."""
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return replace(self, **{name: column[chosen] for name, column in columns.items() if column is not None})


def groups(codes: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """For each code below `size`, the positions at which it stands."""
    short = codes.astype(np.uint16) if size <= 2**16 else codes  # 16 bits: a radix sort, in linear time
    order = np.argsort(short, kind="stable")
    yield from np.split(order, np.cumsum(np.bincount(codes, minlength=size))[:-1])
