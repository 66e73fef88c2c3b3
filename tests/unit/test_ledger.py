import json

import pytest

from bench.errors import ResultError
from bench.results import (
    LEDGER_NAME,
    CellStatus,
    Ledger,
    Run,
    RunWriter,
    Sweep,
    done_hashes,
    find_runs,
    latest,
    open_results,
    open_run,
    open_sweep,
    read_cells,
    read_ledger,
    states,
    write_cells,
)
from bench.results.manifest import FILE_NAME, RunKey, RunStatus
from bench.results.schemas import SCHEMAS
from bench.results.summary import summary_rows
from bench.stats import OperationSummary


def make_run(directory, backend="duckdb", *, operations=("read",), status=RunStatus.DONE, repetition=0):
    key = RunKey(run_id=f"r_{directory.name}", backend=backend, dataset="tiny", workload="points", load="closed")
    writer = RunWriter(directory, key, {"question_hash": "q", "sql_hash": backend})
    if repetition is not None:
        writer.update(repetition=repetition)
    found = [OperationSummary(operation=name, count=3) for name in operations]
    writer.write_rows("summary", summary_rows(found, repetition=repetition or 0))
    if status is not RunStatus.RUNNING:
        writer.finish(status)
    return directory


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "2026-11-22" / "19-03-11"
    ledger = Ledger(folder)
    for cell, backend in (("0_duckdb", "duckdb"), ("1_sqlite", "sqlite"), ("2_null", "null")):
        ledger.append(cell=cell, config_hash=f"hash of {cell}", status=CellStatus.PLANNED, directory=cell)
        if backend != "null":
            make_run(folder / cell, backend, operations=("read", "write"))
            ledger.append(cell=cell, config_hash=f"hash of {cell}", status=CellStatus.DONE, directory=cell)
    ledger.append(
        cell="2_null", config_hash="hash of 2_null", status=CellStatus.FAILED, directory="2_null",
        message="cannot reach postgresql://u:hunter2@h/d",
    )  # fmt: skip
    return folder


# ---- ledger ---------------------------------------------------------------------------------------------------------


def test_each_change_of_state_is_one_line(sweep):
    lines = (sweep / LEDGER_NAME).read_text().splitlines()
    assert len(lines) == 6
    assert list(json.loads(lines[0])) == ["time", "cell", "config_hash", "status", "directory", "message"]
    assert [entry.status for entry in states(read_ledger(sweep)).values()] == ["done", "done", "failed"]
    assert "hunter2" not in (sweep / LEDGER_NAME).read_text()


def test_what_is_done_is_known_by_its_configuration(sweep):
    assert sorted(done_hashes(read_ledger(sweep))) == ["hash of 0_duckdb", "hash of 1_sqlite"]
    Ledger(sweep).append(cell="0_duckdb", config_hash="hash of 0_duckdb", status=CellStatus.RUNNING)
    assert sorted(done_hashes(read_ledger(sweep))) == ["hash of 1_sqlite"]


@pytest.mark.parametrize("torn", [b'{"time": "2026', b'{"cell": "x"}', '{"cell": "é'.encode()[:-1]])
def test_a_torn_last_line_is_passed_over_and_the_next_one_is_whole(sweep, torn):
    path = sweep / LEDGER_NAME
    before = read_ledger(sweep)
    with path.open("ab") as file:
        file.write(torn)
    assert read_ledger(sweep) == before
    added = Ledger(sweep).append(cell="3_more", config_hash="h", status=CellStatus.RUNNING)
    assert read_ledger(sweep) == (*before, added)


ODD = '{"time": "", "cell": "", "config_hash": "", "status": "odd"}'


@pytest.mark.parametrize("line", ["{", "[]", "null", '{"cell": "x"}', ODD])
def test_a_broken_whole_line_is_named(sweep, line):
    with (sweep / LEDGER_NAME).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ResultError, match=r"ledger.jsonl, line 7 is no entry of a ledger"):
        read_ledger(sweep)


def test_a_later_version_may_add_to_an_entry(sweep):
    path = sweep / LEDGER_NAME
    path.write_text(
        "".join(json.dumps(json.loads(line) | {"node": 3}) + "\n" for line in path.read_text().splitlines())
    )
    assert len(read_ledger(sweep)) == 6


