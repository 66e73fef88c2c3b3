import io
import json
import os
import pty
import re

import pytest
from rich.console import Console
from written_runs import write_run, write_sweep

from bench.doubt import Doubt
from bench.errors import ConfigError
from bench.price import HourlyPrice, Usage
from bench.report import NULL, page, render, show, texts
from bench.report.run import run_page
from bench.results import CellStatus, Ledger, RunWriter, open_run, open_sweep
from bench.results.manifest import RunKey, RunStatus, Stage
from bench.results.summary import summary_rows
from bench.stats import Distribution, OperationSummary

FULL = Distribution(
    mean_ns=1.5e6, p50_ns=1_234_000, p90_ns=2_000_000, p95_ns=12_340_000, p99_ns=1_234_567_000, p999_ns=None,
    max_ns=2_000_000_000, p50_low_ns=1_200_000, p50_high_ns=1_300_000,
)  # fmt: skip
READ = OperationSummary(
    operation="read", count=12_345, throughput_per_s=1_234.5, goodput_per_s=1_234.5, service_time=FULL, busy_ratio=1.0
)
SHORT = OperationSummary(
    operation="write", count=3, errors=1, throughput_per_s=0.3, goodput_per_s=0.2,
    service_time=Distribution(mean_ns=5e6, max_ns=7_000_000), warnings=(Doubt.TOO_FEW_SAMPLES, Doubt.ERRORS),
)  # fmt: skip


def make_run(
    directory, *summaries, backend="duckdb", status=RunStatus.DONE, emulated=False, cost=None, repetitions=1, **names
):
    key = RunKey(
        **{"run_id": "r", "backend": backend, "dataset": "tiny", "workload": "points", "load": "closed"} | names
    )
    writer = RunWriter(directory, key, emulated=emulated)
    writer.enter(Stage.SUMMARY)
    rows = [
        row for repetition in range(repetitions) for row in summary_rows(summaries, repetition=repetition, cost=cost)
    ]
    if summaries:
        writer.write_rows("summary", rows)
    if status is not RunStatus.RUNNING:
        writer.finish(status)
    return writer


def lines_of(writer, format="table"):
    return render(open_run(writer.directory), format).splitlines()


def line_with(lines, word):
    return next(line for line in lines if line.strip().startswith(word))


# ---- one run --------------------------------------------------------------------------------------------------------


def test_a_run_as_a_table(tmp_path):
    lines = lines_of(make_run(tmp_path / "run", READ, SHORT))
    assert lines[0] == "duckdb · tiny · points · closed"
    header = re.split(r" {2,}", line_with(lines, "operation").strip())
    assert header == ["operation", "count", "per s", "mean ms", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors"]
    assert line_with(lines, "read").split() == [
        "read",
        "12,345",
        "1,234",
        "1.50",
        "1.23",
        "12.3",
        "1,235",
        "2,000",
        "0",
    ]
    assert line_with(lines, "write").split() == ["write", "3", "0.300", "5.00", NULL, NULL, NULL, "7.00", "1"]
    assert line_with(lines, "Times are service times")
    assert line_with(lines, f"{NULL}: too few samples; a percentile needs ten in its tail")
    assert line_with(lines, f"Warning: too_few_samples (write): {Doubt.TOO_FEW_SAMPLES.remedy}")
    assert line_with(lines, f"Warning: errors (write): {Doubt.ERRORS.remedy}")
    assert line_with(lines, "Answers: not checked.")


def test_no_footnote_where_nothing_is_missing(tmp_path):
    text = "\n".join(lines_of(make_run(tmp_path / "run", READ)))
    assert NULL not in text
    assert "Warning" not in text


def test_answers_are_counted(tmp_path):
    writer = make_run(tmp_path / "run", READ, status=RunStatus.RUNNING)
    answer = {"digest": "ab", "rows": 1, "first_rows": []}
    writer.write_rows("answers", [answer | {"operation": "read", "ordered": True}])
    assert line_with(lines_of(writer), "Answers: 1 operation checked before the load, the order of rows in 1;")


def test_an_open_loop_is_reported_by_response_time(tmp_path):
    waited = Distribution(mean_ns=9e9, p50_ns=9_000_000_000, max_ns=9_500_000_000)
    summary = OperationSummary(
        operation="read", count=20, late=5, dropped=2, service_time=FULL, response_time=waited
    )  # fmt: skip
    lines = lines_of(make_run(tmp_path / "run", summary))
    assert line_with(lines, "read").split() == [
        "read",
        "20",
        "0.000",
        "9,000",
        "9,000",
        NULL,
        NULL,
        "9,500",
        "0",
        "5",
        "2",
    ]
    assert line_with(lines, "Times are response times")


def test_columns_that_only_some_runs_have(tmp_path):
    aborted = OperationSummary(operation="pay", count=9, aborted=4, goodput_per_s=10.0, busy_ratio=1.0)
    cost = HourlyPrice(name="p", usd_per_hour=36.0).cost(Usage(run_s=10))
    lines = lines_of(make_run(tmp_path / "run", aborted, emulated=True, repetitions=2, cost=cost))
    assert lines[0] == "duckdb · tiny · points · closed (emulated)"
    header = re.split(r" {2,}", line_with(lines, "operation").strip())
    shown = (
        "operation, repetition, count, per s, mean ms, p50 ms, p95 ms, p99 ms, max ms, errors, aborted, "
        "USD per million, USD per run"
    )
    assert header == shown.split(", ")
    assert [line.split()[:3] for line in lines if line.strip().startswith("pay")] == [
        ["pay", "(emulated)", "0"],
        ["pay", "(emulated)", "1"],
    ]
    assert line_with(lines, "pay").split()[-2:] == ["1,000", "0.1"]
    assert line_with(lines, "USD per million operations is an estimate")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (RunStatus.RUNNING, "No end was written: the run is in progress, or was killed, in stage summary."),
        (RunStatus.FAILED, "The run is failed; it came to stage summary."),
        (RunStatus.INTERRUPTED, "The run is interrupted; it came to stage summary."),
    ],
)
def test_a_run_that_did_not_end_well_says_so(tmp_path, status, sentence):
    writer = make_run(tmp_path / "run", status=RunStatus.RUNNING)
    writer.fail("operation 'read' was never measured")
    if status is not RunStatus.RUNNING:
        writer.finish(status)
    lines = lines_of(writer)
    assert sentence in lines
    assert "Error: operation 'read' was never measured" in lines


