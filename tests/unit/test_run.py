"""The hot loop against engines of known behaviour."""

import threading
import time
from collections import Counter

import numpy as np
import pytest
from known_backend import KnownBackend

from bench.backends.null import NullBackend
from bench.drive import NS_PER_S, Assignment, Crew, Window
from bench.load import ClosedLoop
from bench.model import ErrorClass, Namespace, RenderedOperation, Statement
from bench.record import STATUSES
from bench.sampling import Uniform
from bench.workload import Operation, Workload

SELECT = Statement(sql="select $1", parameters=("x",))


def one_operation(**options):
    operation = Operation(name="a", template="t", params={"x": Uniform(low=1, high=9)}, **options)
    rendered = RenderedOperation(
        name="a",
        statements=(SELECT,),
        transactional=operation.transactional,
        isolation=operation.isolation,
        timeout_s=operation.timeout_s,
        retries=operation.retries,
    )
    return Workload(name="w", operations=(operation,)), (rendered,)


def drive(backend, load, workload, rendered, *, stop_after_s=None):
    """Run it in this process; gives the crew, its window and the samples."""
    assignment = Assignment(
        backend=backend,
        namespace=Namespace(schema="s"),
        operations=rendered,
        workload=workload,
        load=load,
        seed=1,
        clients=tuple(range(load.clients)),
    )
    crew = Crew(assignment, backend.open(assignment.namespace))
    window = Window.of(load, time.monotonic_ns())
    crew.start(window)
    if stop_after_s:
        threading.Timer(stop_after_s, crew.stop).start()
    while crew.busy:
        time.sleep(0.01)
    crew.close()
    chunks = list(crew.outbox)
    return crew, window, np.concatenate([chunk.samples() for chunk in chunks])


def test_a_closed_loop_of_known_service_time_gives_the_known_rate():
    load = ClosedLoop(name="l", clients=4, duration_s=1.0)
    workload, rendered = one_operation()
    _, window, samples = drive(KnownBackend(service_s=0.02), load, workload, rendered)
    service_ms = (samples["end_ns"] - samples["start_ns"]) / 1e6
    assert service_ms.min() >= 20
    assert np.median(service_ms) < 30
    assert Counter(samples["client"].tolist()).keys() == {0, 1, 2, 3}
    assert 100 <= len(service_ms) <= 204
    assert samples["intended_start_ns"].max() < window.end_ns
    assert set(samples["rows"].tolist()) == {1}


def test_think_time_passes_between_operations():
    load = ClosedLoop(name="l", clients=1, duration_s=0.5, think_time_s=0.05)
    workload, rendered = one_operation()
    _, _, samples = drive(KnownBackend(), load, workload, rendered)
    gaps = (samples["start_ns"][1:] - samples["end_ns"][:-1]) / 1e6
    assert gaps.min() >= 50
    assert (samples["start_ns"] >= samples["intended_start_ns"]).all()


def test_iterations_are_done_even_when_the_time_is_over():
    load = ClosedLoop(name="l", clients=2, duration_s=0.01, iterations=7)
    workload, rendered = one_operation()
    _, window, samples = drive(KnownBackend(service_s=0.01), load, workload, rendered)
    assert Counter(samples["client"].tolist()) == {0: 7, 1: 7}
    assert samples["end_ns"].max() > window.end_ns


def test_max_duration_bounds_iterations():
    load = ClosedLoop(name="l", clients=1, duration_s=0.1, iterations=1_000, max_duration_s=0.2)
    workload, rendered = one_operation()
    _, _, samples = drive(KnownBackend(service_s=0.02), load, workload, rendered)
    assert 5 <= len(samples["rows"]) <= 11


def test_warm_up_samples_are_kept_and_lie_before_the_measurement():
    load = ClosedLoop(name="l", clients=1, warm_up_s=0.1, duration_s=0.1)
    workload, rendered = one_operation()
    _, window, samples = drive(KnownBackend(service_s=0.01), load, workload, rendered)
    warm = samples["intended_start_ns"] < window.measure_ns
    assert warm.any()
    assert not warm.all()


def test_a_conflict_is_retried_as_declared_and_each_attempt_is_a_sample():
    load = ClosedLoop(name="l", clients=1, duration_s=0, iterations=1)
    workload, rendered = one_operation(retries=3, transactional=True, isolation="serializable")
    crew, _, samples = drive(KnownBackend(fail_first=2), load, workload, rendered)
    assert samples["attempt"].tolist() == [0, 1, 2]
    assert [STATUSES[code] for code in samples["status"]] == ["aborted", "aborted", "ok"]
    assert len(set(samples["intended_start_ns"].tolist())) == 1
    assert crew.clients[0].session.log[:5] == ["begin serializable", "rollback"] * 2 + ["begin serializable"]
    (known,) = crew.clients[0].errors.known
    assert (known.error_class, known.sqlstate, known.messages) == (
        ErrorClass.RETRYABLE,
        "40001",
        ["failure 1", "failure 2"],
    )


def test_without_retries_a_conflict_is_one_aborted_sample():
    load = ClosedLoop(name="l", clients=1, duration_s=0, iterations=1)
    workload, rendered = one_operation()
    _, _, samples = drive(KnownBackend(fail_first=1), load, workload, rendered)
    assert [STATUSES[code] for code in samples["status"]] == ["aborted"]


def test_an_attempt_over_its_time_is_cancelled_and_counted():
    load = ClosedLoop(name="l", clients=1, duration_s=0, iterations=2)
    workload, rendered = one_operation(timeout_s=0.1)
    _, _, samples = drive(KnownBackend(service_s=30), load, workload, rendered)
    assert [STATUSES[code] for code in samples["status"]] == ["timeout", "timeout"]
    assert ((samples["end_ns"] - samples["start_ns"]) / 1e6).max() < 1_000


