"""One query was changed: that operation is refused, the others are compared."""

import pytest
from judged_runs import judge, said, two, two_by_two
from written_runs import OPERATIONS, write_sweep

from bench.compare import open_sides
from bench.compare.reasons import whole
from bench.report.verdicts import comparison_page

SENT = {name: f"select {name}" for name in OPERATIONS}
WORKLOAD = {"name": "mine", "operations": [{"name": "join", "template": "a.sql.j2", "params": {"n": 1}}]}
OTHER = {"name": "edited", "operations": [{"name": "join", "template": "b.sql.j2", "params": {"n": 1}}]}
BASE = {"sent": SENT, "config": {"workload": WORKLOAD}}
EDITED = {
    "sent": SENT | {"join": "select 1"}, "question": "other", "sql": "other", "config": {"workload": OTHER}
}  # fmt: skip


def test_only_the_operation_whose_sql_was_edited_is_refused(tmp_path):
    found = two(tmp_path, BASE, EDITED, measures=["p50"])
    assert said(found) == {"lookup": "cannot tell", "join": "not comparable", "report": "cannot tell"}
    (reason,) = [each.reason for each in found.verdicts if each.operation == "join"]
    assert "join was asked with other SQL (question)" in reason
    assert reason.endswith("(sql); --allow question,sql overlooks it")
    (overall,) = found.overall
    assert (overall.operations, overall.left_out) == (2, ("join",))
    assert [each.key for each in found.differences if each.key.startswith("sql of")] == ["sql of join"]
    assert len(dict(next(each for each in found.differences if each.key == "sql of join").values)) == 2


def test_it_is_compared_when_it_is_overlooked(tmp_path):
    found = two(tmp_path, BASE, EDITED, measures=["p50"], allow=["question", "sql"])
    assert set(said(found).values()) == {"cannot tell"}
    assert {each.operation: "overlooked" in whole(each) for each in found.verdicts} == {
        "lookup": False,
        "join": True,
        "report": False,
    }


def test_of_several_workloads_the_changed_queries_are_listed_with_theirs(tmp_path):
    """Of the workload in which nothing was changed, and of a table's name that differs alike on both sides, nothing."""

    def sweep(name, **edited):
        cells = [
            (
                f"{workload}_{dataset}",
                {
                    "workload": workload,
                    "config": {"workload": WORKLOAD | {"name": workload}, "dataset": {"name": dataset}},
                    "sent": {each: f"{edited.get(workload, '')}{each} {dataset}" for each in ("lookup", "join")},
                    "operations": {"lookup": 2e5, "join": 3e6},
                },
            )
            for workload in ("points", "joins", "reports")
            for dataset in ("tiny", "small")
        ]
        return write_sweep(tmp_path / name, *cells, repetitions=1, size=60)

    base, cand = sweep("base"), sweep("cand", joins="new ", points="other ")
    found = judge(open_sides([base, cand]), measures=["p50"])
    lines = {each.key: dict(each.values) for each in found.differences if each.key.startswith("sql of")}
    assert list(lines) == [
        f"sql of {workload}/{name}" for workload in ("points", "joins") for name in SENT if name != "report"
    ]
    assert all(set(values) == {"base", "cand"} and values["base"] != values["cand"] for values in lines.values())
    shown = [row[0] for row in comparison_page(found).grids[0].rows]
    assert set(lines) <= set(shown)
    assert not any(each.key.startswith("sql of") for each in judge(open_sides([base, sweep("same")])).differences)


def test_a_query_that_was_changed_for_one_of_three_sides_is_listed_for_all(tmp_path):
    def options(backend, workload):
        return {"sent": {each: each + (" new" if backend == "engine_b" else "") for each in SENT}}

    sweeps = [two_by_two(tmp_path / name, options, repetitions=1, size=60) for name in ("one", "two")]
    edited = two_by_two(tmp_path / "three", lambda *_: {"sent": SENT}, repetitions=1, size=60)
    found = judge(open_sides([*sweeps, edited]), measures=["p50"])
    lines = {each.key: dict(each.values) for each in found.differences if each.key.startswith("sql of")}
    assert set(lines) == {f"sql of {workload}/{name}" for workload in ("points", "joins") for name in SENT}
    assert all(values["one"] == values["two"] != values["three"] for values in lines.values())


@pytest.mark.parametrize(
    "also",
    [
        {"fingerprint": "other"},
        {"config": {"workload": WORKLOAD | {"operations": [{"name": "join", "params": {"n": 2}}]}}},
        {"config": {"workload": OTHER, "load": {"clients": 8}}},
        {"sent": None},
        {"sent": {"join": "select 1"}},
    ],
)
def test_where_anything_else_differs_or_is_not_known_all_is_refused(tmp_path, also):
    found = two(tmp_path, BASE, EDITED | also, measures=["p50"])
    assert set(said(found).values()) == {"not comparable"}
