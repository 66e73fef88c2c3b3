"""What runs cost, in sentences for a report: estimates, what they rest on, and the break-even of two backends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bench.price import BreakEven, HourlyCost, break_even
from bench.results import RunStatus

if TYPE_CHECKING:
    from bench.results import Run, Sweep

NO_COST = "no cost is computed"
"""How the warning of a run begins that has a price and yet no cost."""
ASSUMPTION = (
    "A break-even takes the measured mix of operations, and what each of them costs, as the same at any rate. A system "
    "that suspends is taken to be suspended whenever it has nothing to do, without an idle tail or a least time per "
    "start: that holds for work that comes in batches, and flatters it where operations are spread out in time."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two cells, each with its repetitions, that answered the same question, and at which rate they cost the same."""

    cells: tuple[str, str]
    names: tuple[str, str]
    """What they are called in sentences."""
    question: str
    """Dataset, workload and load."""
    found: BreakEven | None
    """None where it cannot be said."""
    reason: str = ""
    """Why not."""

    def document(self) -> dict[str, object]:
        """For a program that reads it."""
        found = asdict(self.found) if self.found else None
        return {"cells": list(self.cells), "estimate": True, "break_even": found, "reason": self.reason}


def amount(value: float) -> str:
    """USD, or credits, to three digits that mean something, without an exponent.

    Example:
        >>> amount(0.0000703), amount(0.27), amount(12345.6)
        ('0.0000703', '0.27', '12,346')
    """
    if not value:
        return "0"
    text = f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def run_notes(run: Run) -> list[str]:
    """What a run cost, from which price list, and the assumptions; empty where there is no cost."""
    cost = run.manifest.get("cost")
    if not isinstance(cost, dict):
        return []
    credits = f" or {amount(cost['credits'])} credits" if cost.get("credits") is not None else ""
    data = cost.get("parts_usd", {}).get("data", 0.0)
    return [
        f"Cost (estimate): {amount(cost['usd'])} USD{credits} for the whole run, of which {amount(data)} USD for "
        f"bringing in the data; USD per run is each operation's part of the rest. {_listed(cost)}",
        *(f"Cost assumes: {text}" for text in cost.get("assumptions", [])),
    ]


def sweep_notes(sweep: Sweep) -> list[str]:
    """What the costs of all cells rest on, and the break-even of every two backends."""
    by_text: dict[str, list[str]] = {}
    for run in sweep.runs.values():
        cost = run.manifest.get("cost")
        if isinstance(cost, dict):
            for text in (_listed(cost), *cost.get("assumptions", [])):
                by_text.setdefault(text, []).append(run.key.backend)
    shared = [f"Cost ({', '.join(dict.fromkeys(names))}): {text}" for text, names in by_text.items()]
    without = [f"Warning: {text}" for text in without_cost(sweep.runs.values())]
    return [*dict.fromkeys([*without, *shared]), *break_even_notes(sweep)]


def without_cost(runs: Iterable[Run]) -> list[str]:
    """Which backends have a price list and yet no cost, and why."""
    return list(
        dict.fromkeys(
            f"{run.key.backend}: {text}"
            for run in runs
            for text in run.manifest.get("warnings", [])
            if str(text).startswith(NO_COST)
        )
    )


