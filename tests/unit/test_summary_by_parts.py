"""A run that is read file by file says what it says as a whole, and takes no more memory when it is longer."""

import tracemalloc
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest
from at_once import per_second, summarize
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import summarize as summarizing
from bench.errors import ResultError
from bench.model import Phase, Status
from bench.results import RunWriter, open_run, scan
from bench.results.manifest import RunKey
from bench.stats import NS_PER_S, STATUSES, Arriving, Attempts, Seconds, Summarizer
from bench.stats.histogram import RELATIVE_ERROR
from bench.summarize import summarize as summarize_run

NAMES = ("read", "write", "never")
STARTED = 10 * NS_PER_S
"""When the measurement starts; before it, there is a second of warm-up."""


def drawn(seed, size, *, span_s=6, slow_ratio=0.001):
    """Attempts in the order in which they ended, as workers report them; some took seconds, some failed."""
    rng = np.random.default_rng(seed)
    intended = STARTED - NS_PER_S + rng.integers(0, span_s * NS_PER_S, size)
    start = intended + rng.integers(0, 2_000_000, size)
    took = rng.lognormal(13, 1, size).astype(np.int64) + np.where(rng.random(size) < slow_ratio, 2 * NS_PER_S, 0)
    order = np.argsort(start + took)
    columns = Attempts(
        operation=rng.integers(0, 2, size).astype(np.uint16),
        client=rng.integers(0, 5, size).astype(np.int32),
        status=rng.choice(len(STATUSES), size, p=[0.94] + [0.06 / (len(STATUSES) - 1)] * (len(STATUSES) - 1)).astype(
            np.uint8
        ),
        intended_start_ns=intended,
        start_ns=start,
        end_ns=start + took,
        rows=rng.integers(0, 9, size),
        attempt=rng.integers(0, 2, size),
        ready_ns=start - rng.integers(0, 1_000, size),
    )
    return columns.take(order)


def in_parts(attempts, parts):
    return [attempts.take(positions) for positions in np.array_split(np.arange(len(attempts)), parts)]


def summaries(parts, *, exact=True, arriving=None):
    summarizer = Summarizer(NAMES, start_ns=STARTED, end_ns=15 * NS_PER_S, arriving=arriving, exact=exact)
    for part in parts:
        summarizer.add(part)
    return summarizer.summaries()


@given(st.integers(0, 2**32), st.sampled_from([1, 30, 700, 3_000]), st.integers(1, 9), st.booleans())
@settings(max_examples=40, deadline=None)
def test_parts_say_what_the_whole_says(seed, size, parts, open_loop):
    arriving = Arriving(late_ns=1_500_000, dropped=[3, 0, 0], closed=frozenset({1})) if open_loop else None
    whole = drawn(seed, size)
    expected = summarize(whole, NAMES, start_ns=STARTED, end_ns=15 * NS_PER_S, arriving=arriving)
    assert summaries(in_parts(whole, parts), arriving=arriving) == expected


def test_counted_times_have_the_exact_counts_means_and_rates_and_nearly_the_percentiles():
    whole = drawn(1, 60_000)
    arriving = Arriving(late_ns=1_500_000)
    for kept, counted in zip(
        summaries([whole], arriving=arriving),
        summaries(in_parts(whole, 6), exact=False, arriving=arriving),
        strict=True,
    ):
        assert counted.service_time.mean_ns == kept.service_time.mean_ns
        assert counted.service_time.max_ns == kept.service_time.max_ns
        one, other = asdict(kept), asdict(counted)
        for name in ("service_time", "response_time", "schedule_lag", "harness_lag"):
            near = {
                key: value and pytest.approx(value, rel=RELATIVE_ERROR, abs=0.5)
                for key, value in (one.pop(name) or {}).items()
            }
            assert (other.pop(name) or {}) == near
        assert other == one


