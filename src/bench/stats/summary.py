"""From attempts to the summary of a run. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.doubt import Doubt
from bench.stats.attempts import ABORTED, NS_PER_S, OK, Attempts, groups
from bench.stats.percentiles import Distribution
from bench.stats.steady import Slices, Steadiness
from bench.stats.times import Times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HARNESS_LAG_NS = 1_000_000
HARNESS_LAG_RATIO = 0.1
"""The harness is in doubt when the p99 of its own lag exceeds both the limit above and this part of the median
response time."""
EXACT_ATTEMPTS = 4_000_000
"""Up to so many attempts of a run are kept one by one, so that each percentile is a time that one of them took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lag:
    """How long operations were started after they should have been, in ns; None where there are too few values."""

    p50_ns: int | None = None
    p99_ns: int | None = None
    max_ns: int | None = None

    @classmethod
    def of(cls, times: Times) -> Lag:
        """What is said of these."""
        return cls(p50_ns=times.percentile(0.5), p99_ns=times.percentile(0.99), max_ns=times.max_ns())


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


class Summarizer:
    """The attempts of a run, taken as they come, and one summary per operation in the end.

    Attempts meant to start before `start_ns` are warm-up and left out. Those still under way at `end_ns` are in, so
    each client is taken to have been observed until its last attempt ended: a rate over the planned time would credit
    it with work done later, and one over the longest time of all would charge one client's slow last
    attempt to every other. Throughput is the sum over clients of attempts that ended by the time it was observed.
    """

    def __init__(
        self,
        operations: Sequence[str],
        *,
        start_ns: int,
        end_ns: int,
        arriving: Arriving | None = None,
        exact: bool = True,
    ) -> None:
        """Nothing yet.

        Args:
            operations: Names, by the codes in `Attempts.operation`.
            start_ns: Start of the measurement interval.
            end_ns: Its planned end, or when the run was interrupted.
            arriving: Of an open loop, where operations arrive by a clock, so that response time has a meaning.
            exact: Keep every time; else count them in histograms, in memory that does not grow with the run.
        """
        self._start_ns = start_ns
        self._clients = _Clients(len(operations), start_ns=start_ns, end_ns=end_ns)
        self._seen = [
            _Seen(
                name,
                interval_ns=(start_ns, end_ns),
                arriving=arriving if arriving and code not in arriving.closed else None,
                dropped=arriving.dropped[code] if arriving and arriving.dropped else 0,
                exact=exact,
            )
            for code, name in enumerate(operations)
        ]

    def add(self, attempts: Attempts) -> None:
        """Take more attempts, in any order, of the warm-up too."""
        in_time = attempts.intended_start_ns >= self._start_ns
        measured = attempts if in_time.all() else attempts.take(in_time)
        self._clients.add(measured)
        for seen, positions in zip(self._seen, groups(measured.operation, len(self._seen)), strict=True):
            if len(positions):
                seen.add(measured.take(positions))

    def summaries(self) -> list[OperationSummary]:
        """One per operation, in the order of `operations`; one that was never asked has a count of 0."""
        finished, good = self._clients.rates()
        busy_ns = max(sum(seen.busy_ns for seen in self._seen), 1)
        return [
            seen.summary(
                throughput_per_s=float(finished[code]),
                goodput_per_s=float(good[code]),
                busy_ratio=seen.busy_ns / busy_ns,
            )
            for code, seen in enumerate(self._seen)
        ]


def nothing_measured(summaries: Sequence[OperationSummary]) -> tuple[str, ...]:
    """The operations of which no attempt succeeded: a cell that has one is failed, not fast."""
    return tuple(summary.operation for summary in summaries if Doubt.NOTHING_MEASURED in summary.warnings)


# ---- parts ------------------------------------------------------------------------------------------------------


