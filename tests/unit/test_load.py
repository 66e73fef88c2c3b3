"""The schedules of open loops: rates, distances, ramps, and how they are shared out. No clock is read."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import ConfigError
from bench.load import ClosedLoop, LoadPhase, OpenLoop, Phases, Share, Stream, Streams
from bench.load.rate import Piece, RateCurve
from bench.workload import Operation, Workload

START_NS = 1_000_000_000_000
NAMES = ("a", "b", "c")


def workload(**mix):
    operations = tuple(Operation(name=name, template="t") for name in NAMES)
    return Workload(name="w", operations=operations, mix=mix)


def share(process=0, processes=1, seed=1, asked=None):
    return Share(process=process, processes=processes, start_ns=START_NS, seed=seed, workload=asked or workload())


def of(load, **parts):
    """(seconds from the start, operations) of one process."""
    found = list(load.arrivals(share(**parts)))
    starts, operations = zip(*found, strict=True) if found else ((), ())
    return (np.array(starts, dtype=np.int64) - START_NS) / 1e9, np.array(operations, dtype=np.int64)


def open_loop(**options):
    return OpenLoop(**{"name": "l", "clients": 8, "duration_s": 10.0} | options)


def phases(*steps, **options):
    return Phases(**{"name": "l", "clients": 8, "phases": tuple(LoadPhase(**step) for step in steps)} | options)


def kolmogorov_smirnov(values, distribution):
    """Greatest distance between the values' distribution and the given one."""
    ordered = np.sort(values)
    expected, steps = distribution(ordered), np.arange(len(ordered) + 1) / len(ordered)
    return max(np.max(steps[1:] - expected), np.max(expected - steps[:-1]))


# ---- one rate


def test_uniform_arrivals_lie_one_period_apart_and_are_as_many_as_the_rate_says():
    starts, _ = of(open_loop(rate_per_s=250.0, arrival_process="uniform", warm_up_s=2.0))
    assert len(starts) == 250 * 12
    assert starts[0] == 0
    assert np.allclose(np.diff(starts), 0.004, atol=2e-9)


def test_the_distances_of_poisson_arrivals_are_exponential_and_independent():
    starts, _ = of(open_loop(rate_per_s=2_000.0, duration_s=20.0))
    gaps = np.diff(starts)
    size = len(gaps)
    assert abs(size - 40_000) < 4 * 40_000**0.5
    assert np.mean(gaps) == pytest.approx(1 / 2_000, rel=4 / size**0.5)
    assert np.var(gaps) == pytest.approx(1 / 2_000**2, rel=4 * (8 / size) ** 0.5)  # kurtosis 9: var of s^2 is 8/n
    assert kolmogorov_smirnov(gaps, lambda x: 1 - np.exp(-2_000 * x)) < 1.63 / size**0.5  # at the level of 1 %
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 4 / size**0.5


def test_counts_of_poisson_arrivals_by_second_vary_as_much_as_they_are():
    starts, _ = of(open_loop(rate_per_s=100.0, duration_s=1_000.0))
    counts = np.bincount(starts.astype(int), minlength=1_000)
    assert np.var(counts) / np.mean(counts) == pytest.approx(1.0, abs=4 * (2 / 1_000) ** 0.5)


def test_the_schedule_follows_from_the_seed_alone():
    load = open_loop(rate_per_s=300.0)
    once, again, other = (list(load.arrivals(share(seed=seed))) for seed in (1, 1, 2))
    assert once == again != other


def test_the_mix_is_dealt_out_to_the_arrivals():
    _, operations = of(open_loop(rate_per_s=100.0, arrival_process="uniform"), asked=workload(a=3, b=1, c=0))
    assert np.bincount(operations).tolist() == [750, 250]