def test_no_ledger(tmp_path):
    with pytest.raises(ResultError, match=r"is not the directory of a sweep: it has no ledger.jsonl"):
        open_sweep(tmp_path)


# ---- cells ----------------------------------------------------------------------------------------------------------


def test_cells_hold_all_summaries(sweep):
    write_cells(sweep, open_sweep(sweep).runs)
    table = read_cells(sweep)
    assert table.schema.equals(SCHEMAS["cells"])
    found = [
        (row["cell"], row["backend"], row["operation"], row["status"], row["sql_hash"]) for row in table.to_pylist()
    ]
    assert found == [
        ("0_duckdb", "duckdb", "read", "done", "duckdb"),
        ("0_duckdb", "duckdb", "write", "done", "duckdb"),
        ("1_sqlite", "sqlite", "read", "done", "sqlite"),
        ("1_sqlite", "sqlite", "write", "done", "sqlite"),
    ]
    assert (
        table.drop_columns(["cell", "status", "question_hash", "sql_hash"])
        .slice(0, 2)
        .equals(open_run(sweep / "0_duckdb").table("summary"))
    )


def test_cells_of_nothing_are_an_empty_table(tmp_path):
    write_cells(tmp_path, {})
    assert read_cells(tmp_path).num_rows == 0


def test_cells_that_were_not_written(sweep):
    with pytest.raises(ResultError, match=r"has no cells.parquet: the sweep did not come to its end"):
        read_cells(sweep)


def test_a_cell_that_cannot_be_read_does_not_hide_the_others(sweep):
    (sweep / "1_sqlite" / FILE_NAME).write_text("{")
    found = open_sweep(sweep)
    assert list(found.cells) == ["0_duckdb", "1_sqlite", "2_null"]
    assert list(found.runs) == ["0_duckdb"]
    assert len(found.unreadable) == 1


def test_a_sweep_can_be_moved(sweep, tmp_path):
    sweep.rename(tmp_path / "elsewhere")
    assert list(open_sweep(tmp_path / "elsewhere").runs) == ["0_duckdb", "1_sqlite"]


def test_the_repetitions_of_a_cell_belong_together(tmp_path):
    ledger = Ledger(tmp_path)
    for cell, number in (("0_a", 0), ("1_b", 0), ("1_b", 1), ("0_a", 1)):
        folder = f"{cell}_r{number}"
        make_run(tmp_path / folder, repetition=number)
        ledger.append(cell=folder, config_hash=cell, status=CellStatus.DONE, directory=folder)
    make_run(tmp_path / "2_older", repetition=None)
    ledger.append(cell="2_older", config_hash="o", status=CellStatus.DONE)
    groups = open_sweep(tmp_path).groups()
    assert list(groups) == ["0_a", "1_b", "2_older"]
    assert [[run.repetition for run in runs] for runs in groups.values()] == [[0, 1], [0, 1], [0]]
    write_cells(tmp_path, open_sweep(tmp_path).runs)
    found = [(row["cell"], row["repetition"]) for row in read_cells(tmp_path).to_pylist()]
    assert found == [("0_a", 0), ("1_b", 0), ("1_b", 1), ("0_a", 1), ("2_older", 0)]


# ---- finding --------------------------------------------------------------------------------------------------------


def test_open_results_knows_a_sweep_from_a_run(sweep):
    assert isinstance(open_results(sweep), Sweep)
    assert isinstance(open_results(sweep / "0_duckdb"), Run)


def test_runs_are_found_below_any_directory_once(sweep):
    runs = find_runs([sweep / "1_sqlite", sweep.parent])
    assert [run.key.backend for run in runs] == ["sqlite", "duckdb"]


def test_a_path_without_a_run_is_named(sweep, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError, match=r"empty is not a results directory"):
        find_runs([sweep, tmp_path / "empty"])
    with pytest.raises(ResultError, match=r"missing is not a directory"):
        find_runs([tmp_path / "missing"])


def test_the_latest_is_what_was_started_last(sweep, tmp_path):
    assert latest(tmp_path) == sweep
    single = make_run(tmp_path / "2026-11-20" / "one")
    assert latest(tmp_path) == single
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / FILE_NAME).write_text("{")
    assert latest(tmp_path) == single


def test_there_is_no_latest(tmp_path):
    with pytest.raises(ResultError, match="no results below"):
        latest(tmp_path)
