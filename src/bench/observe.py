"""What the engine says of a run: counters before and after, plans, what sessions wait for, the history of queries.

Nothing here may fail a run or touch a worker. What the engine refuses to say becomes one warning in the manifest.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench import streams
from bench.results import open_run, server

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.backends.base import Backend, Database, Session
    from bench.model import ComputeFacts, Namespace, RenderedOperation, Row, StatementStats
    from bench.results import RunWriter
    from bench.results.server import SampleCount
    from bench.workload import Params, Workload

LOOK_INTERVAL_S = 1.0
"""Between two looks at what the sessions wait for."""
LAST_LOOK_S = 5.0
"""How long the end of a run waits for a look under way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """Counters of the engine at one moment."""

    at: datetime
    server: Mapping[str, float]
    statements: Mapping[str, StatementStats] | None
    """By `Database.statement_key`; None: refused."""


@dataclass(kw_only=True)
class Observation:
    """What is asked of the engine around one load."""

    writer: RunWriter
    operations: Sequence[RenderedOperation]
    repetition: int = 0
    sessions: list[str] = field(default_factory=list)
    """The server's numbers of the sessions that carried the load."""
    _before: Counted | None = None

    def plans(
        self, database: Database, workload: Workload, seed: int, advance: Callable[[str, int, int], None]
    ) -> None:
        """Have each operation planned and executed once with fixed parameters; what it changes is rolled back.

        `advance` takes (what is going on, operations done, operations in all).
        """
        for done, (rendered, operation) in enumerate(zip(self.operations, workload.asked, strict=True)):
            advance("plans", done, len(self.operations))
            taken: dict[int, str] = {}
            with self._asking(f"plan '{rendered.name}'"), database.session() as session:
                _take_plans(session, rendered, workload, streams.fixed_parameters(operation, seed), taken)
            texts = {position: text for position, text in sorted(taken.items()) if text}
            if texts:
                self.writer.write_plans(
                    rendered.name,
                    [
                        {"statement": position, "sql": rendered.statements[position].sql, "plan": _json(text)}
                        for position, text in texts.items()
                    ],
                )

    def compute(self, database: Database, namespace: Namespace) -> ComputeFacts | None:
        """What the engine tells of what is billed; None where it refuses."""
        found: ComputeFacts | None = None
        with self._asking("tell what is billed"):
            found = database.compute_facts(namespace)
        return found  # noqa: RET504  # None where the guard has turned a refusal into a warning

    def before(self, database: Database) -> None:
        """Read the counters; everything that is sent by then, plans included, is not in the difference."""
        self._before = self._count(database)

    @contextmanager
    def watching(self, backend: Backend, namespace: Namespace) -> Iterator[None]:
        """Look about once a second at what the clients' sessions wait for, on a connection of its own."""
        watch = None
        if backend.capabilities.waits:
            with self._asking("show what sessions wait for"):
                watch = Watch(backend.open(namespace))
                watch.start()
        try:
            yield
        finally:
            if watch is not None:
                self._write_waits(watch)

    def conclude(self, backend: Backend, namespace: Namespace) -> None:
        """Open the engine once more for `after`; one that is gone by now takes nothing measured with it."""
        with self._asking("answer after the load"), backend.open(namespace) as database:
            self.after(database)

    def after(self, database: Database) -> None:
        """Read the counters again and the history, and write what was found."""
        before, after = self._before, self._count(database)
        if before is None:
            return
        numbers = tuple(dict.fromkeys(self.sessions))
        self.writer.update(
            server_counters={
                name: after.server[name] - count for name, count in before.server.items() if name in after.server
            },
            observed={"since": before.at.isoformat(), "until": after.at.isoformat(), "sessions": numbers},
        )
        if before.statements is not None and after.statements:
            self._write_statements(database, before.statements, after.statements)
        with self._asking("show its history"):
            self._write_history(database, numbers, before.at, after.at)

    def _count(self, database: Database) -> Counted:
        counters: Mapping[str, float] = {}
        statements: Mapping[str, StatementStats] | None = None
        at = datetime.now(UTC)
        with self._asking("show its counters"):
            counters = dict(database.server_stats())
        with self._asking("count by statement"):
            stats = database.statement_stats()
            statements = server.by_key(stats, [database.statement_key(one.sql) for one in stats])
        return Counted(at=at, server=counters, statements=statements)

    def _write_statements(
        self, database: Database, before: Mapping[str, StatementStats], after: Mapping[str, StatementStats]
    ) -> None:
        """Put what was counted beside our samples; what the engine cannot tell apart is left null."""
        keys = {
            (operation.name, position): database.statement_key(statement.sql)
            for operation in self.operations
            for position, statement in enumerate(operation.statements)
        }
        apart = Counter(keys.values())
        counted = {
            place: server.difference(before.get(key), after.get(key)) for place, key in keys.items() if apart[key] == 1
        }
        together = {
            key: tuple(dict.fromkeys(operation for (operation, _), other in keys.items() if other == key))
            for key in keys.values()
            if apart[key] > 1
        }
        self.writer.update(counted_as_one=sorted(set(together.values())))
        samples = server.sample_counts(
            open_run(self.writer.directory), [operation.name for operation in self.operations]
        )
        self._warn_of_lost_counters(counted, samples)
        self.writer.write_rows(
            "server", server.server_rows(self.operations, counted, samples, repetition=self.repetition)
        )

    def _warn_of_lost_counters(
        self, counted: Mapping[tuple[str, int], StatementStats | None], samples: Mapping[str, SampleCount]
    ) -> None:
        lost = {
            operation
            for (operation, _), stats in counted.items()
            if stats is None and operation in samples and samples[operation].samples > samples[operation].failed
        }
        if lost:
            self.writer.warn(
                f"the engine's counters of {', '.join(sorted(lost))} were reset or dropped during the load, "
                "or it counted these statements under another text"
            )

    def _write_history(self, database: Database, sessions: Sequence[str], since: datetime, until: datetime) -> None:
        history = list(database.history(sessions, since, until)) if sessions else []
        if not history:
            return
        samples = open_run(self.writer.directory).samples(server.JOINED_COLUMNS)
        rows = server.query_rows(history, samples)
        self.writer.write_rows("queries", rows)
        sampled = len(server.sampled_queries(samples)[0])
        joined = sum(row["operation"] is not None for row in rows)
        if joined < sampled:
            self.writer.warn(f"the engine's history holds {joined:,} of the {sampled:,} queries that were sampled")

    def _write_waits(self, watch: Watch) -> None:
        if not watch.stop():
            self.writer.warn("what sessions waited for was not shown to the end: the engine did not answer in time")
        if watch.failure:
            self.writer.warn(f"what sessions waited for was not shown to the end: {watch.failure}")
        if watch.seen:
            self.writer.write_rows("waits", server.wait_rows(watch.seen, repetition=self.repetition))
        self.writer.update(wait_looks=watch.looks)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn whatever the engine refuses into one warning."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # a driver may raise anything, and no measurement hangs on it
            self.writer.warn(f"the engine did not {what}: {_line(error)}")


