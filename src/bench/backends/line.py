"""The side of a session on which nothing waits, for a loop that serves many clients in one thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from bench.backends.in_flight import Messages, Serve
from bench.model import Row, Statement, Value

if TYPE_CHECKING:
    import numpy as np

Send: TypeAlias = Callable[[Sequence[Value]], None]
"""Sends a statement with its values and waits for nothing, see `Line.unsent`."""


class Line(ABC):
    """A session for a loop that serves many clients in one thread: nothing waits, and `depth` things may be under way.

    What fails raises the driver's own errors, which `Session.classify` knows.
    """

    depth: int = 1
    """How many operations can be under way at a time, answered in the order in which they were sent."""
    unsent: bool = False
    """A part of what was to be sent waits until the descriptor is writable; then `flush` is to be called."""

    serve: Serve | None = None
    """Compiled code that runs whole operations for all lines of this kind; None: there is none."""

    @abstractmethod
    def fileno(self) -> int:
        """The descriptor that becomes readable when `receive` may have something."""

    @abstractmethod
    def prepare(self, statement: Statement) -> Send:
        """Make `statement` ready to be sent often."""

    @abstractmethod
    def begin(self, isolation: str = "") -> Send:
        """What opens a transaction at this level; it takes no values."""

    @abstractmethod
    def commit(self) -> Send:
        """What ends the open transaction with its changes; it takes no values."""

    @abstractmethod
    def rollback(self) -> Send:
        """What ends the open transaction without its changes; it takes no values."""

    @abstractmethod
    def flush(self) -> bool:
        """Send what is left, once the descriptor is writable or readable; True, as `unsent`: more is left still."""

    @abstractmethod
    def receive(self) -> int | None:
        """How many rows what was sent has returned or changed, the whole result being here; None: it is not yet."""

    def written(self, statement: Statement, encoded: Sequence[Sequence[Value]]) -> Messages | None:
        """For `serve`: what is sent for each of these values; None: something else has to be sent before."""
        return None

    def transaction(self, isolation: str) -> tuple[bytes, bytes]:
        """For `serve`: the messages that `begin` and `commit` send."""
        raise NotImplementedError

    def take_up(
        self, lane: np.void, *, ends_transaction: bool, unsent: bytes = b"", received: bytes = b"", at: int = 0
    ) -> None:
        """Go on with a statement that `serve` has begun.

        Args:
            lane: What `serve` knows of it.
            ends_transaction: It is what `commit` sends.
            unsent: The rest of its message.
            received: What came last of its answer, which is received anew.
            at: How far `serve` has read it.
        """
        raise NotImplementedError

    @abstractmethod
    def rows(self) -> Sequence[Row]:
        """The result that `receive` has found, as `Call` gives it, for workloads that look at it."""
