"""The same questions with the same values, whatever the backend and however fast it is."""

from itertools import islice

from bench import streams
from bench.sampling import Sequential, Uniform, Zipf
from bench.workload import Operation, Workload


def workload(**mix):
    return Workload(
        name="w",
        operations=(
            Operation(
                name="a", template="t", params={"x": Uniform(low=1, high=10**9), "y": Zipf(low=1, high=100, skew=1)}
            ),
            Operation(name="b", template="t", params={"k": Sequential(low=100)}),
        ),
        mix=mix,
    )


def drawn(operation, *, seed=1, lane=0, count=100):
    return list(islice(streams.parameters(operation, seed, lane=lane, lanes=2), count))


def test_a_stream_is_its_seed_lane_and_operation():
    a = workload().operations[0]
    assert drawn(a) == drawn(a)
    assert drawn(a) != drawn(a, seed=2)
    assert drawn(a) != drawn(a, lane=1)


def test_one_parameter_does_not_disturb_another():
    a = workload().operations[0]
    alone = Operation(name="a", template="t", params={"y": a.params["y"]})
    assert [row["y"] for row in drawn(a)] == [row["y"] for row in drawn(alone)]


def test_clients_insert_keys_of_their_own():
    b = workload().operations[1]
    keys = [row["k"] for lane in range(2) for row in drawn(b, lane=lane, count=3_000)]
    assert len(set(keys)) == 6_000
    assert min(keys) == 100


def test_an_operation_without_parameters_runs_for_ever():
    assert len(drawn(Operation(name="n", template="t"), count=5_000)) == 5_000


def test_whole_weights_are_dealt_exactly():
    order = list(islice(streams.order(workload(a=3, b=1), 1, lane=0), 4_000))
    assert order.count(0) == 3_000
    assert {tuple(sorted(order[at : at + 4])) for at in range(0, 4_000, 4)} == {(0, 0, 0, 1)}


def test_an_operation_of_weight_zero_is_never_asked():
    only = workload(a=0, b=1)
    assert [operation.name for operation in only.asked] == ["b"]
    assert set(islice(streams.order(only, 1, lane=0), 100)) == {0}


def test_other_weights_are_drawn():
    order = list(islice(streams.order(workload(a=0.9, b=0.1), 1, lane=0), 10_000))
    assert 0.88 < order.count(0) / 10_000 < 0.92


def test_the_digest_tells_questions_apart():
    base = streams.digest(workload(), 1, 2)
    assert base == streams.digest(workload(), 1, 2)
    assert (
        len(
            {
                base,
                streams.digest(workload(), 2, 2),
                streams.digest(workload(), 1, 3),
                streams.digest(workload(a=1, b=2), 1, 2),
            }
        )
        == 4
    )
