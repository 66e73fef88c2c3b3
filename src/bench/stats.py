"""From attempts to numbers. Pure: numpy, and neither clock nor file nor environment.

Percentiles are nearest-rank (the smallest measured value that at least q of all values do not exceed; definition 1 of
Hyndman and Fan, "Sample quantiles in statistical packages", 1996): each is a time that some attempt really took, and it
is an order statistic, as the bounds of its interval are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from bench.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NS_PER_S = 1_000_000_000
TAIL = 10
"""A percentile is given from this many values in its tail on."""
CONFIDENCE = 0.95
STATUSES = tuple(Status)
"""Their positions are the codes in `Attempts.status`."""
_OK = STATUSES.index(Status.OK)
_ABORTED = STATUSES.index(Status.ABORTED)


class Doubt(StrEnum):
    """A reason to trust a number less, as it stands in the column `warnings`."""

    NOTHING_MEASURED = "nothing_measured"
    TOO_FEW_SAMPLES = "too_few_samples"
    ERRORS = "errors"
    ABORTED = "aborted"
    CLIENT_LIMIT = "client_limit"
    WORKER_SATURATED = "worker_saturated"
    PIPELINED = "pipelined"

    @property
    def remedy(self) -> str:
        """What it means and what to do about it: one sentence."""
        return _REMEDIES[self]

    def concerning(self, operations: Sequence[str], of: int) -> str:
        """The doubt as a line for the user: which of the `of` operations it concerns, and the remedy."""
        which = "all operations" if len(operations) == of > 1 else ", ".join(operations)
        return f"{self} ({which}): {self.remedy}"


_REMEDIES = {
    Doubt.NOTHING_MEASURED: "no attempt succeeded: the errors are in manifest.json; "
    "if there are none, raise load.duration_s",
    Doubt.TOO_FEW_SAMPLES: "fewer than 20 attempts succeeded, too few for a median: "
    "raise load.duration_s or set load.iterations",
    Doubt.ERRORS: "attempts failed, and times are of the others only: "
    "see error_class and sqlstate in samples, and the first messages in manifest.json",
    Doubt.ABORTED: "the engine rolled attempts back for conflicts or deadlocks, and times are of the others only: "
    "use fewer clients or a wider range of keys, or count them as part of the question",
    Doubt.CLIENT_LIMIT: "the clients ran at more than half of what they can do with an engine that answers at once: "
    "raise load.processes, or run the client on a machine of its own",
    Doubt.WORKER_SATURATED: "a worker process used its core nearly up, so that part of these times is its own: "
    "raise load.processes, use fewer clients, or run the client on a machine of its own",
    Doubt.PIPELINED: "several operations shared a connection, so that each time holds the waiting for those before it: "
    "compare throughput only, or choose another driver",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Attempts:
    """Attempts as columns: arrays of integers, each of shape (n,), in any order. Times are ns of one clock."""

    operation: np.ndarray
    """Position of the operation in the list of operations."""
    client: np.ndarray
    """From 0."""
    status: np.ndarray
    """Position in `STATUSES`."""
    intended_start_ns: np.ndarray
    start_ns: np.ndarray
    end_ns: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.operation)

    def take(self, chosen: np.ndarray) -> Attempts:
        """The attempts at the given positions, or where a mask is true."""
        return Attempts(**{name: getattr(self, name)[chosen] for name in self.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """Mean, percentiles with 95 % intervals, and maximum of a time, in ns; None where there are too few values."""

    mean_ns: float | None = None
    p50_ns: int | None = None
    p90_ns: int | None = None
    p95_ns: int | None = None
    p99_ns: int | None = None
    p999_ns: int | None = None
    max_ns: int | None = None
    p50_low_ns: int | None = None
    p50_high_ns: int | None = None
    p99_low_ns: int | None = None
    p99_high_ns: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationSummary:
    """What one operation did in the measurement interval."""

    operation: str
    count: int = 0
    """Attempts that ended, whatever their status."""
    errors: int = 0
    """Those that ended as error or timeout."""
    aborted: int = 0
    """Those that the engine rolled back."""
    late: int = 0
    dropped: int = 0
    throughput_per_s: float = 0.0
    """Of all attempts that ended."""
    goodput_per_s: float = 0.0
    """Of those that succeeded."""
    service_time: Distribution = Distribution()
    response_time: Distribution | None = None
    """None in a closed loop, where nobody waits for a client to become free."""
    rows: int = 0
    """Returned or changed by the attempts that succeeded."""
    busy_ratio: float = 0.0
    """This operation's part, 0 to 1, of the time that all clients spent in operations."""
    warnings: tuple[Doubt, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Second:
    """What one operation did among the attempts meant to start within one second."""

    operation: str
    second: int
    """From the start of the measurement interval; negative in the warm-up."""
    count: int
    errors: int
    p50_ns: int | None
    p90_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    max_ns: int | None


def percentile_or_none(sorted_ns: np.ndarray, q: float) -> int | None:
    """The nearest-rank percentile, or None below ten values in its tail.

    So p50 needs 20 values, p90 100, p95 200, p99 1,000 and p99.9 10,000.

    Args:
        sorted_ns: Values in ascending order, shape (n,).
        q: Above 0 and below 1; 0.99 for p99.
    """
    exact, size = _exact(q), len(sorted_ns)
    if size * min(exact, 1 - exact) < TAIL:
        return None
    rank = -(-size * exact.numerator // exact.denominator)
    return int(sorted_ns[rank - 1])


def interval_ranks(size: int, q: float, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Ranks, from 1, of the two order statistics between which the true q-quantile lies with at least `confidence`.

    Free of any assumption on the distribution: the number of values below the quantile is binomial (David and Nagaraja,
    "Order Statistics", 3rd edition, section 7.1; Le Boudec, "Performance Evaluation", theorem 2.1), at most half
    of the remaining probability on each side. It does assume independent values. None where `size` is too small.
    """
    first, cumulated = _binomial(size, q)
    outside = (1 - confidence) / 2
    low = first + int(np.count_nonzero(cumulated <= outside))
    high = first + int(np.searchsorted(cumulated, 1 - outside)) + 1
    return (low, high) if low >= 1 and high <= size else None


def distribution(values_ns: np.ndarray) -> Distribution:
    """Mean, percentiles, intervals and maximum of unsorted times in ns, shape (n,)."""
    if not len(values_ns):
        return Distribution()
    ordered = np.sort(values_ns)
    p50_low, p50_high = _bounds(ordered, 0.5)
    p99_low, p99_high = _bounds(ordered, 0.99)
    return Distribution(
        mean_ns=float(ordered.mean()),
        p50_ns=percentile_or_none(ordered, 0.5),
        p90_ns=percentile_or_none(ordered, 0.9),
        p95_ns=percentile_or_none(ordered, 0.95),
        p99_ns=percentile_or_none(ordered, 0.99),
        p999_ns=percentile_or_none(ordered, 0.999),
        max_ns=int(ordered[-1]),
        p50_low_ns=p50_low,
        p50_high_ns=p50_high,
        p99_low_ns=p99_low,
        p99_high_ns=p99_high,
    )


def summarize(
    attempts: Attempts, operations: Sequence[str], *, start_ns: int, end_ns: int, open_loop: bool
) -> list[OperationSummary]:
    """One summary per operation, in the order of `operations`; one that was never asked has a count of 0.

    Attempts meant to start before `start_ns` are warm-up and left out. Those still under way at `end_ns` are in, so
    each client is taken to have been observed until its last attempt ended: a rate over the planned time would credit
    it with work done later, and one over the longest time of all would charge one client's slow last
    attempt to every other. Throughput is the sum over clients of attempts that ended by the time it was observed.

    Args:
        attempts: All of the run's attempts, or only those of the measurement.
        operations: Names, by the codes in `attempts.operation`.
        start_ns: Start of the measurement interval.
        end_ns: Its planned end, or when the run was interrupted.
        open_loop: Operations arrive by a clock, so that response time has a meaning.
    """
    in_time = attempts.intended_start_ns >= start_ns
    measured = attempts if in_time.all() else attempts.take(in_time)
    finished, good = _rates(measured, len(operations), start_ns=start_ns, end_ns=end_ns)
    busy_ns = np.bincount(measured.operation, measured.end_ns - measured.start_ns, minlength=len(operations))
    busy_ratios = busy_ns / max(float(busy_ns.sum()), 1.0)
    return [
        _summary(
            name,
            measured.take(positions),
            open_loop=open_loop,
            throughput_per_s=float(finished[code]),
            goodput_per_s=float(good[code]),
            busy_ratio=float(busy_ratios[code]),
        )
        for code, (name, positions) in enumerate(
            zip(operations, _groups(measured.operation, len(operations)), strict=True)
        )
    ]


def per_second(attempts: Attempts, operations: Sequence[str], *, start_ns: int) -> list[Second]:
    """One entry per operation and second in which it was meant to start, ordered by operation and second.

    By the intended start, as everywhere: so the counts from second 0 on add up to the counts of `summarize`.
    """
    found: list[Second] = []
    for name, positions in zip(operations, _groups(attempts.operation, len(operations)), strict=True):
        mine = attempts.take(positions)
        if len(mine):
            found += _seconds(name, mine, start_ns)
    return found


def nothing_measured(summaries: Sequence[OperationSummary]) -> tuple[str, ...]:
    """The operations of which no attempt succeeded: a cell that has one is failed, not fast."""
    return tuple(summary.operation for summary in summaries if Doubt.NOTHING_MEASURED in summary.warnings)


# ---- parts ------------------------------------------------------------------------------------------------------


@lru_cache
def _exact(q: float) -> Fraction:
    """The decimal fraction that is meant, so that no rank is off by one for 0.1 + 0.2 reasons.

    Kept, as `per_second` asks for the same four again and again.
    """
    return Fraction(q).limit_denominator(1_000_000)


def _bounds(ordered: np.ndarray, q: float) -> tuple[int | None, int | None]:
    if percentile_or_none(ordered, q) is None:
        return None, None
    ranks = interval_ranks(len(ordered), q)
    return (int(ordered[ranks[0] - 1]), int(ordered[ranks[1] - 1])) if ranks else (None, None)


def _binomial(size: int, q: float) -> tuple[int, np.ndarray]:
    """(k, cumulated probabilities of k, k + 1, ...) of the binomial distribution, all but 12 standard deviations."""
    reach = 12 * (size * q * (1 - q)) ** 0.5 + 12
    first, last = max(0, int(size * q - reach)), min(size, int(size * q + reach) + 1)
    counts = np.arange(first, last + 1, dtype=np.float64)
    steps = np.log((size - counts[:-1]) / counts[1:] * (q / (1 - q)))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    masses = np.exp(logs - logs.max())
    return first, np.cumsum(masses / masses.sum())


def _rates(attempts: Attempts, operations: int, *, start_ns: int, end_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """(throughput, goodput) per s, each of shape (operations,)."""
    if not len(attempts):
        return np.zeros(operations), np.zeros(operations)
    clients = int(attempts.client.max()) + 1
    observed_until_ns = np.full(clients, max(end_ns, start_ns + 1), dtype=np.int64)
    np.maximum.at(observed_until_ns, attempts.client, attempts.end_ns)
    observed_s = (observed_until_ns - start_ns) / NS_PER_S
    cells = attempts.operation.astype(np.int64) * clients + attempts.client

    def rates(chosen: np.ndarray) -> np.ndarray:
        counts = np.bincount(chosen, minlength=operations * clients).reshape(operations, clients)
        return np.asarray((counts / observed_s).sum(axis=1))

    return rates(cells), rates(cells[attempts.status == _OK])


def _groups(codes: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """For each code below `size`, the positions at which it stands."""
    short = codes.astype(np.uint16) if size <= 2**16 else codes  # 16 bits: a radix sort, in linear time
    order = np.argsort(short, kind="stable")
    yield from np.split(order, np.cumsum(np.bincount(codes, minlength=size))[:-1])


def _summary(
    name: str,
    mine: Attempts,
    *,
    open_loop: bool,
    throughput_per_s: float,
    goodput_per_s: float,
    busy_ratio: float,
) -> OperationSummary:
    ok = mine.take(mine.status == _OK)
    aborted = int(np.count_nonzero(mine.status == _ABORTED))
    errors = len(mine) - len(ok) - aborted
    service_time = distribution(ok.end_ns - ok.start_ns)
    return OperationSummary(
        operation=name,
        count=len(mine),
        errors=errors,
        aborted=aborted,
        throughput_per_s=throughput_per_s,
        goodput_per_s=goodput_per_s,
        service_time=service_time,
        response_time=distribution(ok.end_ns - ok.intended_start_ns) if open_loop else None,
        rows=int(ok.rows.sum()),
        busy_ratio=busy_ratio,
        warnings=tuple(_doubts(service_time, succeeded=len(ok), errors=errors, aborted=aborted)),
    )


def _doubts(service_time: Distribution, *, succeeded: int, errors: int, aborted: int) -> Iterator[Doubt]:
    if not succeeded:
        yield Doubt.NOTHING_MEASURED
    elif service_time.p50_ns is None:
        yield Doubt.TOO_FEW_SAMPLES
    if errors:
        yield Doubt.ERRORS
    if aborted:
        yield Doubt.ABORTED


def _seconds(name: str, mine: Attempts, start_ns: int) -> Iterator[Second]:
    seconds = (mine.intended_start_ns - start_ns) // NS_PER_S
    first = int(seconds.min())
    for offset, positions in enumerate(_groups(seconds - first, int(seconds.max()) - first + 1)):
        if not len(positions):
            continue
        part = mine.take(positions)
        ok = part.status == _OK
        service_ns = np.sort((part.end_ns - part.start_ns)[ok])
        yield Second(
            operation=name,
            second=first + offset,
            count=len(part),
            errors=int(np.count_nonzero(~ok & (part.status != _ABORTED))),
            p50_ns=percentile_or_none(service_ns, 0.5),
            p90_ns=percentile_or_none(service_ns, 0.9),
            p95_ns=percentile_or_none(service_ns, 0.95),
            p99_ns=percentile_or_none(service_ns, 0.99),
            max_ns=int(service_ns[-1]) if len(service_ns) else None,
        )
