"""What the engine said of a run, beside what we measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bench.report.page import Grid
from bench.report.texts import NULL, Row, ms
from bench.wording import of

if TYPE_CHECKING:
    from bench.results import Run

TITLE = "What the server says"
WHOLE_LOAD = f"{TITLE} covers the whole load, warm-up included"
SHOWN_WAITS = 4
TIMES = ("elapsed", "compilation", "execution", "queued", "blocked")


def server_grids(run: Run, summary: Sequence[Row]) -> list[Grid]:
    """Counters by operation, or means over the history, whichever the engine gave."""
    service = {row["operation"]: row["service_time_mean_ns"] for row in summary}
    grids = []
    if counted := counted_rows(run):
        grids.append(_counted_grid(counted, service))
    if queries := query_rows(run):
        order = list(service)
        queries.sort(key=lambda row: order.index(row["operation"]) if row["operation"] in service else len(order))
        grids.append(_queries_grid(queries, service))
    return grids


def server_notes(run: Run) -> list[str]:
    """How to read the table, where our samples and the engine's counters contradict, and what sessions waited for."""
    rows = counted_rows(run)
    notes = []
    if rows:
        notes.append(f"{WHOLE_LOAD}; execution holds neither network nor commit.")
    if run.has("queries"):
        notes.append(f"{WHOLE_LOAD}; times are those of one query, without network.")
    notes += [
        f"{', '.join(group)}: the server counts them as one, since their text is the same, so no counters are shown."
        for group in run.manifest.get("counted_as_one", [])
    ]
    differ = [row["operation"] for row in rows if not _agrees(row)]
    if differ:
        notes.append(
            f"Calls and samples differ for {', '.join(differ)}: samples were lost, or the statement is sent by others "
            "too, or several times in one operation."
        )
    waits = run.table("waits").to_pylist() if run.has("waits") else []
    if waits:
        shares = ", ".join(f"{row['wait_event']} {row['share_ratio']:.0%}" for row in waits[:SHOWN_WAITS])
        looks = sum(row["samples"] for row in waits)
        notes.append(f"Sessions within a statement or a transaction, seen {of(looks, 'time')}: {shares}.{_idle(waits)}")
    return notes


def _idle(waits: Sequence[Row]) -> str:
    if not any("client" in row["wait_event"].lower() for row in waits[:SHOWN_WAITS]):
        return ""
    return " One that waits for its client has a transaction open and was sent nothing yet."


def counted_rows(run: Run) -> list[Row]:
    """The table `server`, its statements added up by operation; None where one of them was not counted."""
    rows = run.table("server").to_pylist() if run.has("server") else []
    return [_added_up(operation, members) for operation, members in _by_operation(rows).items()]


def query_rows(run: Run) -> list[Row]:
    """Means over the queries of each operation in the table `queries`; None where the engine did not say."""
    if not run.has("queries"):
        return []
    rows = [row for row in run.table("queries").to_pylist() if row["operation"] is not None]
    return [
        {
            "operation": operation,
            "queries": len(members),
            **{f"{name}_mean_ns": _mean([row[f"{name}_ns"] for row in members]) for name in TIMES},
        }
        for operation, members in _by_operation(rows).items()
    ]


def _added_up(operation: str, members: Sequence[Row]) -> Row:
    sums = {name: _sum(row[name] for row in members) for name in ("execution_ns", "wal_bytes")}
    hit, read = (_sum(row[name] for row in members) for name in ("blocks_hit", "blocks_read"))
    every = [row["calls"] for row in members]
    calls = None if None in every else max(every)
    touched = None if hit is None or read is None else hit + read
    return {
        "operation": operation,
        "samples": members[0]["samples"],
        "samples_failed": members[0]["samples_failed"],
        "calls": calls,
        "execution_mean_ns": _ratio(sums["execution_ns"], calls),
        "hit_ratio": _ratio(hit, touched),
        "wal_bytes_per_call": _ratio(sums["wal_bytes"], calls),
    }


def _agrees(row: Row) -> bool:
    """Attempts that failed may have been executed to their end or not."""
    calls, samples = row["calls"], row["samples"]
    return calls is None or samples - row["samples_failed"] <= calls <= samples


def _counted_grid(rows: Sequence[Row], service: Mapping[str, float | None]) -> Grid:
    return Grid(
        title=TITLE,
        header=("operation", "calls", "samples", "execution ms", "service ms", "cache hits", "WAL bytes per call"),
        rows=tuple(
            (
                row["operation"],
                NULL if row["calls"] is None else f"{row['calls']:,}",
                f"{row['samples']:,}",
                ms(row["execution_mean_ns"]),
                ms(service.get(row["operation"])),
                _percent(row["hit_ratio"]),
                NULL if row["wal_bytes_per_call"] is None else f"{row['wal_bytes_per_call']:,.0f}",
            )
            for row in rows
        ),
    )


def _percent(ratio: float | None) -> str:
    """Rounded down, so that 100 % means all."""
    return NULL if ratio is None else f"{math.floor(ratio * 1_000) / 10:.1f}%"


def _queries_grid(rows: Sequence[Row], service: Mapping[str, float | None]) -> Grid:
    return Grid(
        title=TITLE,
        header=("operation", "queries", *(f"{name} ms" for name in TIMES), "service ms"),
        rows=tuple(
            (
                row["operation"],
                f"{row['queries']:,}",
                *(ms(row[f"{name}_mean_ns"]) for name in TIMES),
                ms(service.get(row["operation"])),
            )
            for row in rows
        ),
    )


def _by_operation(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["operation"], []).append(row)
    return groups


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)


def _mean(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _ratio(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None
