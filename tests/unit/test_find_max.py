"""The search for the highest rate, against systems whose answer is known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import ConfigError
from bench.load import FindMax, Objective, Share, Tried
from bench.workload import Operation, Workload


def find(**options):
    return FindMax(**{"name": "l", "clients": 8, "objective": Objective(p99_ms=20.0, error_ratio=0.01)} | options)


def tried(rate, *, good, limited=False):
    p99_ms = 10.0 if good else 30.0
    return Tried(rate_per_s=rate, throughput_per_s=rate, p99_ms=p99_ms, error_ratio=0.0, client_limited=limited)


def play(load, outcome):
    """Answer each rate by `outcome(rate, number of the step)`; gives the conclusion and the rates."""
    search, rates = load.search(), []
    rate = next(search)
    while True:
        rates.append(rate)
        try:
            rate = search.send(outcome(rate, len(rates)))
        except StopIteration as end:
            return end.value, rates


@settings(max_examples=200)
@given(st.floats(5.0, 1e5), st.floats(0.01, 0.3))
def test_the_knee_is_found_within_the_precision_and_confirmed(knee, precision):
    load = find(precision_ratio=precision, max_steps=60, from_rate_per_s=100.0)
    found, rates = play(load, lambda rate, _: tried(rate, good=rate <= knee))
    assert found.rate_per_s <= knee < found.missed_per_s <= found.rate_per_s * (1 + precision) * (1 + 1e-9)
    assert rates.count(found.rate_per_s) == 2
    assert rates[-1] == found.rate_per_s


def test_doubling_then_halving_takes_few_steps():
    found, rates = play(find(), lambda rate, _: tried(rate, good=rate <= 1_000))
    assert rates[:5] == [100, 200, 400, 800, 1_600]
    assert len(rates) == 10
    assert found.reason.startswith("993.")


def test_a_rate_that_fails_its_confirmation_is_above_the_knee():
    failing = []

    def outcome(rate, _):
        again = rate in failing
        failing.append(rate)
        return tried(rate, good=rate <= 1_000 and not (again and rate > 900))

    found, rates = play(find(max_steps=30), outcome)
    assert found.rate_per_s <= 900
    assert found.missed_per_s is not None
    assert rates.count(found.rate_per_s) == 2


def test_no_conclusion_is_drawn_where_the_client_was_the_limit():
    found, rates = play(find(), lambda rate, _: tried(rate, good=rate < 700, limited=rate > 300))
    assert found.rate_per_s is None
    assert found.met_per_s == 400, "a client at its limit makes times longer, so what it finds good is good"
    assert rates == [100, 200, 400, 800]
    assert "the client was the limit at 800 arrivals/s, so nothing is concluded" in found.reason


def test_too_few_steps_give_a_bracket_and_no_conclusion():
    found, rates = play(find(max_steps=6), lambda rate, _: tried(rate, good=rate <= 1_000))
    assert len(rates) == 6
    assert (found.rate_per_s, found.met_per_s, found.missed_per_s) == (None, 800, pytest.approx(1131.4, abs=0.1))
    assert "load.max_steps was not enough" in found.reason


def test_a_system_that_never_meets_the_objective_is_not_searched_for_ever():
    found, rates = play(find(max_steps=100), lambda rate, _: tried(rate, good=False))
    assert rates == [100, 50, 25, 12.5, 6.25, 3.125]
    assert found.rate_per_s is found.met_per_s is None
    assert "down to 3.125 arrivals/s" in found.reason


def test_the_search_ends_at_the_highest_rate_that_is_to_be_tried():
    found, rates = play(find(to_rate_per_s=300.0), lambda rate, _: tried(rate, good=True))
    assert rates == [100, 200, 300, 300]
    assert (found.rate_per_s, found.missed_per_s) == (300, None)


@pytest.mark.parametrize(
    ("p99_ms", "error_ratio", "good"),
    [(20.0, 0.01, True), (20.1, 0.0, False), (1.0, 0.011, False), (None, 0.0, False)],
)
def test_an_objective_is_met_by_both_its_parts(p99_ms, error_ratio, good):
    one = Tried(rate_per_s=1.0, throughput_per_s=1.0, p99_ms=p99_ms, error_ratio=error_ratio, client_limited=False)
    assert one.meets(find().objective) is good


def test_a_step_lasts_until_its_p99_can_be_told():
    assert find(duration_s=10.0).at(1_000.0).duration_s == 10
    slow = find(duration_s=10.0).at(11.0)
    assert slow.duration_s == 100
    workload = Workload(name="w", operations=(Operation(name="a", template="t"),))
    share = Share(process=0, processes=1, start_ns=0, seed=1, workload=workload)
    assert len(list(slow.arrivals(share))) > 1_000


def test_bounds_that_exclude_each_other_are_refused():
    with pytest.raises(ConfigError, match="is below from_rate_per_s"):
        find(to_rate_per_s=50.0)
    assert find().question() != find(precision_ratio=0.01).question()
