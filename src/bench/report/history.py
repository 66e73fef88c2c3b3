"""The page of a history, for the terminal and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.page import Grid, Page
from bench.report.texts import number
from bench.wording import of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.compare.history import History, Point, Series

NS_PER_MS = 1e6
FEWEST = 4
"""Two results on either side are the least that a step takes."""


def history_page(history: History) -> Page:
    """One table per series, the steps marked where they begin."""
    known, titles = history.series, _titles(history.series)
    stepped = [series for series in history.series if series.steps]
    operations = {series.operation for series in history.series}
    runs = {point.run_id for series in history.series for point in series.points}
    return Page(
        title=f"History of {of(len(operations), 'operation')} in {of(len(runs), 'run')}",
        lines=tuple(_sentence(series) for series in stepped) or ("No level changed, as far as these runs tell.",),
        grids=(*(_grid(each, titles[at]) for at, each in enumerate(known) if _long(each)), *_short(known, titles)),
        notes=(
            "A step is where the mean of the logarithms changes, by a permutation test at 1 %; it takes about ten runs "
            "to find one, two of them at least on either side, and in one of a hundred operations without any step it "
            "finds one by chance. Ratios are new level / old level.",
            *(f"Left out: {text}" for text in history.left_out),
        ),
    )


def _sentence(series: Series) -> str:
    found = [
        " ".join(filter(None, (f"{step.ratio:.3f} at {_when(at)}", at.label, at.version)))
        for step in series.steps
        for at in (series.points[step.at],)
    ]
    return f"{series.operation} on {series.backend}: {series.measure} went to {'; then to '.join(found)}."


def _long(series: Series) -> bool:
    return len(series.points) >= FEWEST


def _titles(known: Sequence[Series]) -> list[str]:
    """What each series is called; those that would be called the same also by their load, else by their question."""
    plain = [" · ".join((each.operation, each.backend, each.dataset, each.workload, each.load)) for each in known]
    loads = [f"{title} · {each.described or each.time}" for title, each in zip(plain, known, strict=True)]
    hashes = [f"{title} · question {each.question_hash[:8]}" for title, each in zip(loads, known, strict=True)]
    return [
        title if plain.count(title) == 1 else load if loads.count(load) == 1 else full
        for title, load, full in zip(plain, loads, hashes, strict=True)
    ]


def _grid(series: Series, title: str) -> Grid:
    level = series.points[0].value
    labelled = any(point.label for point in series.points)
    rows = tuple(
        (
            _when(point),
            *([point.label] if labelled else []),
            point.version,
            str(point.repetition),
            _value(series, point),
            f"{point.value / level:.3f}",
            f"step {point.step_ratio:.3f}" if point.step_ratio else "",
        )
        for point in series.points
    )
    header = ("started", *(["label"] if labelled else []), "version", "repetition", _unit(series), "to first", "step")
    return Grid(title=title, header=header, rows=rows, left=4 if labelled else 3)


def _short(known: Sequence[Series], titles: Sequence[str]) -> list[Grid]:
    """One table for all series that are too short to have a step."""
    rows = tuple(
        (
            titles[at],
            str(len(each.points)),
            _when(each.points[-1]),
            " ".join(filter(None, (each.points[-1].label, each.points[-1].version))),
            _value(each, each.points[-1]),
            f"{each.points[-1].value / each.points[0].value:.3f}",
        )
        for at, each in enumerate(known)
        if not _long(each)
    )
    if not rows:
        return []
    header = ("series", "results", "last started", "label and version", _unit(known[0]), "to first")
    return [Grid(title=f"Fewer than {FEWEST} results", header=header, rows=rows, left=4)]


def _unit(series: Series) -> str:
    return "per s" if series.measure == "throughput" else f"{series.measure} ms"


def _value(series: Series, point: Point) -> str:
    return number(point.value if series.measure == "throughput" else point.value / NS_PER_MS)


def _when(point: Point) -> str:
    return point.started_at[:19].replace("T", " ")
