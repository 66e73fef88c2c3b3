"""Pipelines beside templates: which file is meant, what is refused before anything runs, what is said of it."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter
from template_studio import SHOP, Studio

from bench.backends.base import Capabilities
from bench.errors import RenderError
from bench.model import Statement
from bench.plan import _hash, _sent
from bench.render import pipeline
from bench.workload import Workload

ROOT = Path(__file__).parents[2]
FRAMES = Capabilities(dialect="duckdb", paramstyle="named", pipelines="frame")
SQL = "select total from orders where order_id = :order_id"
GOOD = 'def pipeline(table, value):\n    return table("orders").filter(value("order_id"))\n'


@pytest.fixture
def studio(tmp_path):
    made = Studio(tmp_path)
    made.write("w/q.sql.j2", SQL)
    return made


def rendered(studio, source=None, capabilities=FRAMES, params=("order_id",), **settings):
    if source is not None:
        studio.write("w/q.frame.py", source)
    return studio.render("w/q.sql.j2", params=params, capabilities=capabilities, **settings)


def refusal(studio, source, **settings):
    with pytest.raises(RenderError) as caught:
        rendered(studio, source, **settings)
    return str(caught.value)


# ---- which file ----


def test_the_file_beside_the_template_is_taken_along_with_the_sql(studio):
    operation, (row,) = rendered(studio, GOOD)
    (statement,) = operation.statements
    assert statement.pipeline == operation.pipeline == GOOD
    assert statement.sql.startswith("SELECT orders.total")
    assert (row.origin, row.template, row.source, row.verdict) == ("pipeline", "w/q.frame.py", GOOD, "ok")
    assert row.sql == statement.sql


def test_an_engine_that_runs_sql_only_never_looks(studio):
    operation, (row,) = rendered(studio, "this is no Python", replace(FRAMES, pipelines=""))
    assert operation.pipeline == ""
    assert (row.origin, row.verdict) == ("transpiled", "ok")


def test_only_the_suffix_of_the_engine_counts(studio):
    operation, (row,) = rendered(studio, GOOD, replace(FRAMES, pipelines="other"))
    assert operation.pipeline == ""
    assert (row.origin, row.verdict) == ("transpiled", "runs as SQL: there is no w/q.other.py")


def test_a_users_folder_comes_first(studio):
    studio.write("w/q.frame.py", GOOD)
    mine = studio.write("w/q.frame.py", GOOD + "# mine\n", folder="mine")
    assert rendered(studio, folders=("mine", "sql"))[0].pipeline == mine.read_text()


def test_a_pipeline_behind_a_hidden_template_is_not_taken(studio):
    """The user's template asks something else, so the pipeline of ours would answer another question."""
    studio.write("w/q.frame.py", GOOD)
    studio.write("w/q.sql.j2", "select status from orders where order_id = :order_id", folder="mine")
    operation, (row,) = rendered(studio, folders=("mine", "sql"))
    assert operation.pipeline == ""
    assert "there is no w/q.frame.py" in row.verdict


def test_an_override_of_the_sql_hides_nothing(studio):
    """It says the same question in other words."""
    studio.write("w/q.frame.py", GOOD)
    studio.write("w/q.duckdb.sql.j2", SQL, folder="mine")
    operation, (row,) = rendered(studio, folders=("mine", "sql"))
    assert (operation.pipeline, row.origin) == (GOOD, "pipeline")


def test_it_needs_no_file_in_another_process(studio):
    operation, _ = rendered(studio, GOOD)
    (studio.root / "sql/w/q.frame.py").unlink()
    assert pickle.loads(pickle.dumps(operation)) == operation


def test_it_counts_in_the_sql_hash_and_statements_without_one_keep_theirs():
    plain = Statement(sql="SELECT 1")
    assert _hash([[_sent(plain)]]) == _hash([["SELECT 1"]])
    framed = [replace(plain, pipeline=source) for source in (GOOD, GOOD + "\n")]
    assert len({_hash([[_sent(each)]]) for each in (plain, *framed)}) == 3


