import json
import pickle
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bench.distributions import HEAD_LIMIT, Zipf, bit_stream, scatter
from bench.errors import ConfigError
from bench.sampling import AnySampler, Choice, Column, Constant, Latest, Normal, Sequential, Uniform
from bench.sampling import Zipf as ZipfSampler


def build(**given):
    return TypeAdapter(AnySampler).validate_json(json.dumps(given), strict=True, extra="forbid")


def draw(sampler, size=1_000, seed=1, *, position=0, lane=0, lanes=1):
    return sampler.draw(np.random.default_rng(seed), size, position=position, lane=lane, lanes=lanes)


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        ({"kind": "constant", "value": "5"}, str),
        ({"kind": "constant", "value": None}, type(None)),
        ({"kind": "constant", "value": "2024-01-31"}, str),
        ({"kind": "constant", "value": "2024-01-31", "type": "date"}, date),
        ({"kind": "constant", "value": 1.5, "type": "decimal(4,2)"}, Decimal),
        ({"kind": "uniform", "low": 1, "high": 9}, int),
        ({"kind": "uniform", "low": 1, "high": 9.5}, float),
        ({"kind": "uniform", "low": 1, "high": 9.5, "places": 2}, Decimal),
        ({"kind": "uniform", "low": "2024-01-01", "high": "2024-12-31"}, date),
        ({"kind": "uniform", "low": "2024-01-01", "high": "2024-12-31T23:59:59"}, datetime),
        ({"kind": "normal", "mean": 5, "deviation": 2}, float),
        ({"kind": "normal", "mean": 5, "deviation": 2, "whole": True}, int),
        ({"kind": "normal", "mean": 5, "deviation": 2, "places": 3}, Decimal),
        ({"kind": "zipf", "high": 9}, int),
        ({"kind": "latest", "low": 3, "high": 9, "skew": 0.5}, int),
        ({"kind": "sequential", "low": 5}, int),
        ({"kind": "choice", "values": ["a", "b"]}, str),
        ({"kind": "choice", "values": ["2024-01-01T12:00:00"], "weights": [2], "type": "timestamp"}, datetime),
    ],
)
def test_each_kind_draws_plain_values_and_the_same_again(declared, kind):
    sampler = build(**declared)
    values = draw(sampler)
    assert {type(value) for value in values} == {kind}
    assert draw(pickle.loads(pickle.dumps(sampler))) == values
    assert len(draw(sampler, size=1)) == 1


def test_uniform_reaches_both_ends():
    assert set(draw(Uniform(low=-1, high=2))) == {-1, 0, 1, 2}
    assert set(draw(Uniform(low=0.1, high=0.3, places=1))) == {Decimal("0.1"), Decimal("0.2"), Decimal("0.3")}
    assert set(draw(Uniform(low="2024-02-28", high="2024-03-01"))) == {
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2024, 3, 1),
    }
    noon = datetime(2024, 1, 1, 12)
    assert set(draw(Uniform(low="2024-01-01T12:00:00", high="2024-01-01T12:00:00"))) == {noon}


def test_normal_is_clipped_and_rounded():
    values = draw(Normal(mean=10, deviation=5, low=8, high=12, whole=True))
    assert set(values) == {8, 9, 10, 11, 12}
    assert abs(np.mean(draw(Normal(mean=10, deviation=5), 20_000)) - 10) < 0.15
    exact = draw(Normal(mean=1, deviation=1, places=2))
    assert all(value.as_tuple().exponent == -2 for value in exact)


def test_weights_decide_how_often_a_choice_is_made():
    values = draw(Choice(values=("a", "b", "c"), weights=(7, 3, 0)), 20_000)
    assert set(values) == {"a", "b"}
    assert abs(values.count("a") / 20_000 - 0.7) < 0.015
    assert abs(draw(Choice(values=(1, 2)), 20_000).count(1) / 20_000 - 0.5) < 0.015


def test_latest_is_zipf_from_the_other_end():
    low, high = 11, 500
    assert [low + high - value for value in draw(ZipfSampler(low=low, high=high))] == draw(Latest(low=low, high=high))


def test_constant_is_what_was_written():
    assert draw(Constant(value="5"), 3) == ["5", "5", "5"]
    assert draw(build(kind="choice", values=["5", 5, None, True]), 1_000).count(True) > 200


