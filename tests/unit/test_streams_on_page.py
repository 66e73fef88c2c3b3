"""Several loads at once on the page and on a terminal: each has the kind of time that is its own."""

import re

import pytest
from made_runs import make_run, make_sweep
from read_page import Page

from bench.report import render
from bench.report.html import html
from bench.report.texts import NULL, ms
from bench.results import open_results, open_run

STREAMS = [
    {"name": "reads", "clients": 8, "operations": ["read"], "load": "reads: 100 arrivals/s (poisson), 8 clients"},
    {"name": "changes", "clients": 2, "operations": ["write"], "load": "changes: closed loop, 2 clients"},
]
LOAD = {"load": {"streams": [{"name": "reads", "rate_per_s": 100}, {"name": "changes", "rate_per_s": None}]}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    facts = {"streams": STREAMS}
    folder = tmp_path_factory.mktemp("mixed") / "run"
    return make_run(folder, open_loop=True, closed=("write",), load="streams", config=LOAD, facts=facts).directory


def test_each_stream_has_a_table_with_its_own_kind_of_time(run):
    found = Page(html([open_run(run)]))
    tables = [table for table in found.tables if table["name"] == "summary"]
    assert [[row[0]["text"] for row in table["rows"]] for table in tables] == [["read"], ["write"]]
    stored = {row["operation"]: row for row in open_run(run).table("summary").to_pylist()}
    for table, kind in zip(tables, ("response_time", "service_time"), strict=True):
        (row,) = table["rows"]
        at = table["fields"].index(f"{kind}_p50_ns")
        assert row[at]["text"] == ms(stored[row[0]["text"]][f"{kind}_p50_ns"]) != NULL
        assert {str(field).rpartition("_time_")[0] for field in table["fields"] if "_time_" in str(field)} == {
            kind.removesuffix("_time")
        }
    assert "too few samples" not in found.text


def test_the_kind_of_time_is_said_of_each_stream(run):
    for text in (Page(html([open_run(run)])).text, render(open_run(run)), render(open_run(run), "markdown")):
        assert "Times of the stream reads are response times" in text
        assert "Times of the stream changes are service times" in text
        assert "Times are" not in text


def test_the_answer_counts_every_stream(run):
    text = Page(html([open_run(run)])).text
    assert re.search(
        r"duckdb answered 2 operations of points on tiny, of the stream reads [\d,.]+ times per s with a median "
        r"response time of [\d.]+ ms, and of the stream changes [\d,.]+ times per s with a median "
        r"service time of [\d.]+ ms\.",
        text,
    )


def test_each_stream_is_drawn_over_time_with_its_own_attempts(run):
    found = Page(html([open_run(run)]))
    for stream, kind in (("reads", "Response"), ("changes", "Service")):
        assert f"Throughput, duckdb · {stream}" in found.text
        assert f"{kind} time, duckdb · {stream}" in found.text


def test_a_sweep_shows_the_medians_of_closed_streams_too(tmp_path):
    given = {"open_loop": True, "closed": ("write",), "load": "streams", "config": LOAD, "facts": {"streams": STREAMS}}
    folder = make_sweep(tmp_path, {"0_duckdb": given, "1_sqlite": {**given, "backend": "sqlite"}})
    text = render(open_results(folder))
    line = next(line for line in text.splitlines() if line.strip().startswith("write"))
    assert NULL not in line
    assert "Times of the stream changes are service times" in text
