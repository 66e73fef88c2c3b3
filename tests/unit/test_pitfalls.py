"""What sqlglot passes on unchanged or wrong is refused or handled; what is not refused runs on the real engine."""

import logging
import sqlite3

import duckdb
import pytest
from template_studio import SHOP, Studio

from bench.backends import ddl
from bench.errors import RenderError
from bench.model import Namespace


@pytest.fixture
def studio(tmp_path):
    return Studio(tmp_path)


OTHERS = ("duckdb", "snowflake", "sqlite")
PITFALLS = {
    # text: dialects in which it is right
    "select order_id from orders for update": "",
    "select order_id from orders for update skip locked": "",
    "select order_id from orders for share": "",
    "insert into orders (order_id) values (1) on conflict (order_id) do nothing": "duckdb sqlite",
    "insert into orders (order_id) values (2) returning order_id": "duckdb sqlite",
    "with d as (delete from orders returning order_id) select order_id from d": "",
    "delete from orders using customers c where c.customer_id = orders.customer_id": "duckdb snowflake",
    "insert into orders default values": "duckdb sqlite",
    "update orders set (total, pieces) = (select 1, 2)": "sqlite",
    "merge into orders o using customers c on c.customer_id = o.order_id when matched then delete": "duckdb snowflake",
    "select order_id into copies from orders": "",
    "select status ~ 'x' from orders": "duckdb",
    "select status ~* 'x' from orders": "duckdb",
    "select status !~ 'x' from orders": "duckdb",
    "select regexp_replace(status, 'x', 'y', 'g') from orders": "duckdb",
    "select status similar to 'x%' from orders": "",
    "select order_id from orders where status like 'x%'": "duckdb snowflake",
    "select status collate \"C\" from orders": "",
    "select substring(status from 'x+') from orders": "",
    "select to_char(total, '999') from orders": "",
    "select to_char(ordered_at, 'YYYY-MM') from orders": "duckdb snowflake",
    "select random()": "duckdb",
    "select log(total) from orders": "duckdb",
    "select mode() within group (order by status) from orders": "",
    "select age(ordered_at) from orders": "",
    "select generate_series(1, 3)": "duckdb",
    "select n from generate_series(1, 3) as g(n)": "duckdb",
    "select ordered_at - ordered_at from orders": "duckdb",
    "select due_on - due_on from orders": "duckdb snowflake",
    "select due_on + 3 from orders": "duckdb snowflake",
    "select ordered_at + interval '7 days' from orders": "duckdb snowflake",
    "select ordered_at + interval '1 year 2 months' from orders": "duckdb",
    "select ordered_at + 3 * interval '1 day' from orders": "duckdb",
    "select ordered_at + make_interval(days => 3) from orders": "",
    "select extract(year from ordered_at) from orders": "duckdb snowflake",
    "select extract(isodow from ordered_at) from orders": "duckdb",
    "select extract(millennium from ordered_at) from orders": "",
    "select date_trunc('month', ordered_at) from orders": "duckdb snowflake",
    "select ordered_at at time zone 'UTC' from orders": "duckdb",
    "select sum(total) over (order by due_on range interval '1' day preceding) from orders": "duckdb",
    "select sum(total) over (order by pieces groups between 1 preceding and current row) from orders": "duckdb sqlite",
    "select distinct on (status) status, total from orders order by status, total": "duckdb",
    "select order_id from orders order by order_id fetch first 3 rows with ties": "",
    "select status, sum(total) from orders group by rollup (status)": "duckdb snowflake",
    "values (1, 2)": "duckdb sqlite",
    "select order_id from only orders": "",
    "with x as materialized (select 1 as a) select a from x": "duckdb sqlite",
    "select x.total from customers c join lateral (select total from orders o) x on true": "duckdb",
    "select (select total from orders o where o.customer_id = c.customer_id limit 1) from customers c": "duckdb sqlite",
    "select order_id from orders where (order_id, pieces) > (1, 2)": "duckdb sqlite",
    "select order_id from orders where order_id = any(array[1, 2])": "duckdb",
    "select array_agg(order_id) from orders": "duckdb",
    "select status @> '{}' from orders": "",
    "select status <@ '{}' from orders": "",
    "select status ?| array['a'] from orders": "",
    "select status #> '{a}' from orders": "",
    "select jsonb_array_elements(status) from orders": "",
    "select status ->> 'a' from orders": "duckdb",
    "select cast(status as jsonb) from orders": "duckdb",
    "select cast(total as money) from orders": "",
    "select cast(status as inet) from orders": "",
    "select X'ff'": "",
    "select to_tsvector(status) @@ to_tsquery('x') from orders": "",
    "select pg_sleep(1)": "",
    "select md5(status) from orders": "duckdb snowflake",
    "select order_id from orders except all select customer_id from customers": "duckdb",
    "create table t (a bigserial primary key)": "",
    "create index concurrently i on orders (status)": "",
    "truncate orders": "",
    "set x = 1": "",
}  # fmt: skip


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize("text", PITFALLS)
def test_a_pitfall_is_refused_where_it_is_one(studio, text, dialect):
    if dialect in PITFALLS[text].split():
        assert studio.sql(text, dialect)
        return
    with pytest.raises(RenderError, match=rf"w/q\.sql\.j2, line 1, for {dialect}: .*w/q\.{dialect}\.sql\.j2"):
        studio.sql(text, dialect)


