"""From attempts to the summary of a run. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.doubt import Doubt
from bench.model import Status
from bench.stats.percentiles import Distribution, distribution, percentile_or_none
from bench.stats.steady import steadiness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NS_PER_S = 1_000_000_000
HARNESS_LAG_NS = 1_000_000
HARNESS_LAG_RATIO = 0.1
"""The harness is in doubt when the p99 of its own lag exceeds both the limit above and this part of the median
response time."""
STATUSES = tuple(Status)
"""Their positions are the codes in `Attempts.status`."""
_OK = STATUSES.index(Status.OK)
_ABORTED = STATUSES.index(Status.ABORTED)


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
    attempt: np.ndarray | None = None
    """0 for the first of an operation; needed in an open loop, as `ready_ns` is."""
    ready_ns: np.ndarray | None = None
    """When the operation was due and its client free."""

    def __len__(self) -> int:
        return len(self.operation)

    def take(self, chosen: np.ndarray) -> Attempts:
        """The attempts at the given positions, or where a mask is true."""
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return replace(self, **{name: column[chosen] for name, column in columns.items() if column is not None})


@dataclass(frozen=True, kw_only=True, slots=True)
class Lag:
    """How long operations were started after they should have been, in ns; None where there are too few values."""

    p50_ns: int | None = None
    p99_ns: int | None = None
    max_ns: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Arriving:
    """What a summary has to know of an open loop."""

    late_ns: int
    """An operation that starts so long after its intended start, or longer, is late."""
    dropped: Sequence[int] = ()
    """Arrivals that were never started, by position of the operation; empty: none."""
    closed: frozenset[int] = frozenset()
    """Positions of the operations that do not arrive by a clock, as other clients ask them in a closed loop."""


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
    """Those that started late; retries are not."""
    dropped: int = 0
    """Arrivals that were never started; they are not in `count`."""
    throughput_per_s: float = 0.0
    """Of all attempts that ended."""
    goodput_per_s: float = 0.0
    """Of those that succeeded."""
    service_time: Distribution = field(default_factory=Distribution)
    response_time: Distribution | None = None
    """None in a closed loop, where nobody waits for a client to become free."""
    schedule_lag: Lag = Lag()
    """Between intended start and start of first attempts; without values in a closed loop."""
    harness_lag: Lag = Lag()
    """The part of it in which a client was free: what the tool itself took to start the operation."""
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


def summarize(
    attempts: Attempts, operations: Sequence[str], *, start_ns: int, end_ns: int, arriving: Arriving | None = None
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
        arriving: Of an open loop, where operations arrive by a clock, so that response time has a meaning.
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
            interval_ns=(start_ns, end_ns),
            arriving=arriving if arriving and code not in arriving.closed else None,
            dropped=arriving.dropped[code] if arriving and arriving.dropped else 0,
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
    interval_ns: tuple[int, int],
    arriving: Arriving | None,
    dropped: int,
    throughput_per_s: float,
    goodput_per_s: float,
    busy_ratio: float,
) -> OperationSummary:
    ok = mine.take(mine.status == _OK)
    aborted = int(np.count_nonzero(mine.status == _ABORTED))
    errors = len(mine) - len(ok) - aborted
    service_ns = ok.end_ns - ok.start_ns
    response_ns = ok.end_ns - ok.intended_start_ns if arriving else None
    service_time = distribution(service_ns)
    response_time = None if response_ns is None else distribution(response_ns)
    lags = _lags(mine, arriving.late_ns) if arriving else _Lags()
    felt_ns = service_ns if response_ns is None else response_ns
    doubts = (
        *_doubts(service_time, succeeded=len(ok), errors=errors, aborted=aborted),
        *_doubts_of_steadiness(ok.intended_start_ns, felt_ns, interval_ns),
        *_doubts_of_arrivals(dropped, lags.harness, response_time),
    )
    return OperationSummary(
        operation=name,
        count=len(mine),
        errors=errors,
        aborted=aborted,
        late=lags.late,
        dropped=dropped,
        throughput_per_s=throughput_per_s,
        goodput_per_s=goodput_per_s,
        service_time=service_time,
        response_time=response_time,
        schedule_lag=lags.schedule,
        harness_lag=lags.harness,
        rows=int(ok.rows.sum()),
        busy_ratio=busy_ratio,
        warnings=doubts,
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


def _doubts_of_steadiness(start_ns: np.ndarray, took_ns: np.ndarray, interval_ns: tuple[int, int]) -> Iterator[Doubt]:
    found = steadiness(start_ns, took_ns, from_ns=interval_ns[0], to_ns=interval_ns[1])
    if found is not None and not found.steady:
        yield Doubt.NOT_STEADY


def _doubts_of_arrivals(dropped: int, harness: Lag, response_time: Distribution | None) -> Iterator[Doubt]:
    if dropped:
        yield Doubt.DROPPED
    typical_ns = (response_time.p50_ns if response_time else None) or 0
    if harness.p99_ns is not None and harness.p99_ns > max(HARNESS_LAG_NS, HARNESS_LAG_RATIO * typical_ns):
        yield Doubt.LATE_HARNESS


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lags:
    schedule: Lag = Lag()
    harness: Lag = Lag()
    late: int = 0


def _lags(mine: Attempts, late_ns: int) -> _Lags:
    """Of first attempts, whatever became of them; a retry starts late because of the attempt before it."""
    if mine.attempt is None or mine.ready_ns is None:
        return _Lags()
    first = mine.attempt == 0
    schedule_ns = (mine.start_ns - mine.intended_start_ns)[first]
    harness_ns = (mine.start_ns - mine.ready_ns)[first]
    late = int(np.count_nonzero(schedule_ns >= late_ns))
    return _Lags(schedule=_lag(schedule_ns), harness=_lag(harness_ns), late=late)


def _lag(values_ns: np.ndarray) -> Lag:
    ordered = np.sort(values_ns)
    return Lag(
        p50_ns=percentile_or_none(ordered, 0.5),
        p99_ns=percentile_or_none(ordered, 0.99),
        max_ns=int(ordered[-1]) if len(ordered) else None,
    )


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