def test_a_cancel_that_comes_late_does_not_hit_the_next_attempt():
    load = ClosedLoop(name="l", clients=1, duration_s=0, iterations=3)
    workload, rendered = one_operation(timeout_s=0.1)
    _, _, samples = drive(KnownBackend(service_s=0.15, cancel_s=0.1), load, workload, rendered)
    assert [STATUSES[code] for code in samples["status"]] == ["ok", "ok", "ok"]


def test_a_cancel_that_stalls_keeps_no_other_client_waiting():
    load = ClosedLoop(name="l", clients=3, duration_s=0, iterations=1)
    workload, rendered = one_operation(timeout_s=0.1)
    _, _, samples = drive(KnownBackend(service_s=30, cancel_s=1.0), load, workload, rendered)
    assert [STATUSES[code] for code in samples["status"]] == ["timeout"] * 3
    one_after_the_other_s = 3.0
    assert (samples["end_ns"] - samples["start_ns"]).max() < one_after_the_other_s * 0.8 * NS_PER_S


def test_the_watch_over_clients_that_think_starts_no_threads(monkeypatch):
    started = []
    thread = threading.Thread

    def counted(*args, **options):
        started.append(options.get("name"))
        return thread(*args, **options)

    monkeypatch.setattr("bench.drive.threads.threading.Thread", counted)
    load = ClosedLoop(name="l", clients=3, duration_s=0.5, think_time_s=0.3)
    workload, rendered = one_operation(timeout_s=0.05)
    _, _, samples = drive(KnownBackend(), load, workload, rendered)
    assert set(samples["status"].tolist()) == {STATUSES.index("ok")}
    assert "cancel" not in started


def test_a_cancel_that_fails_is_sent_again_and_ends_no_watch():
    load = ClosedLoop(name="l", clients=1, duration_s=0, iterations=2)
    workload, rendered = one_operation(timeout_s=0.1)
    _, _, samples = drive(KnownBackend(service_s=30, fail_cancels=1), load, workload, rendered)
    assert [STATUSES[code] for code in samples["status"]] == ["timeout", "timeout"]
    assert ((samples["end_ns"] - samples["start_ns"]) / 1e6).max() < 2_000


def test_a_client_whose_connection_dies_goes_on_with_a_new_one():
    load = ClosedLoop(name="l", clients=1, duration_s=0.3)
    workload, rendered = one_operation()
    backend = KnownBackend(service_s=0.005, fail_first=1, fail_as="disconnected")
    crew, _, samples = drive(backend, load, workload, rendered)
    statuses = Counter(STATUSES[code] for code in samples["status"])
    assert statuses["error"] >= 2, "each new session fails once in this engine"
    assert crew.clients[0].errors.known[0].error_class is ErrorClass.DISCONNECTED
    known = [int(number) for number in crew.session_numbers]
    assert known == list(range(len(known)))
    assert statuses["error"] <= len(known) <= statuses["error"] + 1, (
        "the last one may have come too late to be replaced"
    )


@pytest.mark.parametrize("load", [{"duration_s": 0.3}, {"duration_s": 0, "iterations": 5, "drain_s": 0.3}])
def test_a_client_whose_engine_is_gone_for_good_ends_with_the_load(load):
    workload, rendered = one_operation()
    backend = KnownBackend(fail_first=10_000, fail_as="disconnected", sessions=1)
    began = time.monotonic()
    crew, _, samples = drive(backend, ClosedLoop(name="l", clients=1, **load), workload, rendered)
    assert time.monotonic() - began < 2
    assert {STATUSES[code] for code in samples["status"]} == {"error"}
    assert any("reconnect: the engine is gone" in error.messages for error in crew.clients[0].errors.known)


@pytest.mark.parametrize("think_time_s", [0.0, 0.0001])
def test_a_mistake_is_told_with_the_number_of_the_client_that_met_it(think_time_s):
    class Running(Uniform):
        def draw(self, rng, size, *, position, lane, **_):
            if position and lane == 1:
                raise RuntimeError("out of values")
            return [1] * size

    operation = Operation(name="a", template="t", params={"x": Running(low=1, high=9)})
    load = ClosedLoop(name="l", clients=3, duration_s=30, think_time_s=think_time_s)
    _, rendered = one_operation()
    crew, _, _ = drive(NullBackend(nonblocking=True), load, Workload(name="w", operations=(operation,)), rendered)
    assert crew.loop == "readiness"
    assert [(who, str(error)) for who, error in crew.failures] == [("client 1", "out of values")]


def test_a_stopped_crew_ends_after_the_operation_under_way():
    load = ClosedLoop(name="l", clients=2, duration_s=60)
    workload, rendered = one_operation()
    backend = KnownBackend(service_s=0.05)
    assignment = Assignment(
        backend=backend,
        namespace=Namespace(schema="s"),
        operations=rendered,
        workload=workload,
        load=load,
        seed=1,
        clients=(0, 1),
    )
    crew = Crew(assignment, backend.open(assignment.namespace))
    crew.start(Window.of(load, time.monotonic_ns()))
    time.sleep(0.2)
    began = time.monotonic_ns()
    crew.stop()
    while crew.busy:
        time.sleep(0.01)
    crew.close()
    assert (time.monotonic_ns() - began) / NS_PER_S < 1
    assert sum(len(chunk.samples()) for chunk in crew.outbox) >= 4
