"""Open loops against engines of known behaviour: whom a stall delays, and what becomes of each arrival."""

import threading
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from known_backend import KnownBackend, KnownDatabase, KnownSession, wait_until

from bench.drive import Assignment, Crew, Window
from bench.load import LoadPhase, OpenLoop, Phases, Share, Stream, Streams
from bench.model import Namespace, Phase, RenderedOperation, Statement
from bench.workload import Operation, Workload

NAMES = ("a", "b")
STATEMENT = Statement(sql="select 1", parameters=())
STALL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class StallingBackend(KnownBackend):
    """Answers at once, but for one second in which nobody is answered."""

    stall_after_s: float = 0.5

    def open(self, namespace):
        return StallingDatabase(self)


class StallingDatabase(KnownDatabase):
    def __init__(self, backend):
        super().__init__(backend)
        self.first_call = threading.Event()
        self.stall_from_s = 0.0

    def session(self):
        return StallingSession(self.backend, self)


class StallingSession(KnownSession):
    def __init__(self, backend, database):
        super().__init__(backend)
        self.database = database

    def prepare(self, statement):
        call = super().prepare(statement)

        def stalling(values):
            database = self.database
            now_s = time.monotonic()
            if not database.first_call.is_set():
                database.stall_from_s = now_s + self.backend.stall_after_s
                database.first_call.set()
            left_s = database.stall_from_s + STALL_S - now_s
            if now_s >= database.stall_from_s and left_s > 0:
                time.sleep(left_s)
            return call(values)

        return stalling


def assignment_of(backend, load, **options):
    operations = tuple(Operation(name=name, template="t", **options) for name in NAMES)
    return Assignment(
        backend=backend,
        namespace=Namespace(schema="s"),
        operations=tuple(RenderedOperation(name=name, statements=(STATEMENT,)) for name in NAMES),
        workload=Workload(name="w", operations=operations),
        load=load,
        seed=1,
        clients=tuple(range(load.clients)),
    )


def drive(backend, load, meanwhile=None):
    """Run it in this process; gives the crew, its window, the samples and the arrivals that there were to be."""
    assignment = assignment_of(backend, load)
    crew = Crew(assignment, backend.open(assignment.namespace))
    window = Window.of(load, time.monotonic_ns() + 10_000_000)
    crew.start(window)
    if meanwhile:
        meanwhile(crew)
    wait_until(lambda: not crew.busy, 60)
    crew.close()
    share = Share(process=0, processes=1, start_ns=window.start_ns, seed=1, workload=assignment.workload)
    samples = np.concatenate([chunk.samples() for chunk in crew.outbox])
    assert not crew.failures
    return crew, window, samples, list(load.arrivals(share))


def test_a_stall_shows_in_the_response_time_of_every_arrival_that_it_delayed_and_once_in_the_service_time():
    load = OpenLoop(name="l", clients=1, rate_per_s=200.0, arrival_process="uniform", duration_s=3.0)
    _, _, samples, arrivals = drive(StallingBackend(), load)
    assert len(samples) == len(arrivals) == 600
    service_s = (samples["end_ns"] - samples["start_ns"]) / 1e9
    stalled = int(np.argmax(service_s))
    assert service_s[stalled] > 0.9
    assert np.sum(service_s > 0.5) == 1, "one client stands in the stall once"
    end_ns = samples["end_ns"][stalled]
    intended_ns = np.sort(samples["intended_start_ns"])
    delayed = (intended_ns >= samples["intended_start_ns"][stalled]) & (intended_ns < end_ns)
    response_s = (samples["end_ns"] - samples["intended_start_ns"])[np.argsort(samples["intended_start_ns"])] / 1e9
    assert delayed.sum() > 180
    # Each waits at least until the stall is over; the queue behind it is worked off in little more.
    assert np.all(response_s[delayed] >= (end_ns - intended_ns[delayed]) / 1e9 - 1e-9)
    assert np.median(response_s[delayed]) == pytest.approx(0.5, abs=0.15)
    lag_s = (samples["start_ns"] - samples["ready_ns"]) / 1e9
    assert np.median(lag_s) < 0.005, "the stall is not the lag of the harness"


