"""What the user sees while a cell runs: a live line on a terminal, plain lines elsewhere.

Drawn by the coordinator only, never in a worker.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

PLAIN_INTERVAL_S = 5.0


class Progress(ABC):
    """Takes news of a running cell. Use as a context."""

    @abstractmethod
    def say(self, line: str) -> None:
        """A line that stays on the screen."""

    @abstractmethod
    def advance(self, what: str, done: float, total: float, note: str = "") -> None:
        """How far `what` has come; a `what` not seen before opens a new bar."""

    @abstractmethod
    def finish(self) -> None:
        """What was going on is over; its bar goes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()


class QuietProgress(Progress):
    """Says nothing: for programs that have a display of their own."""

    def say(self, line: str) -> None:
        """Nothing."""

    def advance(self, what: str, done: float, total: float, note: str = "") -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""


class PlainProgress(Progress):
    """Lines for a log file or a pipe: one every few seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next_at = time.monotonic() + PLAIN_INTERVAL_S

    def say(self, line: str) -> None:
        """Print it."""
        print(line, file=self._stream, flush=True)

    def advance(self, what: str, done: float, total: float, note: str = "") -> None:
        """Print a line when the last one is some seconds old."""
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + PLAIN_INTERVAL_S
            share = f" {done / total:4.0%}" if total else ""
            self.say(f"  {what}{share}{'  ' + note if note else ''}")

    def finish(self) -> None:
        """Nothing to take away."""


class LiveProgress(Progress):
    """A bar on a terminal, redrawn four times a second, with the fixed lines above it."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)
        self._bars: RichProgress | None = None
        self._task: tuple[str, TaskID] | None = None

    def say(self, line: str) -> None:
        """Print it above the bar."""
        self._console.print(line, markup=False)

    def advance(self, what: str, done: float, total: float, note: str = "") -> None:
        """Move the bar."""
        if self._task is None or self._task[0] != what:
            self.finish()
            self._bars = self._new_bars()
            self._bars.start()
            self._task = (what, self._bars.add_task(what, total=total or None, note=note))
        assert self._bars is not None  # opened together with the task
        self._bars.update(self._task[1], completed=done, note=note)

    def _new_bars(self) -> RichProgress:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        return Progress(*columns, console=self._console, transient=True, refresh_per_second=4)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bars is not None:
            self._bars.stop()
        self._bars = self._task = None


def make_progress(stream: TextIO) -> Progress:
    """The display that fits the stream: live on a terminal, plain lines elsewhere."""
    return LiveProgress(stream) if stream.isatty() else PlainProgress(stream)


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """How running cells speak to the user."""

    say: Callable[[str], None]
    """Takes a line that the user should know at once."""
    display: Callable[[], Progress]
    """Gives the display for one cell."""


def silent() -> Voice:
    """A voice that says nothing."""
    return Voice(say=lambda line: None, display=QuietProgress)
