"""What a run says of its machine. Noise, stolen time and set clocks cannot be had to order, so they are handed in."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from bench.backends.dbapi import DbapiBackend
from bench.backends.duckdb import DuckdbBackend
from bench.backends.postgres import PostgresBackend
from bench.doubt import Doubt
from bench.machine import (
    CALIBRATION_RATIO,
    CLOCK_STEP_NS,
    COARSE_CLOCK_NS,
    CpuTime,
    Interval,
    MachineFacts,
    MachineWatch,
    Reading,
    both_clocks,
    calibrate,
    clock_resolution_ns,
    cpu_time,
    interval_between,
    read,
)

BEFORE = Reading(
    wall_ns=1_700_000_000_000_000_000, monotonic_ns=5_000_000_000, load_average=(0.1, 0.1, 0.1), frequency_mhz=None,
    calibration_ns=5_000_000,
)  # fmt: skip
AFTER = replace(BEFORE, wall_ns=BEFORE.wall_ns + 10**10, monotonic_ns=BEFORE.monotonic_ns + 10**10)
QUIET = Interval(elapsed_s=10.0, cores=2, own_ratio=0.99, other_ratio=0.01, steal_ratio=0.0)
FACTS = MachineFacts(before=BEFORE, after=AFTER, interval=QUIET, clock_resolution_ns=60)


def with_interval(**changes):
    return replace(FACTS, interval=replace(QUIET, **changes))


def with_after(**changes):
    return replace(FACTS, after=replace(AFTER, **changes))


def test_a_busy_engine_of_our_own_is_no_noise():
    assert list(FACTS.doubts()) == []


@pytest.mark.parametrize(
    "facts",
    [
        with_interval(other_ratio=0.11),
        with_interval(steal_ratio=0.06),
        with_after(calibration_ns=int(5_000_000 * CALIBRATION_RATIO) + 1),
        with_after(calibration_ns=int(5_000_000 / CALIBRATION_RATIO) - 1),
    ],
    ids=["others", "steal", "slower", "faster"],
)
def test_a_noisy_machine(facts):
    assert list(facts.doubts()) == [Doubt.MACHINE_NOISY]


@pytest.mark.parametrize(
    "facts",
    [
        with_after(wall_ns=AFTER.wall_ns + CLOCK_STEP_NS + 1),
        with_after(wall_ns=AFTER.wall_ns - CLOCK_STEP_NS - 1),
        replace(FACTS, clock_resolution_ns=COARSE_CLOCK_NS + 1),
    ],
    ids=["set forward", "set back", "coarse"],
)
def test_a_suspicious_clock(facts):
    assert list(facts.doubts()) == [Doubt.CLOCK_SUSPICIOUS]


@pytest.mark.parametrize(
    "facts",
    [
        with_interval(other_ratio=None, steal_ratio=None),
        with_after(calibration_ns=None),
        replace(FACTS, interval=None),
    ],
)
def test_what_cannot_be_told_raises_no_doubt(facts):
    assert list(facts.doubts()) == []


def cpu(at_s, **seconds):
    return CpuTime(
        monotonic_ns=int(at_s * 10**9), **{"own_s": 0.0, "other_s": 0.0, "children_s": 0.0, "steal_s": 0.0} | seconds
    )


def test_shares_are_of_all_cores():
    first, last = cpu(5, other_s=100, own_s=50, steal_s=1), cpu(15, other_s=102, own_s=60, steal_s=2)
    found = interval_between(first, last, cores=2, local_server=False)
    assert found == Interval(elapsed_s=10.0, cores=2, own_ratio=0.5, other_ratio=0.1, steal_ratio=0.05)
    assert interval_between(first, last, cores=2, local_server=True).other_ratio is None
    assert interval_between(first, replace(last, steal_s=None), cores=2, local_server=False).steal_ratio is None
    assert interval_between(first, cpu(5.2), cores=2, local_server=False) is None


def spinning(seconds):
    """A process that uses a core for a while."""
    code = f"import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass"
    return subprocess.Popen([sys.executable, "-c", code])


def test_what_children_use_is_our_own_also_when_they_have_ended():
    first = cpu_time()
    with spinning(0.5) as child:
        time.sleep(0.2)
        middle = cpu_time()
        child.wait()
    last = cpu_time()
    assert first.own_s < middle.own_s < last.own_s
    assert 0.45 < last.own_s - first.own_s < 3


def test_what_a_stranger_uses_is_not_our_own():
    """Its parent has ended, so that it descends from none of us."""
    code = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    first = cpu_time()
    subprocess.run(["sh", "-c", '"$1" -c "$2" &', "sh", sys.executable, code], check=True)
    give_up_at = time.monotonic() + 60
    while (last := cpu_time()).other_s - first.other_s < 0.4 and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert last.other_s - first.other_s >= 0.4 > last.own_s - first.own_s


def test_a_calibration_beside_busy_children_tells_nothing():
    with spinning(60) as child:
        time.sleep(0.1)
        disturbed = read()
        child.kill()
    assert disturbed.calibration_ns is None


def test_the_calibration_is_short():
    began = time.thread_time()
    assert 100_000 < calibrate() < 100_000_000
    assert time.thread_time() - began < 0.5


def test_the_clocks_of_this_machine_go_together():
    one, other = both_clocks(), both_clocks()
    assert abs((other[0] - one[0]) - (other[1] - one[1])) < CLOCK_STEP_NS
    assert 0 < clock_resolution_ns() < COARSE_CLOCK_NS


def test_a_load_that_failed_has_readings_and_no_interval():
    watch = MachineWatch()
    assert watch.after() is None
    watch.before()
    watch.measuring()
    facts = watch.after()
    assert facts.interval is None
    assert len(facts.before.load_average) == 3


@pytest.mark.parametrize(
    ("dsn", "local"),
    [
        ("", False),
        ("dbname=shop", True),
        ("host=/run/postgresql dbname=shop", True),
        ("postgresql://me@localhost/shop", True),
        ("hostaddr=127.0.0.1 dbname=shop", True),
        ("host=db.example.com dbname=shop", False),
        ("host=db.example.com,localhost dbname=shop", True),
    ],
)
def test_a_server_of_the_users_own_may_be_on_this_machine(dsn, local, monkeypatch):
    monkeypatch.delenv("BENCH_POSTGRES_DSN", raising=False)
    assert PostgresBackend(dsn=dsn).local_server == local
    monkeypatch.setitem(os.environ, "BENCH_POSTGRES_DSN", "host=localhost")
    assert PostgresBackend(dsn=dsn).local_server == (local or not dsn)


def test_engines_within_our_processes_are_ours():
    assert not DuckdbBackend().local_server
    described = {"name": "x", "module": "sqlite3", "dialect": "sqlite", "paramstyle": "qmark"}
    assert not DbapiBackend(**described, connect={"database": "{home}/x.db"}).local_server
    assert DbapiBackend(**described, connect={"host": "db"}).local_server
