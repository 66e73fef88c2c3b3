"""Sweeps that are not whole: a run failed, or all is still in progress."""

import pytest
from judged_runs import judge
from written_runs import lose_summary, write_sweep

from bench.compare import open_sides
from bench.compare.reasons import whole

ENGINES = [(name, {"backend": name}) for name in ("engine_a", "engine_b")]


@pytest.fixture
def partly_failed(tmp_path):
    """One of four repetitions of the second engine came to nothing."""
    sweep = write_sweep(tmp_path / "sweep", *ENGINES, repetitions=4, size=60)
    lose_summary(sweep / "1_engine_b_r2")
    return sweep


def test_a_run_that_failed_is_the_one_objection_to_its_cell(partly_failed):
    found = judge(open_sides([partly_failed]))
    assert {each.reason for each in found.verdicts} == {
        "the run 1_engine_b_r2 of the candidate is failed: the engine went away (unfinished); "
        "--allow unfinished overlooks it"
    }


def test_where_it_is_overlooked_the_others_are_compared_without_it(partly_failed):
    found = judge(open_sides([partly_failed]), measures=["p50"], allow=["unfinished"])
    assert found.whole
    assert {(each.runs, each.paired) for each in found.verdicts} == {(3, True)}
    assert all("left out: 1 run without a partner in the block" in each.reason for each in found.verdicts)
    assert all("overlooked: the run 1_engine_b_r2" in whole(each) for each in found.verdicts)