@given(
    lanes=st.integers(1, 9),
    blocks=st.lists(st.integers(1, 50), min_size=1, max_size=4),
    low=st.integers(-(10**6), 10**6),
    step=st.integers(-5, 5).filter(bool),
)
def test_sequential_lanes_share_out_one_sequence(lanes, blocks, low, step):
    sampler = Sequential(low=low, step=step)
    seen = []
    for lane in range(lanes):
        position = 0
        for size in blocks:
            seen += draw(sampler, size, position=position, lane=lane, lanes=lanes)
            position += size
    assert sorted(seen, reverse=step < 0) == [low + at * step for at in range(lanes * sum(blocks))]


@given(low=st.integers(-(2**40), 2**40), span=st.integers(0, 2**40), skew=st.floats(0, 4), seed=st.integers(0, 2**32))
def test_ranked_values_keep_to_their_range(low, span, skew, seed):
    for sampler in (ZipfSampler(low=low, high=low + span, skew=skew), Latest(low=low, high=low + span, skew=skew)):
        assert all(low <= value <= low + span for value in draw(sampler, 50, seed))


@given(low=st.integers(-(2**62), 2**62), span=st.integers(0, 2**62), seed=st.integers(0, 2**32))
def test_uniform_values_keep_to_their_range(low, span, seed):
    high = low + span
    if high < 2**63:
        assert all(low <= value <= high for value in draw(Uniform(low=low, high=high), 20, seed))


@given(
    low=st.decimals(-(10**6), 10**6, places=3),
    span=st.decimals(0, 10**6, places=3),
    places=st.integers(3, 6),
    seed=st.integers(0, 2**32),
)
def test_decimals_are_exact_and_keep_to_their_range(low, span, places, seed):
    sampler = Uniform(low=str(low), high=str(low + span), places=places)
    for value in draw(sampler, 20, seed):
        assert low <= value <= low + span
        assert value.as_tuple().exponent == -places


@given(values=st.lists(st.integers(), min_size=1, max_size=30, unique=True).map(sorted), seed=st.integers(0, 2**32))
@settings(max_examples=50)
def test_a_column_draws_only_from_its_values(values, seed):
    for distribution in ("uniform", "zipf", "latest", "sequential"):
        sampler = Column(table="orders", column="order_id", distribution=distribution).resolve(values)
        assert set(draw(sampler, 60, seed, position=7, lane=1, lanes=3)) <= set(values)


def test_a_column_follows_its_distribution():
    values = [f"k{at:03}" for at in range(100)]
    column = {"table": "t", "column": "c"}
    zipf = draw(Column(**column, distribution="zipf", skew=1.2).resolve(values), 5_000)
    latest = draw(Column(**column, distribution="latest", skew=1.2).resolve(values), 5_000)
    weights = np.arange(1, 101) ** -1.2
    assert abs(zipf.count("k000") / 5_000 - 1 / weights.sum()) < 0.02
    assert abs(latest.count("k099") / 5_000 - 1 / weights.sum()) < 0.02
    assert len(set(draw(Column(**column).resolve(values), 5_000))) == 100
    in_turn = Column(**column, distribution="sequential").resolve(values)
    assert draw(in_turn, 101) == [*values, values[0]]


def test_a_column_must_be_resolved_first():
    with pytest.raises(RuntimeError, match=r"t\.c must be resolved"):
        draw(Column(table="t", column="c"))
    with pytest.raises(ConfigError, match=r"t\.c holds no values"):
        Column(table="t", column="c").resolve([])


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"kind": "uniform", "low": 5, "high": 1}, "low: 5 is above high (1)"),
        ({"kind": "uniform", "low": 5, "high": "x"}, "low: 5 and x are no range; give two numbers"),
        ({"kind": "uniform", "low": "5", "high": "6"}, "low: '5' is no value of date"),
        ({"kind": "uniform", "low": 0.125, "high": 1, "places": 2}, "low: 0.125 is no value of decimal(18,2)"),
        ({"kind": "uniform", "low": 0, "high": 2**63}, f"high: {2**63} is no value of bigint"),
        ({"kind": "normal", "mean": 1, "deviation": 1, "low": 5, "high": 1}, "low: 5.0 is above high (1.0)"),
        ({"kind": "normal", "mean": 1, "deviation": 1, "whole": True, "places": 1}, "places: whole numbers have no"),
        ({"kind": "zipf", "low": 5, "high": 1}, "low: 5 is above high (1)"),
        ({"kind": "sequential", "step": 0}, "step: 0 gives the same value again"),
        ({"kind": "choice", "values": [1, 2], "weights": [1]}, "weights: 1 weights for 2 values"),
        ({"kind": "choice", "values": [1, 2], "weights": [0, 0]}, "weights: all weights are 0"),
        ({"kind": "choice", "values": ["x"], "type": "date"}, "values: 'x' is no value of date"),
        ({"kind": "constant", "value": 1, "type": "dat"}, "type: no type 'dat'; there are"),
        ({"kind": "column", "table": "a b", "column": "c"}, "table: 'a b' is no name for a table"),
    ],
)
def test_a_mistake_is_refused_in_one_sentence(declared, words):
    with pytest.raises(ValidationError) as caught:
        build(**declared)
    assert words in str(caught.value.errors()[0]["ctx"]["error"])


