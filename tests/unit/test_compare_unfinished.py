"""Sweeps that are not whole: a run failed, or all is still in progress."""

import pytest
from judged_runs import judge
from read_page import Page
from written_runs import lose_summary, write_sweep

from bench.compare import open_sides
from bench.compare.reasons import whole
from bench.errors import ConfigError, ResultError
from bench.report.html import html
from bench.report.verdicts import comparison_page
from bench.results import CellStatus, Ledger, open_sweep

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


def test_a_sweep_in_progress_is_said_first_with_how_far_it_came(partly_failed):
    ledger = Ledger(partly_failed)
    lose_summary(partly_failed / "1_engine_b_r3", status="running")
    ledger.append(cell="1_engine_b_r3", config_hash="engine_b", status=CellStatus.RUNNING, directory="1_engine_b_r3")
    ledger.append(cell="0_engine_a_r4", config_hash="engine_a", status=CellStatus.PLANNED)
    page = comparison_page(judge(open_sides([partly_failed])))
    assert page.lines[0] == (
        f"Warning: {partly_failed} is not complete (6 of 9 runs done, 1 failed, 1 running, 1 planned): wait for its "
        f"end, or complete it with `bench resume {partly_failed}`."
    )
    assert "engine_b and engine_a cannot be compared: the run 1_engine_b_r2 of the candidate is failed" in page.lines[1]
    assert not any(note.startswith(("Ratio", "Family")) for note in page.notes), "there is no ratio"
    so_far = judge(open_sides([partly_failed]), measures=["p50"], allow=["unfinished"])
    assert {each.runs for each in so_far.verdicts} == {2}


def test_a_sweep_that_only_failed_has_nothing_to_wait_for(partly_failed):
    (note,) = open_sides([partly_failed]).notes
    assert "(7 of 8 runs done, 1 failed): complete it with `bench resume" in note


def test_a_sweep_that_is_whole_has_no_note(tmp_path):
    assert open_sides([write_sweep(tmp_path, *ENGINES, repetitions=1, size=30)]).notes == ()


def test_a_sweep_of_which_one_cell_has_begun_says_so(tmp_path):
    sweep = write_sweep(tmp_path / "sweep", ENGINES[0], repetitions=1, size=30)
    Ledger(sweep).append(cell="1_engine_b", config_hash="engine_b", status=CellStatus.PLANNED)
    told = r"it has runs of one cell only; .* is not complete \(1 of 2 runs done, 1 planned\): wait for its end"
    with pytest.raises(ConfigError, match=told):
        open_sides([sweep])


@pytest.mark.parametrize("status", ["failed", "running"])
def test_where_nothing_was_measured_there_is_one_sentence_and_no_page(tmp_path, status):
    sweep = write_sweep(tmp_path / "sweep", *ENGINES, repetitions=1, size=30)
    for name in ("0_engine_a", "1_engine_b"):
        lose_summary(sweep / name, status=status)
    why = {"failed": "failed: the engine went away; .*0 of 2 runs done, 2 failed", "running": "in progress"}[status]
    with pytest.raises(ResultError, match=f"no run came to a summary: 0_engine_a is {why}.*`bench resume"):
        open_sides([sweep])
    with pytest.raises(ResultError, match=f"no run came to a summary: 0_engine_a is {why[:11]}.*`bench resume"):
        open_sides([sweep / "0_engine_a", sweep / "1_engine_b"])


def test_sides_without_a_cell_in_common_are_told_to_be_so(tmp_path):
    cells = [
        (name, {"backend": name, "question": name, "config": {"load": {"clients": clients}}})
        for clients, (name, _) in enumerate(ENGINES, start=1)
    ]
    page = comparison_page(judge(open_sides([write_sweep(tmp_path, *cells, repetitions=1, size=30)])))
    assert page.lines[-1] == "Nothing was compared: the sides have no cell in common."
    assert not page.notes


def test_the_page_of_a_partly_failed_sweep_names_what_is_not_done(partly_failed):
    page = Page(html([open_sweep(partly_failed)]))
    assert page.heading.startswith(
        "engine_b and engine_a cannot be compared: the run 1_engine_b_r2 of the candidate is failed"
    )
    assert "Not done: 1 of 2 cells: engine_b" in page.text