def comparisons(sweep: Sweep) -> list[Comparison]:
    """Every two cells of different backends that answered the same question, where one of them at least has a cost."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    done = _done(sweep)
    for cell, runs in done.items():
        key = runs[0].key
        asked = str(runs[0].manifest.get("question_hash"))
        groups.setdefault((key.dataset, key.workload, key.load, asked), []).append(cell)
    found = []
    for (dataset, workload, load, _), cells in groups.items():
        for pair in combinations(cells, 2):
            one, other = (done[cell] for cell in pair)
            if one[0].key.backend != other[0].key.backend and (_priced(one[0]) or _priced(other[0])):
                found.append(_compared(pair, one, other, f"{dataset} · {workload} · {load}"))
    return found


def _done(sweep: Sweep) -> dict[str, tuple[Run, ...]]:
    """By cell, its repetitions that are done; cells without any are left out."""
    groups = {
        cell: tuple(run for run in runs if run.status is RunStatus.DONE and run.has("summary"))
        for cell, runs in sweep.groups().items()
    }
    return {cell: runs for cell, runs in groups.items() if runs}


def _compared(cells: tuple[str, str], one: Sequence[Run], other: Sequence[Run], question: str) -> Comparison:
    names = (one[0].key.backend, other[0].key.backend)
    reason = next(filter(None, (_obstacle(run) for run in (*one, *other))), "")
    found = None if reason else break_even(_hourly(one), _hourly(other))
    return Comparison(cells=cells, names=names, question=question, found=found, reason=reason)


def _obstacle(run: Run) -> str:
    if run.manifest.get("capabilities", {}).get("emulated"):
        return f"{run.key.backend} is emulated, so neither its times nor a cost mean anything"
    if not _priced(run):
        return f"{run.key.backend} has no cost"
    return "" if _operations_per_hour(run) else f"{run.key.backend} served nothing"


def _priced(run: Run) -> bool:
    return isinstance(run.manifest.get("cost"), dict)


def _hourly(runs: Sequence[Run]) -> HourlyCost:
    """Of the repetitions of one cell, by their means."""
    most = fmean(_operations_per_hour(run) for run in runs)
    return HourlyCost(
        name=runs[0].key.backend,
        fixed_usd_per_hour=_mean_cost(runs, "fixed_usd_per_hour"),
        usd_per_operation=_mean_cost(runs, "running_usd_per_hour") / most,
        max_operations_per_hour=most,
    )


def _mean_cost(runs: Sequence[Run], name: str) -> float:
    return fmean(run.manifest["cost"][name] for run in runs)


def _operations_per_hour(run: Run) -> float:
    """Successful operations of the whole mix."""
    per_s: float = sum(run.table("summary").column("goodput_per_s").to_pylist())
    return 3_600 * per_s


def break_even_notes(sweep: Sweep) -> Iterator[str]:
    """At which rate every two backends cost the same, or why that cannot be said, and what it takes for granted."""
    found = comparisons(sweep)
    yield from map(_sentence, found)
    if not any(each.found for each in found):
        return
    yield ASSUMPTION
    concerned = dict.fromkeys(cell for each in found if each.found for cell in each.cells)
    done = _done(sweep)
    for cell in concerned:
        running = _mean_cost(done[cell], "running_usd_per_hour")
        if running:
            always = running + _mean_cost(done[cell], "fixed_usd_per_hour")
            backend = done[cell][0].key.backend
            yield f"{backend}, when never suspended, costs {amount(always)} USD per hour at any rate ({cell})."


def _sentence(each: Comparison) -> str:
    one, other = each.names
    start = f"Break-even of {one} and {other} on {each.question} (estimate): "
    found = each.found
    if found is None:
        return f"No break-even of {one} and {other} on {each.question}: {each.reason}."
    if found.operations_per_hour is not None:
        return (
            f"{start}{found.operations_per_hour:,.0f} operations per hour, where each costs "
            f"{amount(found.usd_per_hour or 0.0)} USD per hour; below that {found.cheaper_below} is cheaper, "
            f"above it {found.cheaper_above}."
        )
    most = f"any rate that both can serve, up to {found.common_operations_per_hour:,.0f} operations per hour"
    return (
        f"{start}{found.cheaper_below} is cheaper at {most}." if found.cheaper_below else f"{start}the same at {most}."
    )


def _listed(cost: Mapping[str, Any]) -> str:
    price = cost.get("price", {})
    facts = [str(price[name]) for name in ("version", "source") if price.get(name)]
    facts += [f"as of {price['as_of']}"] if price.get("as_of") else []
    return f"Price list: {price.get('name', '')}" + (f" ({'; '.join(facts)})." if facts else ".")
