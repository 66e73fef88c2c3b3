"""Samples on their way out of the hot loop: written into memory that is there, no lock and no I/O."""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bench.model import ErrorClass, Status

if TYPE_CHECKING:
    import numpy as np

FIELDS = {
    "client": "i4",
    "operation": "i2",
    "attempt": "i2",
    "status": "i4",
    "error": "i4",
    "rows": "i8",
    "intended_start_ns": "i8",
    "ready_ns": "i8",
    "start_ns": "i8",
    "end_ns": "i8",
}
"""What a recorded sample is made of, with numpy's name of the type.

`operation` and `status` are positions, `error` is one in `ErrorLog.known`, or -1. `ready_ns` is when the operation was
due and its client was free, so that nothing but the harness stood between it and its start.
"""
LAYOUT = struct.Struct("=ihhii5q")
SAMPLE_BYTES = LAYOUT.size

STATUSES = tuple(Status)
STATUS_OK = STATUSES.index(Status.OK)
CHUNK_SAMPLES = 8_192
FLUSH_NS = 500_000_000
KEPT_MESSAGES = 5


class Chunk(NamedTuple):
    """Samples in the order in which they were recorded."""

    recorder: int
    """Whose they are: `error` points into the log of this recorder."""
    values: bytearray | bytes
    """One `LAYOUT` after another."""
    query_ids: list[str | None]
    """One per sample, or empty where the engine has none."""

    def samples(self) -> np.ndarray:
        """As a structured array with the fields of `FIELDS`, shape (samples,)."""
        import numpy as np

        return np.frombuffer(self.values, dtype=np.dtype(list(FIELDS.items())))


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownError:
    """Errors that look alike."""

    operation: str
    error_class: ErrorClass
    sqlstate: str | None
    messages: list[str] = field(default_factory=list)
    """The first few, word for word."""


class ErrorLog:
    """The distinct errors that one recorder has met; samples point into it, so that they stay small."""

    def __init__(self) -> None:
        self.known: list[KnownError] = []
        self._positions: dict[tuple[str, ErrorClass, str | None], int] = {}

    def add(self, operation: str, error_class: ErrorClass, sqlstate: str | None, message: str) -> int:
        """Position of this kind of error in `known`."""
        key = (operation, error_class, sqlstate)
        position = self._positions.get(key)
        if position is None:
            position = self._positions[key] = len(self.known)
            self.known.append(KnownError(operation=operation, error_class=error_class, sqlstate=sqlstate))
        messages = self.known[position].messages
        if len(messages) < KEPT_MESSAGES and message not in messages:
            messages.append(message)
        return position


class Recorder:
    """The samples and errors of the clients of one thread.

    Full chunks, and those older than half a second, go to `outbox` (a deque: its append needs no lock); another
    thread takes them from there.
    """

    __slots__ = ("_at", "_end", "_flush_at_ns", "_outbox", "_pack_into", "_query_ids", "_values", "errors", "number")

    def __init__(self, number: int, outbox: deque[Chunk], *, chunk_samples: int = CHUNK_SAMPLES) -> None:
        self.number = number
        self.errors = ErrorLog()
        self._outbox = outbox
        self._flush_at_ns = 0
        self._pack_into = LAYOUT.pack_into
        self._end = chunk_samples * LAYOUT.size
        self._renew()

    def _renew(self) -> None:
        self._values = bytearray(self._end)
        self._query_ids: list[str | None] = []
        self._at = 0

    def add(  # noqa: PLR0917  # by position, since names would cost more than the writing itself
        self,
        client: int,
        operation: int,
        attempt: int,
        status: int,
        error: int,
        rows: int,
        intended_start_ns: int,
        ready_ns: int,
        start_ns: int,
        end_ns: int,
        query_id: str | None = None,
    ) -> None:
        """Keep one sample: `FIELDS` in their order."""
        at = self._at
        self._pack_into(
            self._values, at, client, operation, attempt, status, error, rows,
            intended_start_ns, ready_ns, start_ns, end_ns,
        )  # fmt: skip
        self._at = at = at + SAMPLE_BYTES
        if query_id is not None:
            self._query_ids.append(query_id)
        if at == self._end or end_ns >= self._flush_at_ns:
            self.flush()
            self._flush_at_ns = end_ns + FLUSH_NS

    def memory(self) -> tuple[bytearray, int]:
        """Where samples go, one `LAYOUT` after another, and how many there are; for whoever writes them there."""
        return self._values, self._at // SAMPLE_BYTES

    def written(self, samples: int, at_ns: int) -> None:
        """So many samples are there now, after some were written into `memory`."""
        self._at = samples * SAMPLE_BYTES
        if self._at == self._end or at_ns >= self._flush_at_ns:
            self.flush()
            self._flush_at_ns = at_ns + FLUSH_NS

    def flush(self) -> None:
        """Hand over what is there."""
        if self._at:
            # The sender gets a copy of what is filled; a full chunk goes as it is, and the next has memory of its own.
            values = self._values if self._at == self._end else self._values[: self._at]
            self._outbox.append(Chunk(self.number, values, self._query_ids))
            if self._at == self._end:
                self._renew()
            else:
                self._query_ids, self._at = [], 0
