"""Which claims are decided together: those on one cell, and the same ones for the page and for `bench compare`."""

import pytest
from judged_runs import judge, two_by_two

from bench.compare import open_sides
from bench.report.html.cells import cells_of
from bench.report.html.judged import comparisons
from bench.report.verdicts import comparison_page
from bench.results import open_sweep


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two backends by two workloads; the second backend is slower in the joins only, by what three pairs can tell."""

    def options(backend, workload):
        slower = {"joins_0": 1.3, "joins_1": 1.5} if backend == "engine_b" else {}
        return {"operations": {f"{workload}_{at}": ns for at, ns in enumerate((2e5, 3e6, 8e6))}, "slower": slower}

    folder = tmp_path_factory.mktemp("results") / "sweep"
    return two_by_two(folder, options, repetitions=3, size=60, between_runs=0.02)


def test_the_page_and_the_command_say_the_same_of_a_sweep(sweep):
    """All of it: what each interval is, at which level, and what is said in all of each workload."""
    command = judge(open_sides([sweep]))
    page = {name.partition(" · ")[2]: each for name, each in comparisons(cells_of([open_sweep(sweep)])).items()}
    assert set(page) == {"points", "joins"}
    for workload, found in page.items():
        ours = [each for each in command.verdicts if each.cell == workload]
        for mine, theirs in (
            (ours, found.verdicts),
            ([each for each in command.overall if each.cell == workload], found.overall),
        ):
            assert [_claim(each) for each in mine] == [_claim(each) for each in theirs]
            assert any(each.level for each in mine)


def test_a_family_is_named_in_the_output(sweep):
    found = judge(open_sides([sweep]), measures=["p50"])
    page = comparison_page(found)
    assert [f" on {each}" in line for each, line in zip(("points", "joins"), page.lines[::2], strict=True)] == [
        True
    ] * 2
    assert "joins_0" not in page.lines[1]
    assert page.lines[3].count("joins_0") == 1
    (family,) = [note for note in page.notes if note.startswith("Family: ")]
    assert "of each cell" in family
    assert max(each.level for each in found.verdicts) == pytest.approx(1 - 0.05 / 3)


def _claim(each):
    operation = getattr(each, "operation", "")
    return operation, each.measure, each.verdict, each.ratio, each.low, each.high, each.level, each.reason
