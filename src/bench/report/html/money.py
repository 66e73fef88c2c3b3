"""Price against performance: what a million operations cost, and how many of them a second brings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.costs import break_even_notes, run_notes, without_cost
from bench.report.html import drawing
from bench.report.html.cells import Cell, blocks
from bench.report.html.document import Block, Chart, Section, Spec
from bench.report.html.spread import legend
from bench.report.texts import number, usd
from bench.results import Run, Sweep
from bench.wording import of

ESTIMATES = (
    "Estimates: USD per million operations of the measured mix. On the Pareto line nothing else is both cheaper and "
    "faster.",
)
NAMED = 4
"""So many cells are named in a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What one cell costs and gives."""

    label: str
    place: int
    usd_per_million: float
    goodput_per_s: float

    def beaten_by(self, other: Offer) -> bool:
        """The other is as good in both, and better in one."""
        as_good = other.usd_per_million <= self.usd_per_million and other.goodput_per_s >= self.goodput_per_s
        return as_good and (other.usd_per_million, other.goodput_per_s) != (self.usd_per_million, self.goodput_per_s)


def money_section(cells: Sequence[Cell], results: Sequence[Run | Sweep]) -> Section | None:
    """One chart per dataset and workload, and the break-even of two backends; None where nothing has a price.

    Args:
        cells: Of the report.
        results: That they are of: a break-even is one of two cells of a sweep.
    """
    found: list[Block] = []
    for name, offers in _offers(cells).items():
        found += [legend(blocks(cells)[name]), _chart(" · ".join(name), offers)]
    without = [f"{text}." for text in without_cost(run for cell in cells for run in cell.runs)]
    if not found and not without:
        return None
    even = [note for result in results if isinstance(result, Sweep) for note in break_even_notes(result)]
    notes = dict.fromkeys(note for cell in cells if cell.first for note in run_notes(cell.first)[1:])
    return Section(
        name="price",
        title="Price against performance",
        lines=(
            *without,
            *(ESTIMATES if found else ()),
            *dict.fromkeys(even),
            *notes,
        ),
        blocks=tuple(found),
    )


def costs_in_brief(cells: Sequence[Cell]) -> Iterator[str]:
    """One sentence per dataset and workload on what a million operations cost, the cheapest first."""
    found = _offers(cells)
    for name, offers in found.items():
        where = f" of {' · '.join(name)}" if len(found) > 1 else ""
        cheapest = sorted(offers, key=lambda offer: offer.usd_per_million)
        told = ", ".join(f"{usd(offer.usd_per_million)} on {offer.label}" for offer in cheapest[:NAMED])
        more = f" and more on {of(len(offers) - NAMED, 'other')}" if len(offers) > NAMED else ""
        yield f"Estimated cost of a million operations{where}, in USD: {told}{more}."


def _offers(cells: Sequence[Cell]) -> dict[tuple[str, ...], list[Offer]]:
    made = {
        name: [offer for offer in (_offer(cell, place) for place, cell in enumerate(group)) if offer]
        for name, group in blocks(cells).items()
    }
    return {name: offers for name, offers in made.items() if offers}


def frontier(offers: Sequence[Offer]) -> list[Offer]:
    """Those that no other beats, from the cheapest to the dearest."""
    best = [offer for offer in offers if not any(offer.beaten_by(other) for other in offers)]
    return sorted(best, key=lambda offer: (offer.usd_per_million, offer.goodput_per_s))


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
    mean = 1_000 * sum(price * rate for price, rate in known) / total
    return Offer(
        label=cell.label, place=place, usd_per_million=mean, goodput_per_s=cell.total("goodput_per_s") or total
    )


def _chart(name: str, offers: Sequence[Offer]) -> Chart:
    rows: list[Spec] = [
        {"x": drawing.rounded(offer.usd_per_million), "y": drawing.rounded(offer.goodput_per_s), "c": offer.label}
        for offer in offers
    ]
    best = frontier(offers)
    steps: list[Spec] = [{"x": drawing.rounded(o.usd_per_million), "y": drawing.rounded(o.goodput_per_s)} for o in best]
    labels, places = [offer.label for offer in offers], [offer.place for offer in offers]
    x = drawing.linear("x", "USD per million operations (estimate)", high=1.25 * _most(rows, "x"))
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
            tooltip=drawing.tip(c="cell", x=("USD per million", ",.3~r"), y=("per s", ",.4~r")),
        ),
        drawing.layer(
            rows,
            {"type": "text", **_beside(_most(rows, "x") / 2), "limit": 190, "fill": drawing.INK},
            x=x,
            y=drawing.quantity("y"),
            text={"field": "c"},
        ),
    ]
    told = ", ".join(
        f"{offer.label} ({usd(offer.usd_per_million)} USD per million, {number(offer.goodput_per_s)} per s)"
        for offer in best
    )
    return Chart(
        title=f"Price against performance, {name}",
        text=f"On the Pareto line: {told}.",
        spec=drawing.spec(layers, height=280, title=f"Price against performance of {name}"),
        wide=True,
    )


def _beside(middle: float) -> Spec:
    """Where a name stands: on the side of its point where there is more room."""
    return {
        "align": {"expr": f"datum.x > {middle} ? 'right' : 'left'"},
        "dx": {"expr": f"datum.x > {middle} ? -9 : 9"},
    }


def _most(rows: Sequence[Spec], field: str) -> float:
    return max(float(row[field]) for row in rows)
