"""What would make the readiness loop wait is done in threads; the loop hears of its end by a descriptor."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.drive.lane import Lane

Work = Callable[[], object]


class Aside:
    """Work beside a loop, each piece done for a client that waits for it."""

    def __init__(self) -> None:
        self._done: deque[tuple[Lane, object]] = deque()
        self._hear, self._tell = os.pipe()
        os.set_blocking(self._hear, False)
        self._open, self._closed = threading.Lock(), False

    def fileno(self) -> int:
        """The descriptor that becomes readable when something is done."""
        return self._hear

    def do(self, work: Work, whose: Lane) -> None:
        """Do `work`, which may not raise, in a thread of its own."""

        def run() -> None:
            outcome = work()
            with self._open:
                if not self._closed:  # otherwise nobody waits any more, and the descriptor may be another's
                    self._done.append((whose, outcome))
                    os.write(self._tell, b"\0")

        threading.Thread(target=run, name="aside", daemon=True).start()

    def done(self) -> list[tuple[Lane, object]]:
        """What is done since this was asked last: for whom, and what the work gave."""
        os.read(self._hear, 4_096)
        return [self._done.popleft() for _ in range(len(self._done))]

    def close(self) -> None:
        """Give the descriptors back."""
        with self._open:
            self._closed = True
            os.close(self._hear)
            os.close(self._tell)
