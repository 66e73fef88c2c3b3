import json
import re

import pytest
from made_runs import make_run, make_sweep
from read_page import Page

from bench.errors import ResultError
from bench.price import HourlyPrice, Usage
from bench.report.html import html, write_page
from bench.report.html.render import LIMIT_BYTES
from bench.report.texts import NULL, ms, number
from bench.results import Ledger, RunWriter, open_results, open_run
from bench.results.ledger import CellStatus
from bench.results.manifest import FILE_NAME, RunKey, RunStatus


def page_of(*directories):
    return Page(html([open_results(directory) for directory in directories]))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two systems that were asked the same, one of them twice as slow, and a third that did not start."""
    runs = {"0_duckdb": {}, "1_sqlite": {"backend": "sqlite", "median_ms": 2.0, "failed": 9}, "2_null": None}
    return make_sweep(tmp_path_factory.mktemp("sweep"), runs)


# ---- numbers --------------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_page_are_those_of_the_summary(sweep):
    table = page_of(sweep).table("summary")
    stored = {
        (row["operation"], backend): row
        for cell, backend in (("0_duckdb", "duckdb"), ("1_sqlite", "sqlite"))
        for row in open_run(sweep / cell).table("summary").to_pylist()
    }
    assert len(table["rows"]) == len(stored) == 4
    for shown in table["rows"]:
        row = stored[(shown[0]["text"], shown[1]["text"])]
        for field, cell in zip(table["fields"][2:], shown[2:], strict=True):
            value = row[field]
            assert cell["text"] == NULL if value is None else float(cell["data-exact"]) == value
            if field.endswith("_ns"):
                assert cell["text"] == ms(value)
            elif field.endswith("_per_s"):
                assert cell["text"] == number(value)
            else:
                assert cell["text"] == f"{value:,}"
    assert {"service_time_p50_ns", "service_time_p99_ns", "throughput_per_s", "errors"} <= set(table["fields"])


def test_an_open_loop_shows_response_times(tmp_path):
    run = open_run(make_run(tmp_path / "run", open_loop=True).directory)
    table = page_of(run.directory).table("summary")
    at = table["fields"].index("response_time_p50_ns")
    stored = [row["response_time_p50_ns"] for row in run.table("summary").to_pylist()]
    assert [float(row[at]["data-exact"]) for row in table["rows"]] == stored
    assert not any(str(field).startswith("service") for field in table["fields"])


def test_repetitions_are_one_cell_with_the_median_and_each_of_them(tmp_path):
    runs = {
        f"0_duckdb_r{number}": {"median_ms": median, "config_hash": "same", "facts": {"repetition": number}}
        for number, median in enumerate((1.0, 5.0, 2.0))
    }
    found = page_of(make_sweep(tmp_path, runs))
    each, medians = found.table("summary"), found.table("medians")
    assert (len(each["rows"]), len(medians["rows"])) == (6, 2)
    at, of_each = medians["fields"].index("service_time_p50_ns"), each["fields"].index("service_time_p50_ns")
    expected = open_run(tmp_path / "0_duckdb_r2").table("summary").to_pylist()[0]["service_time_p50_ns"]
    assert float(medians["rows"][0][at]["data-exact"]) == expected
    assert float(each["rows"][2][of_each]["data-exact"]) == expected
    assert [cell["text"] for cell in found.table("cells")["rows"][0][1:3]] == ["0_duckdb", "3 × done"]


def test_the_answer_is_the_verdict_with_its_interval_and_the_count_of_operations(sweep):
    found = page_of(sweep)
    assert re.search(
        r"sqlite is slower than duckdb: its median time is (1.9|2)\d* times as long \(95 % interval 1", found.text
    )
    assert "sqlite against duckdb, operation by operation: 2 slower." in found.text
    verdicts = found.table("verdicts")
    assert [row[1]["text"] for row in verdicts["rows"] if row[2]["text"] == "p50"] == ["slower"] * 3


# ---- what is shown, and when ----------------------------------------------------------------------------------------


def test_sections_stand_where_there_are_data(sweep, tmp_path):
    assert page_of(sweep).sections == [
        "verdicts", "results", "distribution", "over-time", "warnings", "cells", "configuration",
    ]  # fmt: skip
    cost = HourlyPrice(name="p", usd_per_hour=36.0).cost(Usage(run_s=10))
    priced = page_of(make_run(tmp_path / "priced", cost=cost).directory)
    assert "price" in priced.sections
    assert "verdicts" not in priced.sections


def test_rates_make_a_curve_and_clients_a_scaling(tmp_path):
    rates = {
        f"{number}_duckdb": {"open_loop": True, "samples": rate * 4, "config": {"load": {"rate_per_s": rate}}}
        for number, rate in enumerate((500, 1_000, 2_000))
    }
    curve = page_of(make_sweep(tmp_path / "rates", rates))
    assert "load-curve" in curve.sections
    assert "duckdb · rate_per_s=500" in curve.text
    clients = {
        f"{number}_duckdb": {"samples": 1_000 * count, "config": {"load": {"clients": count}}}
        for number, count in enumerate((1, 2, 4))
    }
    scaling = page_of(make_sweep(tmp_path / "clients", clients))
    assert "scaling" in scaling.sections
    assert "With 4 clients, duckdb ends most operations" in scaling.text


def test_a_search_shows_its_steps_and_its_conclusion_though_it_has_no_summary(tmp_path):
    config, steps = {"workload": {"operations": [{"name": "read"}, {"name": "write"}]}}, []
    for at, rate in enumerate((500, 1_000, 2_000)):
        folder = f"steps/{at:02d}_{rate}_per_s"
        make_run(tmp_path / "run" / folder, open_loop=True, samples=4 * rate, config=config)
        steps.append({"directory": folder, "rate_per_s": rate, "throughput_per_s": float(rate), "met": rate < 2_000})
    search = {"reason": "the client was the limit", "rate_per_s": None, "steps": steps, "objective": {"p99_ms": 5}}
    key = RunKey(run_id="r", backend="duckdb", dataset="tiny", workload="points", load="find_max")
    RunWriter(tmp_path / "run", key, {"search": search, "config": config}).finish(RunStatus.DONE)
    found = page_of(tmp_path / "run")
    assert "duckdb: the client was the limit." in found.text
    assert found.sections[0] == "load-curve"
    rates = next(table for table in found.tables if table["header"][0] == "asked per s")
    assert [row[-1]["text"] for row in rates["rows"]][-1].startswith("objective missed")


def test_what_did_not_end_well_stands_at_the_top(tmp_path):
    runs = {"0_duckdb": {}, "1_duckdb": {"status": RunStatus.INTERRUPTED, "workload": "joins"}, "2_null": None}
    found = page_of(make_sweep(tmp_path, runs))
    assert re.search(r"Not done: 2 of 3 cells: .*\(interrupted\), .*\(failed\)", found.text)
    assert [row[2]["text"] for row in found.table("cells")["rows"]] == ["done", "interrupted", "failed"]
    assert "no driver" in found.table("cells")["rows"][2][3]["text"]


def test_several_directories_make_one_page(sweep, tmp_path):
    other = make_run(tmp_path / "other", backend="postgres", median_ms=3.0).directory
    rows = page_of(sweep, other).table("summary")["rows"]
    assert {row[1]["text"] for row in rows} == {"duckdb", "sqlite", "postgres"}


def test_an_emulated_run_says_so_at_the_top(tmp_path):
    directory = make_run(tmp_path / "run").directory
    path = directory / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"emulated": True}))
    assert "Emulated: nothing about speed or cost follows" in page_of(directory).text


# ---- no half page ---------------------------------------------------------------------------------------------------


def test_a_run_in_progress_gets_a_sentence_and_no_page(tmp_path):
    run = open_run(make_run(tmp_path / "run", status=RunStatus.RUNNING).directory)
    with pytest.raises(ResultError, match="is in progress, or was killed, in stage summary; wait for its end, or"):
        write_page([run], tmp_path / "page.html")
    assert not list(tmp_path.glob("page*"))


def test_nothing_measured_gets_a_sentence_and_no_page(tmp_path):
    Ledger(tmp_path / "s").append(cell="0", config_hash="0", status=CellStatus.FAILED, message="no driver")
    with pytest.raises(ResultError, match=r"nothing was measured in .*\(failed: no driver\), so there is no page"):
        html([open_results(tmp_path / "s")])


def test_a_cell_of_a_newer_version_is_named_and_the_others_are_shown(tmp_path):
    folder = make_sweep(tmp_path, {"0_duckdb": {}, "1_duckdb": {"workload": "joins"}})
    path = folder / "1_duckdb" / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    found = page_of(folder)
    assert "has schema version 99" in found.text
    assert len(found.table("summary")["rows"]) == 2


def test_a_broken_part_of_the_samples_is_named(tmp_path):
    directory = make_run(tmp_path / "run").directory
    (directory / "samples" / "part-00000.parquet").write_bytes(b"PAR1 half")
    with pytest.raises(ResultError, match=r"part-00000.parquet is not a whole Parquet file"):
        page_of(directory)


# ---- the file -------------------------------------------------------------------------------------------------------


def test_the_page_asks_nobody_for_anything(sweep):
    text = html([open_results(sweep)])
    page = Page(text)
    assert all(place.startswith(("#", "data:")) for place in page.loaded)
    assert page.scripts == 4
    assert page.policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in page.policy


def test_names_of_users_end_no_script_and_open_no_tag(tmp_path):
    name = '</script><script>alert("1")</script><!--<script>'
    directory = make_run(tmp_path / "run", operations=(name, "read")).directory
    page = page_of(directory)
    assert page.scripts == 4
    assert name in [row[0]["text"] for row in page.table("summary")["rows"]]
    titles = json.dumps([json.loads(spec) for spec in page.specs])
    assert json.dumps(name)[1:-1] in titles


def test_a_big_sweep_stays_small(tmp_path):
    operations = tuple(f"operation_with_a_long_name_{number}" for number in range(30))
    runs = {
        f"{number}_duckdb": {"operations": operations, "config": {"load": {"clients": number + 1}}, "seed": number}
        for number in range(30)
    }
    text = html([open_results(make_sweep(tmp_path, runs))])
    assert len(text.encode()) < LIMIT_BYTES
    page = Page(text)
    assert page.table("cells")["rows"][29][1]["text"] == "29_duckdb"
    assert re.search(r"The first 400 of 900 rows|Left out to keep this page small", page.text)
