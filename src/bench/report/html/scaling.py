"""Throughput over the number of clients, beside what it would be if each client brought as much as the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.report.html import drawing
from bench.report.html.cells import Cell, flat
from bench.report.html.document import Block, Chart, Heading, Legend, Section, Spec
from bench.report.html.tally import percentile_ns
from bench.report.texts import number
from bench.wording import of

CLIENTS = "load.clients"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What so many clients came to."""

    clients: int
    throughput_per_s: float
    each: tuple[float, ...]
    """Throughput of every repetition."""
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaling:
    """One system, by rising number of clients."""

    label: str
    steps: tuple[Step, ...]

    @property
    def best(self) -> Step:
        """The one with the greatest throughput."""
        return max(self.steps, key=lambda step: step.throughput_per_s)


def scaling_section(cells: Sequence[Cell]) -> Section | None:
    """Two charts per question; None where the number of clients was not varied."""
    families = scalings(cells)
    blocks: list[Block] = []
    for question, group in families.items():
        blocks += [Heading(title=" · ".join(question))] if len(families) > 1 else []
        blocks += _charts(group)
    if not blocks:
        return None
    return Section(
        name="scaling",
        title="Scaling over clients",
        lines=(
            "A closed loop: each client waits for its answer before it asks again. The dotted line is what the "
            "throughput would be if every client brought as much as the smallest number of them did.",
        ),
        blocks=tuple(blocks),
    )


def scalings(cells: Sequence[Cell]) -> dict[tuple[str, ...], list[Scaling]]:
    """Cells that differ in nothing but the number of clients, by question."""
    families: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        if cell.config(CLIENTS) and cell.rows and not cell.open_loop and cell.first:
            config = flat({"load": cell.first.manifest["config"].get("load")})
            config.pop(CLIENTS, None)
            config.pop("load.processes", None)
            key = (cell.question, cell.first.key.backend, str(cell.config("backend")), *sorted(config.items()))
            families.setdefault(key, []).append(cell)
    found: dict[tuple[str, ...], list[Scaling]] = {}
    for family in families.values():
        steps = tuple(sorted((_step(cell) for cell in family), key=lambda step: step.clients))
        if len({step.clients for step in steps}) > 1 and family[0].first:
            scaling = Scaling(label=family[0].first.key.backend, steps=steps)
            found.setdefault(family[0].question, []).append(scaling)
    return found


def sentence(scaling: Scaling) -> str:
    """Where the throughput is greatest, and how much of the ideal that is."""
    first, best = scaling.steps[0], scaling.best
    gain = best.throughput_per_s / max(first.throughput_per_s, 1e-9)
    return (
        f"With {of(best.clients, 'client')}, {scaling.label} ends most operations: "
        f"{number(best.throughput_per_s)} per s, {gain:.2g} times those of {of(first.clients, 'client')}."
    )


def _step(cell: Cell) -> Step:
    together = np.sum([each.together() for each in cell.tallies], axis=0) if cell.tallies else np.zeros(1, dtype=int)
    p50, p99 = (percentile_ns(together, q) for q in (0.5, 0.99))
    sums: dict[str, float] = {}
    for row in cell.rows:
        sums[row["run_id"]] = sums.get(row["run_id"], 0.0) + row["goodput_per_s"]
    return Step(
        clients=int(cell.config(CLIENTS)),
        throughput_per_s=cell.total("goodput_per_s") or 0.0,
        each=tuple(sums.values()),
        p50_ms=None if p50 is None else p50 / drawing.NS_PER_MS,
        p99_ms=None if p99 is None else p99 / drawing.NS_PER_MS,
    )


def _charts(group: Sequence[Scaling]) -> Iterator[Block]:
    labels, places = [scaling.label for scaling in group], list(range(len(group)))
    if len(group) > 1:
        yield Legend(entries=tuple(zip(labels, places, strict=True)))
    clients = sorted({step.clients for scaling in group for step in scaling.steps})
    x: Spec = {
        "field": "x",
        "type": "quantitative",
        "title": "clients",
        "scale": {"domain": [0, clients[-1]], "nice": False, "zero": True},
        "axis": {"values": clients, "grid": False},
    }
    yield _throughput(group, labels, places, x)
    yield from _times(group, labels, places, x)


