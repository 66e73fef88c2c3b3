"""Closed and open loops against a load of known arrivals, in both loops of the harness."""

import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from known_backend import KnownBackend
from test_run import drive, one_operation

from bench.backends.null import NullBackend
from bench.drive import NS_PER_S, Window
from bench.drive.turns import OWN_ORDER, ClosedTurns, OpenTurns
from bench.load import ClosedLoop
from bench.load.closed import ThinkTime
from bench.model import Phase


@dataclass(frozen=True)
class Listed:
    starts_ns: list[int]
    max_lag_ns: int = 0
    operation: int = OWN_ORDER

    def __iter__(self):
        return iter([(start, self.operation) for start in self.starts_ns])


@dataclass(frozen=True, kw_only=True)
class Every(ClosedLoop):
    """Arrivals at equal distances, shared out among the processes."""

    gap_s: float = 0.01
    max_lag_s: float = 0.0
    asked: list[tuple[int, int]] = field(default_factory=list)

    def arrivals(self, share):
        process, processes, start_ns = share.process, share.processes, share.start_ns
        self.asked.append((process, processes))
        count = int((self.warm_up_s + self.duration_s) / self.gap_s) + 50
        starts = [start_ns + int(number * self.gap_s * NS_PER_S) for number in range(process, count, processes)]
        return Listed(starts, int(self.max_lag_s * NS_PER_S))


def window(**parts):
    return Window(**{"start_ns": 0, "measure_ns": 100, "end_ns": 1_000, "limit_ns": 2_000} | parts)


def test_arrivals_come_in_their_order_until_the_end():
    turns = OpenTurns(Listed([0, 10, 999, 1_000, 1_001]), window())
    assert [turns.take(5), turns.take(5), turns.take(5)] == [(0, OWN_ORDER), (10, OWN_ORDER), (999, OWN_ORDER)]
    assert turns.take(5) is None
    assert not turns.dropped


def test_an_arrival_that_nobody_could_start_in_time_is_dropped_and_counted_by_phase_and_operation():
    turns = OpenTurns(Listed([50, 150, 160, 400], max_lag_ns=100, operation=2), window())
    assert turns.take(300) == (400, 2)
    assert turns.dropped == {(Phase.WARM_UP, 2): 1, (Phase.MEASUREMENT, 2): 2}


def test_what_is_left_when_the_load_is_given_up_is_dropped():
    turns = OpenTurns(Listed([50, 150, 160, 1_400]), window())
    turns.take(0)
    turns.give_up()
    assert turns.dropped == {(Phase.MEASUREMENT, OWN_ORDER): 2}
    assert turns.take(0) is None


@pytest.mark.parametrize(("think_time_ns", "iterations", "until_ns"), [(0, 0, 1_000), (1, 0, 0), (0, 3, 0)])
def test_a_client_need_not_ask_where_the_window_alone_decides(think_time_ns, iterations, until_ns):
    turns = ClosedTurns(ThinkTime(think_time_ns=think_time_ns), window(), iterations)
    assert turns.prompt_until_ns == until_ns
    assert turns.take(998) is not None
    assert (turns.take(1_000) is None) == (not iterations)
    assert OpenTurns(Listed([0]), window()).prompt_until_ns == 0


BOTH = [KnownBackend(service_s=0.0005), NullBackend(nonblocking=True)]
"""The first waits a little, since a thread that never does may leave the interpreter to no other for a long time."""


@pytest.mark.parametrize("backend", BOTH, ids=["threads", "readiness"])
@pytest.mark.parametrize("warm_up_s", [0.0, 0.1])
def test_without_think_time_an_operation_is_meant_to_start_when_its_client_is_free(backend, warm_up_s):
    load = ClosedLoop(name="l", clients=2, warm_up_s=warm_up_s, duration_s=0.2)
    workload, rendered = one_operation()
    crew, window, samples = drive(backend, load, workload, rendered)
    for client in crew.clients:
        ours = samples[samples["client"] == client.number]
        assert ours["intended_start_ns"][0] == window.start_ns
        assert (ours["intended_start_ns"][1:] == ours["end_ns"][:-1]).all()
        assert ours["intended_start_ns"][-1] < window.end_ns <= ours["end_ns"][-1]
        assert client.phase is Phase.MEASUREMENT


@pytest.mark.alone  # beside other tests a core may not be free when an arrival is due
@pytest.mark.parametrize("backend", BOTH, ids=["threads", "readiness"])
@pytest.mark.parametrize("pace", ["sleep", "spin"])
def test_a_free_client_starts_an_arrival_when_it_is_due(backend, pace):
    load = Every(name="l", clients=3, duration_s=1.0, gap_s=0.005, pace=pace)
    workload, rendered = one_operation()
    crew, window, samples = drive(backend, load, workload, rendered)
    assert load.asked == [(0, 1)]
    assert len(samples) == 200
    due = window.start_ns + np.arange(200) * 5_000_000
    assert (np.sort(samples["intended_start_ns"]) == due).all()
    assert (samples["start_ns"] >= samples["intended_start_ns"]).all()
    assert (samples["ready_ns"] == samples["intended_start_ns"]).mean() > 0.9, "a client was free"
    # The bound of a benchmark would be a millisecond; here only that nobody sleeps through.
    assert np.median(samples["start_ns"] - samples["ready_ns"]) < 5_000_000
    assert not crew.dropped


@pytest.mark.parametrize("backend", [KnownBackend(service_s=0.05)], ids=["threads"])
def test_busy_clients_are_told_from_a_late_harness(backend):
    load = Every(name="l", clients=1, duration_s=1.0, gap_s=0.02, drain_s=5)
    workload, rendered = one_operation()
    crew, window, samples = drive(backend, load, workload, rendered)
    assert len(samples) == 50, "all arrivals of the interval are served, however late"
    waited_s = (samples["ready_ns"] - samples["intended_start_ns"]) / 1e9
    harness_s = (samples["start_ns"] - samples["ready_ns"]) / 1e9
    assert waited_s.max() > 1.0
    assert np.median(harness_s) < 0.005
    assert samples["end_ns"].max() > window.end_ns
    assert not crew.dropped


def test_a_queue_that_is_too_long_is_cut_and_counted():
    load = Every(name="l", clients=1, duration_s=1.0, gap_s=0.02, max_lag_s=0.1)
    workload, rendered = one_operation()
    crew, _, samples = drive(KnownBackend(service_s=0.05), load, workload, rendered)
    lag_s = (samples["ready_ns"] - samples["intended_start_ns"]) / 1e9
    assert lag_s.max() <= 0.1
    assert crew.dropped[Phase.MEASUREMENT, OWN_ORDER] + len(samples) == 50
    assert len(samples) < 35


def test_a_stopped_open_loop_counts_nothing_that_would_have_come_later():
    load = Every(name="l", clients=2, duration_s=60, gap_s=0.01)
    workload, rendered = one_operation()
    began = time.monotonic()
    crew, _, samples = drive(NullBackend(nonblocking=True), load, workload, rendered, stop_after_s=0.3)
    assert time.monotonic() - began < 5
    come = Counter(crew.dropped).total() + len(samples)
    assert 30 <= come <= (time.monotonic() - began) * 100 + load.clients
