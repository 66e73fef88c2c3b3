"""SIGTERM and a closed terminal, as `kill`, a CI service or a lost connection send them."""

import signal

import pytest
from command import UNHURRIED, only_run, start
from known_backend import wait_until

from bench.results import open_run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_was_measured_is_kept_and_nothing_is_left_running(tmp_path, home, number):
    words = (
        "backend=duckdb",
        "dataset=tiny",
        "workload=points",
        "load.duration_s=60",
        "load.warm_up_s=0",
        "load.clients=1",
        UNHURRIED,
    )
    process = start(*words, home=home, cwd=tmp_path)
    wait_until(lambda: list(tmp_path.glob("outputs/*/*/samples/part-*.parquet")), seconds=60)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 130
    run = open_run(only_run(tmp_path))
    assert run.status.value == "interrupted"
    assert run.has("summary")
