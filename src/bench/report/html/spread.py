"""How times are spread: the shape of each operation, and how far its slowest answers lie from the middle."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence

import numpy as np

from bench.report.html import drawing
from bench.report.html.cells import Cell, blocks, measure, middle, steps_told
from bench.report.html.document import Block, Chart, Heading, Legend, Section, Spec
from bench.report.html.tally import BINS, PER_OCTAVE, PRECISION_RATIO, centres_ns, percentile_ns
from bench.report.texts import ms
from bench.stats.percentiles import TAIL
from bench.wording import of

MAX_OPERATIONS = 30
MAX_SHAPES = 80
MAX_LINES = 14
TICKS = {0: "min", 0.301: "p50", 1: "p90", 2: "p99", 3: "p99.9", 4: "p99.99", 5: "p99.999"}
"""Where percentiles stand on an axis that is linear in -log10(1 - q)."""
TAIL_POINTS = 48
SHAPE_BINS = 4
"""So many bins of a tally make up one point of a shape."""
ROW_PIXELS = 30
MARKS = (("median", 0.5), ("p99", 0.99))
CENTRES_MS = centres_ns() / drawing.NS_PER_MS


def spread_section(cells: Sequence[Cell]) -> Section | None:
    """Shapes and cumulated distributions, by dataset and workload."""
    found: list[Block] = []
    grouped = {name: [cell for cell in group if cell.tallies] for name, group in blocks(cells).items()}
    grouped = {name: group for name, group in grouped.items() if group}
    for name, group in grouped.items():
        found += [Heading(title=" · ".join(name))] if len(grouped) > 1 else []
        found += _block(group)
    if not found:
        return None
    return Section(
        name="distribution",
        title="Distribution of times",
        lines=(
            "Shapes show where the times of each operation lie, all of one height; the bar within is the median, the "
            "small one the 99th percentile. The curves below count upwards: at p99, one in a hundred took longer than "
            f"the time beneath. A curve ends where fewer than {TAIL} times lie beyond it. Hollow points are the "
            "percentiles of each repetition as the table has them.",
            f"Drawn from histograms whose bins are read to {PRECISION_RATIO:.1%}; the tables hold the exact values.",
            *steps_told(cells),
        ),
        blocks=tuple(found),
    )


def legend(group: Sequence[Cell]) -> Legend:
    """The colours of the cells of a group."""
    return Legend(entries=tuple((cell.label, place) for place, cell in enumerate(group)))


def merged(cell: Cell, operation: str) -> np.ndarray:
    """The times of one operation over all repetitions, by bin."""
    found = np.zeros(BINS, dtype=np.int64)
    for each in cell.tallies:
        if operation in each.operations:
            found += each.times[each.operations.index(operation)]
    return found


def _block(group: Sequence[Cell]) -> Iterator[Block]:
    operations = list(dict.fromkeys(name for cell in group for each in cell.tallies for name in each.operations))
    yield legend(group)
    shapes = _shapes(group, operations[: max(1, MAX_SHAPES // len(group))])
    if shapes:
        yield shapes
    drawn = [(name, _tail(group[:MAX_LINES], name)) for name in operations[:MAX_OPERATIONS]]
    for _, chart in drawn:
        if chart:
            yield chart
    if len(operations) > MAX_OPERATIONS:
        yield Heading(title=f"{of(len(operations) - MAX_OPERATIONS, 'more operation')}: see the table of results")


def _shapes(group: Sequence[Cell], operations: Sequence[str]) -> Chart | None:
    areas: list[Spec] = []
    marks: list[Spec] = []
    names: list[tuple[float, str]] = []
    line = 0
    for operation in operations:
        first = line
        for cell in group:
            histogram = merged(cell, operation)
            if histogram.sum():
                areas += _outline(histogram, cell.label, line, f"{operation} {cell.label}")
                marks += _marks(histogram, cell.label, line, operation)
                line += 1
        if line > first:
            names.append(((first + line - 1) / 2, operation))
    if not areas:
        return None
    title = _time_title(group)
    return Chart(
        title="Shape of each operation",
        text=f"One shape for each of {of(len(names), 'operation')} and {of(len(group), 'cell')}, over {title} in ms on "
        f"a logarithmic axis. {_slowest(marks)}",
        spec=drawing.spec(
            _shape_layers(areas, marks, group, _lines(names, line)),
            height=line * ROW_PIXELS + 10,
            title=f"{title}: one shape per operation and cell",
        ),
        wide=True,
    )


def _shape_layers(areas: Sequence[Spec], marks: Sequence[Spec], group: Sequence[Cell], y: Spec) -> list[Spec]:
    x = drawing.logarithmic("x", f"{_time_title(group)} (ms, logarithmic)", [row["x"] for row in areas])
    sizes: Spec = {"field": "m", "type": "ordinal", "legend": None}
    sizes["scale"] = {"domain": ["median", "p99"], "range": [ROW_PIXELS * 0.62, ROW_PIXELS * 0.3]}
    return [
        drawing.layer(
            areas,
            {"type": "area", "opacity": 0.55, "interpolate": "monotone", "strokeWidth": 1},
            x=x,
            y=y,
            y2={"field": "z"},
            detail={"field": "g"},
            color=drawing.colour([cell.label for cell in group], range(len(group))),
        ),
        drawing.layer(
            marks,
            {"type": "tick", "orient": "vertical", "thickness": 2.5, "fill": drawing.INK},
            x=x,
            y=y,
            size=sizes,
            tooltip=drawing.tip(o="operation", c="cell", m="mark", x=("ms", ",.4~r")),
        ),
    ]


def _lines(names: Sequence[tuple[float, str]], lines: int) -> Spec:
    """An axis that names the operation in the middle of its shapes."""
    lookup = "{" + ",".join(f"'{place:g}':{json.dumps(name)}" for place, name in names) + "}"
    axis = {"values": [place for place, _ in names], "labelExpr": f"{lookup}[''+datum.value]"}
    return {
        "field": "y",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [lines - 0.4, -0.6], "nice": False, "zero": False},
        "axis": axis | {"labelOverlap": False, "grid": False, "ticks": False, "domain": False},
    }


def _outline(histogram: np.ndarray, label: str, line: int, name: str) -> list[Spec]:
    """Half above and half below the line, as high as the most frequent time."""
    coarse = histogram.reshape(-1, SHAPE_BINS).sum(axis=1).astype(float)
    smooth = np.convolve(coarse, [0.25, 0.5, 0.25], mode="same")
    used = np.flatnonzero(smooth)
    low, high = max(used[0] - 1, 0), min(used[-1] + 2, len(smooth))
    half = 0.44 * smooth[low:high] / smooth.max()
    x_ms = 2 ** ((np.arange(low, high) + 0.5) * SHAPE_BINS / PER_OCTAVE) / drawing.NS_PER_MS
    return [
        {"x": drawing.rounded(x), "y": round(line - h, 3), "z": round(line + h, 3), "g": name, "c": label}
        for x, h in zip(x_ms.tolist(), half.tolist(), strict=True)
    ]


def _marks(histogram: np.ndarray, label: str, line: int, operation: str) -> list[Spec]:
    found = [(name, percentile_ns(histogram, q)) for name, q in MARKS]
    return [
        {"x": drawing.milliseconds(value), "y": line, "m": name, "c": label, "o": operation}
        for name, value in found
        if value is not None
    ]


def _slowest(marks: Sequence[Spec]) -> str:
    middles = [row for row in marks if row["m"] == "median"]
    if not middles:
        return "Too few samples for a median."
    most, least = (choose(middles, key=lambda row: float(row["x"])) for choose in (max, min))
    return (
        f"The longest median is that of {most['o']} on {most['c']} ({most['x']:,.4g} ms), the shortest that of "
        f"{least['o']} on {least['c']} ({least['x']:,.4g} ms)."
    )


def _tail(group: Sequence[Cell], operation: str) -> Chart | None:
    lines: list[Spec] = []
    points: list[Spec] = []
    for cell in group:
        lines += _curve(merged(cell, operation), cell.label)
        points += _points(cell, operation)
    if not lines:
        return None
    return Chart(
        title=operation,
        text=_tail_text(group, operation),
        spec=drawing.spec(
            _tail_layers(group, operation, lines, points),
            height=220,
            title=f"Cumulated distribution of {operation}",
        ),
    )


def _tail_layers(group: Sequence[Cell], operation: str, lines: Sequence[Spec], points: Sequence[Spec]) -> list[Spec]:
    labels, places = [cell.label for cell in group], range(len(group))
    title, seen = _time_title(group, operation), [row["x"] for row in (*lines, *points)]
    x = drawing.logarithmic("x", f"{title} (ms, logarithmic)", seen)
    colour = drawing.colour(labels, places)
    return [
        drawing.layer(
            lines,
            {"type": "line", "strokeWidth": 2},
            x=x,
            y=_percentile_axis(lines, points),
            color=colour,
            strokeDash=drawing.dash(labels, places),
            order=drawing.quantity("y"),
        ),
        drawing.layer(
            points,
            {"type": "point", "filled": False, "size": 45, "strokeWidth": 1.5},
            x=x,
            y=drawing.quantity("y"),
            color=colour,
            shape=drawing.shape(labels, places),
            tooltip=drawing.tip(c="cell", p="percentile", x=("ms", ",.4~r"), r="repetition"),
        ),
    ]


def _percentile_axis(lines: Sequence[Spec], points: Sequence[Spec]) -> Spec:
    highest = max(1, *(row["y"] for row in (*lines, *points)))
    ticks = [tick for tick in TICKS if tick <= highest]
    names = "{" + ",".join(f"'{tick:g}':'{name}'" for tick, name in TICKS.items()) + "}"
    return {
        "field": "y",
        "type": "quantitative",
        "title": "percentile",
        "scale": {"domain": [0, highest], "nice": False, "zero": True},
        "axis": {"values": ticks, "grid": True, "labelExpr": f"{names}[''+datum.value]"},
    }


def _curve(histogram: np.ndarray, label: str) -> list[Spec]:
    """From the least time to where ten times are left, at even steps of the axis of percentiles."""
    total = int(histogram.sum())
    if total < 2 * TAIL:
        return []
    cumulated = np.cumsum(histogram)
    levels = np.linspace(0, math.log10(total / TAIL), TAIL_POINTS)
    ranks = np.maximum(total * (1 - 10.0**-levels), 1)
    positions = np.searchsorted(cumulated, ranks - 1e-9)
    return [
        {"x": drawing.rounded(x), "y": round(y, 3), "c": label}
        for x, y in zip(CENTRES_MS[positions].tolist(), levels.tolist(), strict=True)
    ]


def _points(cell: Cell, operation: str) -> list[Spec]:
    """The percentiles of every repetition, as in the table."""
    found = []
    for row in cell.of(operation):
        kind = measure([row])
        for name, level in (("p50", 0.301), ("p90", 1), ("p99", 2), ("p999", 3)):
            value = row[f"{kind}_{name}_ns"]
            if value:
                told = {"p": name.replace("999", "99.9"), "c": cell.label, "r": str(row["repetition"])}
                found.append({"x": drawing.milliseconds(value), "y": level, **told})
    return found


def _tail_text(group: Sequence[Cell], operation: str) -> str:
    parts = []
    for cell in group:
        rows, histogram = cell.of(operation), merged(cell, operation)
        kind = measure(rows)
        exact = [middle([row[f"{kind}_{name}_ns"] for row in rows]) for name in ("p50", "p99")]
        p50, p99 = exact if rows else [percentile_ns(histogram, q) for q in (0.5, 0.99)]
        known = [f"{name} {ms(value)} ms" for name, value in (("median", p50), ("p99", p99)) if value is not None]
        if rows or histogram.sum():
            parts.append(f"{cell.label}: {', '.join(known) or 'too few samples for a median'}")
    return f"{operation}. " + "; ".join(parts) + "."


def _time_title(group: Sequence[Cell], operation: str = "") -> str:
    rows = [row for cell in group for row in cell.rows if operation in ("", row["operation"])]
    kinds = {measure([row]) for row in rows if row["count"]} or {cell.measure for cell in group}
    return " or ".join(drawing.TIME_TITLES[kind] for kind in sorted(kinds, reverse=True))
