"""What the page says of attempts that failed: how many, of which kind, and each kind once."""

import pytest
from made_runs import make_run, make_sweep
from read_page import Page

from bench.report.html import html
from bench.results import open_results, open_run

CONFLICT = {"operation": "write", "error_class": "retryable", "count": 1, "messages": ["Conflict on update!"]}


def page_of(directory):
    return Page(html([open_results(directory)]))


@pytest.mark.parametrize(("failing", "told"), [("aborted", "rolled back by the engine (aborted)"), ("error", "error")])
def test_failed_attempts_are_counted_where_throughput_is_drawn(tmp_path, failing, told):
    run = open_run(make_run(tmp_path / "run", failed=9, failing=failing).directory)
    field = {"error": "errors"}.get(failing, failing)
    count = sum(row[field] for row in run.table("summary").to_pylist())
    text = page_of(run.directory).text
    assert 0 < count < 9, "the others fall into the warm-up"
    assert f"In the measurement {count} attempts" in text
    assert told in text
    assert "No attempt failed" not in text


def test_those_of_every_repetition_are_counted(tmp_path):
    runs = {
        f"0_duckdb_r{number}": {"failed": failed, "config_hash": "same", "facts": {"repetition": number}}
        for number, failed in enumerate((0, 40))
    }
    text = page_of(make_sweep(tmp_path, runs)).text
    assert "attempts ended as an error. Red crosses show when" in text
    assert "No attempt failed" not in text


def test_where_none_failed_it_is_said(tmp_path):
    assert "No attempt failed." in page_of(make_run(tmp_path / "run").directory).text


def test_errors_that_say_the_same_are_one_row_with_their_cells_and_sum(tmp_path):
    facts = {"operation_errors": [CONFLICT]}
    runs = {f"{at}_{name}": {"backend": name, "facts": facts} for at, name in enumerate(("duckdb", "sqlite"))}
    rows = page_of(make_sweep(tmp_path, runs)).table("warnings")["rows"]
    found = [[cell["text"] for cell in row] for row in rows if "retryable" in row[0]["text"]]
    assert found == [["2 × retryable", "duckdb, sqlite", "write", "Conflict on update!"]]
