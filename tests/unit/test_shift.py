"""Shifts, Holm's procedure, and the verdicts that follow: against scipy and closed forms."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats as reference

from bench.stats.decide import Outcome, decide, holm_levels, outcome_of
from bench.stats.shift import BETWEEN_RUNS, Shift, paired, single, unpaired
from bench.stats.student import t_cdf, t_quantile

RNG = np.random.default_rng(11)
FIVE, OTHER = RNG.normal(14, 0.02, 5), RNG.normal(14.03, 0.03, 5)


@pytest.mark.parametrize("df", [1, 2.5, 4, 30, 1_000, 1e9])
def test_student_is_scipys(df):
    for p in (1e-6, 0.001, 0.3, 0.5, 0.8, 0.975, 0.99999):
        assert t_quantile(p, df) == pytest.approx(reference.t.ppf(p, df), rel=1e-8, abs=1e-8)
        assert t_cdf(float(reference.t.ppf(p, df)), df) == pytest.approx(p, rel=1e-6)
    assert (t_cdf(math.inf, df), t_cdf(-math.inf, df)) == (1, 0)


def test_pairs_are_compared_by_students_interval():
    found = paired(FIVE, OTHER)
    expected = reference.ttest_rel(OTHER, FIVE)
    interval = expected.confidence_interval(0.99)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.interval(0.99) == pytest.approx((math.exp(interval.low), math.exp(interval.high)))
    assert found.ratio == pytest.approx(math.exp((OTHER - FIVE).mean()))
    assert (found.design, found.runs) == ("paired", 5)


def test_other_runs_are_compared_by_welchs_interval():
    found = unpaired(FIVE, OTHER[:3])
    expected = reference.ttest_ind(OTHER[:3], FIVE, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.df == pytest.approx(expected.df)
    assert (found.design, found.runs) == ("unpaired", 3)


@pytest.mark.parametrize("turned", [False, True])
def test_one_run_against_several_varies_as_they_do(turned):
    sides = (OTHER[:1], FIVE) if turned else (FIVE, OTHER[:1])
    expected = reference.ttest_ind(sides[1], sides[0], equal_var=True)
    found = unpaired(*sides)
    assert (found.p_value, found.df) == pytest.approx((expected.pvalue, 4))


def test_one_run_on_each_side_is_given_an_allowance():
    found = single(math.log(1.1), 0.01)
    assert found.error == pytest.approx(math.sqrt(0.01**2 + 2 * BETWEEN_RUNS**2))
    assert found.interval()[0] < 1 < found.interval()[1]
    assert single(math.log(1.16), 0.0).interval()[0] > 1
    assert single(math.log(1 / 1.16), 0.0).interval()[1] < 1


@pytest.mark.parametrize("shift", [paired, unpaired])
def test_runs_that_agree_to_the_last_digit_are_given_an_allowance_too(shift):
    """As where a clock moves in steps of 100 ns: 1,000 and 1,100 ns stand for anything from 1,050 to 1,050."""
    base, cand = np.log(np.full(2, 1_000)), np.log(np.full(2, 1_100))
    found = shift(base, cand)
    assert (found.error, found.df) == (pytest.approx(BETWEEN_RUNS), math.inf)
    assert decide([found])[0].outcome is Outcome.CANNOT_TELL
    assert decide([shift(base, cand + math.log(2))])[0].outcome is Outcome.SLOWER
    assert decide([shift(base, base)])[0].outcome is Outcome.EQUIVALENT
    if shift is unpaired:
        assert shift(base[:1], cand).error == pytest.approx(BETWEEN_RUNS * math.sqrt(1.5))


@pytest.mark.parametrize("ratio", np.linspace(0.7, 1.4, 71))
def test_one_run_on_each_side_is_never_equivalent(ratio):
    (found,) = decide([single(math.log(ratio), 0.0)])
    assert found.outcome is not Outcome.EQUIVALENT


def test_a_side_against_itself_is_equivalent():
    (found,) = decide([paired(FIVE, FIVE)])
    assert (found.outcome, found.low, found.high) == (Outcome.EQUIVALENT, 1, 1)


def test_an_interval_is_finite_however_little_is_known():
    low, high = Shift(log_ratio=0, error=50, df=1, design="paired", runs=2).interval(0.999)
    assert 0 < low < 1 < high < math.inf


def test_it_says_how_many_pairs_would_tell():
    found = paired(FIVE, OTHER)
    needed = found.runs_for(math.log(1.01))
    deviation = float((OTHER - FIVE).std(ddof=1))
    reaches = [reference.t.ppf(0.975, n - 1) * deviation / math.sqrt(n) for n in (needed, needed - 10)]
    assert reaches[0] <= math.log(1.01) < reaches[1]
    assert found.runs_for(1e-9) is None
    assert found.inverse.ratio == pytest.approx(1 / found.ratio)


# ---- many claims at once --------------------------------------------------------------------------------------------


def holm(p_values, alpha):
    """By the definition: hypothesis k is rejected if each with a p value up to its own passes its own level."""
    size = len(p_values)
    order = np.argsort(p_values, kind="stable")
    passed = np.cumprod([p_values[at] <= alpha / (size - rank) for rank, at in enumerate(order)])
    rejected = np.zeros(size, dtype=bool)
    rejected[order] = passed.astype(bool)
    return list(rejected)


def test_an_interval_excludes_one_exactly_where_holm_rejects():
    for p_values in itertools.product((0.004, 0.012, 0.02, 0.03, 0.2), repeat=4):
        shifts = [
            Shift(log_ratio=t_quantile(1 - p / 2, 4) * 0.01, error=0.01, df=4, design="paired", runs=5)
            for p in p_values
        ]
        excludes = [shift.interval(level)[0] > 1 for shift, level in zip(shifts, holm_levels(p_values), strict=True)]
        assert excludes == holm(p_values, 0.05), p_values


def test_levels_grow_with_the_claims():
    assert holm_levels([0.2]) == [0.95]
    assert holm_levels([0.2, 0.9, 0.5]) == pytest.approx([1 - 0.05 / 3] * 3)
    assert holm_levels([0.001, 0.9, 0.5]) == pytest.approx([1 - 0.05 / 3, 1 - 0.05 / 2, 1 - 0.05 / 2])
    assert holm_levels([]) == []


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.96, 1.04, "equivalent"),
        (1 / 1.05, 1.05, "equivalent"),
        (0.97, 0.99, "equivalent"),  # surely different, and surely within the margin
        (0.94, 0.99, "faster"),
        (1.01, 1.06, "slower"),
        (0.94, 1.01, "cannot tell"),
        (0.5, 0.6, "faster"),
        (2, 3, "slower"),
        (0.5, 3, "cannot tell"),
    ],
)
def test_the_verdict_is_read_off_the_interval(low, high, expected):
    assert outcome_of(low, high) == expected