@pytest.mark.parametrize("process", ["poisson", "uniform"])
def test_each_operation_may_have_a_rate_of_its_own(process):
    rates = {"a": 400.0, "b": 50.0, "c": 10.0}
    starts, operations = of(open_loop(rates=rates, arrival_process=process, duration_s=20.0))
    assert np.all(np.diff(starts) >= 0)
    for position, rate in enumerate(rates.values()):
        mine = starts[operations == position]
        assert abs(len(mine) - 20 * rate) <= (0 if process == "uniform" else 4 * (20 * rate) ** 0.5)
    if process == "uniform":
        assert np.allclose(np.diff(starts[operations == 1]), 0.02, atol=2e-9)


def test_operations_of_one_rate_do_not_arrive_together():
    starts, _ = of(open_loop(rates=dict.fromkeys(NAMES, 100.0), arrival_process="uniform"))
    assert np.allclose(np.diff(starts), 0.01 / 3, atol=2e-9)


def test_the_arrivals_of_one_operation_do_not_depend_on_the_rates_of_the_others():
    few = open_loop(rates={"a": 40.0, "b": 5.0, "c": 1.0})
    many = open_loop(rates={"a": 40.0, "b": 500.0, "c": 1.0})
    starts, operations = of(few)
    others, other_operations = of(many)
    assert starts[operations == 0].tolist() == others[other_operations == 0].tolist()


# ---- shared out


@settings(deadline=None, max_examples=40)
@given(
    clients=st.integers(1, 12),
    processes=st.integers(1, 12),
    rate=st.floats(1.0, 2_000.0),
    process=st.sampled_from(["poisson", "uniform"]),
    each=st.booleans(),
)
def test_the_parts_of_the_processes_are_together_the_whole(clients, processes, rate, process, each):
    processes = min(clients, processes)
    asked = {"rates": dict.fromkeys(NAMES, rate)} if each else {"rate_per_s": rate}
    load = open_loop(clients=clients, arrival_process=process, duration_s=1.0, **asked)
    whole = list(load.arrivals(share()))
    parts = [list(load.arrivals(share(at, processes))) for at in range(processes)]
    assert sorted(one for part in parts for one in part) == sorted(whole)
    for at, part in enumerate(parts):
        assert part == sorted(part, key=lambda one: one[0])
        clients_here = len(range(at, clients, processes))
        assert abs(len(part) - len(whole) * clients_here / clients) <= (len(NAMES) if each else 1) * clients_here


# ---- rates that change


def test_a_ramp_follows_the_closed_form():
    """From 100 to 500 per s in 10 s: 100 t + 20 t² = k arrivals have come by t = (sqrt(10000 + 80 k) - 100) / 40."""
    starts, _ = of(phases({"duration_s": 10.0, "rate_per_s": 100.0, "to_rate_per_s": 500.0}, arrival_process="uniform"))
    expected = (np.sqrt(10_000 + 80 * np.arange(3_000)) - 100) / 40
    assert len(starts) == 3_000
    assert np.allclose(starts, expected, atol=2e-9)


def test_a_ramp_may_begin_and_end_at_nothing():
    starts, _ = of(
        phases(
            {"duration_s": 10.0, "rate_per_s": 0.0, "to_rate_per_s": 100.0},
            {"duration_s": 10.0, "rate_per_s": 100.0, "to_rate_per_s": 0.0},
            arrival_process="uniform",
        )
    )
    assert len(starts) == 1_000
    assert np.allclose(starts[:500], np.sqrt(np.arange(500) / 5), atol=2e-9)
    assert np.allclose(starts[501:], 20 - starts[499:0:-1], atol=2e-9)


def test_poisson_arrivals_of_a_ramp_are_exponential_on_the_clock_of_their_rate():
    starts, _ = of(phases({"duration_s": 20.0, "rate_per_s": 200.0, "to_rate_per_s": 1_800.0}))
    gaps = np.diff(200 * starts + 40 * starts**2)
    assert kolmogorov_smirnov(gaps, lambda x: 1 - np.exp(-x)) < 1.63 / len(gaps) ** 0.5


