"""A comparison of many operations is read in a pipe: nothing is wide, and no reason stands there twice."""

import pytest
from judged_runs import judge, two, two_by_two
from written_runs import write_run

from bench.compare import compare, open_sides
from bench.report import forms
from bench.report.folded import warning
from bench.report.sweep import sweep_page
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
