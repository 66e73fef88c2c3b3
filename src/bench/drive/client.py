"""One simulated user: what it asks, its session, what became of each attempt. The loops say when, and wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.drive.assignment import NEVER_NS, NS_PER_S, Assignment, Window
from bench.drive.questions import Answering, Questions
from bench.drive.turns import ClosedTurns, Turns
from bench.model import ErrorClass, Phase, Row, Statement, Status, Value
from bench.record import STATUSES, Recorder

if TYPE_CHECKING:
    from bench.backends.base import Database, Session
    from bench.drive.turns import OpenTurns
    from bench.record import ErrorLog

RECONNECT_PAUSE_S = 0.1
IDLE = 0
"""In the place of a deadline: no attempt is under way."""
CANCEL_AGAIN_NS = 500_000_000
"""An engine passes over a cancel that comes between two statements of an attempt, so it is sent again."""

CODE = {status: position for position, status in enumerate(STATUSES)}
STATUS_OF = {
    ErrorClass.RETRYABLE: Status.ABORTED,
    ErrorClass.TIMEOUT: Status.TIMEOUT,
    ErrorClass.ABORTED: Status.ERROR,
    ErrorClass.DISCONNECTED: Status.ERROR,
    ErrorClass.FATAL: Status.ERROR,
}


@dataclass(kw_only=True, eq=False)
class Client:
    """One simulated user, as far as it does not matter how it waits for answers."""

    number: int
    assignment: Assignment
    database: Database
    recorder: Recorder
    session_numbers: list[str] = field(default_factory=list)
    """The server's number of each session that it has had, where there is such a thing."""
    stopped: bool = False
    """Nothing more is to be started."""
    ending: bool = False
    """What is under way is to be cancelled, however much time it has left."""
    deadline_ns: int = IDLE
    """When the attempt under way is to be cancelled, or `IDLE`."""
    cancelled: bool = False
    """The attempt under way was cancelled by us."""
    phase: Phase = Phase.WARM_UP
    give_up_ns: int = NEVER_NS
    """From here on a lost session is not replaced: the load is over, or waited long enough for the engine."""
    connected: bool = False
    """It has a session, as far as it knows."""
    turns: Turns = field(init=False)
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.operations = self.assignment.operations
        self.timeouts_ns = [
            int(operation.timeout_s * NS_PER_S) if operation.timeout_s else NEVER_NS for operation in self.operations
        ]
        self.keeps_query_ids = self.assignment.backend.capabilities.server_timing
        self._measure_ns = 0
        self.connect()
        answering = Answering(encode=self.encode, rows=self.rows)
        self.questions = Questions(self.assignment, self.number, answering, stocked=self.compiled)

    @property
    def compiled(self) -> bool:
        """Whole operations may be left to compiled code."""
        return False

    def encode(self, statement: Statement, rows: Sequence[Sequence[Value]]) -> Iterable[Sequence[Value]]:
        """Values as the session sends them; by the session of the moment, since one that is lost is replaced."""
        return self.session.encode(statement, rows, counting=self.assignment.workload.scripted)

    def rows(self) -> Sequence[Row]:
        """The result of the last step, for workloads that look at it."""
        raise NotImplementedError

    @property
    def errors(self) -> ErrorLog:
        """Where its errors are kept; shared by all clients of its recorder."""
        return self.recorder.errors

    def connect(self) -> None:
        """Open the session and make every statement ready; a loop adds what it needs."""
        self.connected = False
        self.session = self.database.session()
        if (number := self.session.number()) is not None:
            self.session_numbers.append(number)
        self.session.enter(self.phase)
        self.connected = True

    def expect(self, window: Window, open_turns: OpenTurns | None) -> None:
        """Be ready for a load: in an open loop with the turns that all clients share."""
        load = self.assignment.load
        self.give_up_ns = window.end_ns + (int(load.drain_s * NS_PER_S) if load.iterations or open_turns else 0)
        self.turns = open_turns or ClosedTurns(load.schedule(self.number, window.start_ns), window, load.iterations)
        self._measure_ns = window.measure_ns

    @property
    def prompt_until_ns(self) -> int:
        """Before this it starts an operation whenever it is free, and is in the same phase; 0: it asks each time."""
        until_ns = self.turns.prompt_until_ns
        return until_ns if self.phase is Phase.MEASUREMENT else min(until_ns, self._measure_ns)

    def may_start(self) -> bool:
        """It was not stopped, perhaps while it waited."""
        return not self.stopped

    def enter_phase(self, intended_ns: int) -> None:
        """Tell the session, when the measurement interval begins."""
        if self.phase is Phase.WARM_UP and intended_ns >= self._measure_ns:
            self.phase = Phase.MEASUREMENT
            self.session.enter(self.phase)

    def overdue(self, now_ns: int) -> bool:
        """An attempt is under way, and has had its time."""
        deadline_ns = self.deadline_ns
        return deadline_ns != IDLE and (self.ending or now_ns >= deadline_ns)

    def tries_again(self, position: int, attempts: int, error_class: ErrorClass) -> bool:
        """The operation is to be sent once more, after so many attempts of which the last failed so."""
        retryable = error_class is ErrorClass.RETRYABLE
        return retryable and attempts <= self.operations[position].retries and not self.stopped

    def record_failure(
        self, position: int, attempt: int, error: Exception, times: tuple[int, int, int, int]
    ) -> ErrorClass:
        """Keep an attempt that failed; gives what its error means.

        Args:
            position: Of the operation.
            attempt: From 0.
            error: What the driver, or the workload, raised.
            times: Intended start, ready, start and end.
        """
        operation = self.operations[position]
        error_class = ErrorClass.TIMEOUT if self.cancelled else self.session.classify(error)
        found = self.errors.add(operation.name, error_class, self.session.sqlstate(error), str(error).strip())
        status = CODE[STATUS_OF[error_class]]
        self.recorder.add(self.number, position, attempt, status, found, 0, *times, self.query_id())
        return error_class

    def query_id(self) -> str | None:
        """The engine's names of what the attempt sent; None where samples keep none."""
        return (self.session.query_id() or "") if self.keeps_query_ids else None