def test_steps_change_rate_and_mix_where_they_are_declared_to():
    load = phases(
        {"duration_s": 5.0, "rate_per_s": 100.0},
        {"duration_s": 5.0, "rate_per_s": 0.0},
        {"duration_s": 5.0, "rate_per_s": 400.0, "mix": {"a": 0.0, "b": 3.0}},
        arrival_process="uniform",
        warm_up_s=2.0,
    )
    assert load.duration_s == 15
    starts, operations = of(load)
    assert np.bincount(np.digitize(starts, (2, 7, 12))).tolist() == [200, 500, 0, 2_000]
    last = np.bincount(operations[starts >= 12], minlength=3)
    assert last.tolist() == [0, 1_500, 500]
    assert abs(np.bincount(operations[starts < 12]) - 700 / 3).max() < 2


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 50.0), st.floats(0.0, 5_000.0), st.floats(0.0, 5_000.0)), min_size=1, max_size=6),
    st.floats(0.0, 1.0, exclude_max=True),
)
def test_putting_marks_back_on_the_clock_undoes_the_integral_of_the_rate(pieces, part):
    pieces = [Piece(duration_s=d, rate_per_s=a, to_rate_per_s=b) for d, a, b in pieces]
    curve = RateCurve(pieces)
    mark = part * curve.total
    if not mark < curve.total:
        return
    (at_s,), (piece,) = curve.place(np.array([mark]))
    here = pieces[piece]
    inside_s = at_s - sum(one.duration_s for one in pieces[:piece])
    assert -1e-6 <= inside_s <= here.duration_s + 1e-6
    slope = (here.to_rate_per_s - here.rate_per_s) / here.duration_s
    back = sum(one.arrivals for one in pieces[:piece]) + here.rate_per_s * inside_s + slope * inside_s**2 / 2
    assert back == pytest.approx(mark, rel=1e-6, abs=1e-3)


def test_hours_of_arrivals_are_not_laid_out_at_once():
    load = open_loop(rate_per_s=10_000.0, duration_s=1e7)
    assert len(list(islice(iter(load.arrivals(share())), 5))) == 5


# ---- what is refused, and what is said


