"""The hot loop: clients send operations by their schedules and record what happened.

One thread per client drives the operation's generator through a session of its own. Nothing here knows an engine, a
configuration or SQL.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from bench import streams
from bench.model import ErrorClass, Namespace, Phase, RenderedOperation, Status
from bench.record import STATUSES, Chunk, ErrorLog, Recorder
from bench.workload import Workload

if TYPE_CHECKING:
    from bench.backends.base import Backend, Call, Database, Session
    from bench.load import LoadProfile
    from bench.workload import Params

T = TypeVar("T")

NS_PER_S = 1_000_000_000
RECONNECT_PAUSE_S = 0.1
WATCH_INTERVAL_S = 0.02
CANCEL_AGAIN_NS = 500_000_000
"""An engine passes over a cancel that comes between two statements of an attempt, so it is sent again."""
NEVER_NS = 2**63 - 1

CODE = {status: position for position, status in enumerate(STATUSES)}
STATUS_OF = {
    ErrorClass.RETRYABLE: Status.ABORTED,
    ErrorClass.TIMEOUT: Status.TIMEOUT,
    ErrorClass.ABORTED: Status.ERROR,
    ErrorClass.DISCONNECTED: Status.ERROR,
    ErrorClass.FATAL: Status.ERROR,
}


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What a worker process is to do. Picklable."""

    backend: Backend
    namespace: Namespace
    operations: tuple[RenderedOperation, ...]
    """In the order of `workload.asked`."""
    workload: Workload
    """With every parameter resolved to values."""
    load: LoadProfile
    seed: int
    clients: tuple[int, ...]
    """Which of the `load.clients` this process drives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When to measure, in ns of the monotonic clock."""

    start_ns: int
    measure_ns: int
    """Warm-up ends and the measurement interval begins."""
    end_ns: int
    """No operation is meant to start from here on, unless iterations are still owed."""
    limit_ns: int
    """No operation starts from here on, whatever is owed."""

    @classmethod
    def of(cls, load: LoadProfile, start_ns: int) -> Window:
        """The window of a load that begins at `start_ns`."""
        measure = start_ns + int(load.warm_up_s * NS_PER_S)
        end = measure + int(load.duration_s * NS_PER_S)
        limit = measure + int(load.max_duration_s * NS_PER_S) if load.max_duration_s else NEVER_NS
        return cls(start_ns=start_ns, measure_ns=measure, end_ns=end, limit_ns=limit)


