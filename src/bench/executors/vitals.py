"""What a worker process spends and suffers during a load: by it the client shows that it was not the limit."""

from __future__ import annotations

import gc
import os
import resource
import threading
import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

NS_PER_S = 1_000_000_000
TICK_NS = 10_000_000
"""Between two looks at how late a timer fires."""
TICKS = 100_000
"""Kept at most, so that hours cost no memory: a quarter of an hour, and then the latest of them."""
COLLECT_BYTES = 128 * 2**20
"""So much more memory than at the start, and garbage is collected after all, which is told as a pause."""


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker used up between start and end of the load."""

    pid: int
    clients: int
    loop: str
    """`threads`, where each client waited in its own, `readiness`, where one served all, or `compiled`: so too."""
    cpu_s: float
    elapsed_s: float
    voluntary_switches: int
    involuntary_switches: int
    rss_bytes: int
    """Resident memory at the end."""
    lag_p50_ns: int
    """How late a timer of 10 ms fired in this process: for the core, or for the interpreter, it had to wait."""
    lag_p99_ns: int
    lag_max_ns: int
    gc_pauses: int
    """How often garbage was collected."""
    gc_pause_ns: int
    """In all."""


class Vitals:
    """Watches the process that it is made in, from `start` to `stop`."""

    def __init__(self) -> None:
        self._lags = array("q", bytes(8 * TICKS))
        self._ticks = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="vitals", daemon=True)
        self._gc_pauses, self._gc_pause_ns, self._gc_began_ns = 0, 0, 0

    def start(self) -> None:
        """Collect what is garbage already, leave the rest alone for good, and begin to count."""
        gc.collect()
        gc.freeze()
        gc.disable()
        gc.callbacks.append(self._collecting)
        self._before = resource.getrusage(resource.RUSAGE_SELF)
        self._rss_bytes = resident_bytes()
        self._began_ns = time.monotonic_ns()
        self._thread.start()

    def collect_if_needed(self) -> None:
        """Some drivers leave cycles behind: better a pause than the end of the memory."""
        if resident_bytes() - self._rss_bytes > COLLECT_BYTES:
            gc.collect()
            self._rss_bytes = resident_bytes()

    def stop(self, clients: int, loop: str) -> WorkerFacts:
        """What was used up since the start."""
        elapsed_ns, after, before = (
            time.monotonic_ns() - self._began_ns,
            resource.getrusage(resource.RUSAGE_SELF),
            self._before,
        )
        self._over.set()
        self._thread.join()
        gc.callbacks.remove(self._collecting)
        lags = sorted(self._lags[: min(self._ticks, TICKS)]) or [0]
        return WorkerFacts(
            pid=os.getpid(),
            clients=clients,
            loop=loop,
            cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            elapsed_s=elapsed_ns / NS_PER_S,
            voluntary_switches=after.ru_nvcsw - before.ru_nvcsw,
            involuntary_switches=after.ru_nivcsw - before.ru_nivcsw,
            rss_bytes=resident_bytes(),
            lag_p50_ns=lags[len(lags) // 2],
            lag_p99_ns=lags[len(lags) * 99 // 100],
            lag_max_ns=lags[-1],
            gc_pauses=self._gc_pauses,
            gc_pause_ns=self._gc_pause_ns,
        )

    def _tick(self) -> None:
        while not self._over.is_set():
            due_ns = time.monotonic_ns() + TICK_NS
            time.sleep(TICK_NS / NS_PER_S)
            self._lags[self._ticks % TICKS] = max(time.monotonic_ns() - due_ns, 0)
            self._ticks += 1

    def _collecting(self, phase: str, _: Mapping[str, int]) -> None:
        if phase == "start":
            self._gc_began_ns = time.monotonic_ns()
        else:
            self._gc_pauses += 1
            self._gc_pause_ns += time.monotonic_ns() - self._gc_began_ns


def resident_bytes() -> int:
    """Memory of this process that is resident."""
    import psutil

    return int(psutil.Process().memory_info().rss)
