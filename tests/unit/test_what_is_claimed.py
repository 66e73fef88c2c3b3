"""How many attempts a claim needs, and on what it is."""

import pytest
from judged_runs import two
from written_runs import OPERATIONS

from bench.compare import gate_results, parse_gate

FASTER = {"slower": dict.fromkeys(OPERATIONS, 0.5)}


@pytest.mark.parametrize(("size", "known"), [(19, False), (20, True)])
def test_a_mean_needs_as_many_attempts_as_a_median(tmp_path, size, known):
    found = two(tmp_path, {"size": size}, {"size": size, **FASTER}, measures=["p50", "mean"])
    assert {each.ratio is not None for each in found.verdicts} == {known}
    needed = [each.reason for each in found.verdicts if each.measure == "mean"]
    assert all(("fewer than 20 successful attempts, too few for its mean" in reason) is not known for reason in needed)


def test_the_throughput_of_a_closed_loop_is_one_claim(tmp_path):
    found = two(tmp_path, second=FASTER, measures=["p50", "throughput"])
    (rate,) = [each for each in found.verdicts if each.measure == "throughput"]
    assert (rate.operation, rate.verdict) == ("all operations", "faster")
    assert rate.ratio == pytest.approx(2, rel=0.1)
    assert 1 < rate.low < rate.ratio < rate.high
    (overall,) = [each for each in found.overall if each.measure == "throughput"]
    assert (overall.ratio, overall.operations) == (pytest.approx(rate.ratio), 1)
    assert max(each.level for each in found.verdicts) == pytest.approx(1 - 0.05 / 4)


def test_in_streams_it_is_one_on_each_operation(tmp_path):
    streams = {"streams": [{"load": "a", "operations": ["lookup"]}, {"load": "b", "operations": ["join", "report"]}]}
    found = two(tmp_path, streams, streams | FASTER, measures=["throughput"])
    assert [each.operation for each in found.verdicts] == list(OPERATIONS)


def test_an_objection_to_one_operation_is_one_to_the_workload(tmp_path):
    found = two(tmp_path, second={"failing": 0.1}, measures=["throughput"])
    (rate,) = found.verdicts
    assert (rate.verdict, found.overall[0].verdict) == ("not comparable", "not comparable")
    results = gate_results([parse_gate("errors < 1%"), parse_gate("throughput > 0.5")], found)
    assert [each.outcome for each in results] == ["missed", "missed"]
