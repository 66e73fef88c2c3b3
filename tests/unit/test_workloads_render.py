"""The workloads that come with the tool: what they become for each engine, and that all engines answer alike."""

import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import sqlglot
import yaml
from pydantic import TypeAdapter

from bench.answers import answer
from bench.backends import ddl
from bench.backends.base import Capabilities
from bench.dataset import GeneratedDataset
from bench.generate import stream
from bench.model import Namespace
from bench.render import Renderer
from bench.sampling import Column
from bench.streams import fixed_parameters
from bench.workload import Workload

ROOT = Path(__file__).parents[2]
SNAPSHOTS = ROOT / "tests" / "snapshots"
UPDATE = os.environ.get("BENCH_UPDATE_SNAPSHOTS") == "1"

SCHEMA, PREFIX = Namespace(schema="commerce"), Namespace(schema="", prefix="commerce_")
ENGINES = {
    "postgres": ("dollar", SCHEMA),
    "duckdb": ("dollar", SCHEMA),
    "snowflake": ("qmark", SCHEMA),
    "sqlite": ("named", PREFIX),
}


def declared(kind, *path):
    text = json.dumps(yaml.safe_load(ROOT.joinpath("conf", *path).read_text()))
    return TypeAdapter(kind).validate_json(text, strict=True, extra="forbid")


COMMERCE = declared(GeneratedDataset, "dataset", "commerce.yaml")
WORKLOADS = {name: declared(Workload, "workload", f"{name}.yaml") for name in ("joins", "points")}
OPERATIONS = {f"{name}/{op.name}": op for name, workload in WORKLOADS.items() for op in workload.operations}
JOINS = [key for key in OPERATIONS if key.startswith("joins/")]


def renderer(dialect, paramstyle=None):
    style, namespace = ENGINES[dialect]
    return Renderer(
        sql_dirs=(ROOT / "sql",),
        tables=COMMERCE.shape,
        namespace=namespace,
        capabilities=Capabilities(dialect=dialect, paramstyle=paramstyle or style),
    )


RENDERERS = {dialect: renderer(dialect) for dialect in ENGINES}


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("key", OPERATIONS)
def test_rendered_as_in_the_snapshot(key, dialect):
    rendered, _ = RENDERERS[dialect].render_operation(OPERATIONS[key])
    text = "".join(f"{statement.sql};\n-- {', '.join(statement.parameters)}\n" for statement in rendered.statements)
    path = SNAPSHOTS / dialect / f"{key}.sql"
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text, f"if the change is meant: BENCH_UPDATE_SNAPSHOTS=1 pytest {Path(__file__).name}"


def test_no_snapshot_without_its_operation():
    kept = {path.relative_to(SNAPSHOTS).as_posix() for path in SNAPSHOTS.rglob("*.sql")}
    assert kept == {f"{dialect}/{key}.sql" for dialect in ENGINES for key in OPERATIONS}


def test_joins_exercise_every_kind_of_join():
    wanted = """two_way three_way five_way self_join left_anti semi_exists semi_in full_outer range_join as_of
        join_group_having join_window top_n_per_group correlated_subquery skewed_key_biggest selective non_selective"""
    assert set(wanted.split()) <= {op.name for op in WORKLOADS["joins"].operations}
    assert all(op.description for op in OPERATIONS.values())


@pytest.mark.parametrize("dialect", ENGINES)
def test_joins_only_read_and_points_say_what_they_change(dialect):
    read_only = {key: RENDERERS[dialect].render_operation(op)[0].read_only for key, op in OPERATIONS.items()}
    changes = {key for key, reads in read_only.items() if not reads}
    assert changes == {"points/insert_row", "points/update_by_key", "points/take_payment"}


@pytest.mark.parametrize("key", JOINS)
def test_each_join_says_by_what_its_answer_is_ordered(key):
    statement = RENDERERS["postgres"].render_operation(OPERATIONS[key])[0].statements[0]
    assert statement.order_by is not None or key == "joins/join_window"


@pytest.mark.parametrize("dialect", ENGINES)
def test_nothing_that_may_make_answers_differ(dialect):
    verdicts = {row.verdict for op in OPERATIONS.values() for row in RENDERERS[dialect].render_operation(op)[1]}
    assert verdicts == {"ok"}


@pytest.mark.parametrize("key", OPERATIONS)
def test_one_question_whatever_the_backend(key):
    assert len({each.canonical_text(OPERATIONS[key]) for each in RENDERERS.values()}) == 1


# ---- real engines, a few thousand rows ----


@pytest.fixture(scope="module")
def duck():
    data = replace(COMMERCE, scale=0.02)
    with duckdb.connect() as connection:
        connection.execute("create schema commerce")
        for table in data.shape:
            connection.execute(ddl.create_table(table, SCHEMA, {}))
            for batch in stream(data, table.name):
                connection.register("batch", batch)
                names = ", ".join(column.name for column in table.columns)
                connection.execute(f"insert into commerce.{table.name} ({names}) select {names} from batch")
                connection.unregister("batch")
        yield connection


