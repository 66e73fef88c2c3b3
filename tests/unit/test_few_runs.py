"""What two pairs, three, one run and runs of other days say, and what they do not."""

import re

import pytest
from judged_runs import judge, two
from written_runs import OPERATIONS, write_sweep

from bench.compare import open_sides
from bench.compare.gate import gate_results, parse_gate
from bench.compare.reasons import whole
from bench.report.verdicts import comparison_page

CELLS = ("before", {}), ("after", {"slower": dict.fromkeys(OPERATIONS, 1.1)})


def repeated(directory, repetitions, **options):
    return write_sweep(directory, *CELLS, repetitions=repetitions, size=60, **options)


def test_two_pairs_give_no_interval_of_an_operation(tmp_path):
    found = judge(open_sides([repeated(tmp_path, 2)]), measures=["p50"])
    for each in found.verdicts:
        assert (each.verdict, each.reason) == ("cannot tell", "2 pairs cannot tell; use repetitions=5")
        assert (each.low, each.high, each.level, each.runs) == (None, None, None, 2)
        assert each.ratio == pytest.approx(each.candidate_value / each.baseline_value)
    (overall,) = found.overall
    assert overall.low < overall.ratio < overall.high
    assert {each.outcome for each in gate_results([parse_gate("p50 < 1.05")], found)} == {"cannot tell"}
    assert "2 pairs cannot tell" in " ".join(comparison_page(found).notes)


def test_nor_do_two_runs_of_another_day(tmp_path):
    days = [write_sweep(tmp_path / name, CELLS[0], repetitions=2, size=60, seed=seed) for seed, name in enumerate("ab")]
    found = judge(open_sides(days), measures=["p50"])
    assert {each.reason for each in found.verdicts} == {"2 runs on a side cannot tell; use repetitions=5"}


def test_three_pairs_do_and_how_many_more_would_tell_is_said_of_each(tmp_path):
    found = judge(open_sides([repeated(tmp_path, 3, between_runs=0.4)]), measures=["p50"])
    assert {each.verdict for each in found.verdicts} == {"cannot tell"}
    assert all(re.search(r"(about|not even) [\d,]+ pairs would tell", whole(each)) for each in found.verdicts)


def test_of_runs_that_were_no_pairs_it_is_runs_that_would_tell(tmp_path):
    days = [repeated(tmp_path / name, 3, between_runs=0.1, seed=seed) for seed, name in enumerate("ab")]
    found = judge(open_sides(days), measures=["p50"])
    unsure = [whole(each) for each in found.verdicts if each.verdict == "cannot tell"]
    assert unsure
    assert all("runs on each side would tell" in reason and "pairs" not in reason for reason in unsure)


def test_of_single_runs_it_is_said_that_their_deviation_is_assumed(tmp_path):
    found = two(tmp_path, measures=["p50"])
    assert all("differ by 5% is assumed, not measured" in each.reason for each in (*found.verdicts, *found.overall))
