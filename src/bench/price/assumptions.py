"""What the cost of a warehouse rests on, in sentences for the reader of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.model import ComputeFacts
    from bench.price.usage import Usage
    from bench.price.warehouse import WarehousePrice


def of_warehouse(price: WarehousePrice, usage: Usage, tail_s: float | None) -> list[str]:
    """One sentence each, the weightiest first."""
    compute = usage.compute
    place = f"{price.cloud} {price.region}".strip()
    own = "your own figure" if price.usd_per_credit is not None else f"the list price of {price.edition} on {place}"
    clusters = compute.clusters or 1
    return [
        f"A credit costs {price.credit_usd:g} USD, {own}.",
        f"The warehouse is {compute.size or price.size}, {compute.generation or price.generation}, with {clusters} "
        f"cluster{'s that run all the time' if clusters > 1 else ''}{_not_told(compute)}.",
        f"The run has the warehouse for itself and starts it {_times(usage.starts)}; "
        f"at least {price.minimum_s * usage.starts:g} s are billed.",
        _tail(tail_s),
        f"Cloud services are assumed to take {price.cloud_services.assumed_ratio:.0%} of the credits of compute; "
        f"{price.cloud_services.free_ratio:.0%} are free, by run here and by day and account on the bill.",
        _storage(compute),
        *_requests(price, usage),
    ]


def _times(starts: int) -> str:
    return "once" if starts == 1 else f"{starts} times"


def _not_told(compute: ComputeFacts) -> str:
    missing = [name for name in ("size", "generation", "clusters") if getattr(compute, name) is None]
    return f" ({' and '.join(missing)} not told by the engine, but assumed)" if missing else ""


def _tail(tail_s: float | None) -> str:
    if tail_s is None:
        return "No idle tail is counted: the engine does not tell when the warehouse is suspended."
    if not tail_s:
        return "No idle tail is counted; a warehouse that is never suspended goes on costing after the run."
    return f"After the last answer {tail_s:g} s pass until it is suspended, and are billed."


def _storage(compute: ComputeFacts) -> str:
    if compute.stored_bytes is None and compute.row_stored_bytes is None:
        return "Storage is not counted: the engine does not tell how many bytes the tables take."
    return "Storage is counted for the time of the run, without history, fail-safe and files on stages."


def _requests(price: WarehousePrice, usage: Usage) -> list[str]:
    charged = price.row_requests.credits_per_gb_read or price.row_requests.credits_per_gb_written
    if not charged or usage.row_read_bytes is not None or usage.row_written_bytes is not None:
        return []
    return ["Requests to row storage are not counted: the engine does not tell the bytes read and written."]