def test_load_and_errors_of_the_load_are_told_and_each_warning_once(tmp_path):
    writer = make_run(tmp_path / "run", SHORT, status=RunStatus.RUNNING)
    kinds = [
        {
            "operation": "write",
            "error_class": "aborted",
            "sqlstate": "23505",
            "count": 1_200 - number,
            "messages": [text],
        }
        for number, text in enumerate(("duplicate\n key", "x" * 500, "third", "fourth"))
    ]
    writer.update(load_description="closed loop, 4 clients", operation_errors=kinds)
    writer.warn(f"errors (write): {Doubt.ERRORS.remedy}")
    lines = lines_of(writer)
    assert "Load: closed loop, 4 clients." in lines
    assert "Error in write: 1,200 × aborted 23505: duplicate key" in lines
    assert line_with(lines, "Error in write: 1,199 × aborted").endswith("x…")
    assert not any("fourth" in line for line in lines)
    assert sum(line.startswith("Warning: errors") for line in lines) == 1


def test_text_of_users_is_not_taken_for_markup(tmp_path):
    writer = make_run(tmp_path / "run", READ, workload="[red]w[/red]", status=RunStatus.RUNNING)
    writer.warn("[bold]cold[/bold] | cache")
    writer.warn("a < b, <b>bold</b> and <module 'x'>")
    assert "- Warning: a < b, &lt;b>bold&lt;/b> and &lt;module 'x'>" in lines_of(writer, "markdown")
    assert "[red]w[/red]" in lines_of(writer)[0]
    assert "Warning: [bold]cold[/bold] | cache" in lines_of(writer)
    assert "- Warning: [bold]cold[/bold] \\| cache" in lines_of(writer, "markdown")


def test_a_doubt_of_a_later_version_is_shown_without_a_remedy(tmp_path):
    writer = make_run(tmp_path / "run", status=RunStatus.RUNNING)
    rows = summary_rows([READ], repetition=0)
    writer.write_rows("summary", [row | {"warnings": ["driver_saturated"]} for row in rows])
    assert "Warning: driver_saturated (read)" in lines_of(writer)


# ---- a sweep --------------------------------------------------------------------------------------------------------


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "sweep"
    ledger = Ledger(folder)
    for cell, backend in (("0_duckdb", "duckdb"), ("1_sqlite", "sqlite")):
        make_run(folder / cell, READ, *([SHORT] if backend == "duckdb" else []), backend=backend)
        ledger.append(cell=cell, config_hash=cell, status=CellStatus.DONE, directory=cell)
    ledger.append(cell="2_null", config_hash="n", status=CellStatus.FAILED, message="no driver")
    return folder


