"""The top of the page: one sentence, a short list of answers, and what the cells are."""

from made_runs import make_run, make_sweep
from read_page import Page

from bench.report.html import html
from bench.results import open_results


def page_of(*directories):
    return Page(html([open_results(directory) for directory in directories]))


def answers(page):
    return page.lists.get("answers", [])


def sweep_of(folder, workloads):
    runs = {
        f"{at}{name}_{workload}": {"backend": name, "workload": workload, "median_ms": median_ms, "samples": 2_000}
        for at, workload in enumerate(workloads)
        for name, median_ms in (("duckdb", 1.0), ("sqlite", 2.0))
    }
    return make_sweep(folder, runs)


def test_several_workloads_are_one_sentence_and_a_list_that_hides_none_of_four(tmp_path):
    workloads = ("points", "joins", "scans", "writes")
    found = page_of(sweep_of(tmp_path, workloads))
    assert found.heading == "sqlite against duckdb on 4 questions: 4 slower."
    assert [text.partition(":")[0] for text in answers(found)] == [
        f"sqlite is slower than duckdb on tiny · {name}" for name in workloads
    ]
    assert all(";" not in text for text in answers(found))


def test_of_more_than_four_the_others_are_counted(tmp_path):
    found = page_of(sweep_of(tmp_path, [f"w{number}" for number in range(6)]))
    assert len(answers(found)) == 5
    assert answers(found)[-1] == "2 more below."


def test_one_answer_is_the_sentence_itself(tmp_path):
    found = page_of(sweep_of(tmp_path, ["points"]))
    assert found.heading.startswith("sqlite is slower than duckdb: its median time is")
    assert answers(found) == []


def test_how_often_cells_were_repeated_is_said_of_those_that_were(tmp_path):
    runs = {
        f"0_duckdb_r{number}": {"config_hash": "same", "facts": {"repetition": number}, "samples": 2_000}
        for number in range(2)
    }
    repeated = make_sweep(tmp_path / "a", runs)
    assert "1 cell, 2 repetitions each" in page_of(repeated).text
    once = make_run(tmp_path / "b", backend="sqlite", samples=2_000).directory
    assert "2 cells: 1 run once, 1 run 2 times" in page_of(repeated, once).text