@pytest.mark.parametrize(
    "declared",
    [
        {"kind": "zpf", "high": 5},
        {"kind": "zipf"},
        {"kind": "zipf", "high": 5, "skew": -1},
        {"kind": "uniform", "low": True, "high": 5},
        {"kind": "choice", "values": []},
        {"kind": "column", "table": "t", "column": "c", "distribution": "normal"},
        {"kind": "constant", "value": 1, "extra": 2},
    ],
)
def test_types_and_ranges_are_checked(declared):
    with pytest.raises(ValidationError):
        build(**declared)


# ---- the distribution over ranks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [0.0, 0.8, 0.99, 1.0, 1.5])
def test_weights_beyond_the_tabulated_head_are_those_of_the_sum(skew):
    size = 5 * HEAD_LIMIT
    exact = np.cumsum(np.arange(1, size + 1, dtype=np.float64) ** -skew)
    counts = np.array([1, 1_000, HEAD_LIMIT, HEAD_LIMIT + 1, 2 * HEAD_LIMIT, size])
    assert np.allclose(Zipf(size, skew).weight(counts), exact[counts - 1], rtol=1e-9)


@pytest.mark.parametrize("skew", [0.0, 0.5, 1.0, 1.3])
def test_ranks_beyond_the_tabulated_head_have_their_share(skew):
    size = 8 * HEAD_LIMIT
    ranks = Zipf(size, skew).draw(bit_stream(1, "test"), 200_000)
    weights = np.arange(1, size + 1, dtype=np.float64) ** -skew
    edges = np.array([0, 10, 1_000, HEAD_LIMIT, 2 * HEAD_LIMIT, 4 * HEAD_LIMIT, size])
    cumulative = np.concatenate([[0], np.cumsum(weights)])
    expected = 200_000 * np.diff(cumulative[edges]) / cumulative[-1]
    counts = np.histogram(ranks, edges)[0]
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected) + 1).all()


def test_each_draw_may_have_a_limit_of_its_own():
    limits = np.tile([1, 2, 10, 200_000], 20_000)
    ranks = Zipf(200_000, 1.0).draw(bit_stream(2, "test"), len(limits), limits)
    assert (ranks < limits).all()
    assert abs((ranks[limits == 2] == 0).mean() - 2 / 3) < 0.015
    assert abs((ranks[limits == 10] == 0).mean() - 1 / (1 / np.arange(1, 11)).sum()) < 0.015


@given(count=st.integers(1, 5_000), shift=st.integers(0, 2**62))
@settings(max_examples=50)
def test_scattering_loses_no_rank(count, shift):
    assert sorted(scatter(np.arange(count), count, shift).tolist()) == list(range(count))


def test_streams_are_independent_of_each_other():
    first = bit_stream(42, "orders", "total").random(5).tolist()
    assert bit_stream(42, "orders", "total").random(5).tolist() == first
    others = [
        bit_stream(43, "orders", "total"),
        bit_stream(42, "orders", "discount"),
        bit_stream(42, "orderstotal"),
        bit_stream(42, "orders", "total", block=1),
    ]
    assert len({tuple(other.random(5).tolist()) for other in others} | {tuple(first)}) == 5


@pytest.mark.parametrize("skew", [1.0, 2.5, 4.0, 9.0])
def test_the_far_end_of_the_tail_is_reached_without_rounding_beyond_it(skew):
    class Last:
        def random(self, draws):
            return np.full(draws, 1 - 2**-53)

    size = 2**40
    ranks = Zipf(size, skew).draw(Last(), 3)
    assert ((ranks >= 0) & (ranks < size)).all()
