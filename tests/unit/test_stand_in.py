"""Where the baseline came to no summary the next side stands in for it: said first, marked, and so on the page too."""

import pytest
from judged_runs import judge
from read_page import Page
from test_families import assert_same
from written_runs import lose_summary, write_sweep

from bench.compare import gate_results, open_sides, parse_gate
from bench.compare.documents import table
from bench.report import forms
from bench.report.html import html
from bench.report.html.judged import comparisons
from bench.report.verdicts import comparison_page
from bench.results import open_sweep

ENGINES = ("engine_a", "engine_b", "engine_c")
WHY = "the run 1_engine_a_joins_r0 is failed: the engine went away"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Three engines by two workloads; the first failed in the joins, and the third is slower than the second there."""
    cells = [
        (
            f"{backend}_{workload}",
            {
                "backend": backend,
                "workload": workload,
                "question": workload,
                "slower": {"join": 1.5} if (backend, workload) == ("engine_c", "joins") else {},
            },
        )
        for backend in ENGINES
        for workload in ("points", "joins")
    ]
    folder = write_sweep(tmp_path_factory.mktemp("results") / "sweep", *cells, repetitions=3, size=60)
    for repetition in range(3):
        lose_summary(folder / f"1_engine_a_joins_r{repetition}")
    return folder


@pytest.fixture(scope="module")
def found(sweep):
    return judge(open_sides([sweep]), measures=["p50"])


def test_the_others_are_compared_with_the_next_one_in_that_cell_only(found):
    against = {(each.cell, each.candidate): each.baseline for each in found.verdicts}
    assert against == {
        ("points", "engine_b"): "engine_a",
        ("points", "engine_c"): "engine_a",
        ("joins", "engine_b"): "engine_a",
        ("joins", "engine_c"): "engine_b",
    }
    slower = [(each.cell, each.candidate, each.operation) for each in found.verdicts if each.verdict == "slower"]
    assert slower == [("joins", "engine_c", "join")]
    refused = {(each.cell, each.candidate) for each in found.verdicts if each.verdict == "not comparable"}
    assert refused == {("joins", "engine_b")}
    assert not found.whole


def test_it_is_said_before_the_verdicts_and_marked(found):
    page = comparison_page(found)
    assert (
        page.lines[1]
        == f"Warning: engine_a has no summary on joins: {WHY}. There the others are compared with engine_b."
    )
    assert any(line.startswith("engine_c is slower than engine_b on joins") for line in page.lines)
    refused = "engine_b and engine_a on joins cannot be compared: the run 1_engine_a_joins_r0 of the baseline is failed"
    assert any(line.startswith(refused) for line in page.lines)
    titles = [grid.title for grid in page.grids if grid.title.startswith("Verdicts")]
    assert titles == ["Verdicts on engine_b", "Verdicts on engine_c", "Verdicts on engine_c against engine_b"]
    assert "| joins | engine_c against engine_b | p50 |" in forms.markdown(page)
    assert any(note.startswith("engine_c against engine_b, joins lookup") for note in page.notes)
    rows = table(found).select(["baseline", "cell", "candidate"]).to_pylist()
    assert {"baseline": "engine_b", "cell": "joins", "candidate": "engine_c"} in rows


def test_the_page_says_the_same(sweep):
    assert_same(comparisons([open_sweep(sweep)]), judge(open_sides([sweep])), cells=["points", "joins"])
    page = Page(html([open_sweep(sweep)]))
    assert f"engine_a has no summary: {WHY}. There the others are compared with engine_b." in page.text
    assert "engine_c is slower than engine_b on tiny · joins" in page.text
    rows = [
        [cell["text"] for cell in row] for each in page.tables if each["name"] == "verdicts" for row in each["rows"]
    ]
    assert "engine_c against engine_b" in {row[2] for row in rows}
    (refused,) = [row for row in rows if "went away" in row[-1]]
    assert refused[:3] == ["all 3", "not comparable", "engine_b"]
    assert "engine_c / engine_b" in page.text


def test_no_gate_is_met_where_the_baseline_has_no_summary(found):
    results = gate_results([parse_gate("p50 < 9")], found)
    missed = [(each.candidate, each.cell) for each in results if each.outcome == "missed"]
    assert sorted(set(missed)) == [("engine_b", "joins"), ("engine_c", "joins")]


def test_a_system_without_a_run_of_a_cell_is_as_one_that_failed(tmp_path):
    cells = [
        (
            f"{backend}_{clients}",
            {"backend": backend, "question": f"{clients}", "config": {"load": {"clients": clients}}},
        )
        for backend in ENGINES
        for clients in (1, 4)
        if (backend, clients) != ("engine_a", 4)
    ]
    sweep = write_sweep(tmp_path, *cells, repetitions=3, size=60)
    found = judge(open_sides([sweep]))
    assert found.notes == (
        "Warning: engine_a has no run on load.clients=4. There the others are compared with engine_b.",
    )
    assert_same(comparisons([open_sweep(sweep)]), found, cells=["load.clients=1", "load.clients=4"])
    assert all(each.cell != "load.clients=4" for each in gate_results([parse_gate("p50 < 9")], found))


def test_what_is_against_another_side_is_a_row_of_its_own(tmp_path):
    """Refused for one reason: in one cell against the baseline, in the other against the side that stands in."""
    cells = [
        (
            f"{backend}_{workload}",
            {
                "backend": backend,
                "workload": workload,
                "question": workload,
                "digest": "wrong" if backend == "engine_c" else "d",
            },
        )
        for backend in ENGINES
        for workload in ("points", "joins")
    ]
    sweep = write_sweep(tmp_path, *cells, repetitions=1, size=60)
    lose_summary(sweep / "1_engine_a_joins")
    (grid,) = [grid for grid in comparison_page(judge(open_sides([sweep]))).grids if grid.title == "In all"]
    refused = [row[:4] for row in grid.rows if row[1].startswith("engine_c")]
    assert refused == [
        ("points", "engine_c", "p50, p99", "not comparable"),
        ("joins", "engine_c against engine_b", "p50, p99", "not comparable"),
    ]


def test_a_cell_that_two_of_three_sides_have_is_not_said_to_be_of_one(tmp_path):
    """Sides that were put together by hand, of which the first has cells of its own."""
    sweeps = []
    for name, workloads in (("base", ("a", "b")), ("one", ("a", "b", "c")), ("two", ("a", "c"))):
        cells = [(workload, {"workload": workload, "question": workload}) for workload in workloads]
        sweeps.append(write_sweep(tmp_path / name, *cells, repetitions=1, size=30))
    assert judge(open_sides(sweeps)).notes == (
        "Left out of one, as base has no run of it: c",
        "Left out of base, as two has no run of it: b",
        "Left out of two, as base has no run of it: c",
    )


def test_where_only_one_other_is_left_nothing_stands_in(tmp_path):
    sweep = write_sweep(tmp_path, *((name, {"backend": name}) for name in ENGINES[:2]), repetitions=1, size=60)
    lose_summary(sweep / "0_engine_a")
    found = judge(open_sides([sweep]))
    assert {(each.baseline, each.verdict) for each in found.verdicts} == {("engine_a", "not comparable")}
    assert not any("--allow" in each.reason for each in found.verdicts), "nothing would come of it"
    assert comparison_page(found).lines[-2:] == (
        "engine_b and engine_a cannot be compared: the run 0_engine_a of the baseline is failed: the engine went away.",
        "By operation, not comparable: lookup, join, report.",
    )
