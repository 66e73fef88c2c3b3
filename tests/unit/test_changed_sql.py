"""One query was changed: that operation is refused, the others are compared."""

import pytest
from judged_runs import said, two
from written_runs import OPERATIONS

from bench.compare.reasons import whole

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
