"""Price against performance: what a thousand operations cost, and how many of them a second brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.costs import run_notes
from bench.report.html import drawing
from bench.report.html.cells import Cell, blocks
from bench.report.html.document import Block, Chart, Section, Spec
from bench.report.html.spread import legend
from bench.report.texts import number, usd


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What one cell costs and gives."""

    label: str
    place: int
    usd_per_1000: float
    goodput_per_s: float

    def beaten_by(self, other: Offer) -> bool:
        """The other is as good in both, and better in one."""
        as_good = other.usd_per_1000 <= self.usd_per_1000 and other.goodput_per_s >= self.goodput_per_s
        return as_good and (other.usd_per_1000, other.goodput_per_s) != (self.usd_per_1000, self.goodput_per_s)


def money_section(cells: Sequence[Cell]) -> Section | None:
    """One chart per dataset and workload; None where nothing has a price."""
    found: list[Block] = []
    for name, group in blocks(cells).items():
        offers = [offer for offer in (_offer(cell, place) for place, cell in enumerate(group)) if offer]
        if offers:
            found += [legend(group), _chart(" · ".join(name), offers)]
    if not found:
        return None
    notes = dict.fromkeys(note for cell in cells if cell.first for note in run_notes(cell.first)[1:])
    return Section(
        name="price",
        title="Price against performance",
        lines=(
            "Estimates: USD per 1,000 operations of the measured mix. On the Pareto line nothing else is both cheaper "
            "and faster.",
            *notes,
        ),
        blocks=tuple(found),
    )


def frontier(offers: Sequence[Offer]) -> list[Offer]:
    """Those that no other beats, from the cheapest to the dearest."""
    best = [offer for offer in offers if not any(offer.beaten_by(other) for other in offers)]
    return sorted(best, key=lambda offer: (offer.usd_per_1000, offer.goodput_per_s))


def _offer(cell: Cell, place: int) -> Offer | None:
    """The mean over operations, weighted by how often each succeeds."""
    if not cell.rows or (cell.first and cell.first.emulated):
        return None
    prices = [
        (cell.value(name, "usd_per_1000_operations"), cell.value(name, "goodput_per_s") or 0.0)
        for name in cell.operations
    ]
    known = [(price, rate) for price, rate in prices if price is not None and rate]
    if not known:
        return None
    total = sum(rate for _, rate in known)
    mean = sum(price * rate for price, rate in known) / total
    return Offer(label=cell.label, place=place, usd_per_1000=mean, goodput_per_s=cell.total("goodput_per_s") or total)


def _chart(name: str, offers: Sequence[Offer]) -> Chart:
    rows: list[Spec] = [
        {"x": drawing.rounded(offer.usd_per_1000), "y": drawing.rounded(offer.goodput_per_s), "c": offer.label}
        for offer in offers
    ]
    best = frontier(offers)
    steps: list[Spec] = [{"x": drawing.rounded(o.usd_per_1000), "y": drawing.rounded(o.goodput_per_s)} for o in best]
    labels, places = [offer.label for offer in offers], [offer.place for offer in offers]
    x = drawing.linear("x", "USD per 1,000 operations (estimate; left is cheaper)", high=1.25 * _most(rows, "x"))
    y = drawing.linear("y", "successful operations per s", high=1.12 * _most(rows, "y"))
    layers = [
        drawing.layer(
            steps,
            {"type": "line", "interpolate": "step-after", "stroke": drawing.SOFT, "strokeDash": [4, 3]},
            x=x,
            y=y,
            order=drawing.quantity("x"),
        ),
        drawing.layer(
            rows,
            {"type": "point", "filled": True, "size": 90},
            x=x,
            y=drawing.quantity("y"),
            color=drawing.colour(labels, places),
            shape=drawing.shape(labels, places),
            tooltip=drawing.tip(c="cell", x=("USD per 1,000", ".3~r"), y=("per s", ",.4~r")),
        ),
        drawing.layer(
            rows,
            {"type": "text", "align": "left", "dx": 9, "limit": 190, "fill": drawing.INK},
            x=x,
            y=drawing.quantity("y"),
            text={"field": "c"},
        ),
    ]
    told = ", ".join(
        f"{offer.label} ({usd(offer.usd_per_1000)} USD, {number(offer.goodput_per_s)} per s)" for offer in best
    )
    return Chart(
        title=f"Price against performance, {name}",
        text=f"On the Pareto line: {told}.",
        spec=drawing.spec(layers, height=280, title=f"Price against performance of {name}"),
        wide=True,
    )


def _most(rows: Sequence[Spec], field: str) -> float:
    return max(float(row[field]) for row in rows)
