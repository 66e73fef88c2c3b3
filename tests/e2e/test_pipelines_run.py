"""A user's own pipeline, on a real engine, from the plan to the results."""

from pathlib import Path

import pytest
from command import FAST, bench, only_run

from bench.results import open_run

PIPELINE = """\
def pipeline(table, value):
    return table("orders").filter(f"order_id = {value('order_id')}").project(
        "order_id, company_id, customer_id, status, currency, total, discount"
    )
"""


@pytest.fixture
def mine(tmp_path):
    """A folder of the user's with one backend and one pipeline; the template is ours."""
    files = {
        "conf/backend/relations.yaml": "_target_: relations.RelationBackend\nname: relations\n",
        "sql/points/read_by_key.relation.py": PIPELINE,
    }
    for name, text in files.items():
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "mine"


def asked(verb, mine, home, cwd, *words):
    return bench(
        *([verb] if verb else []),
        "--config-dir",
        str(mine / "conf"),
        "backend=relations",
        "dataset=tiny",
        "workload=points",
        *words,
        home=home,
        cwd=cwd,
        environ={"PYTHONPATH": str(Path(__file__).parent)},
    )


def test_the_plan_says_what_is_run(mine, home, tmp_path):
    done = asked("plan", mine, home, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "-- read_by_key: 40.0% of the operations, pipeline from points/read_by_key.relation.py" in done.stdout
    assert "-- audit, statement 1: runs as SQL: there is no points/small_range.relation.py" in done.stdout


def test_the_results_keep_the_pipeline_its_sql_and_who_has_none(mine, home, tmp_path):
    done = asked(
        "",
        mine,
        home,
        tmp_path,
        "workload.mix={read_by_key: 2, small_range: 1, insert_row: 0,"
        " read_by_index: 0, update_by_key: 0, take_payment: 0}",
        *FAST,
    )
    assert done.returncode == 0, done.stderr
    run = open_run(only_run(tmp_path))
    sql = run.directory / "sql"
    assert (sql / "read_by_key.py").read_text() == PIPELINE
    assert sorted(path.name for path in sql.iterdir()) == ["read_by_key.py", "read_by_key.sql", "small_range.sql"]
    generated = (sql / "read_by_key.sql").read_text()
    assert "order_id = " in generated
    assert "$1" not in generated
    assert "small_range has no DataFrame form and ran as SQL" in run.manifest["warnings"]
    origins = {row["operation"]: row["origin"] for row in run.table("audit").to_pylist()}
    assert origins == {"read_by_key": "pipeline", "small_range": "transpiled"}
    assert {row["operation"] for row in run.table("answers").to_pylist()} == set(origins)
    assert run.manifest["capabilities"]["pipelines"] == "relation"


def test_a_wrong_pipeline_ends_before_anything_is_touched(mine, home, tmp_path):
    (mine / "sql/points/read_by_key.relation.py").write_text(PIPELINE.replace("'order_id'", "'order'"))
    done = asked("", mine, home, tmp_path, *FAST)
    assert done.returncode == 2
    assert "points/read_by_key.relation.py, line 2: the operation has no parameter 'order'" in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_a_check_plans_the_sql_and_runs_no_pipeline(mine, home, tmp_path):
    (mine / "sql/points/read_by_key.relation.py").write_text(f"raise SystemExit('it was run')\n{PIPELINE}")
    done = asked("plan", mine, home, tmp_path, "--check")
    assert done.returncode == 0, done.stderr
    assert "check: read_by_key, statement 1: ok" in done.stderr
