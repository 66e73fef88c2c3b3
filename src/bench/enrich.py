"""What an engine tells only some time after a run, added to the results of that run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.errors import BackendError, ResultError
from bench.results.amend import add_entry, add_rows

if TYPE_CHECKING:
    from bench.backends.base import Database
    from bench.model import Later
    from bench.results import Run

ENTRY = "enriched"
"""In the manifest: what was asked, when, and whether it is complete."""
Question: TypeAlias = Callable[["Database", "Run", datetime, datetime], "Later[Any]"]

QUESTIONS: Mapping[str, Question] = {
    "aggregates": lambda database, run, since, until: database.aggregates(run.key.run_id, since, until),
    "metering": lambda database, run, since, until: database.metering(since, until),
}
"""By published table, what is asked of the engine."""


def can_be_enriched(run: Run) -> bool:
    """The engine tells something later at all."""
    return bool(run.manifest.get("capabilities", {}).get("enrich", False))


def incomplete(run: Run) -> tuple[str, ...]:
    """The tables for which the engine still has something to tell."""
    known = run.manifest.get(ENTRY, {})
    return tuple(name for name in QUESTIONS if not (known.get(name, {}).get("complete") and run.has(name)))


def enrich(run: Run, database: Database) -> Iterator[str]:
    """Ask for each table that is not complete, and write what is there; gives one sentence for each.

    Whatever is complete is left alone. Each table stands on disk before the next is asked for, so that this can be
    ended and begun again; one that is refused does not keep the others from being asked for.

    Raises:
        BackendError: The engine does not show one of them.
        ResultError: The times of the run are not known, or its directory cannot be written.
    """
    since, until = _span(run)
    refused: list[BackendError] = []
    for name in incomplete(run):
        try:
            later = _asked(name, database, run, since, until)
        except BackendError as error:
            refused.append(error)
            continue
        if later.rows or later.complete:
            add_rows(run, name, [asdict(row) for row in later.rows])
        add_entry(run.directory, ENTRY, {name: _noted(later)})
        yield f"{name}: {sentence(later)}"
    if refused:
        raise refused[0]


def _asked(name: str, database: Database, run: Run, since: datetime, until: datetime) -> Later[Any]:
    try:
        return QUESTIONS[name](database, run, since, until)
    except BackendError:
        raise
    except Exception as error:  # a driver may raise anything; the cause is kept
        raise BackendError(f"the engine refuses {name}: {' '.join(str(error).split())}") from error


def sentence(later: Later[Any]) -> str:
    """What is there, and what is not there yet, in plain words."""
    rows = f"{len(later.rows):,} row{'' if len(later.rows) == 1 else 's'}"
    if later.complete:
        return f"{rows}, complete" + (f"; {later.missing}" if later.missing else "")
    again = f": ask again after {later.ask_after.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if later.ask_after else ""
    return f"{rows} so far; {later.missing}{again}"


def _noted(later: Later[Any]) -> dict[str, object]:
    return {
        "complete": later.complete,
        "rows": len(later.rows),
        "asked_at": datetime.now(UTC),
        "missing": later.missing,
        "ask_after": later.ask_after,
    }


def _span(run: Run) -> tuple[datetime, datetime]:
    """The time in which the run's load was under way, in UTC."""
    times, observed = run.manifest.get("times", {}), run.manifest.get("observed", {})
    since = observed.get("since") or times.get("started_at")
    until = observed.get("until") or times.get("finished_at")
    if not since or not until:
        raise ResultError(f"{run.directory} does not say when its load began and ended; run the cell again")
    return datetime.fromisoformat(since), datetime.fromisoformat(until)
