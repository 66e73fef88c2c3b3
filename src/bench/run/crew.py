"""The clients of one worker process, with the loop that drives them."""

from __future__ import annotations

import threading
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from bench.record import Chunk, Recorder
from bench.run import readiness
from bench.run.lane import Lane, LineClient
from bench.run.pace import Pace, finer_timers
from bench.run.pipelined import PipelinedLane
from bench.run.readiness import ReadinessLoop
from bench.run.threads import BlockingClient
from bench.run.turns import OpenTurns
from bench.run.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.backends.base import Database
    from bench.model import Phase
    from bench.run.assignment import Assignment, Window
    from bench.run.client import Client

Loop = Literal["threads", "readiness"]


def loop_for(assignment: Assignment) -> Loop:
    """Readiness, where sessions need not wait and there are several: one alone loses nothing by waiting."""
    able = assignment.backend.capabilities.nonblocking and readiness.supported()
    alone = len(assignment.clients) == 1 and not assignment.backend.capabilities.pipelined
    return "readiness" if able and not alone else "threads"


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
        self._turns: OpenTurns | None = None
        threads = self.loop == "threads"
        self.recorders = [Recorder(at, self.outbox) for at in range(len(assignment.clients) if threads else 1)]
        kind = BlockingClient if threads else LineClient

        def client(place: int) -> Client:
            return kind(
                number=assignment.clients[place],
                assignment=assignment,
                database=database,
                recorder=self.recorders[place if threads else 0],
            )

        with ThreadPoolExecutor(assignment.backend.capabilities.parallel_connects, "connect") as pool:
            self.clients: Sequence[Client] = list(pool.map(client, range(len(assignment.clients))))
        self._blocking = [client for client in self.clients if isinstance(client, BlockingClient)]
        self._watchdog = Watchdog(self._blocking)
        self._threads: list[threading.Thread] = []

    def start(self, window: Window) -> None:
        """Let every client begin at the window's start."""
        assignment = self._assignment
        arrivals = assignment.load.arrivals(assignment.process, assignment.processes, window.start_ns)
        self._turns = OpenTurns(arrivals, window) if arrivals is not None else None
        for client in self.clients:
            client.expect(window, self._turns)
        if self._blocking:
            self._watchdog.start()
        self._threads = [
            threading.Thread(target=self._drive, args=(client, window), name=f"client {client.number}", daemon=True)
            for client in self._blocking
        ] or [threading.Thread(target=self._serve, args=(window,), name="clients", daemon=True)]
        for thread in self._threads:
            thread.start()

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
            ReadinessLoop(lanes, pace=self._assignment.load.pace).run(window)
        except Exception as error:  # noqa: BLE001  # as above
            self.failures.append((", ".join(getattr(error, "__notes__", ["the loop"])), error))
            self.stop()
        finally:
            self.recorders[0].flush()

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
        """Arrivals that were not started, once the load is over: by phase, and by operation or -1."""
        if self._turns is None:
            return Counter()
        self._turns.give_up()
        return self._turns.dropped

    def stop(self) -> None:
        """Ask every client to end after the operation under way."""
        for client in self.clients:
            client.stopped = True

    def cancel(self) -> None:
        """End what is under way now, and start nothing more."""
        for client in self.clients:
            client.stopped = client.ending = True

    def close(self) -> None:
        """Stop the watch and close the sessions."""
        if self._blocking:
            self._watchdog.stop()
        for client in self.clients:
            client.session.close()
