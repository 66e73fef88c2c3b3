"""Which claims are decided together: those on one cell, and the same ones for the page and for `bench compare`."""

from dataclasses import replace

import pytest
from judged_runs import judge, two_by_two
from written_runs import write_sweep

from bench.compare import Outcome, open_sides
from bench.report.html.judged import comparisons
from bench.report.html.verdicts import sentence
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


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Two backends by two settings of them by two loads."""
    cells = [
        (
            f"{backend}_{memory}_{clients}",
            {
                "backend": backend,
                "question": f"{clients} clients",
                "config": {
                    "backend": {"name": backend, "settings": {"memory": memory}},
                    "load": {"clients": clients},
                },
                "slower": {"join": {"engine_a": 1.0, "engine_b": 1.1}[backend] * memory},
            },
        )
        for backend in ("engine_a", "engine_b")
        for memory in (1, 2)
        for clients in (1, 4)
    ]
    folder = tmp_path_factory.mktemp("settings")
    common = {"repetitions": 3, "size": 60, "between_runs": 0.02}
    return [write_sweep(folder / name, *cells, seed=seed, **common) for name, seed in (("mon", 0), ("tue", 50))]


@pytest.mark.parametrize("by", ["", "backend"])
def test_the_page_and_the_command_say_the_same_of_a_sweep(sweep, by):
    """All of it: what each interval is, at which level, and what is said in all of each workload."""
    page = comparisons([open_sweep(sweep)])
    assert list(page) == ["tiny · points", "tiny · joins"]
    assert_same(page, judge(open_sides([sweep], by=by)), cells=["points", "joins"])


@pytest.mark.parametrize("by", ["", "backend"])
def test_they_do_so_where_the_backends_were_configured_in_several_ways(settings, by):
    found = judge(open_sides(settings[:1], by=by))
    assert [each.name for each in (found.baseline, *found.candidates)] == [
        f"engine_{name} · memory={memory}" for name in "ab" for memory in (1, 2)
    ]
    assert_same(comparisons([open_sweep(settings[0])]), found, cells=["load.clients=1", "load.clients=4"])
    slower = {(each.candidate, each.cell) for each in found.verdicts if each.verdict == "slower"}
    assert {candidate for candidate, _ in slower} >= {"engine_a · memory=2", "engine_b · memory=2"}


def test_they_do_so_for_several_directories(settings):
    found = judge(open_sides(settings, by="backend"))
    names = [each.name for each in (found.baseline, *found.candidates)]
    assert (names[0], names[-1], len(names)) == ("mon · engine_a · memory=1", "tue · engine_b · memory=2", 8)
    page = comparisons([open_sweep(each) for each in settings])
    assert_same(page, found, cells=["load.clients=1", "load.clients=4"])


def test_cold_and_warm_are_two_questions_of_the_same_systems(tmp_path):
    cells = [
        (
            f"{name}_{cold}",
            {"backend": name, "question": f"{cold}", "config": {"backend": {"name": name}, "cold": cold}},
        )
        for name in ("engine_a", "engine_b")
        for cold in (True, False)
    ]
    sweep = write_sweep(tmp_path / "sweep", *cells, repetitions=3, size=60)
    page = comparisons([open_sweep(sweep)])
    assert [name.rpartition(" · ")[2] for name in page] == ["cold=True", "cold=False"]
    assert_same(page, judge(open_sides([sweep])), cells=["cold=True", "cold=False"])


def test_systems_that_were_asked_under_other_loads_do_not_face_each_other(tmp_path):
    cells = [
        (name, {"backend": name, "question": name, "config": {"backend": {"name": name}, "load": {"clients": clients}}})
        for name, clients in (("engine_a", 1), ("engine_b", 4))
    ]
    sweep = write_sweep(tmp_path / "sweep", *cells, repetitions=3, size=60)
    found = judge(open_sides([sweep]))
    assert found.verdicts == ()
    assert found.notes == (
        "Left out of engine_a, as engine_b has no run of it: load.clients=1",
        "Left out of engine_b, as engine_a has no run of it: load.clients=4",
    )
    assert not comparisons([open_sweep(sweep)])


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
    assert "What is said in all is a family of its own" in family
    assert sentence(replace(found.overall[0], verdict=Outcome.EQUIVALENT)).startswith(
        "engine_b and engine_a are equivalent: engine_b's median time is"
    )
    assert max(each.level for each in found.verdicts) == pytest.approx(1 - 0.05 / 3)


def assert_same(page, command, *, cells):
    """Each comparison of the page is one cell of the command's, to the last digit."""
    assert len(page) == len(cells)
    for cell, found in zip(cells, page.values(), strict=True):
        for ours, theirs in ((command.verdicts, found.verdicts), (command.overall, found.overall)):
            mine = [each for each in ours if each.cell == cell]
            assert [_claim(each) for each in mine] == [_claim(each) for each in theirs]
            assert any(each.level for each in mine)


def _claim(each):
    operation = getattr(each, "operation", "")
    return (
        each.baseline,
        each.candidate,
        operation,
        each.measure,
        each.verdict,
        each.ratio,
        each.low,
        each.high,
        each.level,
        each.reason,
    )
