"""Steady state, steps in a history, and bootstraps: closed forms where there are some, simulation elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
from at_once import summarize
from scipy.stats import bootstrap as scipys_bootstrap

from bench.doubt import Doubt
from bench.stats import NS_PER_S, STATUSES, Arriving, Attempts
from bench.stats.bootstrap import BLOCKS, hierarchical, log_means, log_quantiles, log_rates
from bench.stats.histogram import Histogram, by_block
from bench.stats.steady import Slices, judge, mser
from bench.stats.steps import steps


def correlated(rng, series, size, *, rho, deviation=1.0):
    """Series whose neighbours are correlated by `rho`, shape (series, size)."""
    noise = rng.normal(0, deviation * np.sqrt(1 - rho**2), (size, series))
    noise[0] = rng.normal(0, deviation, series)
    for at in range(1, size):
        noise[at] += rho * noise[at - 1]
    return noise.T


def steadiness_of(took_ns, *, parts):
    """Of attempts that start one after another at every ns, given in so many parts."""
    slices = Slices(from_ns=0, to_ns=len(took_ns))
    for start_ns in np.array_split(np.arange(len(took_ns)), parts):
        slices.add(start_ns, took_ns[start_ns])
    return slices.steadiness()


# ---- steady state ---------------------------------------------------------------------------------------------------


def test_mser_is_its_definition():
    series = np.random.default_rng(1).normal(0, 1, 60) + 5 * (np.arange(60) < 13)
    by_definition = [((series[d:] - series[d:].mean()) ** 2).sum() / (60 - d) ** 2 for d in range(56)]
    assert mser(series) == np.argmin(by_definition)
    assert 13 <= mser(series) <= 16


def test_a_steady_run_is_seldom_called_unsteady():
    series = correlated(np.random.default_rng(2), 1_000, 100, rho=0.5, deviation=0.1)
    assert np.mean([not judge(each).steady for each in series]) <= 0.02


@pytest.mark.parametrize(
    "shape",
    [
        0.2 * np.exp(-np.arange(100) / 10),
        np.linspace(0, 0.2, 100),
        0.2 * (np.arange(100) >= 85),
        0.15 * (np.arange(100) > 50),
    ],
    ids=["warming up", "growing", "a late change", "a change half-way"],
)
def test_a_run_that_changes_is_found(shape):
    series = correlated(np.random.default_rng(3), 200, 100, rho=0.3, deviation=0.03) + shape
    assert np.mean([not judge(each).steady for each in series]) > 0.9


def run_of(took_ns):
    """One client, one attempt after the other."""
    end_ns = np.cumsum(took_ns)
    zeros, start_ns = np.zeros(len(took_ns), dtype=np.int64), end_ns - took_ns
    return Attempts(
        operation=zeros,
        client=zeros,
        status=zeros + STATUSES.index("ok"),
        intended_start_ns=start_ns,
        start_ns=start_ns,
        end_ns=end_ns,
        rows=zeros,
    )


def warnings_of(attempts, arriving=None):
    (found,) = summarize(attempts, ["read"], start_ns=0, end_ns=int(attempts.end_ns[-1]), arriving=arriving)
    assert found.count == len(attempts)  # nothing is cut off
    return found.warnings


def test_a_run_that_is_not_steady_says_so():
    took_ns = np.random.default_rng(4).lognormal(13, 0.3, 3_000).astype(np.int64)
    assert Doubt.NOT_STEADY not in warnings_of(run_of(took_ns))
    took_ns[:400] *= 2
    assert Doubt.NOT_STEADY in warnings_of(run_of(took_ns))
    assert "load.warm_up_s" in Doubt.NOT_STEADY.remedy


def test_an_open_loop_is_judged_by_what_users_wait():
    attempts = run_of(np.full(3_000, NS_PER_S // 1_000))
    falling_behind = replace(
        attempts, intended_start_ns=attempts.start_ns // 2, attempt=attempts.rows, ready_ns=attempts.start_ns
    )
    assert Doubt.NOT_STEADY in warnings_of(falling_behind, Arriving(late_ns=NS_PER_S))
    assert Doubt.NOT_STEADY not in warnings_of(attempts)


def test_a_few_attempts_are_not_judged():
    assert steadiness_of(np.full(499, 1), parts=1) is None
    assert steadiness_of(np.full(500, 1), parts=1) is not None


@pytest.mark.parametrize("size", [640, 1_000, 5_000])
def test_it_does_not_matter_in_how_many_parts_a_run_comes(size):
    took_ns = np.random.default_rng(14).lognormal(10, 0.2, size) * np.where(np.arange(size) < size // 5, 1.5, 1)
    whole = steadiness_of(took_ns, parts=1)
    for parts in (2, 7, 60):
        found = steadiness_of(took_ns, parts=parts)
        assert (found.steady, found.transient_ratio) == (whole.steady, whole.transient_ratio)
        assert found.change_ratio == pytest.approx(whole.change_ratio)


# ---- steps ----------------------------------------------------------------------------------------------------------


def test_a_series_without_a_step_seldom_shows_one():
    rng = np.random.default_rng(5)
    assert np.mean([bool(steps(np.exp(rng.normal(0, 0.02, 14)), rng)) for _ in range(300)]) <= 0.03


def test_steps_are_found_where_they_are():
    rng = np.random.default_rng(6)
    levels = np.repeat([1.0, 1.2, 0.9], [12, 10, 8])
    found = steps(levels * np.exp(rng.normal(0, 0.02, 30)), rng)
    assert [step.at for step in found] == [12, 22]
    assert [step.ratio for step in found] == pytest.approx([1.2, 0.75], rel=0.03)
    assert all(step.p_value <= 0.01 for step in found)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0], [5.0] * 40, [1.0, 1.0, 2.0, 2.0]])
def test_too_few_results_have_no_step(values):
    assert steps(np.array(values), np.random.default_rng(7)) == ()


# ---- bootstrap ------------------------------------------------------------------------------------------------------


def blocks_of(values):
    return by_block(values, np.arange(len(values)) * BLOCKS // len(values), BLOCKS)


def test_of_independent_values_it_is_scipys_bootstrap():
    values = np.random.default_rng(8).lognormal(13, 0.5, 4_000)
    expected = scipys_bootstrap((values,), np.median, n_resamples=400, rng=np.random.default_rng(9))
    found = log_quantiles(blocks_of(values), 0.5, np.random.default_rng(10))
    assert found.mean() == pytest.approx(np.log(np.median(values)), abs=0.01)
    assert found.std() == pytest.approx(expected.standard_error / np.median(values), rel=0.25)
    means = log_means(blocks_of(values), np.random.default_rng(10))
    assert np.exp(means.mean()) == pytest.approx(values.mean(), rel=0.01)
    assert means.std() == pytest.approx(values.std() / values.mean() / np.sqrt(4_000), rel=0.25)
    assert found.std() == pytest.approx(1.2533 * 0.5 / np.sqrt(4_000), rel=0.25)  # of a normal median


def test_dependent_values_are_known_less_well():
    """The error of the bootstrap is that of many runs; one that took attempts as independent would be too sure."""
    logs = correlated(np.random.default_rng(11), 200, 5_000, rho=0.8, deviation=0.5)
    true = np.median(logs, axis=1).std()
    rng = np.random.default_rng(1)
    found = np.mean([log_quantiles(blocks_of(np.exp(13 + each)), 0.5, rng).std() for each in logs[:10]])
    assert found == pytest.approx(true, rel=0.2)
    assert true > 2 * 1.2533 * 0.5 / np.sqrt(5_000)


def test_runs_that_differ_widen_the_interval_and_five_are_few():
    rng = np.random.default_rng(12)

    def runs(apart):
        values = [rng.lognormal(13 + apart * number, 0.3, 2_000) for number in range(5)]
        return [log_quantiles(blocks_of(each), 0.5, rng) for each in values]

    widths = [np.log(high / low) for low, high in (hierarchical(runs(apart), rng) for apart in (0.0, 0.1))]
    assert widths[1] > 5 * widths[0]
    hits = []
    for _ in range(150):
        low, high = hierarchical([np.repeat(each, 500) for each in rng.normal(13, 0.1, 5)], rng)
        hits.append(low <= np.exp(13) <= high)
    assert 0.75 <= np.mean(hits) <= 0.92


def test_a_rate_is_known_by_how_the_blocks_differ():
    """Counts of a Poisson process: their deviation is the root of their number."""
    rng = np.random.default_rng(13)
    times = np.sort(rng.uniform(0, 1, rng.poisson(10_000)))
    blocks = by_block(np.full(len(times), 1_000), (times * BLOCKS).astype(int), BLOCKS)
    assert log_rates(blocks, rng).std() == pytest.approx(0.01, rel=0.3)


def test_nothing_cannot_be_drawn_from():
    with pytest.raises(ValueError, match="no value"):
        log_quantiles((Histogram.of(np.array([])),) * 3, 0.5, np.random.default_rng(1))


@pytest.mark.parametrize("draws", [log_means, lambda blocks, rng: log_quantiles(blocks, 0.5, rng)], ids=["mean", "p50"])
def test_an_operation_seen_in_one_stretch_of_a_run_only_is_known_as_what_it_was(draws):
    """A third of all draws of fifty stretches miss the only one with values."""
    nothing, seen = Histogram.of(np.zeros(0, dtype=np.int64)), Histogram.of(np.arange(1_700_000, 2_400_000, 100_000))
    found = draws((*[nothing] * (BLOCKS - 1), seen), np.random.default_rng(11))
    assert np.exp(found) == pytest.approx(np.full(1_000, 2_000_000), rel=1e-3)
