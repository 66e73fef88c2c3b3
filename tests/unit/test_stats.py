import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from at_once import distribution, per_second, summarize
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.doubt import Doubt
from bench.model import Status
from bench.stats import NS_PER_S, STATUSES, Arriving, Attempts, interval_ranks, nothing_measured, percentile_or_none

CODE = {status: position for position, status in enumerate(STATUSES)}
OK, ERROR, ABORTED, TIMEOUT = (CODE[status] for status in (Status.OK, Status.ERROR, Status.ABORTED, Status.TIMEOUT))


def attempts(*rows):
    """Rows of (operation, client, status, intended start, start, end, rows), times in s."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    times = [np.array([round(value * NS_PER_S) for value in column], dtype=np.int64) for column in columns[3:6]]
    operation, client, status = (np.array(column, dtype=np.int64) for column in columns[:3])
    return Attempts(
        operation=operation,
        client=client,
        status=status,
        intended_start_ns=times[0],
        start_ns=times[1],
        end_ns=times[2],
        rows=np.array(columns[6], dtype=np.int64),
    )


def summary_of(data, operations=("read",), *, start_s=0.0, end_s=10.0, arriving=None):
    return summarize(
        data, operations, start_ns=round(start_s * NS_PER_S), end_ns=round(end_s * NS_PER_S), arriving=arriving
    )


def in_an_open_loop(*rows):
    """Rows as above, each with the number of its attempt and, in s, when it was ready."""
    data = attempts(*(row[:7] for row in rows))
    ready = np.array([round(row[8] * NS_PER_S) for row in rows], dtype=np.int64)
    return replace(data, attempt=np.array([row[7] for row in rows], dtype=np.int64), ready_ns=ready)


# ---- percentiles --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("q", "needed"), [(0.5, 20), (0.9, 100), (0.95, 200), (0.99, 1_000), (0.999, 10_000)])
def test_percentile_is_null_below_ten_values_in_its_tail(q, needed):
    assert percentile_or_none(np.arange(needed - 1), q) is None
    assert percentile_or_none(np.arange(needed), q) is not None


@given(
    st.lists(st.integers(0, 10**12), min_size=1_000, max_size=1_300),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
@settings(max_examples=50, deadline=None)
def test_percentile_is_the_inverse_of_the_empirical_distribution(values, q):
    ordered = np.sort(np.array(values, dtype=np.int64))
    assert percentile_or_none(ordered, q) == np.quantile(ordered, q, method="inverted_cdf")


def test_percentile_of_one_to_a_thousand_is_exact():
    ordered = np.arange(1, 1_001)
    assert [percentile_or_none(ordered, q) for q in (0.5, 0.9, 0.95, 0.99)] == [500, 900, 950, 990]


def test_distribution_of_nothing_is_all_null():
    empty = distribution(np.empty(0, dtype=np.int64))
    assert {getattr(empty, name) for name in empty.__dataclass_fields__} == {None}


def test_distribution_of_few_values_has_mean_and_maximum_only():
    few = distribution(np.array([30, 10, 20]))
    assert (few.mean_ns, few.max_ns) == (20.0, 30)
    assert {few.p50_ns, few.p99_ns, few.p50_low_ns, few.p50_high_ns, few.p99_low_ns} == {None}


# ---- intervals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    # From the critical values of the two-sided sign test at 5 %: 0 for 6, 1 for 10, 5 for 20, 17 for 50, 39 for 100.
    [(5, None), (6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (50, (18, 33)), (100, (40, 61))],
)
def test_ranks_of_the_median_are_those_of_the_tables(size, expected):
    assert interval_ranks(size, 0.5) == expected


@pytest.mark.parametrize("size", [20, 137, 1_000, 1_500])
@pytest.mark.parametrize("q", [Fraction(1, 2), Fraction(9, 10), Fraction(99, 100)])
def test_ranks_agree_with_exact_binomial_sums(size, q):
    top, bottom = q.numerator, q.denominator
    masses = [math.comb(size, k) * top**k * (bottom - top) ** (size - k) for k in range(size + 1)]

    def below(count):
        return float(Fraction(sum(masses[:count]), bottom**size))

    ranks = interval_ranks(size, float(q))
    if ranks is None:
        assert below(size) < 0.975 or below(1) > 0.025
        return
    low, high = ranks
    assert below(high) - below(low) >= 0.95
    assert below(low) <= 0.025 < below(low + 1)
    assert 1 - below(high) <= 0.025 < 1 - below(high - 1)


def test_interval_of_a_large_sample_is_that_of_the_normal_distribution():
    low, high = interval_ranks(10_000_000, 0.5)
    reach = 1.959964 * math.sqrt(10_000_000 / 4)
    assert low == pytest.approx(5_000_000 - reach, abs=2)
    assert high == pytest.approx(5_000_000 + reach, abs=2)


@pytest.mark.parametrize(("percentile", "truth"), [("p50", math.log(2)), ("p99", math.log(100))])
def test_intervals_cover_the_truth_in_95_of_100_simulations(percentile, truth):
    rng, hits, rounds = np.random.default_rng(7), 0, 600
    for _ in range(rounds):
        found = distribution((rng.exponential(size=1_200) * 1e6).astype(np.int64))
        low, high = getattr(found, f"{percentile}_low_ns"), getattr(found, f"{percentile}_high_ns")
        hits += low <= truth * 1e6 <= high
    # The method promises at least 0.95; three standard deviations of a simulation with 600 rounds are 0.027.
    assert 0.95 - 0.027 <= hits / rounds <= 0.95 + 0.04


# ---- throughput -----------------------------------------------------------------------------------------------------


def test_throughput_counts_each_client_over_its_own_time():
    # Client 0: ten operations of 1 s. Client 1: its last operation starts in time and ends at 20 s.
    data = attempts(
        *[(0, 0, OK, at, at, at + 1, 1) for at in range(10)], (0, 1, OK, 0, 0, 8, 1), (0, 1, OK, 8, 8, 20, 1)
    )
    (read,) = summary_of(data)
    assert read.throughput_per_s == pytest.approx(10 / 10 + 2 / 20)


def test_a_client_that_died_early_is_counted_over_the_whole_interval():
    (read,) = summary_of(attempts((0, 0, OK, 0, 0, 1, 1), (0, 1, OK, 0, 0, 10, 1)))
    assert read.throughput_per_s == pytest.approx(1 / 10 + 1 / 10)


def test_constant_service_time_gives_its_inverse_per_client():
    # 4 clients, 3 ms each, an interval that is not a multiple of it: closed form is 4 / 0.003.
    rows = [(0, client, OK, n * 0.003, n * 0.003, (n + 1) * 0.003, 1) for client in range(4) for n in range(334)]
    (read,) = summary_of(attempts(*rows), end_s=1.0)
    assert read.throughput_per_s == pytest.approx(4 / 0.003, rel=1e-9)
    assert read.service_time.p50_ns == 3_000_000


def test_errors_and_aborts_are_in_the_throughput_and_not_in_goodput_or_times():
    rows = [(0, 0, OK, n / 100, n / 100, n / 100 + 0.001, 2) for n in range(100)]
    rows += [(0, 0, ERROR, 2, 2, 3, 0), (0, 0, TIMEOUT, 3, 3, 8, 0), (0, 0, ABORTED, 8, 8, 9, 7)]
    (read,) = summary_of(attempts(*rows))
    assert (read.count, read.errors, read.aborted, read.rows) == (103, 2, 1, 200)
    assert read.throughput_per_s == pytest.approx(10.3)
    assert read.goodput_per_s == pytest.approx(10.0)
    assert read.service_time.max_ns == pytest.approx(1_000_000, abs=1)
    assert read.warnings == (Doubt.ERRORS, Doubt.ABORTED)


DRAWN = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), st.floats(-2, 10), st.floats(0, 5))


@given(st.lists(DRAWN, max_size=60))
@settings(max_examples=100, deadline=None)
def test_summaries_add_up_to_the_attempts(drawn):
    data = attempts(*[(op, client, status, at, at, at + took, 1) for op, client, status, at, took in drawn])
    found = summary_of(data, ("a", "b", "c"))
    measured = data.intended_start_ns >= 0
    assert sum(summary.count for summary in found) == np.count_nonzero(measured)
    assert sum(summary.errors + summary.aborted for summary in found) == np.count_nonzero(
        measured & (data.status != OK)
    )
    assert sum(summary.rows for summary in found) == np.count_nonzero(measured & (data.status == OK))
    seconds = per_second(data, ("a", "b", "c"), start_ns=0)
    assert sum(second.count for second in seconds) == len(data)
    for summary in found:
        mine = [second for second in seconds if second.operation == summary.operation and second.second >= 0]
        assert sum(second.count for second in mine) == summary.count
        assert sum(second.errors for second in mine) == summary.errors


# ---- phases, loops, doubts ------------------------------------------------------------------------------------------


def test_the_intended_start_decides_the_phase():
    data = attempts((0, 0, OK, 1.9, 2.1, 2.5, 1), (0, 0, OK, 2.0, 2.5, 13.0, 1))
    (read,) = summary_of(data, start_s=2.0, end_s=12.0)
    assert read.count == 1
    assert read.service_time.max_ns == 10.5 * NS_PER_S


def test_a_stall_shows_in_the_response_time_of_an_open_loop_and_not_in_the_service_time():
    # One arrival each ms for 4 s; the server stalls for 1 s at 1 s, then answers in 0.1 ms until it has caught up.
    rows, free = [], 0.0
    for number in range(4_000):
        due = number / 1_000
        start = max(due, free)
        free = start + (1.0 if number == 1_000 else 0.0001)
        rows.append((0, 0, OK, due, start, free, 1))
    (open_loop,) = summary_of(attempts(*rows), end_s=4.0, arriving=Arriving(late_ns=10_000_000))
    assert open_loop.service_time.p99_ns < 200_000
    assert open_loop.response_time.p99_ns > 0.9 * NS_PER_S
    (closed,) = summary_of(attempts(*rows), end_s=4.0)
    assert closed.response_time is None


def test_the_lag_of_the_harness_is_told_apart_from_that_of_busy_clients():
    # Each operation waits 30 ms for its client; of a thousand, a hundred then wait 3 ms for the harness.
    rows = []
    for number in range(1_000):
        due = number / 100
        start = due + 0.03 + (0.003 if number % 10 == 0 else 0.00001)
        rows.append((0, 0, OK, due, start, start + 0.001, 1, 0, due + 0.03))
        if number == 500:  # a retry starts late because of the first attempt, not because of the schedule
            rows.append((0, 0, OK, due, start + 5, start + 5.1, 1, 1, start + 5))
    (read,) = summary_of(in_an_open_loop(*rows), arriving=Arriving(late_ns=32_000_000, dropped=[7]))
    assert read.schedule_lag.p50_ns == 30_010_000
    assert read.schedule_lag.max_ns == 33_000_000
    assert (read.harness_lag.p50_ns, read.harness_lag.p99_ns) == (10_000, 3_000_000)
    assert read.late == 100
    assert read.dropped == 7
    assert read.count == 1_001
    assert read.warnings == (Doubt.DROPPED,), "3 ms do not matter beside a median of 31 ms"


def test_the_harness_is_in_doubt_when_its_lag_matters():
    rows = [(0, 0, OK, at / 100, at / 100 + 0.002, at / 100 + 0.003, 1, 0, at / 100) for at in range(1_000)]
    (read,) = summary_of(in_an_open_loop(*rows), arriving=Arriving(late_ns=10_000_000))
    assert read.warnings == (Doubt.LATE_HARNESS,)
    assert read.late == 0


def test_an_operation_that_was_never_asked_has_a_row_and_a_doubt():
    read, write = summary_of(attempts(*[(0, 0, OK, n / 10, n / 10, n / 10, 1) for n in range(30)]), ("read", "write"))
    assert (read.warnings, write.warnings) == ((), (Doubt.NOTHING_MEASURED,))
    assert (write.count, write.throughput_per_s, write.service_time.mean_ns) == (0, 0.0, None)
    assert nothing_measured([read, write]) == ("write",)


def test_errors_only_is_nothing_measured():
    found = summary_of(attempts((0, 0, ERROR, 0, 0, 1, 0)))
    assert found[0].warnings == (Doubt.NOTHING_MEASURED, Doubt.ERRORS)
    assert nothing_measured(found) == ("read",)


def test_no_attempts_at_all():
    found = summary_of(attempts(), ("read", "write"))
    assert [summary.count for summary in found] == [0, 0]
    assert per_second(attempts(), ("read", "write"), start_ns=0) == []


def test_too_few_for_a_median():
    nineteen = [(0, 0, OK, n / 10, n / 10, n / 10 + 0.05, 1) for n in range(19)]
    assert summary_of(attempts(*nineteen))[0].warnings == (Doubt.TOO_FEW_SAMPLES,)
    assert summary_of(attempts(*nineteen, (0, 0, OK, 5, 5, 6, 1)))[0].warnings == ()


def test_every_doubt_has_a_remedy_of_one_sentence():
    assert all(len(doubt.remedy) > 20 and not doubt.remedy.endswith(".") for doubt in Doubt)


def test_busy_ratio_is_the_part_of_the_clients_time():
    read, write = summary_of(attempts((0, 0, OK, 0, 0, 1, 1), (1, 0, ERROR, 1, 1, 4, 1)), ("read", "write"))
    assert (read.busy_ratio, write.busy_ratio) == pytest.approx((0.25, 0.75))


# ---- seconds --------------------------------------------------------------------------------------------------------


def test_seconds_count_from_the_measurement_and_are_negative_in_the_warm_up():
    rows = [(0, 0, OK, at, at, at + 0.002, 1) for at in (-1.5, -0.001, 0.0, 0.5, 3.2)]
    rows.append((0, 0, ERROR, 3.3, 3.3, 9, 0))
    found = per_second(attempts(*rows), ("read",), start_ns=0)
    assert [(second.second, second.count, second.errors) for second in found] == [
        (-2, 1, 0),
        (-1, 1, 0),
        (0, 2, 0),
        (3, 2, 1),
    ]
    assert found[3].max_ns == pytest.approx(2_000_000, abs=2)
    assert found[3].p50_ns is None


def test_percentiles_of_a_second_are_of_its_own_attempts():
    rows = [(0, 0, OK, n / 25, n / 25, n / 25 + (0.001 if n < 25 else 0.009), 1) for n in range(50)]
    first, second = per_second(attempts(*rows), ("read",), start_ns=0)
    assert (first.p50_ns, second.p50_ns) == pytest.approx((1_000_000, 9_000_000), abs=2)


def test_more_seconds_than_fit_into_16_bits():
    found = per_second(
        attempts((0, 0, OK, 0, 0, 1, 1), (0, 0, OK, 70_000, 70_000, 70_001, 1), (0, 0, OK, 4_464, 4_464, 4_465, 1)),
        ("read",),
        start_ns=0,
    )
    assert [second.second for second in found] == [0, 4_464, 70_000]


def test_ten_million_attempts_are_summarised_exactly():
    size, rng = 10_000_000, np.random.default_rng(1)
    start = np.sort(rng.integers(0, 60 * NS_PER_S, size))
    data = Attempts(
        operation=rng.integers(0, 14, size, dtype=np.uint16),
        client=rng.integers(0, 64, size, dtype=np.int32),
        status=np.zeros(size, dtype=np.uint8),
        intended_start_ns=start,
        start_ns=start,
        end_ns=start + rng.integers(1_000, 1_000_000, size),
        rows=np.ones(size, dtype=np.int64),
    )
    names = [f"operation_{number}" for number in range(14)]
    found = summarize(data, names, start_ns=0, end_ns=60 * NS_PER_S)
    seconds = per_second(data, names, start_ns=0)
    assert sum(summary.count for summary in found) == size
    assert found[0].service_time.p999_ns == np.quantile(
        (data.end_ns - data.start_ns)[data.operation == 0], 0.999, method="inverted_cdf"
    )
    assert len(seconds) == 14 * 60
