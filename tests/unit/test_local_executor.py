"""Worker processes: real ones, around an engine of known behaviour."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from known_backend import KnownBackend, wait_until

from bench.drive import Assignment, Window
from bench.errors import RunError
from bench.executors.local import CANCEL, Batch, Finished, LocalExecutor
from bench.load import ClosedLoop
from bench.model import Namespace, RenderedOperation, Statement
from bench.sampling import Uniform
from bench.workload import Operation, Workload


def assignment(backend, load):
    return Assignment(
        backend=backend,
        namespace=Namespace(schema="s"),
        operations=(RenderedOperation(name="a", statements=(Statement(sql="select $1", parameters=("x",)),)),),
        workload=Workload(
            name="w", operations=(Operation(name="a", template="t", params={"x": Uniform(low=1, high=9)}),)
        ),
        load=load,
        seed=1,
        clients=tuple(range(load.clients)),
    )


def test_every_client_of_every_process_is_heard_and_all_lie_on_one_clock():
    load = ClosedLoop(name="l", clients=3, processes=2, duration_s=1.0)
    before_ns = time.monotonic_ns()
    with LocalExecutor(2) as executor:
        executor.assign(assignment(KnownBackend(service_s=0.01), load))
        window, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        received = [message for message in messages if message is not None]
    batches = [message for message in received if isinstance(message, Batch)]
    finished = [message.facts for message in received if isinstance(message, Finished)]
    assert {client for batch in batches for client in batch.chunk.samples()["client"].tolist()} == {0, 1, 2}
    assert sorted(facts.clients for facts in finished) == [1, 2]
    # Each process of this engine counts its sessions from 0.
    assert sorted(message.session_numbers for message in received if isinstance(message, Finished)) == [
        ("0",),
        ("0", "1"),
    ]
    assert all(facts.cpu_s > 0 and facts.rss_bytes > 10**7 for facts in finished)
    starts = [int(start) for batch in batches for start in batch.chunk.samples()["start_ns"]]
    assert before_ns < window.start_ns <= min(starts)
    assert max(starts) <= time.monotonic_ns()
    assert len(starts) >= 60, "samples are missing"


def test_a_worker_that_cannot_open_its_backend_says_why():
    with LocalExecutor(1) as executor, pytest.raises(RunError, match="RuntimeError: no such engine"):
        executor.assign(assignment(KnownBackend(die_on_open="no such engine"), ClosedLoop(name="l")))


def test_a_client_that_cannot_go_on_ends_the_load_and_every_sample_is_there():
    load = ClosedLoop(name="l", clients=2, duration_s=60)
    backend = KnownBackend(service_s=0.01, fail_call=20, faulty_driver=True)
    received = []
    with LocalExecutor(1) as executor:
        executor.assign(assignment(backend, load))
        _, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        with pytest.raises(RunError, match="could not go on: TypeError: a mistake in the driver"):
            received.extend(messages)
    samples = [len(message.chunk.samples()) for message in received if isinstance(message, Batch)]
    assert 30 <= sum(samples) <= 2 * 19


def test_a_worker_that_is_killed_is_reported_and_what_it_sent_is_there():
    load = ClosedLoop(name="l", clients=1, duration_s=60)
    with LocalExecutor(1) as executor:
        executor.assign(assignment(KnownBackend(service_s=0.01), load))
        _, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        first = next(message for message in messages if isinstance(message, Batch))
        for child in psutil.Process().children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
        with pytest.raises(RunError, match="ended unexpectedly"):
            list(messages)
    assert len(first.chunk.samples()) > 0


def test_what_the_other_workers_measured_comes_before_the_failure_of_one():
    load = ClosedLoop(name="l", clients=2, processes=2, duration_s=60)
    received = []
    with LocalExecutor(2) as executor:
        executor.assign(assignment(KnownBackend(service_s=0.01), load))
        _, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        received.append(next(message for message in messages if isinstance(message, Batch)))
        executor._workers[0][0].kill()
        with pytest.raises(RunError, match="worker 0 ended unexpectedly"):
            received.extend(messages)
    assert [message.facts.clients for message in received if isinstance(message, Finished)] == [1]


def test_a_cancelled_load_ends_soon_and_hands_over_its_samples():
    load = ClosedLoop(name="l", clients=2, duration_s=60)
    with LocalExecutor(1) as executor:
        executor.assign(assignment(KnownBackend(service_s=0.02), load))
        _, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        next(message for message in messages if isinstance(message, Batch))
        executor.stop(CANCEL)
        began = time.monotonic()
        rest = list(messages)
    assert time.monotonic() - began < 5
    assert isinstance(rest[-1], Finished)


def test_an_operation_in_flight_at_the_end_is_awaited_no_longer_than_drain_s():
    load = ClosedLoop(name="l", clients=1, duration_s=0.2, drain_s=0.3)
    with LocalExecutor(1) as executor:
        executor.assign(assignment(KnownBackend(service_s=120), load))
        _, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        began = time.monotonic()
        samples = [row for message in messages if isinstance(message, Batch) for row in message.chunk.samples()]
    assert time.monotonic() - began < 10
    assert len(samples) == 1


def test_drain_s_bounds_what_is_in_flight_at_the_limit_of_iterations_too():
    load = ClosedLoop(name="l", clients=1, duration_s=0.1, iterations=5, max_duration_s=0.2, drain_s=0.3)
    with LocalExecutor(1) as executor:
        executor.assign(assignment(KnownBackend(service_s=120), load))
        _, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        began = time.monotonic()
        assert isinstance(list(messages)[-1], Finished)
    assert time.monotonic() - began < 10


def test_the_first_operation_starts_with_the_window_however_much_is_drawn_before():
    load = ClosedLoop(name="l", clients=20, duration_s=0.3)
    params = {"x": Uniform(low=1, high=9)} | {f"p{number}": Uniform(low=1, high=9) for number in range(40)}
    workload = Workload(name="w", operations=(Operation(name="a", template="t", params=params),))
    with LocalExecutor(1) as executor:
        executor.assign(replace(assignment(KnownBackend(service_s=0.1), load), workload=workload))
        window, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        batches = [message.chunk.samples() for message in messages if isinstance(message, Batch)]
    first = min(int(table["start_ns"].min()) for table in batches)
    assert (first - window.start_ns) / 1e9 < 0.1


def test_workers_are_gone_after_kill_9_of_their_coordinator(tmp_path):
    script = tmp_path / "coordinator.py"
    script.write_text(
        textwrap.dedent("""
        import sys, time
        from test_local_executor import assignment
        from known_backend import KnownBackend
        from bench.executors.local import LocalExecutor
        from bench.load import ClosedLoop
        from bench.drive import Window

        if __name__ == "__main__":
            load = ClosedLoop(name="l", clients=1, duration_s=600)
            with LocalExecutor(1) as executor:
                executor.assign(assignment(KnownBackend(service_s=0.01), load))
                executor.drive(lambda start_ns: Window.of(load, start_ns))
                print(executor._workers[0][0].pid, flush=True)
                time.sleep(600)
        """)
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    worker = int(process.stdout.readline())
    assert psutil.pid_exists(worker)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    wait_until(lambda: not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE)
