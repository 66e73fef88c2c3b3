"""A comparison of many operations is read in a pipe: nothing is wide, and no reason stands there twice."""

import pytest
from judged_runs import judge, two, two_by_two
from written_runs import write_run

from bench.compare import compare, open_sides
from bench.report import forms
from bench.report.folded import warning
from bench.report.sweep import sweep_page
from bench.report.texts import NULL
from bench.report.verdicts import comparison_page
from bench.results import open_run, open_sweep

MANY = {f"operation_{at:02}": 2e5 + 1e4 * at for at in range(20)}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    def options(backend, workload):
        saturated = (backend, workload) == ("engine_b", "joins")
        return {"operations": MANY, "warnings": ["worker_saturated"] if saturated else []}

    folder = tmp_path_factory.mktemp("results") / "sweep"
    return two_by_two(folder, options, repetitions=3, size=40, between_runs=0.3)


def test_no_line_of_a_table_is_wide_and_each_reason_stands_once(sweep):
    page = comparison_page(judge(open_sides([sweep]), measures=["p50", "p99"]))
    text = forms.plain(page)
    assert max(map(len, text.split("Family: ")[0].split("In all, ")[0].splitlines())) < 160
    assert any("operation_00, operation_01, operation_02 and 17 more" in line for line in page.lines)
    why = [note for note in page.notes if "cannot tell; " in note]
    assert len(why) <= 4
    assert sum("fewer than 1,000" in note for note in why) == 1
    told = [note for note in why if "pairs would tell" in note]
    assert told
    assert all("the interval holds 1" in note for note in told)


@pytest.fixture
def grids(sweep):
    return {grid.title: grid for grid in comparison_page(judge(open_sides([sweep]))).grids}


def test_what_has_no_ratio_for_one_reason_is_one_row(grids):
    rows = grids["Verdicts"].rows
    folded = [row[:5] for row in rows if row[4] == NULL]
    assert folded == [("all 2", "all 20", "p99", "cannot tell", NULL)]
    assert len(rows) == 2 * len(MANY) + 1
    assert [row[:4] for row in grids["In all"].rows if row[4] == NULL] == [("all 2", "engine_b", "p99", "cannot tell")]


def test_markdown_is_folded_as_the_terminal_is(sweep):
    text = forms.markdown(comparison_page(judge(open_sides([sweep]))))
    assert text.count("| all 2 | all 20 | p99 | cannot tell |") == 1
    assert text.count("| p99 |") == 2


def test_a_row_for_several_names_them_where_they_are_not_all(tmp_path):
    other = {name: ns for name, ns in MANY.items() if name < "operation_14"}
    found = two(tmp_path, {"operations": MANY}, {"operations": other}, allow=["question", "answers"])
    (grid,) = [grid for grid in comparison_page(found).grids if grid.title == "Verdicts"]
    named = [(row[0], row[1], row[2]) for row in grid.rows if row[3] == NULL]
    assert named == [
        ("operation_00, operation_01, operation_02 and 11 more", "p99", "cannot tell"),
        ("operation_14, operation_15, operation_16 and 3 more", "p50, p99", "not comparable"),
    ]


def test_the_workload_as_a_whole_is_not_counted_as_one_of_its_operations(tmp_path):
    found = two(tmp_path, {"operations": MANY}, {"operations": MANY, "digest": "x"}, measures=["p50", "throughput"])
    (grid,) = [grid for grid in comparison_page(found).grids if grid.title == "Verdicts"]
    assert [row[:3] for row in grid.rows] == [("all 20", "p50, throughput", "not comparable")]


def test_what_is_overlooked_is_said_once(tmp_path):
    found = two(
        tmp_path, {"operations": MANY}, {"operations": MANY, "fingerprint": "x"}, measures=["p50"], allow=["data"]
    )
    text = forms.plain(comparison_page(found))
    assert text.count("different fingerprints (data)") == 1
    assert "Overlooked: the data differ" in text


def test_the_mark_stands_at_the_emulated_side_only(tmp_path):
    runs = {
        name: [open_run(write_run(tmp_path / name, seed=seed, size=30, backend=name, emulated=name == "fake"))]
        for seed, name in enumerate(("base", "real", "fake"))
    }
    found = compare(runs.pop("base"), runs, baseline_name="base", measures=["p50"])
    assert comparison_page(found).title == "real, fake (emulated) against base"


def test_a_warning_names_the_cell_and_all_its_operations(sweep):
    (note,) = [note for note in sweep_page(open_sweep(sweep)).notes if "worker_saturated" in note]
    assert note.startswith("Warning: worker_saturated (3_engine_b_joins: all operations): ")


def test_a_warning_of_all_cells_is_one_of_all_operations():
    asked = [(cell, name) for cell in "ab" for name in ("x", "y")]
    assert warning("later", asked, asked) == "Warning: later (all operations)"
    assert warning("later", asked[:3], asked) == "Warning: later (a: all operations; b: x)"
    assert warning("later", asked[:1], asked[:2]) == "Warning: later (x)"
