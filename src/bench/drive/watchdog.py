"""The watch over clients that wait in threads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.drive.threads import BlockingClient

WATCH_INTERVAL_S = 0.02


class Watchdog(threading.Thread):
    """Cancels attempts that take longer than they may; one for all clients of a process."""

    def __init__(self, clients: Sequence[BlockingClient]) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._clients = clients
        self._over = threading.Event()

    def run(self) -> None:
        """Look at every client's deadline, every few milliseconds."""
        while not self._over.wait(WATCH_INTERVAL_S):
            for client in self._clients:
                client.cancel_overdue(time.monotonic_ns())

    def stop(self) -> None:
        """End the watch."""
        self._over.set()
        self.join()
