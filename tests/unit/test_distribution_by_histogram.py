"""Histograms, effect size and outliers: against numpy, scipy and by the stated error."""

import numpy as np
import pytest
from at_once import distribution
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from bench.stats.effect import far_run, outliers, superiority
from bench.stats.histogram import RELATIVE_ERROR, Histogram, by_block

QS = (0.001, 0.25, 0.5, 0.9, 0.99, 0.999)


@given(st.lists(st.integers(1, 2**50), min_size=1, max_size=300), st.sampled_from(QS))
@settings(max_examples=60, deadline=None)
def test_a_quantile_is_within_the_stated_error(values, q):
    exact = int(np.quantile(np.array(values), q, method="inverted_cdf"))
    assert Histogram.of(np.array(values)).quantile(q) == pytest.approx(exact, rel=RELATIVE_ERROR, abs=0.5)


@given(st.lists(st.lists(st.integers(1, 10**9), max_size=30), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_parts_add_up_to_the_whole(parts):
    whole = Histogram.of(np.array([value for part in parts for value in part], dtype=np.int64))
    added = sum((Histogram.of(np.array(part, dtype=np.int64)) for part in parts), Histogram.of(np.array([])))
    assert len(added) == len(whole)
    assert added.first == whole.first or not len(whole)
    assert np.array_equal(added.counts, whole.counts)


def test_blocks_hold_the_values_of_their_own():
    rng = np.random.default_rng(5)
    values, block = rng.integers(1, 10**8, 3_000), rng.integers(0, 4, 3_000)
    for at, found in enumerate(by_block(values, block, 5)):
        mine = values[block == at]
        assert len(found) == len(mine)
        if len(mine):
            assert found.quantile(0.5) == Histogram.of(mine).quantile(0.5)


def test_many_values_are_counted_instead_of_sorted():
    values = np.random.default_rng(6).lognormal(14, 0.6, 50_000).astype(np.int64)
    sorted_out, counted = distribution(values), distribution(values, exact=False)
    assert counted != sorted_out
    assert (counted.mean_ns, counted.max_ns) == (sorted_out.mean_ns, sorted_out.max_ns)
    for name in ("p50", "p90", "p95", "p99", "p999", "p50_low", "p50_high", "p99_low", "p99_high"):
        expected = getattr(sorted_out, f"{name}_ns")
        assert getattr(counted, f"{name}_ns") == pytest.approx(expected, rel=RELATIVE_ERROR)
    assert distribution(values[:100], exact=False).p99_ns is None


@pytest.mark.parametrize("value", [0, 1_000_001])
def test_no_percentile_is_above_the_longest_time(value):
    found = distribution(np.full(1_000, value), exact=False)
    assert (found.p50_high_ns, found.p99_ns, found.max_ns) == (value, value, value)


def test_superiority_is_the_u_of_mann_and_whitney():
    rng = np.random.default_rng(7)
    base, cand = rng.integers(1, 900, 400), rng.integers(1, 700, 300)  # below 1,024 each value has a bin of its own
    expected = mannwhitneyu(base, cand).statistic / (len(base) * len(cand))
    found = superiority(Histogram.of(base), Histogram.of(cand))
    assert found == pytest.approx(expected)
    assert 2 * found - 1 == pytest.approx(np.sign(base[:, None] - cand[None, :]).mean())
    assert superiority(Histogram.of(base), Histogram.of(base)) == pytest.approx(0.5)
    assert superiority(Histogram.of(base), Histogram.of(np.array([]))) is None


def test_outliers_are_those_above_tukeys_outer_fence():
    times = np.concatenate([np.repeat([100, 200, 400], 40), [25_000, 26_500, 100_000]])
    found = outliers(Histogram.of(times))
    assert found.count == 2
    assert found.above_ns == pytest.approx(400 * 4**3, rel=7 * RELATIVE_ERROR)
    assert outliers(Histogram.of(np.array([]))) is None


@pytest.mark.parametrize("time_ns", [1, 7, 999, 1_000, 123_457, 10**9 + 1])
def test_equal_times_are_no_outliers(time_ns):
    """As a clock with coarse steps gives them: the fence lies on the times themselves."""
    assert outliers(Histogram.of(np.full(100, time_ns))).count == 0
    assert outliers(Histogram.of(np.append(np.full(100, time_ns), 2 * time_ns))).count == 1


def test_a_healthy_distribution_has_next_to_no_outliers():
    times = np.random.default_rng(8).lognormal(13, 0.8, 100_000).astype(np.int64)
    assert outliers(Histogram.of(times)).count < 20


def test_a_run_far_from_the_others_is_named_as_often_as_stated():
    rng = np.random.default_rng(9)
    assert np.mean([far_run(rng.normal(0, 1, 5)) is not None for _ in range(3_000)]) == pytest.approx(0.01, abs=0.006)
    assert far_run(np.array([0.0, 0.01, 0.02, 0.5, 0.015])) == 3
    assert far_run(np.array([0.0, 9.0, 0.0])) is None
    assert far_run(np.zeros(9)) is None