class Watch(threading.Thread):
    """Looks at what the clients' sessions wait for; it owns the connection, and closes it."""

    def __init__(self, database: Database) -> None:
        super().__init__(name="watch of waits", daemon=True)
        self.seen: Counter[str] = Counter()
        """By wait event, how often a session was seen in it."""
        self.looks = 0
        self.failure = ""
        self._database = database
        self._over = threading.Event()

    def run(self) -> None:
        """Look until the load is over, or the engine refuses."""
        try:
            while not self._over.wait(LOOK_INTERVAL_S):
                self.seen.update(self._database.waits())
                self.looks += 1
        except Exception as error:  # noqa: BLE001  # in this thread nobody else would hear of it
            self.failure = _line(error)
        finally:
            with suppress(Exception):  # the server may be gone, which the load finds out by itself
                self._database.close()

    def stop(self) -> bool:
        """End the watch; gives whether it ended in time."""
        self._over.set()
        self.join(LAST_LOOK_S)
        return not self.is_alive()


def _take_plans(
    session: Session, rendered: RenderedOperation, workload: Workload, params: Params, taken: dict[int, str]
) -> None:
    """Walk through an operation; of each statement the first execution is planned, and put into `taken`."""
    calls: dict[int, Callable[..., Sequence[Row]]] = {}
    try:
        if not rendered.read_only:
            session.begin(rendered.isolation)
        steps = workload.steps(rendered, params)
        position, values = next(steps)
        while True:
            planned = position not in taken
            if planned:
                taken[position] = session.plan(rendered.statements[position], values)
            result: Sequence[Row] = ()
            # A plan holds no rows, which the next step may hang on; what changes data is not sent twice.
            if not planned or (rendered.read_only and len(rendered.statements) > 1):
                if position not in calls:
                    calls[position] = session.prepare(rendered.statements[position])
                result = calls[position](values)
            position, values = steps.send(result)
    except StopIteration:
        pass
    finally:
        if not rendered.read_only:
            session.rollback()


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
