"""Running the cells of a sweep one after another, and what the ledger says about it."""

import pytest

from bench.cell import CellOutcome
from bench.errors import PrepareError, ResultError
from bench.results import CELLS_NAME, RunWriter, open_run, read_ledger
from bench.results.manifest import RunKey
from bench.sweep import Cell, locked, run_cells, standing

ORDER: tuple[str, ...] = ("0_a", "1_b", "2_c")


def cells(actions, order):
    """Cells that note their turn and then do what `actions` says."""

    def run(name):
        order.append(name)
        action = actions.get(name)
        if isinstance(action, BaseException):
            raise action
        return CellOutcome(status="failed" if action else "done", message=action or "", run_id=name)

    return [Cell(name=name, config_hash=f"hash of {name}", run=lambda name=name: run(name)) for name in ORDER]


def run(sweep, actions=None, fail_fast=False):
    for name in ORDER:
        (sweep / name).mkdir(exist_ok=True)
    order, said = [], []
    ended = run_cells(cells(actions or {}, order), sweep, fail_fast=fail_fast, say=said.append)
    return ended, order, said


def test_all_in_their_order(tmp_path):
    ended, order, _ = run(tmp_path)
    assert order == list(ORDER)
    assert ended == dict.fromkeys(ORDER, "done")
    assert (tmp_path / CELLS_NAME).is_file()


def test_all_are_planned_before_the_first_runs(tmp_path):
    run(tmp_path)
    assert [entry.status for entry in read_ledger(tmp_path)[:4]] == ["planned", "planned", "planned", "running"]


@pytest.mark.parametrize("action", ["no room", PrepareError("no room"), ZeroDivisionError("no room")])
def test_a_failing_cell_is_told_at_once_and_does_not_stop_the_others(tmp_path, action):
    ended, order, said = run(tmp_path, {"0_a": action})
    assert order == list(ORDER)
    assert ended == {"0_a": "failed", "1_b": "done", "2_c": "done"}
    told = next(number for number, line in enumerate(said) if "failed" in line)
    assert "no room" in said[told]
    assert told < next(number for number, line in enumerate(said) if "1_b" in line)


def test_the_trace_of_a_mistake_is_kept(tmp_path):
    run(tmp_path, {"1_b": ZeroDivisionError("oh")})
    assert "ZeroDivisionError" in (tmp_path / "1_b" / "traceback.txt").read_text(encoding="utf-8")


def test_fail_fast_leaves_the_rest_planned(tmp_path):
    ended, order, _ = run(tmp_path, {"1_b": "broken"}, fail_fast=True)
    assert order == ["0_a", "1_b"]
    assert ended == {"0_a": "done", "1_b": "failed", "2_c": "planned"}


def test_an_interruption_keeps_what_there_is(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, {"1_b": KeyboardInterrupt()})
    assert standing(tmp_path) == {"0_a": "done", "1_b": "interrupted", "2_c": "planned"}
    assert (tmp_path / CELLS_NAME).is_file()


def test_a_directory_is_worked_on_by_one_process_only(tmp_path):
    with locked(tmp_path), pytest.raises(ResultError, match="still being worked on"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def answering(sweep, name, backend, digest, question):
    """A cell that leaves a whole run with one answer."""

    def run():
        key = RunKey(run_id=name, backend=backend, dataset="d", workload="w", load="l")
        with RunWriter(sweep / name, key, {"question_hash": question}, replace=True) as writer:
            row = {"operation": "busiest", "digest": digest, "rows": 1, "ordered": True, "first_rows": [f"[{digest}]"]}
            writer.write_rows("answers", [row])
        return CellOutcome(status="done", message="", run_id=name)

    return Cell(name=name, config_hash=name, run=run)


def test_answers_that_differ_fail_both_cells(tmp_path):
    said = []
    cells = [answering(tmp_path, "0_a", "one", "1", "q"), answering(tmp_path, "1_b", "two", "2", "q")]
    assert run_cells(cells, tmp_path, fail_fast=False, say=said.append) == {"0_a": "failed", "1_b": "failed"}
    assert {open_run(tmp_path / name).status for name in ("0_a", "1_b")} == {"failed"}
    assert any("answers differently" in line for line in said)


def test_answers_to_other_questions_may_differ(tmp_path):
    cells = [answering(tmp_path, "0_a", "one", "1", "q"), answering(tmp_path, "1_b", "two", "2", "another")]
    assert run_cells(cells, tmp_path, fail_fast=False, say=print) == {"0_a": "done", "1_b": "done"}
