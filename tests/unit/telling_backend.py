"""An engine that tells much of itself, some of it late: what no engine here does, so it is made up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from known_backend import KnownBackend, KnownDatabase, Refusal

from bench.backends.base import Capabilities
from bench.model import Aggregate, Later, Metering, ServerQuery, StatementStats

LATE = timedelta(hours=3)


class TellingDatabase(KnownDatabase):
    def server_stats(self):
        return self._told("counters", {"commits": 1.0})

    def statement_stats(self):
        return self._told("statements", ())

    def waits(self):
        return self._told("waits", {"Lock:row": 2, "running": 1})

    def history(self, sessions, since, until):
        assert since <= until
        return [
            ServerQuery(query_id=f"q{session}-{at}", session=session, tag="run r", started_at=since, execution_ns=1_000)
            for session in self._told("history", sessions)
            for at in range(2)
        ]

    def aggregates(self, tag, since, until):
        minute = since.replace(second=0, microsecond=0)
        row = Aggregate(started_at=minute, ended_at=minute + timedelta(minutes=1), statement_hash="h", calls=5, tag=tag)
        return self._later("aggregates", row, until)

    def metering(self, since, until):
        hour = since.replace(minute=0, second=0, microsecond=0)
        row = Metering(kind="warehouse", name="WH", started_at=hour, ended_at=hour + timedelta(hours=1), credits=0.5)
        return self._later("metering", row, until)

    def _later(self, what, row, until):
        self._told(what, None)
        if Path(self.backend.notes, f"{what} complete").exists():
            return Later(rows=(row,))
        asked = datetime(until.year, until.month, until.day, until.hour, until.minute, tzinfo=UTC) + LATE
        return Later(complete=False, missing=f"{what} appear up to 3 hours after the run", ask_after=asked)

    def _told(self, what, value):
        """The value, unless the engine refuses it; notes down that it was asked."""
        if self.backend.notes:
            with Path(self.backend.notes, "asked").open("a") as notes:
                notes.write(f"{what}\n")
        if what in self.backend.refuses:
            raise Refusal("aborted", f"no right to see {what}")
        return value


@dataclass(frozen=True, kw_only=True)
class TellingBackend(KnownBackend):
    name: str = "telling"
    refuses: tuple[str, ...] = ()
    notes: str = ""
    """Directory where it is noted what was asked, and where `aggregates complete` says that they are."""
    emulated: bool = False

    @property
    def capabilities(self):
        return Capabilities(
            dialect="postgres",
            paramstyle="dollar",
            cancel=True,
            answers=False,
            server_timing=True,
            waits=True,
            enrich=True,
            emulated=self.emulated,
        )

    def open(self, namespace):
        return TellingDatabase(self)


def stats(sql, calls, **counters):
    return StatementStats(sql=sql, calls=calls, **counters)