@dataclass(kw_only=True, eq=False)
class Client:
    """One simulated user. Its thread alone touches it, but for what `Watchdog` reads and sets."""

    number: int
    assignment: Assignment
    database: Database
    recorder: Recorder
    errors: ErrorLog = field(default_factory=ErrorLog)
    session_numbers: list[str] = field(default_factory=list)
    """The server's number of each session that it has had, where there is such a thing."""
    stopped: bool = False
    """Nothing more is to be started."""
    ending: bool = False
    """What is under way is to be cancelled, however much time it has left."""
    deadline_ns: int = NEVER_NS
    """When the attempt under way is to be cancelled."""
    _cancelled: bool = False
    _under_way: bool = False
    _next_cancel_ns: int = 0
    _give_up_ns: int = NEVER_NS
    """From here on a lost session is not replaced: the load is over, or waited long enough for the engine."""
    _phase: Phase = Phase.WARM_UP
    _guard: threading.Lock = field(default_factory=threading.Lock)
    """Held while an attempt is cancelled, so that the next cannot begin and be hit instead."""

    def __post_init__(self) -> None:
        workload, seed = self.assignment.workload, self.assignment.seed
        lanes = self.assignment.load.clients
        # The first block of every stream is drawn here, so that none is drawn at the start of the load.
        self._parameters: list[Iterator[Params]] = [
            _primed(streams.parameters(operation, seed, lane=self.number, lanes=lanes)) for operation in workload.asked
        ]
        self._order = _primed(streams.order(workload, seed, lane=self.number))
        self._keeps_query_ids = self.assignment.backend.capabilities.server_timing
        self.connect()

    def connect(self) -> None:
        """Open the session and prepare every statement of every operation."""
        self.session: Session = self.database.session()
        if (number := self.session.number()) is not None:
            self.session_numbers.append(number)
        self._calls: list[list[Call]] = [
            [self.session.prepare(statement) for statement in operation.statements]
            for operation in self.assignment.operations
        ]
        self.session.enter(self._phase)

    def drive(self, window: Window) -> None:
        """Send operations until the window is over and enough of them were started in it."""
        load = self.assignment.load
        schedule = load.schedule(self.number, window.start_ns)
        owed, free_ns = load.iterations, window.start_ns
        self._give_up_ns = window.end_ns + (int(load.drain_s * NS_PER_S) if owed else 0)
        while not self.stopped:
            intended_ns = schedule.next_start_ns(free_ns)
            if intended_ns >= window.end_ns and (owed <= 0 or intended_ns >= window.limit_ns):
                break
            if intended_ns > free_ns:
                self.sleep_until(intended_ns)
            if intended_ns >= window.measure_ns:
                owed -= 1
                if self._phase is Phase.WARM_UP:
                    self._phase = Phase.MEASUREMENT
                    self.session.enter(self._phase)
            free_ns = self._run_operation(next(self._order), intended_ns)

    def sleep_until(self, when_ns: int) -> None:
        """Wait, unless the client is stopped."""
        while not self.stopped and (left_ns := when_ns - time.monotonic_ns()) > 0:
            time.sleep(min(left_ns / NS_PER_S, 0.5))

    def _run_operation(self, position: int, intended_ns: int) -> int:
        """Run one operation, with its retries; gives when it ended."""
        operation = self.assignment.operations[position]
        params = next(self._parameters[position])
        for attempt in range(operation.retries + 1):
            start_ns = self._begin_attempt(operation)
            try:
                rows = self._attempt(operation, self._calls[position], params)
                end_ns = time.monotonic_ns()
            except Exception as error:  # noqa: BLE001  # a driver may raise anything; the session says what it means
                end_ns = time.monotonic_ns()
                self._end_attempt()
                found = self._failed(operation, error)
                status = STATUS_OF[self.errors.known[found].error_class]
                self._record(position, attempt, intended_ns, start_ns, end_ns, 0, CODE[status], found)
                if self.errors.known[found].error_class is ErrorClass.DISCONNECTED:
                    self._reconnect(operation)
                if status is Status.ABORTED and not self.stopped:
                    continue
                return time.monotonic_ns()
            self._end_attempt()
            self._record(position, attempt, intended_ns, start_ns, end_ns, rows, CODE[Status.OK], -1)
            return end_ns
        return end_ns

    def _begin_attempt(self, operation: RenderedOperation) -> int:
        start_ns = time.monotonic_ns()
        self._cancelled, self._next_cancel_ns = False, 0
        self.deadline_ns = start_ns + int(operation.timeout_s * NS_PER_S) if operation.timeout_s else NEVER_NS
        self._under_way = True
        return start_ns

    def _end_attempt(self) -> None:
        with self._guard:
            self._under_way = False

    def cancel_overdue(self, now_ns: int) -> None:
        """Cancel the attempt under way, if its time is over; called from another thread."""
        if not (self.ending or now_ns >= self.deadline_ns):
            return
        with self._guard:
            # It may have ended meanwhile, and the next one may have time left.
            if not self._under_way or not (self.ending or now_ns >= self.deadline_ns) or now_ns < self._next_cancel_ns:
                return
            self._cancelled, self._next_cancel_ns = True, now_ns + CANCEL_AGAIN_NS
            with suppress(Exception):  # whatever a driver raises here, the other clients need their watch
                self.session.cancel()

    def _attempt(self, operation: RenderedOperation, calls: Sequence[Call], params: Params) -> int:
        """Send the operation's statements; gives the rows they returned or changed."""
        if operation.transactional:
            self.session.begin(operation.isolation)
        rows = 0
        steps = self.assignment.workload.steps(operation, params)
        try:
            position, values = next(steps)
            while True:
                result = calls[position](values)
                rows += len(result)
                position, values = steps.send(result)
        except StopIteration:
            pass
        if operation.transactional:
            self.session.commit()
        return rows

    def _failed(self, operation: RenderedOperation, error: Exception) -> int:
        """Clean up after an error; gives its position in the log."""
        error_class = ErrorClass.TIMEOUT if self._cancelled else self.session.classify(error)
        if operation.transactional and error_class is not ErrorClass.DISCONNECTED:
            self.session.rollback()
        return self.errors.add(operation.name, error_class, self.session.sqlstate(error), str(error).strip())

    def _reconnect(self, operation: RenderedOperation) -> None:
        """Get a new session, however often that takes while the load lasts; each failure is kept among the errors."""
        while not self.stopped and time.monotonic_ns() < self._give_up_ns:
            self.session.close()
            try:
                self.connect()
                return
            except Exception as error:  # noqa: BLE001  # as above; the server may be away for a while
                self.errors.add(operation.name, ErrorClass.DISCONNECTED, None, f"reconnect: {str(error).strip()}")
                time.sleep(RECONNECT_PAUSE_S)

    def _record(self, *values: int) -> None:
        self.recorder.add(values, values[4], (self.session.query_id() or "") if self._keeps_query_ids else None)


def _primed(stream: Iterator[T]) -> Iterator[T]:
    """The same stream with its first item already drawn."""
    return chain([next(stream)], stream)


class Watchdog(threading.Thread):
    """Cancels attempts that take longer than they may; one for all clients of a process."""

    def __init__(self, clients: Sequence[Client]) -> None:
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


class Crew:
    """The clients of one process, each with a thread."""

    def __init__(self, assignment: Assignment, database: Database) -> None:
        self.outbox: deque[Chunk] = deque()
        self.failures: list[tuple[int, Exception]] = []
        """The clients that could not go on, each with the reason: a mistake in a driver, a workload or here."""

        def client(number: int) -> Client:
            return Client(
                number=number, assignment=assignment, database=database, recorder=Recorder(number, self.outbox)
            )

        with ThreadPoolExecutor(assignment.backend.capabilities.parallel_connects, "connect") as pool:
            self.clients = list(pool.map(client, assignment.clients))
        self._drain_s = assignment.load.drain_s
        self._watchdog = Watchdog(self.clients)
        self._threads: list[threading.Thread] = []

    def start(self, window: Window) -> None:
        """Let every client begin at the window's start."""
        self._watchdog.start()
        self._threads = [
            threading.Thread(target=self._drive, args=(client, window), name=f"client {client.number}", daemon=True)
            for client in self.clients
        ]
        for thread in self._threads:
            thread.start()

    def _drive(self, client: Client, window: Window) -> None:
        try:
            client.sleep_until(window.start_ns)
            client.drive(window)
        except Exception as error:  # noqa: BLE001  # in this thread nobody else would hear of it
            self.failures.append((client.number, error))
            self.stop()
        finally:
            client.recorder.flush()

    @property
    def busy(self) -> bool:
        """Some client is not done yet."""
        return any(thread.is_alive() for thread in self._threads)

    @property
    def session_numbers(self) -> tuple[str, ...]:
        """The server's numbers of all sessions that the clients have had, those that were lost included."""
        return tuple(dict.fromkeys(number for client in self.clients for number in client.session_numbers))

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
        self._watchdog.stop()
        for client in self.clients:
            client.session.close()