def test_a_sweep_shows_cells_side_by_side(sweep):
    lines = render(open_sweep(sweep)).splitlines()
    assert lines[0] == "Sweep sweep: 2 of 3 cells done"
    assert "tiny · points · closed" in lines
    header = re.split(r" {2,}", line_with(lines, "operation").strip())
    assert header == ["operation", "duckdb p50 ms", "duckdb per s", "sqlite p50 ms", "sqlite per s"]
    assert line_with(lines, "read").split() == ["read", "1.23", "1,234", "1.23", "1,234"]
    assert line_with(lines, "write").split() == ["write", NULL, "0.300", NULL, NULL]
    assert line_with(lines, "2_null").split() == ["2_null", "failed"]
    assert "Error in 2_null: no driver" in lines


def test_cells_of_one_backend_are_told_apart_and_failed_ones_marked(sweep):
    make_run(sweep / "3_duckdb", READ, status=RunStatus.FAILED)
    Ledger(sweep).append(cell="3_duckdb", config_hash="3", status=CellStatus.DONE, directory="3_duckdb")
    header = re.split(r" {2,}", line_with(render(open_sweep(sweep)).splitlines(), "operation").strip())
    assert header[1::2] == ["0_duckdb p50 ms", "sqlite p50 ms", "3_duckdb (failed) p50 ms"]


def test_repetitions_are_shown_by_their_median(tmp_path):
    ledger = Ledger(tmp_path)
    for number, throughput in enumerate((30, 10, 20)):
        cell = f"0_duckdb_r{number}"
        writer = make_run(tmp_path / cell, status=RunStatus.RUNNING)
        writer.update(repetition=number)
        (row,) = summary_rows([READ], repetition=number)
        changed = {"throughput_per_s": throughput, "service_time_p50_ns": throughput * 1_000_000}
        writer.write_rows("summary", [row | changed])
        writer.finish(RunStatus.FAILED if number == 1 else RunStatus.DONE)
        ledger.append(cell=cell, config_hash="0", status=CellStatus.DONE)
    lines = render(open_sweep(tmp_path)).splitlines()
    assert lines[0] == f"Sweep {tmp_path.name}: 2 of 3 runs done"
    assert re.split(r" {2,}", line_with(lines, "operation").strip())[1] == "duckdb (failed) p50 ms"
    shown = re.split(r" {2,}", line_with(lines, "read").strip())
    assert shown == ["read", "20.0 [10.0, 30.0]", "20.0 [10.0, 30.0]"]
    assert any("median over up to 3 repetitions" in line for line in lines)
    assert "| read | 20.0 [10.0, 30.0] |" in render(open_sweep(tmp_path), "markdown")


def test_cells_under_several_loads_are_told_apart(tmp_path):
    cells = [(f"c{clients}", {"config": {"load": {"clients": clients}}}) for clients in (1, 4)]
    grid = page(open_sweep(write_sweep(tmp_path / "sweep", *cells, repetitions=1, size=30))).grids[0]
    assert [name for name in grid.header if name.endswith("p50 ms")] == [
        "engine_a · clients=1 p50 ms",
        "engine_a · clients=4 p50 ms",
    ]


def test_workloads_and_datasets_stand_in_tables_of_their_own(sweep):
    make_run(sweep / "3_duckdb", READ, workload="joins")
    Ledger(sweep).append(cell="3_duckdb", config_hash="3", status=CellStatus.DONE, directory="3_duckdb")
    lines = render(open_sweep(sweep)).splitlines()
    assert lines.index("tiny · points · closed") < lines.index("tiny · joins · closed")


def test_a_sweep_of_nothing(tmp_path):
    Ledger(tmp_path / "s").append(cell="0", config_hash="0", status=CellStatus.PLANNED)
    assert render(open_sweep(tmp_path / "s")).startswith("Sweep s: 0 of 1 cell done\n")


# ---- forms ----------------------------------------------------------------------------------------------------------


def test_markdown_is_a_table(tmp_path):
    lines = lines_of(make_run(tmp_path / "run", READ), "markdown")
    assert lines[0] == "## duckdb · tiny · points · closed"
    assert "| operation | count | per s | mean ms | p50 ms | p95 ms | p99 ms | max ms | errors |" in lines
    assert "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |" in lines
    assert "| read | 12,345 | 1,234 | 1.50 | 1.23 | 12.3 | 1,235 | 2,000 | 0 |" in lines