def test_every_arrival_is_started_once_with_the_operation_that_belongs_to_it():
    load = OpenLoop(name="l", clients=4, rate_per_s=400.0, warm_up_s=0.5, duration_s=1.0)
    crew, _, samples, arrivals = drive(KnownBackend(service_s=0.001), load)
    taken = sorted(zip(samples["intended_start_ns"].tolist(), samples["operation"].tolist(), strict=True))
    assert taken == sorted(arrivals)
    assert crew.dropped == Counter()
    assert np.all(samples["start_ns"] >= samples["intended_start_ns"])


@pytest.mark.parametrize("max_lag_s", [0.05, 0.3])
def test_what_nobody_could_start_in_time_is_dropped_and_counted(max_lag_s):
    # Two clients at 20 ms each do 100 per s of the 300 that arrive.
    load = OpenLoop(name="l", clients=2, rate_per_s=300.0, warm_up_s=0.5, duration_s=1.5, max_lag_s=max_lag_s)
    crew, window, samples, arrivals = drive(KnownBackend(service_s=0.02), load)
    dropped = crew.dropped
    assert len(arrivals) == len(samples) + dropped.total()
    assert dropped.total() > len(arrivals) / 3
    for position in range(len(NAMES)):
        come = Counter(
            Phase.MEASUREMENT if at >= window.measure_ns else Phase.WARM_UP for at, of in arrivals if of == position
        )
        started = samples[samples["operation"] == position]["intended_start_ns"]
        for phase in Phase:
            measured = (started >= window.measure_ns) == (phase is Phase.MEASUREMENT)
            assert come[phase] == int(measured.sum()) + dropped[phase, position]
    # Asked when it is free, a client starts nothing that is too late already.
    assert ((samples["ready_ns"] - samples["intended_start_ns"]) / 1e9).max() <= max_lag_s


def test_what_waits_at_the_end_is_worked_off_and_what_the_drain_does_not_reach_is_dropped():
    load = OpenLoop(name="l", clients=1, rate_per_s=100.0, duration_s=1.0)
    crew, window, samples, arrivals = drive(KnownBackend(service_s=0.02), load)
    assert len(samples) == len(arrivals)
    assert samples["start_ns"].max() > window.end_ns
    assert crew.dropped.total() == 0

    def end_early(crew):
        time.sleep(1.2)
        crew.cancel()

    crew, window, samples, arrivals = drive(KnownBackend(service_s=0.02), load, end_early)
    assert len(samples) + crew.dropped.total() == len(arrivals)
    assert crew.dropped.total() > 20


def test_what_would_have_come_after_the_load_was_ended_is_not_dropped():
    load = OpenLoop(name="l", clients=2, rate_per_s=50.0, arrival_process="uniform", duration_s=60.0)

    def end_early(crew):
        time.sleep(0.5)
        crew.stop()

    crew, _, samples, _ = drive(KnownBackend(), load, end_early)
    assert len(samples) < 100
    assert crew.dropped.total() <= 2, "no more than what the two clients waited for"


def test_phases_are_driven_as_they_are_laid_out():
    steps = ({"duration_s": 0.5, "rate_per_s": 100.0}, {"duration_s": 0.5, "rate_per_s": 400.0, "mix": {"b": 0.0}})
    load = Phases(name="l", clients=4, phases=tuple(LoadPhase(**step) for step in steps), arrival_process="uniform")
    _, window, samples, _ = drive(KnownBackend(), load)
    second = samples["intended_start_ns"] >= window.start_ns + 500_000_000
    assert (int((~second).sum()), int(second.sum())) == (50, 200)
    assert set(samples["operation"][second].tolist()) == {0}


def test_streams_run_beside_each_other_each_by_its_own_load():
    load = Streams(
        name="l",
        duration_s=1.0,
        streams=(
            Stream(name="clock", clients=3, mix={"a": 1.0}, rate_per_s=200.0, arrival_process="uniform"),
            Stream(name="loop", clients=2, mix={"b": 1.0}),
        ),
    )
    crew, _, samples, arrivals = drive(KnownBackend(service_s=0.01), load)
    by_clock, in_loop = (samples[samples["operation"] == position] for position in (0, 1))
    assert sorted(by_clock["intended_start_ns"].tolist()) == [at for at, _ in arrivals]
    assert len(arrivals) == 200
    assert set(by_clock["client"].tolist()) <= {0, 1, 2}
    assert set(in_loop["client"].tolist()) == {3, 4}
    assert 100 < len(in_loop) <= 200, "two clients at 10 ms each"
    assert crew.dropped.total() == 0