@pytest.fixture(scope="module")
def engines():
    duck, lite = duckdb.connect(), sqlite3.connect(":memory:")
    duck.execute("create schema shop")
    for table in SHOP:
        duck.execute(ddl.create_table(table, Namespace(schema="shop"), {}))
        lite.execute(ddl.create_table(table, Namespace(schema="", prefix="shop_"), {}))
        keys = f"({table.columns[0].name})"
        duck.execute(f"create unique index {table.name}_key on shop.{table.name} {keys}")
        lite.execute(f"create unique index {table.name}_key on shop_{table.name} {keys}")
    yield {"duckdb": duck, "sqlite": lite}
    duck.close()
    lite.close()


@pytest.mark.parametrize("text", [text for text, right_in in PITFALLS.items() if "duckdb" in right_in])
def test_what_is_not_refused_for_duckdb_runs(studio, engines, text):
    engines["duckdb"].execute(studio.sql(text, "duckdb")[0]).fetchall()


@pytest.mark.parametrize("text", [text for text, right_in in PITFALLS.items() if "sqlite" in right_in])
def test_what_is_not_refused_for_sqlite_runs(studio, engines, text):
    (sql,) = studio.sql(text, "sqlite", namespace=Namespace(schema="", prefix="shop_"))
    engines["sqlite"].execute(sql).fetchall()


@pytest.mark.parametrize("text", PITFALLS)
def test_the_canonical_dialect_itself_takes_all_of_them(studio, text):
    assert studio.sql(text)


