"""The page of one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bench.costs import run_notes
from bench.report.folded import warning
from bench.report.page import Grid, Page
from bench.report.search import search_grids, search_lines
from bench.report.server import server_grids, server_notes
from bench.report.texts import EMULATED, NULL, Row, emulated, measure_of, ms, number, short, usd, usd_per_million
from bench.results import STEPS_FOLDER, Run
from bench.wording import of

NULL_NOTE = (
    f"{NULL}: too few samples; a percentile needs ten in its tail: p50 20, p90 100, p95 200, p99 1,000 "
    "successful attempts. A longer run (load.duration_s) gives them."
)
TIME_NOTES = {
    "response_time": "Times{} are response times, from the moment an operation was due to its end.",
    "service_time": "Times{} are service times, from the start of an operation to its end. In a closed loop a slow "
    "answer delays the next question, so no time spent waiting for a turn is in them. Operations are dealt from one "
    "deck by their weights, so the rate of each is its share of that of all.",
}
"""By the kind of time; whose they are stands in the gap, where there are both kinds."""
SHOWN_ERRORS = 3


def run_page(run: Run) -> Page:
    """What there is to say about one run."""
    rows: list[Row] = run.table("summary").to_pylist() if run.has("summary") else []
    key = run.key
    return Page(
        title=f"{key.backend} · {key.dataset} · {key.workload} · {key.load}" + (EMULATED if run.emulated else ""),
        lines=(
            *_standing(run),
            *_nothing(run, rows),
            *_load(run),
            *search_lines(run),
            *_arrivals(run, rows),
            _answers(run),
        ),
        grids=(*_streams(run, rows), *search_grids(run), *server_grids(run, rows)),
        notes=tuple(
            dict.fromkeys(
                [*notes(rows, streams_of([run])), *run_notes(run), *server_notes(run), *_errors(run), *_warnings(run)]
            )
        ),
    )


def _standing(run: Run) -> list[str]:
    """How the run ended, where it did not end well."""
    errors = [f"Error: {text}" for text in run.manifest.get("errors", [])]
    if run.in_progress:
        return [f"No end was written: the run is in progress, or was killed, in stage {run.stage}.", *errors]
    return [] if run.status == "done" else [f"The run is {run.status}; it came to stage {run.stage}.", *errors]


def _nothing(run: Run, rows: Sequence[Row]) -> list[str]:
    if rows:
        return []
    if run.manifest.get("search"):
        return [f"No rate is concluded, so there is no summary of one; each step has its own in {STEPS_FOLDER}/."]
    return ["Nothing was measured: there is no summary."]


def _load(run: Run) -> list[str]:
    described = run.manifest.get("load_description")
    return [f"Load: {described}."] if described else []


def _arrivals(run: Run, rows: Sequence[Row]) -> list[str]:
    """What became of the arrivals of an open loop, and how late the tool itself was."""
    arrivals = run.manifest.get("arrivals", {}).get("measurement")
    if not arrivals:
        return []
    lags = [row["harness_lag_p99_ns"] for row in rows if row["harness_lag_p99_ns"] is not None]
    late = f"; the tool itself started them up to {ms(max(lags))} ms late (p99)" if lags else ""
    return [f"Arrivals: {arrivals['started']:,} started, {arrivals['dropped']:,} dropped{late}."]


def _errors(run: Run) -> list[str]:
    """The most frequent kinds of errors of the load, each with its first message."""
    return [
        f"Error in {kind.get('operation')}: {kind.get('count'):,} × {kind.get('error_class')}"
        + (f" {kind['sqlstate']}" if kind.get("sqlstate") else "")
        + "".join(f": {short(text)}" for text in kind.get("messages", [])[:1])
        for kind in run.manifest.get("operation_errors", [])[:SHOWN_ERRORS]
    ]


def _warnings(run: Run) -> list[str]:
    return [f"Warning: {text}" for text in run.manifest.get("warnings", [])]


def _answers(run: Run) -> str:
    if not run.has("answers"):
        return "Answers: not checked."
    answers = run.table("answers")
    ordered = sum(answers.column("ordered").to_pylist())
    return (
        f"Answers: {of(answers.num_rows, 'operation')} checked before the load, the order of rows in {ordered}; "
        "digests are in answers.parquet."
    )


def _streams(run: Run, rows: Sequence[Row]) -> list[Grid]:
    """The operations, by stream where there are several."""
    streams = run.manifest.get("streams")
    if not streams:
        return [_operations(rows)] if rows else []
    groups = [(stream, [row for row in rows if row["operation"] in stream["operations"]]) for stream in streams]
    return [replace(_operations(mine), title=f"Stream {stream['load']}") for stream, mine in groups if mine]


def _operations(rows: Sequence[Row]) -> Grid:
    """One line per operation, and per repetition where there are several."""
    measure = measure_of(rows)
    repeated = len({row["repetition"] for row in rows}) > 1
    priced = any(row["usd_per_1000_operations"] is not None for row in rows)
    aborted, open_loop = any(row["aborted"] for row in rows), measure == "response_time"
    columns: dict[str, list[str]] = {"operation": [row["operation"] + emulated([row]) for row in rows]}
    if repeated:
        columns["repetition"] = [str(row["repetition"]) for row in rows]
    columns |= {
        "count": [f"{row['count']:,}" for row in rows],
        "per s": [number(row["throughput_per_s"]) for row in rows],
    }
    for name in ("mean", "p50", "p95", "p99"):
        columns[f"{name} ms"] = [ms(row[f"{measure}_{name}_ns"]) for row in rows]
    columns["max ms"] = [ms(row[f"{measure}_max_ns"]) for row in rows]
    columns["errors"] = [f"{row['errors']:,}" for row in rows]
    if aborted:
        columns["aborted"] = [f"{row['aborted']:,}" for row in rows]
    if open_loop:
        columns |= {name: [f"{row[name]:,}" for row in rows] for name in ("late", "dropped")}
    if priced:
        columns["USD per million"] = [usd_per_million(row["usd_per_1000_operations"]) for row in rows]
        columns["USD per run"] = [usd(row["usd_per_run"]) for row in rows]
    lines = tuple(zip(*columns.values(), strict=True))
    return Grid(header=tuple(columns), rows=lines if repeated or len(rows) == 1 else (*lines, _total(rows, columns)))


def _total(rows: Sequence[Row], header: Iterable[str]) -> tuple[str, ...]:
    """What can be added up over operations: counts and rates; times cannot."""
    sums = {name: f"{sum(row[name] for row in rows):,}" for name in ("count", "errors", "aborted", "late", "dropped")}
    sums |= {"operation": "all operations", "per s": number(sum(row["throughput_per_s"] for row in rows))}
    return tuple(sums.get(name, "") for name in header)


def streams_of(runs: Iterable[Run]) -> dict[tuple[str, str], str]:
    """The stream that asked an operation, by run and operation; those of other loads are left out."""
    return {
        (run.key.run_id, operation): stream["name"]
        for run in runs
        for stream in run.manifest.get("streams") or ()
        for operation in stream["operations"]
    }


def time_notes(found: Iterable[tuple[str, str]]) -> list[str]:
    """What kind of times are shown, and whose they are where there are both kinds.

    Args:
        found: The kind, `response_time` or `service_time`, and whose times they are, such as "the stream reads".
    """
    owners: dict[str, dict[str, None]] = {}
    for kind, owner in found:
        owners.setdefault(kind, {})[owner] = None
    return [
        note.format(f" of {' and '.join(owners[kind])}" if len(owners) > 1 else "")
        for kind, note in TIME_NOTES.items()
        if kind in owners
    ]


def notes(rows: Sequence[Row], streams: Mapping[tuple[str, str], str]) -> list[str]:
    """What a reader of these summaries has to know.

    Args:
        rows: The summaries.
        streams: From `streams_of`.
    """
    if not rows:
        return []
    measures = [measure_of([row]) if row["response_time_max_ns"] or row["count"] else measure_of(rows) for row in rows]
    named = [streams.get((row["run_id"], row["operation"])) for row in rows]
    owners = [f"the stream {name}" if name else f"load={row['load']}" for row, name in zip(rows, named, strict=True)]
    found = time_notes(zip(measures, owners, strict=True))
    if any(
        row[f"{measure}_{name}_ns"] is None
        for row, measure in zip(rows, measures, strict=True)
        for name in ("p50", "p95", "p99")
    ):
        found.append(NULL_NOTE)
    for doubt in dict.fromkeys(doubt for row in rows for doubt in row["warnings"]):
        concerned = [_place(row) for row in rows if doubt in row["warnings"]]
        found.append(warning(doubt, concerned, map(_place, rows)))
    if any(row["usd_per_1000_operations"] is not None for row in rows):
        found.append("USD per million operations is an estimate from the price list and the measured rates.")
    return found


def _place(row: Row) -> tuple[str, str]:
    """Cell, of a sweep, and operation."""
    return row.get("cell", ""), row["operation"]