def test_a_second_is_worked_out_when_nothing_can_come_any_more():
    whole = drawn(2, 20_000)
    seconds, parts = Seconds(NAMES, start_ns=STARTED), in_parts(whole, 11)
    for at, part in enumerate(parts):
        seconds.add(part)
        seconds.settle(min((int(later.intended_start_ns.min()) for later in parts[at + 1 :]), default=2**63 - 1))
        assert seconds.waiting <= len(whole) * 0.75, "the last attempts of a part are of seconds that go on"
    assert seconds.waiting == 0
    assert seconds.seconds() == per_second(whole, NAMES, start_ns=STARTED)


def written(directory, attempts, parts):
    """The run as the coordinator writes it."""
    writer = RunWriter(directory, RunKey(run_id="r", backend="b", dataset="d", workload="w", load="l"))
    for part in in_parts(attempts, parts):
        measured = part.intended_start_ns >= STARTED
        columns = {name: getattr(part, name) for name in ("client", "rows", "attempt", "ready_ns")}
        table = {
            **{name: pa.array(column.astype(np.int64)) for name, column in columns.items()},
            **{name: pa.array(getattr(part, name)) for name in ("intended_start_ns", "start_ns", "end_ns")},
            "operation": pa.array([NAMES[code] for code in part.operation]),
            "status": pa.array([str(STATUSES[code]) for code in part.status]),
            "phase": pa.array(np.where(measured, Phase.MEASUREMENT, Phase.WARM_UP).astype(str)),
        }
        writer.add_samples(pa.table(table), repetition=0)
    return open_run(directory)


def test_files_are_read_one_by_one_with_what_can_still_come(tmp_path):
    whole = drawn(3, 9_000)
    run = written(tmp_path, whole, 4)
    assert scan.sample_count(run) == 9_000
    parts = list(scan.parts(run, ("end_ns", "intended_start_ns")))
    starts = [part.samples["intended_start_ns"].to_numpy() for part in parts]
    assert [part.later_ns for part in parts[:-1]] == [
        np.concatenate(starts[at + 1 :]).min() for at in range(len(parts) - 1)
    ]
    assert np.array_equal(np.concatenate([part.samples["end_ns"].to_numpy() for part in parts]), whole.end_ns)
    with pytest.raises(ResultError, match="'samples' has no column 'ended_ns'; did you mean 'end_ns'"):
        list(scan.parts(run, ("ended_ns",)))


def test_a_run_on_disk_is_summarised_as_it_was_in_memory(tmp_path):
    whole, arriving = drawn(4, 9_000), Arriving(late_ns=1_500_000, closed=frozenset({1}))
    found = summarize_run(written(tmp_path, whole, 5), NAMES, start_ns=STARTED, end_ns=15 * NS_PER_S, arriving=arriving)
    assert found.operations == summarize(whole, NAMES, start_ns=STARTED, end_ns=15 * NS_PER_S, arriving=arriving)
    assert found.seconds == per_second(whole, NAMES, start_ns=STARTED)
    first = (whole.attempt == 0) & (whole.operation == 0)
    measured = first & (whole.intended_start_ns >= STARTED)
    assert found.started == {Phase.WARM_UP: (first & ~measured).sum(), Phase.MEASUREMENT: measured.sum()}


def test_a_longer_run_takes_no_more_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(summarizing, "EXACT_ATTEMPTS", 10_000)
    whole = drawn(5, 240_000, span_s=60, slow_ratio=0)

    def peak_bytes(run):
        tracemalloc.start()
        summarize_run(run, NAMES, start_ns=STARTED, end_ns=15 * NS_PER_S, arriving=None)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    short = written(tmp_path / "short", whole.take(np.arange(60_000)), 3)
    long = written(tmp_path / "long", whole, 12)
    peak_bytes(short)  # whatever is imported or cached, is by now
    assert peak_bytes(long) < 1.3 * peak_bytes(short)


def test_a_failed_attempt_is_no_time(tmp_path):
    whole = drawn(6, 100)
    failed = Attempts(
        **{name: getattr(whole, name) for name in whole.__dataclass_fields__ if name != "status"},
        status=np.full(100, STATUSES.index(Status.ERROR), dtype=np.uint8),
    )
    found = summarize_run(written(tmp_path, failed, 2), NAMES, start_ns=STARTED, end_ns=15 * NS_PER_S, arriving=None)
    assert {summary.service_time.max_ns for summary in found.operations} == {None}