# ---- what is refused ----


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def pipeline(table, value):\n    return (\n", "w/q.frame.py, line 2: it is no Python: '(' was never closed"),
        ("x = 1\nreturn x\n", "w/q.frame.py, line 2: it is no Python: 'return' outside function"),
        ("def pipeline(table, value):\n\0", "w/q.frame.py: it is no Python"),
        ("", "w/q.frame.py: it has no function 'pipeline'; write `def pipeline(table, value):`"),
        ("def pipelines(table, value):\n    return 1\n", "it has no function 'pipeline'"),
        ("if True:\n    def pipeline(table, value): return 1\n", "it has no function 'pipeline'"),
        ("\ndef pipeline(table):\n    return 1\n", "line 2: 'pipeline' takes 1 arguments"),
        ("def pipeline(table, value, more):\n    return 1\n", "line 1: 'pipeline' takes 3 arguments"),
        ("def pipeline(table, value):\n    value('order_id')\n", "line 1: 'pipeline' returns nothing"),
        (
            'def pipeline(table, value):\n    x = table("orders")\n    return value("order_di")\n',
            "w/q.frame.py, line 3: the operation has no parameter 'order_di'; did you mean 'order_id'? its parameters:",
        ),
        (
            'def pipeline(table, value):\n    return table("order").filter(value("order_id"))\n',
            "line 2: the dataset has no table 'order'; did you mean 'orders'? it has customers, orders",
        ),
        (
            'def pipeline(t, v):\n    return t("orders").filter(v("day"))\n',
            "line 2: the operation has no parameter 'day'; its parameters: order_id",
        ),
        (
            'def pipeline(table, value):\n    return table("orders")\n',
            "the parameter 'order_id' is never used; write value(\"order_id\")",
        ),
    ],
)
def test_a_wrong_pipeline_is_refused_with_its_place(studio, source, words):
    assert words in refusal(studio, source)


def test_bytes_that_are_no_text_are_refused(studio):
    studio.write("w/q.frame.py", "").write_bytes(b"# caf\xe9\n")
    assert "w/q.frame.py: it is no UTF-8 text" in refusal(studio, None)


def test_several_statements_have_no_pipeline(studio):
    studio.write("w/q.sql.j2", f"{SQL}; {SQL}")
    assert "w/q.frame.py: operation 'q' is not one query" in refusal(studio, GOOD)


def test_a_change_has_no_pipeline(studio):
    studio.write("w/q.sql.j2", "delete from orders where order_id = :order_id")
    assert "remove the file, so that it runs as SQL" in refusal(studio, GOOD)


def test_a_table_of_existing_data_may_be_any(studio):
    source = 'def pipeline(table, value):\n    return table("elsewhere").filter(value("order_id"))\n'
    assert rendered(studio, source, tables=SHOP, complete=False)[0].pipeline == source


def test_names_that_are_computed_are_left_to_the_run(studio):
    source = 'def pipeline(table, value):\n    return [value(name) for name in ("order_id",)]\n'
    assert rendered(studio, source)[0].pipeline == source


def test_nothing_of_it_is_executed(studio):
    rendered(studio, f"raise SystemExit('executed')\n{GOOD}")


# ---- those that come with the tool ----


def shipped(name):
    text = json.dumps(yaml.safe_load((ROOT / "conf/workload" / f"{name}.yaml").read_text()))
    return TypeAdapter(Workload).validate_json(text, strict=True, extra="forbid")


SUFFIX = "snowpark"
JOINS, POINTS = shipped("joins"), shipped("points")


@pytest.mark.parametrize("operation", JOINS.operations, ids=lambda operation: operation.name)
def test_every_join_has_a_pipeline(operation):
    assert pipeline.find((ROOT / "sql",), operation.template, SUFFIX)


def test_the_reads_by_key_have_one_and_the_changes_have_none():
    found = {op.name: pipeline.find((ROOT / "sql",), op.template, SUFFIX) is not None for op in POINTS.operations}
    assert {name for name, there in found.items() if there} == {"read_by_key", "read_by_index", "small_range"}


def test_no_pipeline_without_its_template():
    for path in (ROOT / "sql").rglob(f"*.{SUFFIX}.py"):
        assert path.with_name(path.name.replace(f".{SUFFIX}.py", ".sql.j2")).is_file(), path
