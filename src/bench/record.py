"""Samples on their way out of the hot loop: one buffer per client, no lock and no I/O in the measurement interval."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bench.model import ErrorClass, Status

if TYPE_CHECKING:
    import numpy as np

FIELDS = ("operation", "attempt", "intended_start_ns", "start_ns", "end_ns", "rows", "status", "error")
"""What a recorded sample is made of, each an int64; `error` is a position in `ErrorLog.known`, or -1."""

STATUSES = tuple(Status)
STATUS_OK = STATUSES.index(Status.OK)
CHUNK_SAMPLES = 4_096
FLUSH_NS = 250_000_000
KEPT_MESSAGES = 5


class Chunk(NamedTuple):
    """Samples of one client in the order in which they ended."""

    client: int
    values: array[int]
    """`FIELDS` of the first sample, of the second, and so on."""
    query_ids: list[str | None]
    """One per sample, or empty where the engine has none."""

    def table(self) -> np.ndarray:
        """The samples as an int64 array of shape (samples, fields)."""
        import numpy as np

        return np.frombuffer(self.values, dtype=np.int64).reshape(-1, len(FIELDS))


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownError:
    """Errors that look alike."""

    operation: str
    error_class: ErrorClass
    sqlstate: str | None
    messages: list[str] = field(default_factory=list)
    """The first few, word for word."""


class ErrorLog:
    """The distinct errors of one client; samples point into it, so that they stay small."""

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
    """The sample buffer of one client.

    Full chunks, and those older than a quarter of a second, go to `outbox` (a deque: its append needs no lock);
    another thread takes them from there.
    """

    __slots__ = ("_client", "_flush_at_ns", "_left", "_outbox", "_query_ids", "_values")

    def __init__(self, client: int, outbox: deque[Chunk]) -> None:
        self._client = client
        self._outbox = outbox
        self._flush_at_ns = 0
        self._renew()

    def _renew(self) -> None:
        self._values = array("q")
        self._query_ids: list[str | None] = []
        self._left = CHUNK_SAMPLES

    def add(self, values: tuple[int, ...], end_ns: int, query_id: str | None = None) -> None:
        """Keep one sample: `FIELDS` in their order."""
        self._values.extend(values)
        if query_id is not None:
            self._query_ids.append(query_id)
        self._left -= 1
        if not self._left or end_ns >= self._flush_at_ns:
            self.flush()
            self._flush_at_ns = end_ns + FLUSH_NS

    def flush(self) -> None:
        """Hand over what is there."""
        if self._values:
            self._outbox.append(Chunk(self._client, self._values, self._query_ids))
            self._renew()
