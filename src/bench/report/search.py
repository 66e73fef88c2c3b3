"""What a search for the highest rate came to."""

from __future__ import annotations

from bench.report.page import Grid
from bench.report.texts import NULL, number
from bench.results import Run


def search_lines(run: Run) -> list[str]:
    """The conclusion, and that the table is of the step that it rests on."""
    search = run.manifest.get("search")
    if not search:
        return []
    shown = [] if search["rate_per_s"] is None else ["The operations below are those of the last step at that rate."]
    return [f"Search: {search['reason']}.", *shown]


def search_grids(run: Run) -> list[Grid]:
    """One line per step, in the order in which they were run."""
    search = run.manifest.get("search")
    if not search:
        return []
    rows = tuple(
        (
            step["directory"],
            number(step["rate_per_s"]),
            number(step["throughput_per_s"]),
            NULL if step["p99_ms"] is None else number(step["p99_ms"]),
            f"{step['error_ratio']:.2%}",
            "met" if step["met"] else "missed",
            "at its limit" if step["client_limited"] else "",
        )
        for step in search["steps"]
    )
    header = ("step", "asked per s", "got per s", "p99 ms", "errors", "objective", "client")
    return [Grid(title="Steps of the search", header=header, rows=rows)]