@pytest.mark.parametrize(
    ("make", "key", "words"),
    [
        (open_loop, "rate_per_s", "give arrivals per second"),
        (lambda: open_loop(rate_per_s=1.0, rates={"a": 1.0}), "rate_per_s", "one of both"),
        (lambda: open_loop(rate_per_s=1.0, iterations=5), "iterations", "set duration_s"),
        (lambda: open_loop(rate_per_s=1.0, processes=9), "processes", "use at most 8"),
        (lambda: open_loop(rates={"a": 1.0}).check(workload()), "load.rates", "no rate for 'b'"),
        (lambda: open_loop(rates={"d": 1.0}).check(workload()), "load.rates", "no operation 'd'"),
        (lambda: phases({"duration_s": 1.0, "rate_per_s": 0.0}), "phases", "above 0"),
        (lambda: phases({"duration_s": 1.0, "rate_per_s": 1.0}, duration_s=2.0), "duration_s", "leave it out"),
        (
            lambda: phases({"duration_s": 1.0, "rate_per_s": 1.0, "mix": {"d": 1.0}}).check(workload()),
            "load.phases[0].mix",
            "no operation 'd'",
        ),
        (
            lambda: phases({"duration_s": 1.0, "rate_per_s": 1.0, "mix": dict.fromkeys(NAMES, 0.0)}).check(workload()),
            "load.phases[0].mix",
            "all weights are 0",
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_sentence(make, key, words):
    with pytest.raises(ConfigError, match=words) as refused:
        make()
    assert refused.value.key == key


def test_loads_describe_themselves_in_one_line():
    assert open_loop(rate_per_s=1234567.5, max_lag_s=0.5).describe() == (
        "open loop, 1234567.5 arrivals/s (poisson), at most 8 clients at work, dropped after 0.5 s, 0 s warm-up, 10 s"
    )
    assert "a 1/s, b 2/s" in open_loop(rates={"b": 2.0, "a": 1.0}).describe()
    ramp = phases({"duration_s": 5.0, "rate_per_s": 1.0, "to_rate_per_s": 9.0}, {"duration_s": 5.0, "rate_per_s": 9.0})
    assert "1 to 9/s for 5 s, then 9/s for 5 s (poisson)" in ramp.describe()


def test_loads_that_ask_otherwise_are_other_questions():
    loads = [
        open_loop(rate_per_s=100.0),
        open_loop(rate_per_s=100.5),
        open_loop(rate_per_s=100.0, arrival_process="uniform"),
        open_loop(rate_per_s=100.0, max_lag_s=1.0),
        phases({"duration_s": 10.0, "rate_per_s": 100.0}),
        phases({"duration_s": 10.0, "rate_per_s": 100.0, "mix": {"a": 2.0}}),
        ClosedLoop(name="l", clients=8),
    ]
    assert len({load.question() for load in loads}) == len(loads)
    assert open_loop(rate_per_s=100.0, processes=2).question() == loads[0].question()


# ---- streams


def streams(*given, **options):
    return Streams(name="l", streams=tuple(Stream(**one) for one in given), **options)


def test_the_arrivals_of_a_stream_are_shared_out_among_its_own_clients():
    load = streams(
        {"name": "loop", "clients": 3, "mix": {"a": 1.0}},
        {"name": "clock", "clients": 4, "mix": {"b": 3.0, "c": 1.0}, "rate_per_s": 100.0, "arrival_process": "uniform"},
        duration_s=4.0,
    )
    assert load.clients == 7
    assert [load.group(client) for client in range(7)] == [0, 0, 0, 1, 1, 1, 1]
    assert load.arrivals(share()) is None
    whole = list(load.arrivals(replace(share(), group=1)))
    assert Counter(operation for _, operation in whole) == {1: 300, 2: 100}
    parts = [list(load.arrivals(replace(share(at, 3), group=1))) for at in range(3)]
    assert sorted(one for part in parts for one in part) == whole
    # Clients 3 to 6 belong to the processes 0, 1, 2 and 0.
    assert [len(part) for part in parts] == [200, 100, 100]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{"name": "s", "clients": 1, "mix": {"a": 1.0, "b": 1.0}}], "no stream asks 'c'"),
        ([{"name": "s", "clients": 1, "mix": {"d": 1.0}}], "asks no operation 'd'"),
        ([{"name": name, "clients": 1, "mix": dict.fromkeys(NAMES, 1.0)} for name in "st"], "asked by s and t"),
        ([{"name": "s", "clients": 1, "mix": {"a": 1.0}}] * 2, "stands there twice"),
        ([{"name": "s", "clients": 1, "mix": {"a": 1.0}, "rate_per_s": 1.0, "think_time_s": 1.0}], "do not think"),
    ],
)
def test_streams_that_do_not_fit_the_workload_are_refused(given, words):
    with pytest.raises(ConfigError, match=words):
        streams(*given).check(workload())


@pytest.mark.parametrize(
    ("load", "cores", "limit", "lone", "processes"),
    [
        (ClosedLoop(name="l", clients=4), 2, None, True, 4),
        (ClosedLoop(name="l", clients=5), 2, None, True, 2),
        (ClosedLoop(name="l", clients=8), 4, None, True, 8),
        (ClosedLoop(name="l", clients=9), 64, None, True, 9),
        (ClosedLoop(name="l", clients=9), 16, None, True, 8),
        (ClosedLoop(name="l", clients=4), 2, 1, True, 1),
        (ClosedLoop(name="l", clients=4), 2, None, False, 2),
        (ClosedLoop(name="l", clients=4, processes=3), 2, None, True, 3),
        (ClosedLoop(name="l", clients=1), 8, None, False, 1),
        (ClosedLoop(name="l", clients=40), 1, None, True, 1),
    ],
)
def test_a_few_clients_of_a_closed_loop_have_a_process_each_where_that_serves_them(load, cores, limit, lone, processes):
    assert load.worker_processes(cores=cores, limit=limit, lone=lone) == processes


def test_clients_of_an_open_loop_stay_together_since_they_take_each_others_arrivals():
    assert open_loop(rate_per_s=10.0, clients=4).worker_processes(cores=2, lone=True) == 2