def test_json_holds_the_published_columns(tmp_path, sweep):
    run = json.loads(render(open_run(make_run(tmp_path / "run", READ).directory), "json"))
    assert run["operations"][0]["service_time_p99_ns"] == 1_234_567_000
    assert run["operations"][0]["response_time_p99_ns"] is None
    assert (run["backend"], run["status"], run["stage"]) == ("duckdb", "done", "summary")
    found = json.loads(render(open_sweep(sweep), "json"))
    assert [cell["status"] for cell in found["cells"]] == ["done", "done", "failed"]
    assert {row["cell"] for row in found["operations"]} == {"0_duckdb", "1_sqlite"}


def test_an_unknown_format(sweep):
    with pytest.raises(
        ConfigError, match="no report format 'jsn'; there are table, json, markdown; did you mean 'json'"
    ):
        render(open_sweep(sweep), "jsn")


def test_a_pipe_gets_whole_columns_without_colours(tmp_path):
    long = OperationSummary(operation="a" * 300, count=1, service_time=FULL)
    run = open_run(make_run(tmp_path / "run", READ, long).directory)
    out = io.StringIO()
    show(run, Console(file=out, width=40))
    assert out.getvalue() == render(run)
    assert "\x1b" not in out.getvalue()
    assert "a" * 300 in out.getvalue()
    assert not any(line.endswith(" ") for line in out.getvalue().splitlines())


def drawn(results, width):
    """What a terminal of this width shows, without colours."""
    out = io.StringIO()
    show(results, Console(file=out, width=width, force_terminal=True, no_color=True, color_system=None))
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_narrow_terminal_shows_every_number_whole(tmp_path, width):
    run = open_run(make_run(tmp_path / "run", READ).directory)
    lines = drawn(run, width).splitlines()
    shown = [cell for line in lines if line.strip().startswith("read ") for cell in line.split()[1:]]
    assert shown == ["12,345", "1,234", "1.50", "1.23", "12.3", "1,235", "2,000", "0"]
    assert max(map(len, lines)) <= width


def test_a_narrow_terminal_shows_every_cell(sweep):
    text = drawn(open_sweep(sweep), 50)
    assert max(len(line) for line in text.splitlines()) <= 50
    for header in ("duckdb p50 ms", "sqlite per s"):
        assert header in text


def test_a_long_message_does_not_widen_the_table_of_cells(sweep):
    Ledger(sweep).append(cell="4_x", config_hash="4", status=CellStatus.FAILED, message="no such thing " * 50)
    lines = render(open_sweep(sweep)).splitlines()
    at = lines.index("Cells")
    assert max(len(line) for line in lines[at : at + 8]) < 40
    assert any(line.startswith("Error in 4_x: no such thing") for line in lines)


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_colours_unless_it_wants_none(tmp_path, monkeypatch, no_color):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    run = open_run(make_run(tmp_path / "run", READ, SHORT).directory)
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        show(run, Console(file=terminal, width=120))
    text = _all_of(leader)
    assert "read" in text
    assert ("\x1b[33m" in text) is not no_color


def _all_of(leader):
    """What was written to a terminal that is closed by now; it arrives in pieces."""
    pieces = []
    with os.fdopen(leader, "rb", buffering=0) as terminal:
        while True:
            try:
                piece = terminal.read(4_096)
            except OSError:  # how Linux says that the other side is closed and everything was read
                break
            if not piece:
                break
            pieces.append(piece)
    return b"".join(pieces).decode()


def test_counts_and_rates_add_up_in_a_last_row(tmp_path):
    """In a closed loop the rates of operations are shares of one rate, so it is their sum that says something."""
    run = open_run(write_run(tmp_path / "run", size=30))
    page = run_page(run)
    header, total = page.grids[0].header, page.grids[0].rows[-1]
    rows = run.table("summary").to_pylist()
    assert dict(zip(header, total, strict=True)) | {"per s": ""} == {
        **dict.fromkeys(header, ""),
        "operation": "all operations",
        "count": f"{sum(row['count'] for row in rows)}",
        "errors": "0",
    }
    assert total[header.index("per s")] == texts.number(sum(row["throughput_per_s"] for row in rows))
    assert any("dealt from one deck" in note for note in page.notes)
