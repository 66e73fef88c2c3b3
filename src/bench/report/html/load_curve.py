"""Response time against throughput, along the rates of a load sweep or the steps of a search, with the knee."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.report.html import drawing
from bench.report.html.cells import Cell, asked, flat
from bench.report.html.document import Block, Chart, Column, Heading, Legend, Section, Spec, Table, Value
from bench.report.html.tally import Tally, centres_ns, percentile_ns, tally
from bench.report.texts import NULL, number
from bench.results import Run, open_run

RATE = "load.rate_per_s"
APART_RATIO = 0.09
"""Part of the chart's width that a label takes."""
LINES = ("p50", "p99")
NOTES = ("", "objective missed", "does not keep up")
KEPT_RATIO = 0.95
"""A system that ends less than this part of what arrives does not keep up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """What came of one rate."""

    asked_per_s: float
    got_per_s: float
    mean_ms: float
    p50_ms: float | None
    p99_ms: float | None
    failed: bool = False
    """It missed the objective of a search."""
    client_limited: bool = False
    """The clients may have been the limit."""

    @property
    def power(self) -> float:
        """Throughput by mean response time, which is greatest at the knee.

        Kleinrock, "Power and deterministic rules of thumb for probabilistic problems in computer communications", 1979.
        """
        return self.got_per_s / self.mean_ms

    @property
    def kept_up(self) -> bool:
        """About as much ended as arrived."""
        return self.got_per_s >= KEPT_RATIO * self.asked_per_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """The points of one system, by rising rate."""

    label: str
    points: tuple[Point, ...]
    objective_ms: float | None = None

    @property
    def held(self) -> tuple[Point, ...]:
        """Those at rates that met the objective each time they were tried; without an objective, all."""
        missed = {point.asked_per_s for point in self.points if point.failed}
        return tuple(point for point in self.points if point.asked_per_s not in missed)

    @property
    def knee(self) -> Point | None:
        """Where the next arrivals begin to cost more waiting than they bring throughput; None where no rate held."""
        return max(self.held, key=lambda point: point.power, default=None)

    @property
    def bends(self) -> bool:
        """The knee was passed, so it is one: beyond it there are rates, and none of them has more power."""
        if self.knee is None:
            return False
        beyond = [point.power for point in self.points if point.asked_per_s > self.knee.asked_per_s]
        return bool(beyond) and max(beyond) < self.knee.power


def load_curve_section(cells: Sequence[Cell]) -> Section | None:
    """One chart per curve; None where no rate was varied."""
    curves = [*_searches(cells), *_sweeps(cells)]
    if not curves:
        return None
    blocks: list[Block] = []
    for curve in curves:
        blocks += [Heading(title=curve.label)] if len(curves) > 1 else []
        blocks += [Legend(entries=(("p50", 0), ("p99", 1))), _chart(curve), _table(curve)]
    return Section(
        name="load-curve",
        title="Response time against throughput",
        lines=(
            *_conclusions(cells),
            "Each point is one arrival rate of an open loop, all operations together. The knee is the rate with the "
            "greatest throughput per mean response time (Kleinrock's power): beyond it more arrivals buy more waiting "
            "than work done.",
        ),
        blocks=tuple(blocks),
    )


def _conclusions(cells: Sequence[Cell]) -> Iterator[str]:
    for cell in cells:
        search = cell.first.manifest.get("search") if cell.first else None
        if search:
            yield f"{cell.label}: {search['reason']}."


def curves_of(cells: Sequence[Cell]) -> list[Curve]:
    """The curves of all load sweeps and searches."""
    return [*_searches(cells), *_sweeps(cells)]


def _searches(cells: Sequence[Cell]) -> Iterator[Curve]:
    for cell in cells:
        search = cell.first.manifest.get("search") if cell.first else None
        if not search or not cell.first:
            continue
        steps = [(step, _step_tally(cell.first, step, cell)) for step in search["steps"]]
        points = [
            replace(
                _point(step["rate_per_s"], step["throughput_per_s"], counted.together()),
                failed=not step["met"],
                client_limited=bool(step.get("client_limited")),
            )
            for step, counted in steps
            if counted and counted.times.sum()
        ]
        if len(points) > 1:
            objective = search.get("objective", {}).get("p99_ms")
            yield Curve(label=cell.label, points=_sorted(points), objective_ms=objective)


def _step_tally(run: Run, step: dict[str, str], cell: Cell) -> Tally | None:
    operations = cell.operations or asked(run)
    return tally(open_run(run.directory / step["directory"]), operations, operations)


def _sweeps(cells: Sequence[Cell]) -> Iterator[Curve]:
    """Cells that differ in nothing but the rate."""
    families: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        if cell.config(RATE) and cell.tallies and cell.rows and cell.first:
            config = flat({key: cell.first.manifest["config"].get(key) for key in ("load", "price")})
            config.pop(RATE)
            key = (str(cell.first.key.backend), cell.question, str(cell.config("backend")), *sorted(config.items()))
            families.setdefault(key, []).append(cell)
    for family in families.values():
        run = family[0].first
        if len(family) > 1 and run:
            label = f"{run.key.backend} · {run.key.dataset} · {run.key.workload}"
            yield Curve(label=label, points=_sorted([_of_cell(cell) for cell in family]))


def _of_cell(cell: Cell) -> Point:
    together = np.sum([each.together() for each in cell.tallies], axis=0)
    return _point(float(cell.config(RATE)), cell.total("goodput_per_s") or 0.0, together)


def _point(asked_per_s: float, got_per_s: float, histogram: np.ndarray) -> Point:
    p50, p99 = (percentile_ns(histogram, q) for q in (0.5, 0.99))
    mean_ns = float((histogram * centres_ns()).sum() / max(histogram.sum(), 1))
    return Point(
        asked_per_s=asked_per_s,
        got_per_s=got_per_s,
        mean_ms=max(mean_ns / drawing.NS_PER_MS, 1e-6),
        p50_ms=None if p50 is None else p50 / drawing.NS_PER_MS,
        p99_ms=None if p99 is None else p99 / drawing.NS_PER_MS,
    )


def _sorted(points: Sequence[Point]) -> tuple[Point, ...]:
    return tuple(sorted(points, key=lambda point: point.asked_per_s))


def _chart(curve: Curve) -> Chart:
    rows = [row for point in curve.points for row in _rows(point)]
    seen = [row["y"] for row in rows] + ([curve.objective_ms] if curve.objective_ms else [])
    seen.append(1.6 * max(seen))  # room for the rates above the highest point
    x = drawing.linear("a", "arrivals asked per s")
    y = drawing.logarithmic("y", "response time (ms, logarithmic)", seen)
    colour = drawing.category("l", LINES, [drawing.COLOURS[0], drawing.COLOURS[1]])
    dash = drawing.category("l", LINES, [[1, 0], [6, 3]])
    tips = drawing.tip(
        a=("asked per s", ",.4~r"), g=("got per s", ",.4~r"), l="percentile", y=("ms", ",.4~r"), s="note"
    )
    upper = _apart([row for row in rows if row["l"] == max(each["l"] for each in rows)])
    asked = {"field": "a", "type": "quantitative", "format": ",.3~r"}
    layers = [
        *_knee(curve),
        *_objective(curve),
        drawing.layer(
            rows,
            {"type": "line", "strokeWidth": 2},
            x=x,
            y=y,
            color=colour,
            strokeDash=dash,
            order=drawing.quantity("a"),
        ),
        drawing.layer(
            rows,
            {"type": "point", "filled": True, "size": 60},
            x=x,
            y=drawing.quantity("y"),
            color=colour,
            shape=drawing.category("s", NOTES, ["circle", "cross", "triangle-down"]),
            tooltip=tips,
        ),
        drawing.layer(
            upper, {"type": "text", "dy": -11, "fill": drawing.SOFT}, x=x, y=drawing.quantity("y"), text=asked
        ),
    ]
    found = drawing.spec(layers, height=320, title=f"Response time against throughput of {curve.label}")
    title = f"Response time against throughput, {curve.label}"
    return Chart(title=title, text=sentence(curve), spec=found, wide=True)


def _rows(point: Point) -> Iterator[Spec]:
    note = NOTES[1] if point.failed else NOTES[0] if point.kept_up else NOTES[2]
    for name, value in zip(LINES, (point.p50_ms, point.p99_ms), strict=True):
        if value is not None:
            got, y = drawing.rounded(point.got_per_s), drawing.rounded(value)
            yield {"a": drawing.rounded(point.asked_per_s, 6), "g": got, "y": y, "l": name, "s": note}


def _objective(curve: Curve) -> list[Spec]:
    if not curve.objective_ms:
        return []
    return drawing.rule(curve.objective_ms, "y", f"objective: p99 {curve.objective_ms:g} ms", stroke=drawing.ALARM)


def _knee(curve: Curve) -> list[Spec]:
    """A line through it, where there is one."""
    knee = curve.knee
    if knee is None or not curve.bends:
        return []
    at_end = knee.asked_per_s > max(point.asked_per_s for point in curve.points) / 2
    return drawing.rule(knee.asked_per_s, "x", f"knee: {number(knee.asked_per_s)}/s", at_end=at_end)


def _apart(rows: Sequence[Spec]) -> list[Spec]:
    """Those whose labels do not run into each other."""
    kept: list[Spec] = []
    gap = APART_RATIO * max(row["a"] for row in rows)
    for row in sorted(rows, key=lambda row: (-float(row["a"]), -float(row["y"]))):
        if not kept or kept[-1]["a"] - row["a"] >= gap:
            kept.append(row)
    return kept


def sentence(curve: Curve) -> str:
    """Where the knee lies, and from where on the system does not keep up."""
    knee, behind = curve.knee, [point for point in curve.points if not point.kept_up]
    if knee is None:
        return f"No rate of {curve.label} met the objective each time it was tried."
    p99 = f" with p99 {number(knee.p99_ms)} ms" if knee.p99_ms is not None else ""
    if curve.bends:
        told = f"The knee of {curve.label} lies at {number(knee.asked_per_s)} arrivals per s{p99}"
    else:
        most = max(curve.held, key=lambda point: point.asked_per_s)
        told = f"Up to {number(most.asked_per_s)} arrivals per s, {curve.label} shows no knee"
    late = f"; from {number(behind[0].asked_per_s)} per s on less ends than arrives" if behind else ""
    return f"{told}{late}."


def _table(curve: Curve) -> Table:
    return Table(
        caption=f"Rates, {curve.label}",
        columns=(
            *(Column(name=name) for name in ("asked per s", "got per s", "p50 ms", "p99 ms", "mean ms")),
            Column(name="note", number=False),
        ),
        rows=tuple((*_figures(point), Value(text=", ".join(_notes(curve, point)))) for point in curve.points),
        note="Percentiles over all operations together, read from histograms.",
    )


def _notes(curve: Curve, point: Point) -> Iterator[str]:
    if curve.bends and point is curve.knee:
        yield "knee"
    if point.failed:
        yield "objective missed"
    if not point.kept_up:
        yield "does not keep up"
    if point.client_limited:
        yield "client at its limit"


def _figures(point: Point) -> Iterator[Value]:
    for value in (point.asked_per_s, point.got_per_s, point.p50_ms, point.p99_ms, point.mean_ms):
        yield Value(text=NULL if value is None else number(value), exact=value)
