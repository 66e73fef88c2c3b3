"""What the verdicts promise, seen on systems that are known: attempts are simulated, and judged as measured ones."""

import numpy as np
import pytest

from bench.stats import bootstrap
from bench.stats.decide import Outcome, decide
from bench.stats.histogram import by_block
from bench.stats.shift import paired, single, unpaired

COMPARISONS, PAIRS, OPERATIONS = 1_000, 5, 3
ATTEMPTS = 300
SAID = (Outcome.FASTER, Outcome.SLOWER)


def percentiles(rng, comparisons, *, between_runs, slower=0.0, attempts=ATTEMPTS, pairs=PAIRS):
    """Logarithms of p50 and p90 of simulated runs, shape (comparisons, measures, sides, operations, pairs).

    Times are log-normal; neighbours within a run are correlated by 0.6; each run is off by an amount of its own, and
    what both runs of a pair share by more. The first operation of the second side takes `slower` more.
    """
    shape = (comparisons, 2, OPERATIONS, pairs)
    noise = rng.standard_normal((attempts, *shape), dtype=np.float32) * np.float32(0.8)
    noise[0] /= np.float32(0.8)
    for at in range(1, attempts):
        noise[at] += np.float32(0.6) * noise[at - 1]
    base = np.log([2e5, 1e6, 3e7])[:, None] + rng.normal(0, 3 * between_runs, (comparisons, 1, 1, pairs))
    level = base + rng.normal(0, between_runs, shape)
    level[:, 1, 0] += np.log1p(slower)
    ordered = np.sort(0.3 * noise, axis=0)
    return np.stack([level + ordered[attempts // 2], level + ordered[attempts * 9 // 10]], axis=1)


def verdicts(logs, shift):
    """Outcomes of each comparison, shape (comparisons, measures x operations); all of one are claimed together."""
    return np.array(
        [
            [
                decision.outcome
                for decision in decide([shift(*sides[:, at]) for sides in each for at in range(OPERATIONS)])
            ]
            for each in logs
        ]
    )


def rate(outcomes, among):
    """How often any verdict of a comparison is among those."""
    return np.isin(outcomes, among).any(axis=1).mean()


@pytest.fixture(scope="module")
def identical():
    return percentiles(np.random.default_rng(20), COMPARISONS, between_runs=0.02)


def test_of_two_identical_systems_one_is_seldom_called_faster(identical):
    assert rate(verdicts(identical, paired), SAID) <= 0.05


def test_nor_where_runs_are_not_paired(identical):
    alone = identical + np.random.default_rng(21).normal(0, 0.02, (COMPARISONS, 1, 2, 1, PAIRS))
    assert rate(verdicts(alone, unpaired), SAID) <= 0.05


def test_nor_where_there_is_one_run_on_each_side():
    rng, size = np.random.default_rng(22), {"attempts": 500, "pairs": 1}
    within = percentiles(rng, COMPARISONS, between_runs=0.0, **size)
    errors = (within[:, :, 1] - within[:, :, 0]).std(axis=0)  # as the bootstrap within the runs gives them
    found = []
    for logs in percentiles(rng, COMPARISONS, between_runs=0.05, **size):
        differences = (logs[:, 1] - logs[:, 0]).ravel()
        shifts = [single(float(each), float(error)) for each, error in zip(differences, errors.ravel(), strict=True)]
        found.append([decision.outcome for decision in decide(shifts)])
    assert rate(np.array(found), SAID) <= 0.05
    assert rate(np.array(found), [Outcome.EQUIVALENT]) == 0


def test_nor_where_attempts_began_in_few_stretches_of_time():
    rng, filled = np.random.default_rng(26), bootstrap.FEWEST_BLOCKS
    stretch, found = np.repeat(np.arange(filled), 4), []
    for _ in range(400):
        sides = []
        for _ in range(2):
            logs = rng.normal(0, 0.05) + rng.normal(0, 0.3, filled)[stretch] + rng.normal(0, 1, len(stretch))
            drawn = bootstrap.log_quantiles(by_block(1e6 * np.exp(logs), stretch, 50), 0.5, rng, 300)
            sides.append((np.sort(logs)[len(logs) // 2 - 1], bootstrap.error_of(drawn, filled)))
        (base, base_error), (cand, cand_error) = sides
        found.append(decide([single(cand - base, float(np.hypot(base_error, cand_error)))])[0].outcome)
    assert np.isin(found, SAID).mean() <= 0.06


def test_nor_any_of_nine_candidates():
    """All have one baseline; judged one by one, in a quarter of comparisons one of them seems to differ."""
    rng, together, apart = np.random.default_rng(27), [], []
    for _ in range(300):
        sides = rng.normal(0, 0.05, (10, OPERATIONS, PAIRS))
        shifts = [[paired(sides[0, at], side[at]) for at in range(OPERATIONS)] for side in sides[1:]]
        together.append([each.outcome for each in decide([shift for mine in shifts for shift in mine])])
        apart.append([each.outcome for mine in shifts for each in decide(mine)])
    assert rate(np.array(together), SAID) <= 0.05
    assert rate(np.array(apart), SAID) > 0.15


def test_a_bootstrap_over_five_runs_would_be_wrong_far_more_often(identical):
    """Why verdicts come from Student's interval."""
    differences = identical[:, 0, 1, 0] - identical[:, 0, 0, 0]
    drawn = np.random.default_rng(23).integers(PAIRS, size=(COMPARISONS, 1_000, PAIRS))
    means = np.take_along_axis(differences[:, None, :], drawn, axis=2).mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    assert np.mean((low > 0) | (high < 0)) > 0.1


def test_a_difference_of_5_percent_is_found_in_that_operation_only():
    logs = percentiles(np.random.default_rng(24), 300, between_runs=0.005, slower=0.05, attempts=4_000)
    deviation = (logs[:, 0, 1, 0] - logs[:, 0, 0, 0]).std(axis=1, ddof=1)
    assert 0.015 < np.sqrt(np.mean(deviation**2)) < 0.018  # so the docstring promises between 0.78 and 0.91
    found = verdicts(logs, paired)
    assert np.mean(found[:, 0] == Outcome.SLOWER) > 0.78
    assert rate(found[:, [1, 2, 4, 5]], SAID) <= 0.05
    assert np.mean(found[:, 1] == Outcome.EQUIVALENT) > 0.7


@pytest.mark.parametrize(
    ("deviation", "claims", "stated"),
    [(0.018, 1, 0.97), (0.025, 1, 0.88), (0.015, 6, 0.91), (0.018, 6, 0.78), (0.025, 6, 0.47)],
)
def test_the_power_is_what_the_docstring_states(deviation, claims, stated):
    assert str(stated) in paired.__doc__
    none = np.zeros(PAIRS)
    others = [paired(none, none)] * (claims - 1)
    logs = np.random.default_rng(25).normal(0, deviation, (3_000, PAIRS)) + np.log(1.05)
    found = [decide([paired(none, each), *others])[0].outcome for each in logs]
    assert np.mean([outcome is Outcome.SLOWER for outcome in found]) == pytest.approx(stated, abs=0.02)
