"""What all charts share: colours by cell, axes with units, and marks that a reader can tell apart without colours.

Colours stand as names of CSS variables, so that one drawing follows the light and the dark page, and the printed one.
They are those of Okabe and Ito ("Color Universal Design", 2008), darkened or lightened until they keep a contrast of 3
to 1 to the page; dashes and shapes repeat what they say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bench.report.html.document import Spec

COLOURS = tuple(f"var(--c{number})" for number in range(7))
DASHES: tuple[tuple[int, ...], ...] = ((1, 0), (6, 3), (2, 2))
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-right")
INK, SOFT, GRID, PAGE, ALARM = "var(--ink)", "var(--soft)", "var(--grid)", "var(--page)", "var(--bad)"
NS_PER_MS = 1e6
TIME_TITLES = {"service_time": "service time", "response_time": "response time"}


def spec(layers: Sequence[Spec], *, height: int, title: str) -> Spec:
    """A chart as wide as its place, of layers that share their axes.

    Args:
        layers: Drawn one over the other.
        height: In pixels.
        title: For screen readers.
    """
    return {"description": title, "width": "container", "height": height, "layer": list(layers)}


def layer(rows: Iterable[Spec], mark: Spec, **encoding: object) -> Spec:
    """One kind of mark, drawn for each row."""
    return {"data": {"values": list(rows)}, "mark": mark, "encoding": encoding}


def quantity(field: str) -> Spec:
    """A number whose axis another layer describes."""
    return {"field": field, "type": "quantitative"}


def category(field: str, domain: Sequence[str], shown: Sequence[object]) -> Spec:
    """Each text of the domain as a colour, dash or shape of its own; what it means stands in the page, once."""
    scale = {"domain": list(domain), "range": list(shown)}
    return {"field": field, "type": "nominal", "scale": scale, "legend": None}


def colour(labels: Sequence[str], places: Sequence[int]) -> Spec:
    """Each cell in its colour."""
    return category("c", labels, [COLOURS[place % len(COLOURS)] for place in places])


def dash(labels: Sequence[str], places: Sequence[int]) -> Spec:
    """A dash besides the colour, where there are more cells than colours."""
    return category("c", labels, [list(DASHES[place // len(COLOURS) % len(DASHES)]) for place in places])


def shape(labels: Sequence[str], places: Sequence[int]) -> Spec:
    """A shape besides the colour."""
    return category("c", labels, [SHAPES[place % len(SHAPES)] for place in places])


def names(field: str) -> Spec:
    """One line for each text, in the order of the rows, none left out; the page cuts those that are too long for it."""
    axis = {"labelOverlap": False, "labelPadding": 8, "ticks": False, "domain": False}
    return {"field": field, "type": "nominal", "title": None, "sort": None, "axis": axis}


def linear(field: str, title: str, *, low: float = 0.0, high: float | None = None, grid: bool = True) -> Spec:
    """An axis of counts and rates, which begins at 0 unless said otherwise."""
    scale: Spec = {"domainMin": low, "nice": True, "zero": low == 0.0}
    if high is not None:
        scale |= {"domainMax": high, "nice": False}
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": scale,
        "axis": {"grid": grid, "tickCount": 5},
    }


def logarithmic(field: str, title: str, seen: Iterable[float], *, grid: bool = True) -> Spec:
    """An axis of times or ratios, whose bounds are those of what is seen, widened to the next tick.

    Args:
        field: Of the rows.
        title: With its unit.
        seen: All values that will be drawn, above 0.
        grid: Draw lines through the chart.
    """
    low, high, ticks = log_ticks(seen)
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"type": "log", "domain": [low, high], "nice": False, "clamp": True},
        "axis": {"values": ticks, "grid": grid, "format": "~r", "labelExpr": "format(datum.value, ',~r')"},
    }


def log_ticks(seen: Iterable[float]) -> tuple[float, float, list[float]]:
    """(lowest, highest, ticks): 1-2-5 steps over a short range, powers of ten over a long one."""
    known = [value for value in seen if value > 0]
    least, most = (min(known), max(known)) if known else (1.0, 10.0)
    decades = math.log10(most / least) if most > least else 0.0
    steps = (
        (1,) if decades > 4 else (1, 3) if decades > 2.5 else (1, 2, 5) if decades > 0.7 else (1, 1.5, 2, 3, 4, 5, 7)
    )
    first, last = math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 1
    grid = [float(f"{step * 10.0**power:.3g}") for power in range(first, last + 1) for step in steps]
    low = max((tick for tick in grid if tick <= least), default=least)
    high = min((tick for tick in grid if tick >= most), default=most)
    if low == high:
        low, high = low / 2, high * 2
    return low, high, [tick for tick in grid if low <= tick <= high]


def rule(value: float, axis: str, text: str, *, stroke: str = SOFT, at_end: bool = False) -> list[Spec]:
    """A line across the chart with its meaning written at it.

    Args:
        value: Where, in the units of the axis.
        axis: `x` or `y`.
        text: Short.
        stroke: Its colour.
        at_end: Of a level line: written at its right end, else at its left one. Of an upright one: the text ends there,
            else it begins there.
    """
    row = {"v": value, "t": text}
    where: Spec = (
        {"align": "right" if at_end else "left", "baseline": "bottom", "y": -4}
        if axis == "x"
        else {"align": "right" if at_end else "left", "baseline": "bottom", "dy": -3, "x": "width" if at_end else 4}
    )
    return [
        layer([row], {"type": "rule", "stroke": stroke, "strokeDash": [4, 3]}, **{axis: quantity("v")}),
        layer([row], {"type": "text", "fill": stroke, **where}, **{axis: quantity("v"), "text": {"field": "t"}}),
    ]


def tip(**fields: str | tuple[str, str]) -> list[Spec]:
    """What is told of a point: by field its title, and of a number its format."""
    return [
        {"field": field, "title": told, "type": "nominal"}
        if isinstance(told, str)
        else {"field": field, "title": told[0], "type": "quantitative", "format": told[1]}
        for field, told in fields.items()
    ]


def rounded(value: float, digits: int = 4) -> float:
    """As many digits as a drawing can show, so that the page stays small."""
    return float(f"{value:.{digits}g}")


def milliseconds(value_ns: float) -> float:
    """Nanoseconds as the milliseconds of a drawing."""
    return rounded(value_ns / NS_PER_MS)
