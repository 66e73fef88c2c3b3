"""Comparisons at their edges: cells without a partner, operations without an answer, too little to tell from."""

import pytest
from judged_runs import judge, said, two
from written_runs import OPERATIONS, date, write_run, write_sweep

from bench.compare import gate_results, open_sides, parse_gate
from bench.compare.documents import document
from bench.compare.reasons import ratio, shown
from bench.report.html.verdicts import sentence
from bench.report.verdicts import comparison_page

# ---- cells ----------------------------------------------------------------------------------------------------------


def test_engines_are_compared_setting_by_setting_where_the_sides_are_their_names(tmp_path):
    cells = [
        (
            f"{backend}_{memory}",
            {
                "backend": backend,
                "config": {"backend": {"name": backend, "settings": {"memory": memory}}},
                "slower": dict.fromkeys(OPERATIONS, 2 if (backend, memory) == ("engine_a", 2) else 1),
            },
        )
        for backend in ("engine_a", "engine_b")
        for memory in (1, 2)
    ]
    found = judge(
        open_sides([write_sweep(tmp_path, *cells, repetitions=4, size=30)], by="backend.name"), measures=["p50"]
    )
    said = {(each.cell, each.verdict.value) for each in found.verdicts}
    assert {(cell, verdict) for cell, verdict in said if verdict in ("faster", "slower")} == {
        ("backend.settings.memory=2", "faster")
    }
    assert {each.cell for each in found.verdicts} == {"backend.settings.memory=1", "backend.settings.memory=2"}
    assert not any("without a partner" in each.reason for each in found.verdicts)


def test_a_cell_that_is_left_over_on_both_sides_is_not_compared_with_the_other(tmp_path):
    def cells(*sizes):
        return [(f"m{size}", {"config": {"backend": {"settings": {"memory": size}}}}) for size in sizes]

    one, other = (
        write_sweep(tmp_path / name, *cells(*sizes), repetitions=1, size=30)
        for name, sizes in {"one": (4, 16), "other": (4, 64)}.items()
    )
    found = judge(open_sides([one, other]), measures=["p50"])
    assert {each.cell for each in found.verdicts} == {"backend.settings.memory=4"}
    assert any("Left out of one, as other has no run of it: backend.settings.memory=16" in note for note in found.notes)


def test_a_cell_that_the_candidate_lacks_misses_every_gate(tmp_path):
    cells = [(name, {"workload": name, "between_runs": 0.001}) for name in ("points", "joins")]
    one = write_sweep(tmp_path / "one", *cells, repetitions=3, size=60)
    other = write_sweep(tmp_path / "other", cells[0], repetitions=3, size=60, seed=7)
    gates = [parse_gate("p50 < 1.5"), parse_gate("errors < 1%")]
    found = judge(open_sides([one, other]), measures=["p50"])
    results = gate_results(gates, found)
    assert [(each.gate, each.cell, each.operation) for each in results if each.outcome == "missed"] == [
        ("p50 < 1.5", "joins", ""),
        ("errors < 1%", "joins", ""),
    ]
    assert list(document(found)["missing"]) == [{"candidate": "other", "cell": "joins"}]
    more = judge(open_sides([other, one]), measures=["p50"])
    assert {each.outcome for each in gate_results(gates, more)} == {"met"}


def test_between_backends_the_keys_below_them_are_counted_only(tmp_path):
    def config(backend, **settings):
        return {"backend": backend, "config": {"backend": {"name": backend, "settings": settings}, "build": backend}}

    first = config("engine_a", memory=1)
    other, tuned = config("engine_b", memory=2, threads=8), config("engine_a", memory=2)
    grid = comparison_page(two(tmp_path / "other", first, other, measures=["p50"])).grids[0]
    assert [row[0] for row in grid.rows] == ["backend", "build"]
    assert grid.title == "What differs (3 keys below backend in --json)"
    grid = comparison_page(two(tmp_path / "tuned", first, tuned, measures=["p50"])).grids[0]
    assert (grid.title, [row[0] for row in grid.rows]) == ("What differs", ["backend.settings.memory"])


# ---- operations -----------------------------------------------------------------------------------------------------