class _Clients:
    """What each client finished, and until when it was observed."""

    def __init__(self, operations: int, *, start_ns: int, end_ns: int) -> None:
        self._start_ns = start_ns
        self._end_ns = max(end_ns, start_ns + 1)
        self._until_ns = np.zeros(0, dtype=np.int64)
        self._finished, self._good = (np.zeros((operations, 0), dtype=np.int64) for _ in range(2))

    def add(self, attempts: Attempts) -> None:
        if not len(attempts):
            return
        self._widen(int(attempts.client.max()) + 1)
        np.maximum.at(self._until_ns, attempts.client, attempts.end_ns)
        self._finished += self._counted(attempts.operation, attempts.client)
        good = attempts.status == OK
        self._good += self._counted(attempts.operation[good], attempts.client[good])

    def rates(self) -> tuple[np.ndarray, np.ndarray]:
        """(throughput, goodput) per s, each of shape (operations,)."""
        observed_s = (self._until_ns - self._start_ns) / NS_PER_S
        return (self._finished / observed_s).sum(axis=1), (self._good / observed_s).sum(axis=1)

    def _counted(self, operation: np.ndarray, client: np.ndarray) -> np.ndarray:
        operations, clients = self._finished.shape
        cells = operation.astype(np.int64) * clients + client
        return np.bincount(cells, minlength=operations * clients).reshape(operations, clients)

    def _widen(self, clients: int) -> None:
        more = clients - len(self._until_ns)
        if more > 0:
            self._until_ns = np.pad(self._until_ns, (0, more), constant_values=self._end_ns)
            self._finished, self._good = (
                np.pad(counts, ((0, 0), (0, more))) for counts in (self._finished, self._good)
            )


class _Seen:
    """What was seen of one operation so far."""

    def __init__(
        self, name: str, *, interval_ns: tuple[int, int], arriving: Arriving | None, dropped: int, exact: bool
    ) -> None:
        self.name = name
        self.busy_ns = 0
        self._arriving = arriving
        self._dropped = dropped
        self._count = self._aborted = self._late = self._rows = 0
        self._service, self._response, self._schedule, self._harness = (Times(exact=exact) for _ in range(4))
        self._slices = Slices(from_ns=interval_ns[0], to_ns=interval_ns[1])

    def add(self, mine: Attempts) -> None:
        ok = mine.take(mine.status == OK)
        service_ns = felt_ns = ok.end_ns - ok.start_ns
        if self._arriving:
            felt_ns = ok.end_ns - ok.intended_start_ns
            self._response.add(felt_ns)
            self._add_lags(mine, self._arriving.late_ns)
        self._service.add(service_ns)
        self._slices.add(ok.intended_start_ns, felt_ns)
        self._count += len(mine)
        self._aborted += int(np.count_nonzero(mine.status == ABORTED))
        self._rows += int(ok.rows.sum())
        self.busy_ns += int((mine.end_ns - mine.start_ns).sum())

    def _add_lags(self, mine: Attempts, late_ns: int) -> None:
        """Of first attempts, whatever became of them; a retry starts late because of the attempt before it."""
        if mine.attempt is None or mine.ready_ns is None:
            return
        first = mine.attempt == 0
        schedule_ns = (mine.start_ns - mine.intended_start_ns)[first]
        self._schedule.add(schedule_ns)
        self._harness.add((mine.start_ns - mine.ready_ns)[first])
        self._late += int(np.count_nonzero(schedule_ns >= late_ns))

    def summary(self, *, throughput_per_s: float, goodput_per_s: float, busy_ratio: float) -> OperationSummary:
        succeeded = len(self._service)
        errors = self._count - succeeded - self._aborted
        service_time = self._service.distribution()
        response_time = self._response.distribution() if self._arriving else None
        harness_lag = Lag.of(self._harness)
        doubts = (
            *_doubts(service_time, succeeded=succeeded, errors=errors, aborted=self._aborted),
            *_doubts_of_steadiness(self._slices.steadiness()),
            *_doubts_of_arrivals(self._dropped, harness_lag, response_time),
        )
        return OperationSummary(
            operation=self.name,
            count=self._count,
            errors=errors,
            aborted=self._aborted,
            late=self._late,
            dropped=self._dropped,
            throughput_per_s=throughput_per_s,
            goodput_per_s=goodput_per_s,
            service_time=service_time,
            response_time=response_time,
            schedule_lag=Lag.of(self._schedule),
            harness_lag=harness_lag,
            rows=self._rows,
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


def _doubts_of_steadiness(found: Steadiness | None) -> Iterator[Doubt]:
    if found is not None and not found.steady:
        yield Doubt.NOT_STEADY


def _doubts_of_arrivals(dropped: int, harness: Lag, response_time: Distribution | None) -> Iterator[Doubt]:
    if dropped:
        yield Doubt.DROPPED
    typical_ns = (response_time.p50_ns if response_time else None) or 0
    if harness.p99_ns is not None and harness.p99_ns > max(HARNESS_LAG_NS, HARNESS_LAG_RATIO * typical_ns):
        yield Doubt.LATE_HARNESS
