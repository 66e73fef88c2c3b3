"""Two sides measured in turn, and what their ratio is worth."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from bench import environment

GIB = 1024**3
CLOSE = 1.05


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What one side did in one turn."""

    throughput_per_s: float
    p50_us: float
    p99_us: float
    client_cpu_us: float
    """Processor time of the client per operation."""
    unevenness: float
    """Operations of the client that had the most, for one of the client that had the least."""


def unevenness(clients: np.ndarray) -> float:
    """See `Slice.unevenness`, given whose each operation was."""
    counts = np.unique_counts(clients).counts
    return float(counts.max() / counts.min())


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """What both sides did, turn by turn."""

    title: str
    ours: Sequence[Slice]
    theirs: Sequence[Slice]

    def ratio(self, name: str) -> tuple[float, float, float]:
        """Median of the ratios ours / theirs within each pair, with their least and greatest."""
        ratios = [getattr(a, name) / getattr(b, name) for a, b in zip(self.ours, self.theirs, strict=True)]
        return statistics.median(ratios), min(ratios), max(ratios)

    def median(self, side: Sequence[Slice], name: str) -> float:
        """Median of one figure of one side."""
        return statistics.median(getattr(one, name) for one in side)


def in_turn(title: str, ours: Callable[[], Slice], theirs: Callable[[], Slice], *, pairs: int) -> Pairs:
    """Measure A B A B …, and say how it goes."""
    found: list[tuple[Slice, Slice]] = []
    for number in range(pairs):
        found.append((ours(), theirs()))
        a, b = found[-1]
        print(
            f"{title}: pair {number + 1} of {pairs}: {a.throughput_per_s:,.0f}/s and {b.throughput_per_s:,.0f}/s",
            flush=True,
        )
    return Pairs(title=title, ours=[a for a, _ in found], theirs=[b for _, b in found])


def table(all_pairs: Iterable[Pairs], peer: str) -> str:
    """As Markdown: medians of the pairs' ratios with their range, and the medians of both sides."""
    head = (
        f"| what | throughput / {peer} | p50 | p99 | operations/s | {peer} | client CPU, µs | {peer} | "
        f"busiest / idlest client | {peer} |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    )
    return head + "\n".join(_row(pairs) for pairs in all_pairs)


def _row(pairs: Pairs) -> str:
    def ratio(name: str) -> str:
        middle, low, high = pairs.ratio(name)
        return f"{middle:.2f} ({low:.2f}–{high:.2f})"

    cells = [ratio("throughput_per_s"), ratio("p50_us"), ratio("p99_us")]
    for name in ("throughput_per_s", "client_cpu_us", "unevenness"):
        form = ",.0f" if name == "throughput_per_s" else ".1f"
        cells += [format(pairs.median(side, name), form) for side in (pairs.ours, pairs.theirs)]
    return f"| {pairs.title} | " + " | ".join(cells) + " |"


def machine() -> str:
    """When and on what, in one line."""
    host = environment.host()
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {host['processor']}, {environment.usable_cores()} cores, "
        f"{float(str(host['memory_bytes'])) / GIB:.0f} GiB, {platform.system()}, Python {host['python']}, "
        f"psycopg {environment.package_versions(['psycopg']).get('psycopg')}"
    )
