"""What happened when: throughput, percentiles, errors and lag of each run along its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.report.html import drawing
from bench.report.html.cells import Cell, steps_told
from bench.report.html.document import Block, Chart, Heading, Section, Spec
from bench.report.html.tally import MAX_SLOTS, Tally, percentile_ns
from bench.report.texts import number
from bench.wording import of

MAX_CELLS = 12
PERCENTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
LINES = ("p50", "p95", "p99", "lag p99")
LINE_COLOURS = (drawing.COLOURS[0], drawing.COLOURS[2], drawing.COLOURS[1], drawing.SOFT)
WITH_ROOM: Spec = {
    "padding": {"left": 5, "top": 5, "bottom": 5, "right": 48},
    "autosize": {"type": "fit-x", "contains": "padding"},
}
"""On the right, for the names of lines; the same in both charts, so that their seconds lie below each other."""
LINE_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])


def over_time_section(cells: Sequence[Cell]) -> Section | None:
    """Two charts per cell: how many operations ended, and how long they took."""
    drawn = [cell for cell in cells if cell.tallies and cell.tallies[0].completed.sum()]
    if not drawn:
        return None
    lines = [
        "All operations of a cell, or of one of its streams, together, second by second or in slots that make up at "
        f"most {MAX_SLOTS} points. Grey is the warm-up, which counts in no table. A percentile is drawn where a "
        "slot has ten times beyond it."
    ]
    lines += steps_told(drawn)
    if any(len(cell.runs) > 1 for cell in drawn):
        lines.append(
            "Of a cell that was repeated, every repetition is a line of its own in the throughput; "
            "times are those of the first."
        )
    if len(drawn) > MAX_CELLS:
        lines.append(f"The first {MAX_CELLS} of {of(len(drawn), 'cell')} are drawn; intervals.parquet has them all.")
    blocks: list[Block] = []
    for cell in drawn[:MAX_CELLS]:
        blocks += [Heading(title=cell.title), *_charts(cell)]
    return Section(name="over-time", title="Over time", lines=tuple(lines), blocks=tuple(blocks))


def _charts(cell: Cell) -> Iterator[Chart]:
    first = cell.tallies[0]
    marks = [*_warm_up(first), *_phases(cell, first)]
    rates = [row for at, each in enumerate(cell.tallies) for row in _rates(each, at)]
    yield _throughput(cell, rates, marks)
    times = _times(first, lag=cell.open_loop)
    if times:
        yield _percentiles(cell, times, marks)


def _throughput(cell: Cell, rates: Sequence[Spec], marks: Sequence[Spec]) -> Chart:
    failed = [row for row in rates if row["e"]]
    steady = [row["v"] for row in rates if row["x"] >= 0]
    x, level = _seconds(cell.tallies[0]), drawing.quantity("v")
    tips = drawing.tip(x=("s", ".4~r"), v=("per s", ",.4~r"), e=("failed per s", ",.3~r"), r="repetition")
    step = {"type": "line", "interpolate": "step", "stroke": drawing.COLOURS[0], "strokeWidth": 1.8}
    dot = {"type": "circle", "size": 14, "fill": drawing.COLOURS[0]}
    y = drawing.linear("v", "operations ended per s")
    layers = [
        *marks,
        drawing.layer(rates, step, x=x, y=y, detail={"field": "r"}),
        drawing.layer(rates, dot, x=x, y=level, tooltip=tips),
    ]
    if failed:
        cross = {"type": "point", "shape": "cross", "filled": True, "size": 60, "fill": drawing.ALARM}
        layers.append(drawing.layer(failed, cross, x=x, y=drawing.quantity("e")))
    told = f"Between {number(min(steady))} and {number(max(steady))} operations per s. " if steady else ""
    return Chart(
        title=f"Throughput, {cell.title}",
        text=told + _failures(cell, drawn=bool(failed)),
        spec=drawing.spec(layers, height=190, title=f"Throughput of {cell.title} over time") | WITH_ROOM,
    )


def _failures(cell: Cell, *, drawn: bool) -> str:
    """How many attempts failed, by what the summary counts, and those that only the drawing has."""
    kinds = (("errors", "ended as an error"), ("aborted", "rolled back by the engine (aborted)"))
    counts = [(sum(row[field] for row in cell.rows), told) for field, told in kinds]
    known = [f"{of(count, 'attempt')} {told}" for count, told in counts if count]
    crosses = " Red crosses show when attempts failed." if drawn else ""
    if known:
        return f"In the measurement {' and '.join(known)}.{crosses}"
    if not any(each.failed.sum() for each in cell.tallies):
        return "No attempt failed."
    return f"{'No attempt failed in the measurement, but some did before or after it.' if cell.rows else ''}{crosses}"


def _percentiles(cell: Cell, times: Sequence[Spec], marks: Sequence[Spec]) -> Chart:
    kind = drawing.TIME_TITLES[cell.measure]
    shown = [name for name in LINES if any(row["l"] == name for row in times)]
    last = [max((row for row in times if row["l"] == name), key=lambda row: float(row["x"])) for name in shown]
    x, y = _seconds(cell.tallies[0]), drawing.quantity("v")
    colour = drawing.category("l", shown, [LINE_COLOURS[LINES.index(name)] for name in shown])
    layers = [
        *marks,
        drawing.layer(
            times,
            {"type": "line", "strokeWidth": 1.8, "point": {"size": 14}},
            x=x,
            y=drawing.logarithmic("v", f"{kind} (ms, logarithmic)", [row["v"] for row in times]),
            color=colour,
            strokeDash=drawing.category("l", shown, [LINE_DASHES[LINES.index(name)] for name in shown]),
            tooltip=drawing.tip(x=("s", ".4~r"), l="percentile", v=("ms", ",.4~r")),
        ),
        drawing.layer(
            last,
            {"type": "text", "align": "left", "dx": 6, "fontWeight": 600},
            x=x,
            y=y,
            color=colour,
            text={"field": "l"},
        ),
    ]
    told = ", ".join(
        f"{name} {_range(sorted(float(row['v']) for row in times if row['l'] == name and row['x'] >= 0))}"
        for name in shown
    )
    found = drawing.spec(layers, height=190, title=f"{kind} of {cell.title} over time")
    found |= WITH_ROOM
    return Chart(title=f"{kind.capitalize()}, {cell.title}", text=f"In the measurement, by slot: {told}.", spec=found)


def _range(ordered: Sequence[float]) -> str:
    if not ordered:
        return "in the warm-up only"
    return f"{number(ordered[0])} to {number(ordered[-1])} ms" if len(ordered) > 1 else f"{number(ordered[0])} ms"


def _rates(tally: Tally, repetition: int) -> Iterator[Spec]:
    edges = tally.edges_s
    for at, (done, failed) in enumerate(zip(tally.completed.tolist(), tally.failed.tolist(), strict=True)):
        width_s = float(edges[at + 1] - edges[at])
        if width_s > 0.05:
            middle_s = drawing.rounded(float(edges[at] + edges[at + 1]) / 2, 6)
            yield {
                "x": middle_s,
                "v": drawing.rounded(done / width_s),
                "e": drawing.rounded(failed / width_s),
                "r": str(repetition),
            }


def _times(tally: Tally, *, lag: bool) -> list[Spec]:
    found: list[Spec] = []
    edges = tally.edges_s
    for at in range(len(tally.completed)):
        middle_s = drawing.rounded(float(edges[at] + edges[at + 1]) / 2, 6)
        values = [(name, percentile_ns(tally.slot_times[at], q)) for name, q in PERCENTILES]
        if lag:
            values.append(("lag p99", percentile_ns(tally.slot_lags[at], 0.99)))
        found += [
            {"x": middle_s, "v": drawing.milliseconds(value), "l": name} for name, value in values if value is not None
        ]
    return found


def _seconds(tally: Tally) -> Spec:
    return {
        "field": "x",
        "type": "quantitative",
        "title": "s from the start of the measurement",
        "scale": {"domain": [float(tally.edges_s[0]), float(tally.edges_s[-1])], "nice": False, "zero": False},
        "axis": {"grid": False, "tickCount": 6},
    }


def _warm_up(tally: Tally) -> list[Spec]:
    start_s = float(tally.edges_s[0])
    if start_s >= 0:
        return []
    row = {"x": start_s, "z": min(0.0, float(tally.edges_s[-1])), "t": "warm-up"}
    words = {"type": "text", "align": "left", "baseline": "bottom", "y": -4, "fill": drawing.SOFT}
    shade = {"type": "rect", "fill": drawing.GRID, "opacity": 0.6}
    return [
        drawing.layer([row], shade, x=drawing.quantity("x"), x2={"field": "z"}),
        drawing.layer([row], words, x=drawing.quantity("x"), text={"field": "t"}),
    ]


def _phases(cell: Cell, tally: Tally) -> list[Spec]:
    """Where the phases of a load begin, with the rate of each."""
    found: list[Spec] = []
    begin_s = 0.0
    for phase in cell.config("load.phases") or []:
        to_rate = phase.get("to_rate_per_s")
        text = f"{phase['rate_per_s']:g}" + (f" → {to_rate:g}" if to_rate is not None else "") + "/s"
        if begin_s < float(tally.edges_s[-1]):
            found += drawing.rule(begin_s, "x", text)
        begin_s += float(phase["duration_s"])
    return found
