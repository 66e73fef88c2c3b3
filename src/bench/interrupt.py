"""Ctrl-C where it must not tear what is being received or written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What ends a process that is asked to end, or whose terminal goes away; Windows has no such terminal."""


class HeldInterrupt:
    """While the context lasts, the first Ctrl-C is only noted; it is raised at the end. A second is raised at once.

    Raises:
        KeyboardInterrupt: At the end of the context, when there was one.
    """

    def __init__(self) -> None:
        self.noted = False
        self._held = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.noted:
            raise KeyboardInterrupt
        self.noted = True

    def __enter__(self) -> Self:
        # Only the main thread is interrupted; and who ignores or handles Ctrl-C already shall go on to do so.
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._held = in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._held:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.noted:
            raise KeyboardInterrupt from error


@contextmanager
def endings_as_interrupts() -> Iterator[None]:
    """While the context lasts, whoever asks us to end does what Ctrl-C does, so that nothing is left running.

    What is ignored already, as by nohup, goes on to be ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may choose what a signal does
        return
    ours = [number for number in ENDINGS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)  # so that it is held where Ctrl-C is
