"""DuckDB of which one statement takes longer than it should: a build with a known mistake in it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.backends.duckdb import DuckdbBackend, DuckdbDatabase, DuckdbSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.backends.base import Call
    from bench.model import Namespace, Row, Statement, Value


@dataclass(frozen=True, kw_only=True)
class SlowedDuckdb(DuckdbBackend):
    """DuckDB, but for the statements that hold `marker`."""

    name: str = "duckdb_slowed"
    marker: str = ""
    """A piece of the SQL of the one operation that is slowed."""
    by_ratio: float = 0.1
    """How much longer it takes, as a part of what it takes by itself."""

    def open(self, namespace: Namespace) -> DuckdbDatabase:
        """As DuckDB, with sessions that wait on."""
        return SlowedDatabase(super().open(namespace), self)


class SlowedDatabase(DuckdbDatabase):
    """The same database file."""

    def __init__(self, opened: DuckdbDatabase, backend: SlowedDuckdb) -> None:
        vars(self).update(vars(opened))
        self._backend = backend

    def session(self) -> DuckdbSession:
        """A session that takes its time."""
        return SlowedSession(super().session(), self._backend)


class SlowedSession(DuckdbSession):
    """The same connection."""

    def __init__(self, opened: DuckdbSession, backend: SlowedDuckdb) -> None:
        vars(self).update(vars(opened))
        self._backend = backend

    def prepare(self, statement: Statement) -> Call:
        """The call, and for the slowed statements a busy wait after it."""
        call, by_ratio = super().prepare(statement), self._backend.by_ratio
        if self._backend.marker not in statement.sql:
            return call

        def slowed(values: Sequence[Value]) -> Sequence[Row]:
            began = time.perf_counter()
            rows = call(values)
            until = began + (time.perf_counter() - began) * (1 + by_ratio)
            while time.perf_counter() < until:
                pass
            return rows

        return slowed
