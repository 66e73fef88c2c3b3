"""Verdicts on the page: rows that say the same are one, and intervals that tell nothing do not flatten the others."""

import json
import re

import pytest
from made_runs import make_sweep
from read_page import Page
from written_runs import OPERATIONS, write_sweep

from bench.report.html import html
from bench.report.html.verdicts import _reach
from bench.report.texts import bounds, ratio
from bench.results import open_results


def texts(table):
    return [[cell["text"] for cell in row] for row in table["rows"]]


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    runs = {"0_duckdb": {"samples": 2_000}, "1_acting": {"backend": "acting", "emulated": True, "samples": 2_000}}
    return Page(html([open_results(make_sweep(tmp_path_factory.mktemp("sweep"), runs))]))


def test_what_cannot_be_compared_for_one_reason_is_one_row(emulated):
    (row,) = texts(emulated.table("verdicts"))
    assert row[:3] == ["all 2", "not comparable", "p50, p99"]
    assert "emulator" in row[-1]


def test_operations_with_too_few_samples_for_their_p99_are_one_row(tmp_path):
    runs = {f"{at}_{name}": {"backend": name, "samples": 1_500} for at, name in enumerate(("duckdb", "sqlite"))}
    rows = texts(Page(html([open_results(make_sweep(tmp_path, runs))])).table("verdicts"))
    (few,) = [row for row in rows if "too few for its p99" in row[-1]]
    assert few[0] == "all 2"
    assert len([row for row in rows if row[2] == "p50"]) == 3


def test_what_all_labels_share_is_left_out_of_an_emulated_one_too(tmp_path):
    runs = {}
    for workload in ("points", "joins"):
        runs[f"0_{workload}"] = {"workload": workload, "samples": 2_000}
        runs[f"1_{workload}"] = {"workload": workload, "samples": 2_000, "backend": "acting", "emulated": True}
    text = Page(html([open_results(make_sweep(tmp_path, runs))])).text
    assert "acting (emulated) and duckdb cannot be compared on tiny · points" in text


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (3e-16, 4.9e15, ("<0.01", ">100")),
        (0.09, 0.225, ("0.09", "0.225")),
        (140.2, 161.0, ("140.200", "161.000")),
        (0.5, 845.4, ("0.500", "845.400")),
        (None, None, ("–", "–")),
    ],
)
def test_bounds_that_tell_nothing_are_not_spelt_out(low, high, shown):
    assert bounds(low, high) == shown


def test_a_ratio_keeps_its_size():
    assert [ratio(value) for value in (1.2345, 1_234.5, 1e-9, None)] == ["1.234", "1.23e+03", "1e-09", "–"]


def test_a_chart_of_verdicts_reaches_no_farther_than_its_ratios():
    assert _reach([0.5, 2.0]) == (0.01, 100.0)
    assert _reach([0.002, 300.0]) == (0.002, 300.0)


def test_an_interval_beyond_the_chart_ends_in_an_arrow(tmp_path):
    """Three pairs of runs that contradict each other have an interval of many decades."""
    runs = {
        f"{at}_{name}_r{number}": {
            "backend": name,
            "median_ms": median,
            "samples": 2_000,
            "config_hash": name,
            "facts": {"repetition": number, "order": {"kind": "interleaved", "block": number, "position": 0}},
        }
        for at, name in enumerate(("duckdb", "sqlite"))
        for number, median in enumerate((1.0, 90.0, 1.0) if name == "duckdb" else (90.0, 1.0, 90.0))
    }
    page = Page(html([open_results(make_sweep(tmp_path, runs))]))
    chart = next(json.loads(spec) for spec in page.specs if "Ratios of" in spec)
    bars = chart["layer"][2]["data"]["values"]
    assert all(0.01 <= row["l"] <= row["h"] <= 100 for row in bars)
    assert [row["a"] for row in chart["layer"][3]["data"]["values"]] == ["◀", "▶"] * len(bars)
    assert "Arrows: the interval reaches beyond 0.01 or 100." in page.text
    assert ("<0.01", ">100") in {tuple(row[4:6]) for row in texts(page.table("verdicts"))}


def test_chart_table_and_top_count_the_same_operations(tmp_path):
    """One of three was asked with other SQL, so that it is in no mean and in no chart."""
    sent = {name: f"select {name}" for name in OPERATIONS}
    cells = [
        (
            f"memory_{memory}",
            {
                "config": {"backend": {"name": "engine_a", "settings": {"memory": memory}}},
                "sent": sent | {"join": f"select {memory}"},
                "question": f"q{memory}",
            },
        )
        for memory in (1, 2)
    ]
    page = Page(html([open_results(write_sweep(tmp_path, *cells, repetitions=3, size=60))]))
    assert page.text.count("Of 3 operations: ") == 1
    assert "1 not comparable. Drawn are 2 that have a ratio." in page.text
    assert re.search(r"operation by operation: [^.]*, 1 not comparable\.", page.text)
    assert texts(page.table("verdicts"))[0][0] == "2 of 3, geometric mean"