def test_why_an_operation_has_no_answer_is_told(tmp_path):
    less = {name: ns for name, ns in OPERATIONS.items() if name != "report"}
    allow = ["question", "answers", "errors", "unfinished"]
    found = two(tmp_path / "less", second={"operations": less, "question": "other"}, measures=["p50"], allow=allow)
    assert said(found) == {"lookup": "cannot tell", "join": "cannot tell", "report": "not comparable"}
    assert found.verdicts[2].reason == "the candidate was not asked it"
    assert not found.whole
    failed = two(tmp_path / "failed", first={"failing": 1.0}, measures=["p50"], allow=allow)
    assert {each.reason for each in failed.verdicts} == {"no attempt of it succeeded in a run of the baseline"}
    runs = [write_run(tmp_path / name, seed=seed, size=60) for seed, name in enumerate(("base", "cand"))]
    (runs[1] / "summary.parquet").unlink()
    cut_off = judge(open_sides(runs), measures=["p50"], allow=allow)
    assert {each.reason for each in cut_off.verdicts} == {"the run cand of the candidate has no summary"}
    assert {each.verdict for each in (*failed.verdicts, *cut_off.verdicts)} == {"not comparable"}


def test_where_no_operation_has_a_p99_it_cannot_be_told_in_all(tmp_path):
    sweep = write_sweep(tmp_path, ("before", {}), ("after", {"config": {"build": "b"}}), repetitions=2, size=60)
    found = judge(open_sides([sweep]), measures=["p99"])
    (overall,) = found.overall
    assert {each.verdict for each in found.verdicts} == {overall.verdict} == {"cannot tell"}
    assert overall.reason == found.verdicts[0].reason
    assert (overall.ratio, overall.left_out) == (None, tuple(OPERATIONS))
    told = f"cannot be told: {overall.reason}"
    assert told in comparison_page(found).lines[0]
    assert told in sentence(overall)


# ---- pairs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("again", "paired"), [((1,), True), ((0, 1, 2), False)])
def test_blocks_that_were_torn_apart_are_no_pairs(tmp_path, again, paired):
    """As after `bench resume`: one run made anew makes a pair vary more, all of a side a day look like an engine."""
    sweep = write_sweep(tmp_path, ("before", {}), ("after", {}), repetitions=3, size=60)
    for repetition in again:
        date(sweep / f"1_after_r{repetition}", f"2099-01-01T00:0{repetition}:00.000000+00:00")
    found = judge(open_sides([sweep], by="cell"), measures=["p50"])
    assert {each.paired for each in found.verdicts} == {paired}
    assert {each.runs for each in found.verdicts} == {3}
    assert all(("not made in turn" in each.reason) is not paired for each in found.verdicts)


# ---- numbers --------------------------------------------------------------------------------------------------------


def test_ratios_are_short_and_never_zero():
    values = (2.5e-13, 0.0004, 0.0171, 0.1, 1.0499, 999.9, 863_349.0)
    assert [ratio(value) for value in values] == [
        "2.5e-13", "0.0004", "0.0171", "0.100", "1.050", "999.900", "8.63e+05"
    ]  # fmt: skip
    assert shown(0.0004, 0.231) == "0.0004 to 0.231"


# ---- too little to tell from ----------------------------------------------------------------------------------------


def test_single_runs_whose_attempts_began_at_one_time_cannot_be_told(tmp_path):
    """One stretch of time varies by nothing when it is drawn: the interval would be that of a perfect measurement."""
    found = two(
        tmp_path, {"operations": {"scan": 2e9}, "size": 1}, {"operations": {"scan": 4e9}, "size": 1}, measures=["mean"]
    )
    (verdict,) = found.verdicts
    assert (verdict.verdict, verdict.ratio) == ("cannot tell", None)
    assert "attempts began in fewer than 5 of 50 stretches of time" in verdict.reason
    assert found.overall[0].verdict == "cannot tell"


def test_a_baseline_without_an_answer_is_in_no_mean(tmp_path):
    found = two(tmp_path, first={"failing": 1.0}, measures=["throughput"], allow=["errors"])
    assert {each.verdict for each in (*found.verdicts, *found.overall)} == {"not comparable"}


def test_the_verdicts_on_all_candidates_hold_together(tmp_path):
    slower = {"slower": dict.fromkeys(OPERATIONS, 2)}
    cells = [("before", {}), *((name, {**slower, "config": {"build": name}}) for name in ("one", "two"))]
    found = judge(open_sides([write_sweep(tmp_path, *cells, repetitions=4, size=60)]), measures=["p50"])
    levels = sorted((each.level for each in found.verdicts), reverse=True)
    assert levels == pytest.approx([1 - 0.05 / claims for claims in (6, 5, 4, 3, 2, 1)])
    assert sorted(each.level for each in found.overall) == pytest.approx([0.95, 0.975])
    assert {each.verdict for each in (*found.verdicts, *found.overall)} == {"slower"}
    assert "(97.5 % interval " in sentence(max(found.overall, key=lambda each: each.level))
