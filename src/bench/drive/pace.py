"""Waiting for an instant: cheap until shortly before it, then as exactly as is asked."""

from __future__ import annotations

import ctypes
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from bench.drive.assignment import NS_PER_S

if TYPE_CHECKING:
    from bench.drive.client import Client

PR_SET_TIMERSLACK = 29
LONGEST_NAP_NS = NS_PER_S // 2
"""So that a client that is stopped does not sleep on."""
SPUN_NS = 1_500_000
"""The last part of a wait, which `spin` does not leave to the operating system."""


class Pace:
    """How the thread of one client waits."""

    def __init__(self, kind: Literal["sleep", "spin"]) -> None:
        self._spun_ns = SPUN_NS if kind == "spin" else 0

    def wait_until(self, when_ns: int, client: Client) -> None:
        """Come back at that instant of the monotonic clock, or soon after the client is stopped."""
        while not client.stopped and (left_ns := when_ns - time.monotonic_ns()) > 0:
            if left_ns > self._spun_ns:
                time.sleep(min(left_ns - self._spun_ns, LONGEST_NAP_NS) / NS_PER_S)
            else:
                time.sleep(0)  # gives the interpreter to the other threads, which may have an answer to take


def finer_timers() -> None:
    """Ask Linux to wake this thread when it should, instead of up to 50 µs later, as it does to save power."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library without it: the lag is measured anyway
            ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, ctypes.c_ulong(1))
