"""Sessions: who is logged in, with which parameters, and what runs for whom."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
import uuid
from typing import TYPE_CHECKING

from bench.emulator import errors
from bench.emulator.engine import Cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakesnow.conn import FakeSnowflakeConnection

    from bench.emulator.account import Account
    from bench.emulator.errors import SqlError

INTERRUPT_INTERVAL_S = 0.02
"""An interrupt between two steps of a statement is lost, so it is repeated until the statement has ended."""
FIRST_SESSION = 1001


class Execution:
    """One statement on its way, which others may end."""

    def __init__(self, session: Session, *, request: str) -> None:
        self.session = session
        self.request = request
        self.query_id = str(uuid.uuid4())
        self.ended = threading.Event()
        self.stopped = threading.Event()
        self.refusal: SqlError | None = None
        """Why it is to end, once somebody wants that."""

    def stop(self, refusal: SqlError) -> None:
        """Have the statement end, soon, with this refusal; the first one counts."""
        if self.ended.is_set() or self.stopped.is_set():
            return
        self.refusal = refusal
        self.stopped.set()
        threading.Thread(target=self._interrupt, daemon=True, name="interrupt").start()

    def check(self) -> None:
        """Go on only while nobody wants the statement to end.

        Raises:
            SqlError: Somebody does, or its session has ended, perhaps before it was known to run in it.
        """
        if self.refusal is not None:
            raise self.refusal
        if self.session.ended:
            raise errors.session_gone()

    def _interrupt(self) -> None:
        while not self.ended.wait(INTERRUPT_INTERVAL_S):
            if self.session.current is self:
                self.session.engine.interrupt()


class Session:
    """One login. Its statements run one after another, whichever thread of the driver sends them."""

    def __init__(
        self,
        account: Account,
        *,
        number: int,
        user: str,
        role: str,
        warehouse: str | None,
        parameters: Mapping[str, str],
        connection: FakeSnowflakeConnection,
    ) -> None:
        self.account = account
        self.number = number
        self.token = secrets.token_urlsafe(32)
        self.user = user
        self.role = role
        self.warehouse = warehouse
        """The warehouse that was asked for, whether it exists or not."""
        self.parameters = dict(parameters)
        self.connection = connection
        self.engine = connection._duck_conn
        self.in_transaction = False
        """A transaction is open that the session began itself."""
        self.ended = False
        self.lock = threading.Lock()
        """Held by the statement that runs."""
        self.current: Execution | None = None
        self.waiting: dict[str, Execution] = {}
        """Executions that have not ended, by the driver's request id."""
        self.last_query_id: str | None = None
        self.at_end: list[Callable[[], object]] = []
        """What is to be removed when the session ends: its temporary stages."""

    def cursor(self, query_id: str) -> Cursor:
        """A cursor on the engine whose results bear this id."""
        return Cursor(self.connection, self.engine, query_id=query_id)

    def set_autocommit(self, on: bool) -> None:
        """As ALTER SESSION SET AUTOCOMMIT: what was begun is committed."""
        if self.in_transaction:
            self.engine.commit()
            self.in_transaction = False
        self.connection.autocommit(on)

    def leave(self, database: str) -> None:
        """Stand nowhere any more, where this database was the current one."""
        if self.connection.database == database:
            self.engine.execute("USE memory.main")
            self.connection.database = self.connection._schema = None
            self.connection.database_set = self.connection.schema_set = False

    def executions(self) -> list[Execution]:
        """What runs or waits now."""
        return list(self.waiting.values())

    def cancel_all(self, refusal: SqlError | None = None) -> int:
        """End all that runs; how many statements that were."""
        running = self.executions()
        for execution in running:
            execution.stop(refusal or errors.canceled())
        return len(running)

    def end(self) -> None:
        """Log out: what runs is ended, what was not committed is rolled back."""
        self.ended = True
        self.cancel_all(errors.session_gone())
        with self.lock:
            self.connection.close()
        for remove in self.at_end:
            remove()


class Sessions:
    """All sessions by token and number; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_token: dict[str, Session] = {}
        self._numbers = itertools.count(FIRST_SESSION + int(time.time()) % 1_000_000 * 1000)

    def next_number(self) -> int:
        """A session id that no other session of this or an earlier process is likely to have."""
        return next(self._numbers)

    def add(self, session: Session) -> None:
        """Take a session in."""
        with self._lock:
            self._by_token[session.token] = session

    def find(self, token: str) -> Session:
        """The session of a token.

        Raises:
            SqlError: It has ended, or never was.
        """
        with self._lock:
            session = self._by_token.get(token)
        if session is None or session.ended:
            raise errors.session_gone()
        return session

    def numbered(self, number: int) -> Session | None:
        """The session with this id, None where there is none."""
        with self._lock:
            return next((each for each in self._by_token.values() if each.number == number), None)

    def remove(self, token: str) -> None:
        """End a session and forget it."""
        with self._lock:
            session = self._by_token.pop(token, None)
        if session is not None:
            session.end()

    def all(self) -> list[Session]:
        """Every session that has not ended."""
        with self._lock:
            return list(self._by_token.values())

    def running_on(self, warehouse: str, *, besides: Session) -> int:
        """Statements that run now in other sessions which use this warehouse."""
        return sum(len(each.waiting) for each in self.all() if each.warehouse == warehouse and each is not besides)

    def cancel_on(self, warehouse: str) -> None:
        """End what runs on a warehouse."""
        for session in self.all():
            if session.warehouse == warehouse:
                session.cancel_all()

    def cancel_query(self, query_id: str) -> bool:
        """End one statement; whether it was there."""
        found = [e for session in self.all() for e in session.executions() if e.query_id == query_id]
        for execution in found:
            execution.stop(errors.canceled())
        return bool(found)