@pytest.mark.parametrize("dialect", ["postgres", *OTHERS])
@pytest.mark.parametrize(
    "text",
    ["create tabel x", "vacuum orders", "explain select 1", "do $$ begin end $$", "call f(1)", "listen x", "select ("],
)
def test_what_cannot_be_read_is_refused_without_noise(studio, text, dialect, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(RenderError, match=r"does not understand|cannot read"):
        studio.sql(text, dialect)
    assert not caplog.records


def test_an_unfinished_text_is_refused(studio):
    with pytest.raises(RenderError, match="a text in quotes or a comment does not end"):
        studio.sql("select 'abc")


@pytest.mark.parametrize("word", ["begin", "commit", "rollback", "savepoint s", "start transaction"])
def test_transactions_are_declared_not_written(studio, word):
    with pytest.raises(RenderError, match="set transactional: true for the operation"):
        studio.sql(f"select 1;\n{word}")


@pytest.mark.parametrize(
    ("text", "duckdb", "snowflake", "sqlite"),
    [
        (
            "select pieces / 2 as x from orders",
            "SELECT CAST(TRUNC(orders.pieces / 2) AS BIGINT) AS x FROM shop.orders AS orders",
            "SELECT CAST(TRUNC(orders.pieces / 2) AS BIGINT) AS x FROM shop.orders AS orders",
            "SELECT orders.pieces / 2 AS x FROM shop.orders AS orders",
        ),
        (
            "select sum(total) / 2 as x from orders",
            "SELECT SUM(orders.total) / 2 AS x FROM shop.orders AS orders",
            "SELECT SUM(orders.total) / 2 AS x FROM shop.orders AS orders",
            "SELECT SUM(orders.total) / 2 AS x FROM shop.orders AS orders",
        ),
        (
            "select total from orders order by total desc",
            "SELECT orders.total AS total FROM shop.orders AS orders ORDER BY total DESC NULLS FIRST",
            "SELECT orders.total AS total FROM shop.orders AS orders ORDER BY total DESC",
            "SELECT orders.total AS total FROM shop.orders AS orders ORDER BY total DESC NULLS FIRST",
        ),
        (
            'select "total" as "sum", status as "order" from orders',
            'SELECT orders."total" AS "sum", orders.status AS "order" FROM shop.orders AS orders',
            'SELECT orders.total AS sum, orders.status AS "order" FROM shop.orders AS orders',
            'SELECT orders."total" AS "sum", orders.status AS "order" FROM shop.orders AS orders',
        ),
    ],
)
def test_handled_rather_than_refused(studio, text, duckdb, snowflake, sqlite):
    assert [studio.sql(text, dialect)[0] for dialect in OTHERS] == [duckdb, snowflake, sqlite]


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("select pieces / :n from orders", {}),
        ("select a / b from t", {"tables": ()}),
        ("update orders set pieces = pieces / :n", {}),
    ],
)
@pytest.mark.parametrize("dialect", ["duckdb", "snowflake"])
def test_a_division_that_nobody_can_judge_is_refused(studio, text, settings, dialect):
    params = ["n"] if ":n" in text else []
    with pytest.raises(RenderError, match=r"divides whole numbers.*; cast one side"):
        studio.sql(text, dialect, params=params, **settings)
    assert studio.sql(text, params=params, **settings)


def test_a_cast_side_decides_the_division(studio):
    assert studio.sql("select pieces / cast(:n as integer) as x from orders", "duckdb", params=["n"]) == [
        "SELECT CAST(TRUNC(orders.pieces / CAST(:n AS INT)) AS BIGINT) AS x FROM shop.orders AS orders"
    ]
    assert (
        "TRUNC" not in studio.sql("select pieces / cast(:n as decimal(12, 2)) from orders", "duckdb", params=["n"])[0]
    )


def test_conflict_keys_are_not_given_an_order(studio):
    text = "insert into orders (order_id) values (1) on conflict (order_id) do update set pieces = excluded.pieces"
    assert studio.sql(text, "sqlite")[0].endswith("ON CONFLICT(order_id) DO UPDATE SET pieces = excluded.pieces")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("select order_id from orders order by order_id", "ok"),
        ("select now() as at", "The answer depends on the clock or on chance."),
        ("select order_id from orders limit 3", "LIMIT without ORDER BY may pick other rows on another engine."),
        ("select avg(total) as x from orders", "An average or quotient has another scale on each engine; round it."),
        ("select round(avg(total), 2) as x from orders", "ok"),
        ("select pieces / 2 as x from orders", "ok"),
    ],
)
def test_the_audit_says_what_may_make_answers_differ(studio, text, verdict):
    studio.write("w/q.sql.j2", text)
    assert studio.render("w/q.sql.j2", "duckdb")[1][0].verdict == verdict


def test_a_dialect_without_a_list_of_its_own_gets_what_is_portable_only(studio):
    assert studio.sql("select status, sum(total) as x from orders group by status", "mysql")
    with pytest.raises(RenderError, match="whether mysql has this function with the same meaning is not known"):
        studio.sql("select md5(status) from orders", "mysql")
