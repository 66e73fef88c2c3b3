"""What the page says of an engine's own times: how the rest is called, whose sentence is whose, what is not drawn."""

import json
from datetime import UTC, datetime

import pytest
from made_runs import make_run
from read_page import Page
from test_report_server import COUNTED

from bench.report.html import html
from bench.results import CellStatus, Ledger, RunStatus, open_results

QUERY = {
    "session": "1", "started_at": datetime.now(UTC), "blocked_ns": None,
    "elapsed_ns": 400_000, "compilation_ns": 0, "execution_ns": 200_000, "queued_ns": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """One engine with counters, an emulator with a history in an order of its own, and one that says nothing."""
    folder = tmp_path_factory.mktemp("engines")
    names = ("counting", "acting", "silent")
    for at, name in enumerate(names):
        cell = folder / f"{at}_{name}"
        writer = make_run(cell, backend=name, status=RunStatus.RUNNING, emulated=name == "acting")
        if name == "counting":
            writer.write_rows("server", [COUNTED | {"operation": each, "statement": 0} for each in ("read", "write")])
            waits = {"wait_event": "Client:ClientRead", "repetition": 0, "samples": 9, "share_ratio": 1.0}
            writer.write_rows("waits", [waits])
        if name == "acting":
            writer.write_rows("queries", [QUERY | {"operation": each, "query_id": each} for each in ("write", "read")])
        writer.finish(RunStatus.DONE)
        Ledger(folder).append(cell=cell.name, config_hash=name, status=CellStatus.DONE, directory=cell.name)
    return Page(html([open_results(folder)]))


def parts(page):
    return next(table for table in page.tables if "service ms" in table["header"])


def test_the_rest_is_not_said_to_lie_outside_of_the_engine(page):
    assert "commit, network and client ms" in parts(page)["header"]
    assert "outside the engine" not in page.text
    assert "of an operation that changes data the commit, which is the engine's work too" in page.text


def test_operations_stand_in_the_order_of_the_workload(page):
    rows = [[cell["text"] for cell in row[:2]] for row in parts(page)["rows"]]
    assert rows == [[name, cell] for name in ("read", "write") for cell in ("counting", "acting (emulated)")]


def test_what_an_emulator_says_is_listed_and_not_drawn(page):
    (drawn,) = [json.loads(spec) for spec in page.specs if "Parts of the mean service time" in spec]
    names = {row["n"] for row in drawn["layer"][0]["data"]["values"]}
    assert names == {"read", "write"}, "the only cell that is drawn is not named in each line"
    assert "acting (emulated): an emulator answered, so its times mean nothing and are not drawn" in page.text
    assert "it neither queues nor compiles, so those parts are 0" in page.text


def test_sentences_name_their_cell_and_an_engine_without_such_times_is_named(page):
    assert "counting on points: Sessions within a statement or a transaction, seen 9 times" in page.text
    assert "silent: the engine counts no times of its own" in page.text
