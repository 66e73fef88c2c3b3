"""What compiled code knows of the operations that several clients have under way, and its reasons to come back.

The arrays belong to whoever drives the clients; the code that works on them is the driver's, see `Line.serve`.
"""

from __future__ import annotations

import platform
import zlib
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np

LANE = {
    "descriptor": "i4",
    "client": "i4",
    "state": "i4",
    "operation": "i4",
    "turn": "i4",
    "turns": "i4",
    "row": "i4",
    "step": "i4",
    "end": "i4",
    "written": "i4",
    "until_ns": "i8",
    "free_ns": "i8",
    "start_ns": "i8",
    "rows": "i8",
    "returned": "i8",
    "number": "i8",
    "length": "i8",
    "kind": "i4",
    "head": "i4",
    "complete": "i4",
    "fresh": "i4",
}
"""One for each client, with numpy's names of the types.

`state` is one of `State`. `turn` counts through the client's row of the order, which has `turns`. It is to start
nothing from `until_ns` on, and became free at `free_ns`. What is under way began at `start_ns`: `operation` is its
position, `row` the run's among those that are there, `step` the step's, up to `end`; its steps so far had so many
`rows`. `written` is how much of a message went, where not all of it did. The others are of the answer under way: rows
`returned` and the last `number` of its tag, the message being read (`kind`, bytes of its `head` seen, `length` that is
left), whether it is `complete`, and whether all of it so far was in what was received last (`fresh`).
"""
OPERATION = {"first": "i4", "steps": "i4"}
"""One for each operation: where its steps begin, and their number."""
STOCK = {"row": "i4", "rows": "i4", "prepared": "i4"}
"""One for each client and operation: the run that is next, how many there are, whether they may be sent as they are."""
STEP = {"messages": "i8", "offsets": "i8", "stride": "i4", "ends_transaction": "i4"}
"""One for each client and step: addresses of its `Messages`, 1 or where all runs send the same 0, and whether it is a
transaction's `COMMIT`."""


class State(IntEnum):
    """Of a client."""

    AWAY = 0
    """Somebody else looks after it."""
    FREE = 1
    """It is to start its next operation."""
    UNDER_WAY = 2


class Reason(IntEnum):
    """Why compiled code came back."""

    LOOK = 1
    """It is time to."""
    OTHER = 2
    """A descriptor is ready that is none of its own."""
    FULL = 3
    """There is no room for another sample."""
    ORDER = 4
    """A client has gone through its part of the order of operations."""
    SLICE = 5
    """A client has gone through its runs of an operation."""
    UNPREPARED = 6
    """What a client is to send next is not written yet, or needs something else to be sent before."""
    OVER = 7
    """A client is free, at or after its `until_ns`."""
    ODD = 8
    """An answer is not of the usual kind: an error, for example."""
    UNSENT = 9
    """A message, or a part of it, could not be written."""
    CLOSED = 10
    """There was nothing to read, and not because it is yet to come."""


class Found(IntEnum):
    """Positions in what compiled code says when it comes back."""

    LANE = 0
    """Whose reason it is."""
    OPERATION = 1
    """Which operation, for `SLICE`."""
    AT = 2
    """How far the answer was read, for `ODD`: up to behind the head of the message."""
    SIZE = 3
    """How much of it was received."""
    SAMPLES = 4
    """How many samples there are now."""
    EVENT = 5
    """Which of the events that were got is next: the others of a turn come first when compiled code goes on."""
    EVENTS = 6
    """How many were got."""
    OTHERS = 7
    """How many of them were of others."""


class InFlight(NamedTuple):
    """All arrays, in the order in which compiled code takes them."""

    lanes: np.ndarray
    """`LANE`, shape (clients,)."""
    operations: np.ndarray
    """`OPERATION`, shape (operations,)."""
    stocks: np.ndarray
    """`STOCK`, shape (clients, operations)."""
    steps: np.ndarray
    """`STEP`, shape (clients, steps of all operations)."""
    orders: np.ndarray
    """int32, shape (clients, turns): positions of operations."""
    lane_of: np.ndarray
    """int32, by descriptor: the client's position, or -1."""
    events: np.ndarray
    """uint8, 12 bytes for each event that is asked for at a time."""
    data: np.ndarray
    """uint8: what is received goes here."""
    clock: np.ndarray
    """int64, shape (2,): where the system writes what time it is."""
    found: np.ndarray
    """int64, see `Found`."""


Serve: TypeAlias = Callable[..., int]
"""serve(epoll, samples, ok, until_ns, rounding_ms, *InFlight) -> Reason.

Sends and receives for all clients that are not away, until there is a reason to stop.

Args:
    epoll: Descriptor, in which each descriptor is registered with its number.
    samples: Structured array with the fields of `record.FIELDS`; those from `found[SAMPLES]` on are written.
    ok: The status of an operation that went well.
    until_ns: When to come back, on the monotonic clock.
    rounding_ms: Added to each wait, which is in whole milliseconds: 1, or 0 to be back in time, busily.
"""


class Messages(NamedTuple):
    """What is sent for some runs of a step, one after another."""

    data: np.ndarray
    """uint8, shape (bytes,)."""
    offsets: np.ndarray
    """int64, shape (messages + 1,): where each begins, and where the last one ends."""

    @classmethod
    def joined(cls, messages: Sequence[bytes]) -> Messages:
        """One after another."""
        import numpy as np

        offsets = np.zeros(len(messages) + 1, np.int64)
        np.cumsum([len(message) for message in messages], out=offsets[1:])
        return cls(np.frombuffer(b"".join(messages), np.uint8), offsets)

    @classmethod
    def of_one_size(cls, data: np.ndarray, messages: int) -> Messages:
        """So many of which each is as long as the others."""
        import numpy as np

        return cls(data, np.arange(messages + 1, dtype=np.int64) * (len(data) // messages))

    def message(self, at: int) -> bytes:
        """One of them."""
        return self.data[self.offsets[at] : self.offsets[at + 1]].tobytes()


PACKED = platform.machine() in {"x86_64", "i686", "i386"}
EVENT_BYTES, EVENT_DATA_AT = (12, 4) if PACKED else (16, 8)
"""Size of the system's `struct epoll_event`, and where in it stands what was registered (`<sys/epoll.h>`)."""
_NUMBERS = zlib.crc32(repr([list(State), list(Reason), list(Found)]).encode())
LANE[f"numbers_{_NUMBERS}"] = "i4"
"""Never used: what was compiled with other numbers is for arrays of another type, so that it is compiled anew."""