def _throughput(group: Sequence[Scaling], labels: Sequence[str], places: Sequence[int], x: Spec) -> Chart:
    rows: list[Spec] = []
    dots: list[Spec] = []
    for scaling in group:
        for step in scaling.steps:
            rows.append({"x": step.clients, "y": drawing.rounded(step.throughput_per_s), "c": scaling.label})
            dots += [{**rows[-1], "y": drawing.rounded(value)} for value in step.each]
    most = max(float(row["y"]) for row in (*rows, *dots))
    ideal = [row for scaling in group for row in _ideal(scaling, most)]
    y, level = drawing.linear("y", "successful operations per s", high=most * 1.08), drawing.quantity("y")
    colour, shape = drawing.colour(labels, places), drawing.shape(labels, places)
    tips = drawing.tip(c="backend", x=("clients", ",d"), y=("per s", ",.4~r"))
    dotted = {"type": "line", "strokeDash": [2, 4], "clip": True, "strokeWidth": 1.3}
    point = {"type": "point", "filled": True, "size": 55}
    layers = [
        drawing.layer(ideal, dotted, x=x, y=y, color=colour),
        drawing.layer(rows, {"type": "line", "strokeWidth": 2}, x=x, y=y, color=colour),
        drawing.layer(dots, point, x=x, y=level, color=colour, shape=shape, tooltip=tips),
    ]
    return Chart(
        title="Throughput over clients",
        text=" ".join(map(sentence, group)),
        spec=drawing.spec(layers, height=260, title="Throughput over the number of clients"),
    )


def _ideal(scaling: Scaling, most: float) -> Iterator[Spec]:
    """From nothing to where it leaves the chart."""
    first = scaling.steps[0]
    per_client = first.throughput_per_s / first.clients
    end = min(scaling.steps[-1].clients, 1.08 * most / per_client) if per_client else 0
    for clients in (0.0, end):
        yield {"x": drawing.rounded(clients, 6), "y": drawing.rounded(per_client * clients, 6), "c": scaling.label}


def _times(group: Sequence[Scaling], labels: Sequence[str], places: Sequence[int], x: Spec) -> Iterator[Chart]:
    rows: list[Spec] = [
        {"x": step.clients, "y": drawing.rounded(value), "c": scaling.label, "l": name, "g": f"{scaling.label} {name}"}
        for scaling in group
        for step in scaling.steps
        for name, value in (("p50", step.p50_ms), ("p99", step.p99_ms))
        if value is not None
    ]
    if not rows:
        return
    y = drawing.logarithmic("y", "service time (ms, logarithmic)", [row["y"] for row in rows])
    colour = drawing.colour(labels, places)
    ends = list({row["g"]: row for row in rows}.values())
    line = {"type": "line", "strokeWidth": 2, "point": {"size": 45}}
    words = {"type": "text", "align": "right", "dx": -4, "dy": -11, "fontWeight": 600}
    layers = [
        drawing.layer(
            rows,
            line,
            x=x,
            y=y,
            color=colour,
            detail={"field": "g"},
            strokeDash=drawing.category("l", ("p50", "p99"), [[1, 0], [6, 3]]),
            tooltip=drawing.tip(c="backend", x=("clients", ",d"), l="percentile", y=("ms", ",.4~r")),
        ),
        drawing.layer(ends, words, x=x, y=drawing.quantity("y"), color=colour, text={"field": "l"}),
    ]
    told = "; ".join(
        f"{scaling.label}: p50 {_from_to([step.p50_ms for step in scaling.steps])} ms" for scaling in group
    )
    yield Chart(
        title="Service time over clients",
        text=f"All operations together, from the fewest clients to the most. {told}.",
        spec=drawing.spec(layers, height=260, title="Service time over the number of clients"),
    )


def _from_to(values: Sequence[float | None]) -> str:
    return f"{number(values[0])} to {number(values[-1])}"
