"""What a run and a sweep look like where they are printed: in a line, and in a notebook as a small table."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

from bench.errors import ResultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.results.run import Run
    from bench.results.sweep import Sweep

NS_PER_MS = 1e6
NUMBERS = ("count", "errors", "per s", "p50 ms", "p99 ms")
SHOWN_ROWS = 60


def run_text(run: Run) -> str:
    """One line: where it is, what was asked of what, and how it ended."""
    return f"<Run {run.directory}: {_what(run)}, {_standing(run)}>"


def sweep_text(sweep: Sweep) -> str:
    """One line: where it is, and how its cells ended."""
    return f"<Sweep {sweep.directory}: {_counted(sweep)}>"


def run_html(run: Run) -> str:
    """What it was, and one row per operation."""
    rows, trouble = _rows({"": run})
    header = ("operation", *NUMBERS)
    lines = [(row["operation"], *_numbers(row)) for row in rows]
    return _card(_what(run), [_standing(run), *trouble], str(run.directory), header, lines, left=1)


def sweep_html(sweep: Sweep) -> str:
    """How the cells ended, and one row per cell and operation; a cell without a summary has one row."""
    rows, trouble = _rows(sweep.runs)
    header = ("cell", "status", "operation", *NUMBERS)
    lines = []
    for cell, state in sweep.states().items():
        mine = [row for row in rows if row["cell"] == cell]
        lines += [(cell, state.status, row["operation"], *_numbers(row)) for row in mine]
        if not mine:
            lines.append((cell, state.status, state.message, *[""] * len(NUMBERS)))
    notes = [*sweep.unreadable, *trouble]
    return _card(f"Sweep: {_counted(sweep)}", notes, str(sweep.directory), header, lines, left=3)


def _what(run: Run) -> str:
    key = run.key
    emulated = " (emulated)" if run.emulated else ""
    return f"{key.backend} · {key.dataset} · {key.workload} · {key.load}{emulated}"


def _standing(run: Run) -> str:
    if run.in_progress:
        return f"in progress, or killed, in stage {run.stage}"
    errors = run.manifest.get("errors", [])
    return run.status.value + (f": {errors[0]}" if errors else "")


def _counted(sweep: Sweep) -> str:
    states = Counter(state.status for state in sweep.states().values())
    return f"{len(sweep.cells)} cells, " + ", ".join(f"{count} {status}" for status, count in states.items())


def _rows(runs: Mapping[str, Run]) -> tuple[list[dict[str, Any]], list[str]]:
    """The summaries by cell, and what is wrong with those that cannot be read: to be shown must not fail."""
    rows: list[dict[str, Any]] = []
    trouble = []
    for cell, run in runs.items():
        try:
            rows += [{"cell": cell, **row} for row in (run.summary.to_pylist() if run.has("summary") else [])]
        except ResultError as error:
            trouble.append(str(error))
    return rows, trouble


def _numbers(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Response times where operations arrived by a clock, else service times."""
    measure = "response_time" if row["response_time_max_ns"] is not None else "service_time"
    times = (row[f"{measure}_{name}_ns"] for name in ("p50", "p99"))
    shown = ("–" if value is None else f"{value / NS_PER_MS:,.3f}" for value in times)
    return f"{row['count']:,}", f"{row['errors']:,}", f"{row['throughput_per_s']:,.1f}", *shown


def _card(
    title: str, notes: Iterable[str], place: str, header: tuple[str, ...], lines: list[tuple[str, ...]], *, left: int
) -> str:
    parts = [
        f"<p><b>{escape(title)}</b><br>",
        *(f"{escape(note)}<br>" for note in notes),
        f"<code>{escape(place)}</code></p>",
    ]
    if lines:
        parts.append(f"<table><thead>{_line('th', header, left)}</thead><tbody>")
        parts += [_line("td", line, left) for line in lines[:SHOWN_ROWS]]
        parts.append("</tbody></table>")
    if len(lines) > SHOWN_ROWS:
        parts.append(f"<p>and {len(lines) - SHOWN_ROWS} more rows</p>")
    return "".join(parts)


def _line(tag: str, texts: Iterable[str], left: int) -> str:
    aligned = (
        f'<{tag} style="text-align: {"left" if at < left else "right"}">{escape(text)}</{tag}>'
        for at, text in enumerate(texts)
    )
    return f"<tr>{''.join(aligned)}</tr>"
