"""Worker processes on this machine: spawned early, started at one instant, their samples streamed back.

Messages are tuples over pipes. To a worker: an `Assignment`, then a `Window`, then perhaps `STOP` or `CANCEL`. From a
worker: `Ready`, any number of `Batch`, then `Finished` - or `Failed` at any time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import TYPE_CHECKING, Self

from bench.drive import NS_PER_S, Assignment, Crew, Window
from bench.errors import BenchError, RunError
from bench.executors.vitals import Vitals, WorkerFacts
from bench.model import Phase
from bench.record import Chunk, KnownError

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from bench.backends.base import Database

STOP = "stop"
CANCEL = "cancel"
HEAD_START_S = 0.05
"""Between the order to start and the start, so that every worker has the order by then."""
SEND_INTERVAL_S = 0.25
READY_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker's sessions are open and its statements prepared."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one recorder, with the errors that they point at."""

    chunk: Chunk
    errors: list[KnownError]


@dataclass(frozen=True, slots=True)
class Finished:
    """All clients of the worker are done."""

    facts: WorkerFacts
    session_numbers: tuple[str, ...] = ()
    """The server's numbers of the sessions that they had."""
    dropped: Mapping[tuple[Phase, int], int] = field(default_factory=dict)
    """Arrivals of an open loop that were not started: by phase, and by position of the operation or -1."""
    driver_stats: Mapping[str, float] = field(default_factory=dict)
    """What the driver counted, see `Database.driver_stats`."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot go on; the text is meant for the user."""

    message: str
    trace: str


class LocalExecutor:
    """Worker processes of this machine, as a context: they are gone when it ends."""

    def __init__(self, processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._workers: list[tuple[SpawnProcess, Connection]] = []
        for number in range(processes):
            ours, theirs = context.Pipe()
            worker = context.Process(target=work, args=(theirs,), name=f"bench worker {number}", daemon=True)
            with _without_main():
                worker.start()
            theirs.close()
            self._workers.append((worker, ours))

    def assign(self, assignment: Assignment) -> None:
        """Share the clients out, open their sessions, and wait until every worker is ready.

        Raises:
            RunError: A worker could not open its sessions or prepare a statement.
        """
        number = len(self._workers)
        for at, (_, connection) in enumerate(self._workers):
            share = assignment.clients[at::number]
            connection.send(replace(assignment, clients=share, process=at, processes=number))
        for worker, connection in self._workers:
            if not connection.poll(READY_TIMEOUT_S):
                raise RunError(f"{worker.name} was not ready within {READY_TIMEOUT_S:g} s")
            _received(worker, connection)

    def drive(self, load_window: Callable[[int], Window]) -> tuple[Window, Iterator[Batch | Finished | None]]:
        """Start all workers at one instant; gives the window and what comes back until the last one is done.

        The iterator gives None when nothing came for a while, so that the caller can show progress. When a worker
        fails, the others are told to end, and what they had measured still comes before the error is raised.
        """
        window = load_window(time.monotonic_ns() + int(HEAD_START_S * NS_PER_S))
        for _, connection in self._workers:
            connection.send(window)
        return window, self._gather()

    def _gather(self) -> Iterator[Batch | Finished | None]:
        busy = {connection: worker for worker, connection in self._workers}
        failures: list[RunError] = []
        while busy:
            ready = wait(list(busy), timeout=SEND_INTERVAL_S)
            if not ready:
                yield None
            for connection in ready:
                assert isinstance(connection, Connection)  # nothing else was waited for
                try:
                    message = _received(busy[connection], connection)
                except RunError as failure:
                    failures.append(failure)
                    self.stop(CANCEL)
                    message = None
                if not isinstance(message, Batch):
                    del busy[connection]
                if isinstance(message, Batch | Finished):
                    yield message
        if failures:
            raise failures[0]

    def stop(self, order: str = STOP) -> None:
        """Ask the workers to end after the operations under way, or with `CANCEL` at once."""
        for _, connection in self._workers:
            try:
                connection.send(order)
            except OSError:
                continue  # a worker that is gone needs no order

    def close(self) -> None:
        """End the workers, by force where they do not end by themselves."""
        for worker, connection in self._workers:
            connection.close()
            worker.join(2)
            if worker.is_alive():
                worker.kill()
                worker.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _without_main() -> Iterator[None]:
    """Show `multiprocessing` a main module that stands in no file, so that workers do not run ours anew.

    It would import the script from which we were called in every worker: one without `if __name__ == "__main__"` would
    start its benchmark there again. Workers need nothing from it: what is sent to them is of modules with a name.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _received(worker: SpawnProcess, connection: Connection) -> object:
    try:
        message = connection.recv()
    except (EOFError, ConnectionResetError) as error:
        worker.join(2)
        raise RunError(
            f"{worker.name} ended unexpectedly (exit code {worker.exitcode}); what it had sent is kept"
        ) from error
    if isinstance(message, Failed):
        failure = RunError(message.message)
        failure.add_note(message.trace)
        raise failure
    return message


# ---- in the worker ----------------------------------------------------------------------------------------------


def work(connection: Connection) -> None:
    """Life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the coordinator decides
    try:
        assignment = connection.recv()
        with assignment.backend.open(assignment.namespace) as database:
            finished = _serve(connection, assignment, database)
        connection.send(finished)  # only now: the coordinator may want the database for itself
    except EOFError:
        return  # the coordinator is gone
    except BenchError as error:
        _tell(connection, Failed(str(error), traceback.format_exc()))
    except Exception as error:  # noqa: BLE001  # whatever it is, the coordinator must hear of it
        _tell(connection, Failed(f"{type(error).__name__}: {error}", traceback.format_exc()))
    connection.close()
    os._exit(0)  # everything is closed and sent; some drivers complain when the interpreter takes them down


def _tell(connection: Connection, message: Failed) -> None:
    try:
        connection.send(message)
    except OSError:
        os._exit(1)  # nobody listens any more


def _serve(connection: Connection, assignment: Assignment, database: Database) -> Finished:
    crew = Crew(assignment, database)
    vitals = Vitals()
    vitals.start()
    # Nothing that takes time may follow: the window begins a moment after the last worker is ready.
    connection.send(Ready())
    window = connection.recv()
    crew.start(window)
    threading.Thread(target=_obey, args=(connection, crew), name="orders", daemon=True).start()
    last_start_ns = window.limit_ns if assignment.load.iterations else window.end_ns
    drain_until_ns = last_start_ns + int(assignment.load.drain_s * NS_PER_S)
    while crew.busy:
        time.sleep(SEND_INTERVAL_S)
        _send(connection, crew)
        vitals.collect_if_needed()
        if time.monotonic_ns() > drain_until_ns:
            crew.cancel()
    facts = vitals.stop(len(assignment.clients), crew.loop)
    _send(connection, crew)
    driver_stats = dict(database.driver_stats())
    crew.close()
    for who, error in crew.failures:
        raise RunError(f"{who} could not go on: {type(error).__name__}: {error}") from error
    return Finished(facts, crew.session_numbers, dict(crew.dropped), driver_stats)


def _send(connection: Connection, crew: Crew) -> None:
    while crew.outbox:
        chunk = crew.outbox.popleft()
        connection.send(Batch(chunk, list(crew.recorders[chunk.recorder].errors.known)))


def _obey(connection: Connection, crew: Crew) -> None:
    """Take orders during the load; end at once when the coordinator is gone, also after its kill -9."""
    while True:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            os._exit(1)
        crew.stop()
        if order == CANCEL:
            crew.cancel()
