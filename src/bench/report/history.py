"""The page of a history, for the terminal and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.page import Grid, Page
from bench.report.texts import number, of

if TYPE_CHECKING:
    from bench.compare.history import History, Point, Series

NS_PER_MS = 1e6


def history_page(history: History) -> Page:
    """One table per series, the steps marked where they begin."""
    stepped = [series for series in history.series if series.steps]
    operations = {series.operation for series in history.series}
    runs = {point.run_id for series in history.series for point in series.points}
    return Page(
        title=f"History of {of(len(operations), 'operation')} in {of(len(runs), 'run')}",
        lines=tuple(_sentence(series) for series in stepped) or ("No level changed, as far as these runs tell.",),
        grids=tuple(_grid(series) for series in history.series),
        notes=(
            "A step is where the mean of the logarithms changes, by a permutation test at 1 %; it takes about ten runs "
            "to find one, two of them at least on either side, and in one of a hundred operations without any step it "
            "finds one by chance. Ratios are new level / old level.",
            *(f"Left out: {text}" for text in history.left_out),
        ),
    )


def _sentence(series: Series) -> str:
    found = [
        f"{step.ratio:.3f} at {_when(series.points[step.at])} {series.points[step.at].version}".rstrip()
        for step in series.steps
    ]
    return f"{series.operation} on {series.backend}: {series.measure} went to {'; then to '.join(found)}."


def _grid(series: Series) -> Grid:
    rate = series.measure == "throughput"
    level = series.points[0].value
    rows = tuple(
        (
            _when(point),
            point.version,
            str(point.repetition),
            number(point.value if rate else point.value / NS_PER_MS),
            f"{point.value / level:.3f}",
            f"step {point.step_ratio:.3f}" if point.step_ratio else "",
        )
        for point in series.points
    )
    unit = "per s" if rate else f"{series.measure} ms"
    return Grid(
        title=f"{series.operation} · {series.backend} · {series.dataset} · {series.workload} · {series.load}",
        header=("started", "version", "repetition", unit, "to first", "step"),
        rows=rows,
        left=3,
    )


def _when(point: Point) -> str:
    return point.started_at[:19].replace("T", " ")
