"""Directories that a user may name: each gives its results, or one clear sentence."""

import json
import shutil
from pathlib import Path

import pytest

from bench.errors import NoResultsError, ResultError
from bench.results import Ledger, RunWriter, open_results, open_run, survey
from bench.results.ledger import CellStatus
from bench.results.manifest import FILE_NAME, RunKey, RunStatus

OLD = Path(__file__).parents[1] / "data" / "results_before_emulated"


def make_run(directory, run_id="r1", status=RunStatus.DONE):
    writer = RunWriter(directory, RunKey(run_id=run_id, backend="b", dataset="d", workload="w", load="l"))
    if status is not RunStatus.RUNNING:
        writer.finish(status)
    return directory


def change(directory, **entries):
    path = directory / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_runs_of_all_paths_are_found_once(tmp_path):
    make_run(tmp_path / "day" / "one", "r1")
    make_run(tmp_path / "day" / "two", "r2")
    found = survey([tmp_path, tmp_path / "day" / "two", OLD])
    assert [run.key.run_id for run in found.runs[:2]] == ["r1", "r2"]
    assert len(found.runs) == 3
    assert found.left_out == ()
    assert found.unfinished() == ""


def test_a_copy_is_named_and_not_counted(tmp_path):
    make_run(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    found = survey([tmp_path])
    assert [run.directory.name for run in found.runs] == ["a"]
    assert found.left_out == (f"{tmp_path / 'b'} is a copy of {tmp_path / 'a'}, which counts",)


def test_a_broken_run_does_not_hide_the_others(tmp_path):
    make_run(tmp_path / "a", "r1")
    (make_run(tmp_path / "b", "r2") / FILE_NAME).write_text("{")
    change(make_run(tmp_path / "c", "r3"), schema_version=2)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / FILE_NAME).write_text('{"name": "an app", "icons": []}')
    found = survey([tmp_path])
    assert [run.key.run_id for run in found.runs] == ["r1"]
    broken, newer, foreign = found.left_out
    assert "b/manifest.json cannot be read" in broken
    assert "c/manifest.json has schema version 2, this bench reads up to 1" in newer
    assert "web/manifest.json is no manifest: 'schema_version' is missing" in foreign


def test_where_nothing_can_be_read_it_is_an_error(tmp_path):
    (make_run(tmp_path / "a") / FILE_NAME).write_text("{")
    with pytest.raises(ResultError, match=r"a/manifest.json cannot be read: .*; run the cell again$"):
        survey([tmp_path / "a"])
    (make_run(tmp_path / "b") / FILE_NAME).write_text("")
    with pytest.raises(ResultError, match=r"and 1 more that cannot be read"):
        survey([tmp_path])


def test_what_did_not_end_is_counted(tmp_path):
    make_run(tmp_path / "a", "r1")
    make_run(tmp_path / "b", "r2", RunStatus.RUNNING)
    make_run(tmp_path / "c", "r3", RunStatus.FAILED)
    said = survey([tmp_path]).unfinished()
    assert said == "2 of 3 runs did not come to their end (1 failed, 1 running), and may lack files"


def test_steps_of_a_search_are_part_of_it(tmp_path):
    search = make_run(tmp_path / "search", "r1")
    make_run(search / "steps" / "00_10_per_s", "r2")
    assert [run.key.run_id for run in survey([tmp_path]).runs] == ["r1"]
    assert [run.key.run_id for run in survey([search / "steps"]).runs] == ["r2"]
    assert [run.key.run_id for run in survey([search / "steps" / "00_10_per_s"]).runs] == ["r2"]


@pytest.mark.parametrize("read", [open_results, lambda path: survey([path])])
def test_what_holds_no_results_is_a_mistake_of_the_user(tmp_path, read):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("nothing")
    for name, sentence in (
        ("missing", "missing is not a directory; give the directory of a run"),
        ("notes/todo.txt", "todo.txt is not a directory"),
        ("notes", "notes is not a results directory: it has no manifest.json$"),
    ):
        with pytest.raises(NoResultsError, match=sentence) as caught:
            read(tmp_path / name)
        assert caught.value.exit_code == 2


def test_results_further_below_are_hinted_at(tmp_path):
    run = make_run(tmp_path / "outputs" / "2026-11-20" / "12-00-00" / "0_cell")
    with pytest.raises(NoResultsError) as caught:
        open_run(tmp_path / "outputs")
    assert str(caught.value).endswith(f"it has no manifest.json; there are results below, such as {run}")


def test_a_sweep_that_has_not_begun(tmp_path):
    Ledger(tmp_path).append(cell="0_a", config_hash="x", status=CellStatus.PLANNED)
    assert open_results(tmp_path).runs == {}
    with pytest.raises(NoResultsError, match="is a sweep of which no cell has begun; `bench resume"):
        survey([tmp_path])


@pytest.mark.parametrize("entry", [{"errors": None}, {"times": []}, {"warnings": "none"}, {"capabilities": 3}])
def test_entries_of_another_kind_are_refused(tmp_path, entry):
    change(make_run(tmp_path), **entry)
    with pytest.raises(ResultError, match=f"no manifest of this tool: {next(iter(entry))} of another kind"):
        open_run(tmp_path)
