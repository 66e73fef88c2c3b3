"""Ctrl-C where it must not tear what is being received or written."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


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