AS_TEXT = {
    "decimal": "cast({} as double)",
    "boolean": "cast({} as integer)",
    "timestamp": "strftime({}, '%Y-%m-%d %H:%M:%S')",
    "date": "strftime({}, '%Y-%m-%d')",
}


@pytest.fixture(scope="module")
def lite(duck):
    connection = sqlite3.connect(":memory:")
    for table in COMMERCE.shape:
        connection.execute(ddl.create_table(table, PREFIX, {}))
        names = ", ".join(column.name for column in table.columns)
        values = ", ".join(AS_TEXT.get(column.type.name, "{}").format(column.name) for column in table.columns)
        rows = duck.execute(f"select {values} from commerce.{table.name}").fetchall()
        marks = ", ".join("?" * len(table.columns))
        connection.executemany(f"insert into commerce_{table.name} ({names}) values ({marks})", rows)
        for columns in [table.primary_key, *(index.columns for index in table.indexes)]:
            name = f"{table.name}_{'_'.join(columns)}"
            connection.execute(f"create index {name} on commerce_{table.name} ({', '.join(columns)})")
    yield connection
    connection.close()


def values_of(duck, operation):
    """Fixed values, from the data where the workload says so."""
    samplers = dict(operation.params)
    for name, sampler in samplers.items():
        if isinstance(sampler, Column):
            query = f"select distinct {sampler.column} from commerce.{sampler.table} order by 1"
            samplers[name] = sampler.resolve([row[0] for row in duck.execute(query).fetchall()])
    return fixed_parameters(replace(operation, params=samplers), seed=1)


def asked_of_duck(duck, dialect, key, rewrite=lambda sql: sql):
    """The answer of DuckDB to the text for `dialect`."""
    operation = OPERATIONS[key]
    rendered, _ = renderer(dialect, "dollar").render_operation(operation)
    params = values_of(duck, operation)
    results = []
    for statement in rendered.statements:
        rows = duck.execute(rewrite(statement.sql), [params[name] for name in statement.parameters]).fetchall()
        results.append((statement, rows if statement.returns_rows else range(rows[0][0])))
    return answer(operation.name, results)


@pytest.mark.parametrize("key", JOINS)
def test_joins_answer_something(duck, key):
    assert 0 < asked_of_duck(duck, "duckdb", key).rows <= 500


@pytest.mark.parametrize("key", JOINS)
def test_the_canonical_text_gives_the_same_answer(duck, key):
    """DuckDB understands the canonical dialect well enough to be asked twice."""
    assert asked_of_duck(duck, "postgres", key) == asked_of_duck(duck, "duckdb", key)


@pytest.mark.parametrize("key", [key for key in JOINS if key != "joins/as_of"])
def test_the_text_for_snowflake_gives_the_same_answer(duck, key):
    """Read back as what Snowflake would understand; an override is not ours to read."""

    def back(sql):
        return sqlglot.transpile(sql, read="snowflake", write="duckdb")[0]

    assert asked_of_duck(duck, "snowflake", key, back) == asked_of_duck(duck, "duckdb", key)


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 39), reason="FULL JOIN came with SQLite 3.39")
@pytest.mark.parametrize("key", JOINS)
def test_sqlite_gives_the_same_answer(duck, lite, key):
    operation = OPERATIONS[key]
    rendered, _ = RENDERERS["sqlite"].render_operation(operation)
    params = values_of(duck, operation)
    results = [
        (statement, lite.execute(statement.sql, {name: params[name] for name in statement.parameters}).fetchall())
        for statement in rendered.statements
    ]
    assert answer(operation.name, results).digest == asked_of_duck(duck, "duckdb", key).digest


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("points/read_by_key", 1),
        ("points/small_range", 50),
        ("points/insert_row", 1),
        ("points/update_by_key", 1),
        ("points/take_payment", 4),
    ],
)
def test_points_touch_what_they_say(duck, key, rows):
    duck.execute("begin")
    try:
        assert asked_of_duck(duck, "duckdb", key).rows == rows
    finally:
        duck.execute("rollback")


def test_as_of_takes_the_latest_earlier_payout(duck):
    """The engine's own join against a count by hand."""
    by_hand = """
        select coalesce(status, 'none'), count(*) from (
            select (select arg_max(p.status, (p.paid_on, p.payout_id)) from commerce.payouts p
                    where p.company_id = o.company_id and p.paid_on <= o.ordered_at) as status
            from commerce.orders o where o.status = 'refunded' and o.ordered_at >= $1)
        group by 1 order by 1"""
    rendered, rows = RENDERERS["duckdb"].render_operation(OPERATIONS["joins/as_of"])
    since = values_of(duck, OPERATIONS["joins/as_of"])["since"]
    answered = duck.execute(rendered.statements[0].sql, [since]).fetchall()
    assert [row[:2] for row in answered] == duck.execute(by_hand, [since]).fetchall()
    assert rows[0].origin == "override"
