"""The clients of one worker process, with the loop that drives them."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from bench.drive import readiness
from bench.drive.assignment import NEVER_NS
from bench.drive.lane import CompiledClient, Lane, LineClient
from bench.drive.pace import Pace, finer_timers
from bench.drive.pipelined import PipelinedLane
from bench.drive.readiness import ReadinessLoop
from bench.drive.threads import BlockingClient
from bench.drive.turns import OpenTurns
from bench.drive.watchdog import Watchdog
from bench.load import Share
from bench.record import Chunk, Recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.backends.base import Database
    from bench.backends.in_flight import Serve
    from bench.drive.assignment import Assignment, Window
    from bench.drive.client import Client
    from bench.model import Phase

Loop = Literal["threads", "readiness", "compiled"]
"""How clients wait for their answers: each in a thread, or all in one loop, most of which compiled code may do."""


def loop_for(assignment: Assignment) -> Loop:
    """One loop, where sessions need not wait and there are several: one alone loses nothing by waiting."""
    able = assignment.backend.capabilities.nonblocking and readiness.supported()
    alone = len(assignment.clients) == 1 and not assignment.backend.capabilities.pipelined
    return "compiled" if able and not alone else "threads"


class Crew:
    """The clients of one process.

    Args:
        assignment: What they do.
        database: Opened from `assignment.backend`.
        loop: How they wait for their answers; None: as fits best.
    """

    def __init__(self, assignment: Assignment, database: Database, loop: Loop | None = None) -> None:
        self.loop: Loop = loop or loop_for(assignment)
        self.outbox: deque[Chunk] = deque()
        self.failures: list[tuple[str, Exception]] = []
        """Who could not go on, each with the reason: a mistake in a driver, a workload or here."""
        self._assignment = assignment
        self._turns: list[OpenTurns | None] = []
        """Of each group of clients; None: a closed loop, where each client has its own."""
        self._ended_ns = NEVER_NS
        """When the clients were told to start nothing more."""
        threads = self.loop == "threads"
        self.recorders = [Recorder(at, self.outbox) for at in range(len(assignment.clients) if threads else 1)]
        kind: type[Client] = {"threads": BlockingClient, "readiness": LineClient, "compiled": CompiledClient}[self.loop]

        def client(place: int) -> Client:
            return kind(
                number=assignment.clients[place],
                assignment=assignment,
                database=database,
                recorder=self.recorders[place if threads else 0],
            )

        with ThreadPoolExecutor(assignment.backend.capabilities.parallel_connects, "connect") as pool:
            self.clients: Sequence[Client] = list(pool.map(client, range(len(assignment.clients))))
        self._compiled_serve = self._compiled_code() if self.loop == "compiled" else None
        self._blocking = [client for client in self.clients if isinstance(client, BlockingClient)]
        self._watchdog = Watchdog(self._blocking)
        self._threads: list[threading.Thread] = []

    def start(self, window: Window) -> None:
        """Let every client begin at the window's start."""
        assignment = self._assignment
        load = assignment.load
        self._turns = [self._open_turns(window, group) for group in range(load.groups)]
        for client in self.clients:
            client.expect(window, self._turns[load.group(client.number)])
        if self._blocking:
            self._watchdog.start()
        self._threads = [
            threading.Thread(target=self._drive, args=(client, window), name=f"client {client.number}", daemon=True)
            for client in self._blocking
        ] or [threading.Thread(target=self._serve, args=(window,), name="clients", daemon=True)]
        for thread in self._threads:
            thread.start()

    def _open_turns(self, window: Window, group: int) -> OpenTurns | None:
        assignment = self._assignment
        share = Share(
            process=assignment.process,
            processes=assignment.processes,
            start_ns=window.start_ns,
            seed=assignment.seed,
            workload=assignment.workload,
            group=group,
        )
        arrivals = assignment.load.arrivals(share)
        return OpenTurns(arrivals, window) if arrivals is not None else None

    def _drive(self, client: BlockingClient, window: Window) -> None:
        try:
            finer_timers()
            Pace(client.assignment.load.pace).wait_until(window.start_ns, client)
            client.drive(window)
        except Exception as error:  # noqa: BLE001  # in this thread nobody else would hear of it
            self.failures.append((f"client {client.number}", error))
            self.stop()
        finally:
            client.recorder.flush()

    def _serve(self, window: Window) -> None:
        clients = [client for client in self.clients if isinstance(client, LineClient)]
        lanes = [PipelinedLane(one, window) if one.line.depth > 1 else Lane(one, window) for one in clients]
        try:
            self._loop_of(lanes).run(window)
        except Exception as error:  # noqa: BLE001  # as above
            self.failures.append((", ".join(getattr(error, "__notes__", ["the loop"])), error))
            self.stop()
        finally:
            self.recorders[0].flush()

    def _compiled_code(self) -> Serve | None:
        """What runs whole operations, ready to be used; None: nothing does, for these clients."""
        clients = (client for client in self.clients if isinstance(client, LineClient))
        serve = next((client.line.serve for client in clients if client.compiled), None)
        if serve is None:
            self.loop = "readiness"
            return None
        from bench.drive.compiled import make_ready

        make_ready(serve)
        return serve

    def _loop_of(self, lanes: Sequence[Lane]) -> ReadinessLoop:
        pace = self._assignment.load.pace
        if self._compiled_serve is None:
            return ReadinessLoop(lanes, pace=pace)
        from bench.drive.compiled import CompiledLoop

        return CompiledLoop(lanes, self.recorders[0], self._compiled_serve, pace=pace)

    @property
    def busy(self) -> bool:
        """Some client is not done yet."""
        return any(thread.is_alive() for thread in self._threads)

    @property
    def session_numbers(self) -> tuple[str, ...]:
        """The server's numbers of all sessions that the clients have had, those that were lost included."""
        return tuple(dict.fromkeys(number for client in self.clients for number in client.session_numbers))

    @property
    def dropped(self) -> Counter[tuple[Phase, int]]:
        """Arrivals that were not started, once the load is over: by phase, and by operation or -1.

        What would have come after the load was ended early is not among them.
        """
        dropped: Counter[tuple[Phase, int]] = Counter()
        for turns in filter(None, self._turns):
            turns.give_up(self._ended_ns)
            dropped.update(turns.dropped)
        return dropped

    def stop(self) -> None:
        """Ask every client to end after the operation under way; compiled code hears of it within 20 ms."""
        self._ended_ns = min(self._ended_ns, time.monotonic_ns())
        for client in self.clients:
            client.stopped = True

    def cancel(self) -> None:
        """End what is under way now, and start nothing more."""
        self.stop()
        for client in self.clients:
            client.ending = True

    def close(self) -> None:
        """Stop the watch and close the sessions."""
        if self._blocking:
            self._watchdog.stop()
        for client in self.clients:
            client.session.close()
