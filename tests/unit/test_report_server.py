"""What the report shows of the engine's own counters."""

import json
from datetime import UTC, datetime

from test_report import READ, line_with, lines_of, make_run

from bench.report import NULL, render
from bench.results import RunStatus, open_run

COUNTED = {
    "operation": "read", "repetition": 0, "samples": 12_345, "samples_failed": 5, "calls": 12_342,
    "execution_ns": 12_342_000_000, "blocks_hit": 998, "blocks_read": 2, "wal_bytes": 24_684,
}  # fmt: skip


def counted(tmp_path, *rows):
    writer = make_run(tmp_path / "run", READ, status=RunStatus.RUNNING)
    writer.write_rows("server", [COUNTED | row for row in rows])
    return writer


def grid_of(writer):
    lines = lines_of(writer)
    return lines[lines.index("What the server says") :]


def test_calls_stand_beside_samples_and_execution_beside_service_time(tmp_path):
    writer = counted(tmp_path, {"statement": 0})
    assert line_with(grid_of(writer), "read").split() == ["read", "12,342", "12,345", "1.00", "1.50", "99.8%", "2"]
    assert line_with(lines_of(writer), "What the server says covers the whole load")
    assert not [line for line in lines_of(writer) if "differ" in line]
    (row,) = json.loads(render(open_run(writer.directory), "json"))["server"]
    assert (row["calls"], row["execution_mean_ns"], row["hit_ratio"]) == (12_342, 1_000_000, 0.998)


def test_the_statements_of_an_operation_are_added_up(tmp_path):
    writer = counted(tmp_path, {"statement": 0}, {"statement": 1, "calls": 6_171, "wal_bytes": 0})
    assert line_with(grid_of(writer), "read").split() == ["read", "12,342", "12,345", "2.00", "1.50", "99.8%", "2"]


def test_what_was_not_counted_is_a_dash(tmp_path):
    nothing = dict.fromkeys(("calls", "execution_ns", "blocks_hit", "blocks_read", "wal_bytes"))
    line = line_with(grid_of(counted(tmp_path, {"statement": 0, **nothing})), "read").split()
    assert line == ["read", NULL, "12,345", NULL, "1.50", NULL, NULL]


def test_what_is_counted_as_one_is_said(tmp_path):
    writer = counted(tmp_path, {"statement": 0})
    writer.update(counted_as_one=[["read", "twin"]])
    assert line_with(lines_of(writer), "read, twin: the server counts them as one, since their text is the same")


def test_samples_that_were_lost_show(tmp_path):
    for number, calls in enumerate((13_000, 12_000)):
        lines = lines_of(counted(tmp_path / str(number), {"statement": 0, "calls": calls}))
        assert line_with(lines, "Calls and samples differ for read: samples were lost")


def test_a_history_of_queries_is_shown_by_its_means(tmp_path):
    writer = make_run(tmp_path / "run", READ, status=RunStatus.RUNNING)
    query = {"session": "1", "operation": "read", "started_at": datetime.now(UTC), "blocked_ns": None}
    times = {"elapsed_ns": 4_000_000, "compilation_ns": 1_000_000, "execution_ns": 2_000_000, "queued_ns": 0}
    rows = [query | times | {"query_id": name} for name in ("a", "b")]
    writer.write_rows("queries", [*rows, query | times | {"query_id": "c", "operation": None}])
    line = line_with(grid_of(writer), "read").split()
    assert line == ["read", "2", "4.00", "1.00", "2.00", "0.000", NULL, "1.50"]
    assert json.loads(render(open_run(writer.directory), "json"))["queries"][0]["elapsed_mean_ns"] == 4_000_000


def test_waits_are_one_line(tmp_path):
    writer = make_run(tmp_path / "run", READ, status=RunStatus.RUNNING)
    rows = [("IO:DataFileRead", 9, 0.9), ("running", 1, 0.1)]
    writer.write_rows(
        "waits", [{"wait_event": e, "repetition": 0, "samples": n, "share_ratio": share} for e, n, share in rows]
    )
    assert "Sessions within a statement or a transaction, seen 10 times: IO:DataFileRead 90%, running 10%." in lines_of(
        writer
    )


def test_an_engine_that_says_nothing_has_no_table(tmp_path):
    text = render(open_run(make_run(tmp_path / "run", READ).directory))
    assert "server says" not in text
    assert "| operation" in render(open_run(tmp_path / "run"), "markdown")
