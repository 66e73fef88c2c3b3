"""Snowpark over the real driver: SQL and DataFrames."""

import datetime as dt
from decimal import Decimal

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def snowpark(emulator):
    from snowflake.snowpark import Session

    session = Session.builder.configs(
        {
            "host": "127.0.0.1", "port": emulator.port, "protocol": "http", "account": "emulator", "user": "tester",
            "password": "any", "database": "bench", "warehouse": "compute_wh", "arrow_number_to_decimal": True,
            "platform_detection_timeout_seconds": 0.0,
        }
    ).create()  # fmt: skip
    session.sql("create or replace schema dataframes").collect()
    session.sql("create table orders (id number(38, 0), k number(38, 0), total number(12, 2), d date)").collect()
    session.sql(
        "insert into orders select seq4(), mod(seq4(), 3), seq4() / 4, dateadd(day, seq4(), '2024-01-01'::date) "
        "from table(generator(rowcount => 20))"
    ).collect()
    session.sql("create table names (k number(38, 0), name varchar)").collect()
    session.sql("insert into names values (0, 'zero'), (1, 'one')").collect()
    yield session
    session.close()


def values(frame):
    return [tuple(row) for row in frame.collect()]


def test_sql_with_parameters(snowpark):
    frame = snowpark.sql("select id, total, d from orders where id = ? and total > ?", params=[5, Decimal("0.5")])
    assert values(frame) == [(5, Decimal("1.25"), dt.date(2024, 1, 6))]
    assert frame.to_arrow().to_pylist() == [{"ID": 5, "TOTAL": Decimal("1.25"), "D": dt.date(2024, 1, 6)}]
    assert frame.to_pandas().shape == (1, 3)


def test_joins_and_aggregates(snowpark):
    from snowflake.snowpark import functions as f

    orders, names = snowpark.table("orders"), snowpark.table("names")
    joined = orders.join(names, orders["k"] == names["k"], "left")
    grouped = joined.group_by("name").agg(f.sum("total").alias("t"), f.count("*").alias("n")).sort("name")
    assert values(grouped) == [(None, Decimal("14.25"), 6), ("one", Decimal("17.50"), 7), ("zero", Decimal("15.75"), 7)]
    counts = {
        how: orders.join(names, orders["k"] == names["k"], how).count() for how in ("semi", "anti", "full", "inner")
    }
    assert counts == {"semi": 14, "anti": 6, "full": 20, "inner": 14}
    assert orders.cross_join(names).count() == 40


def test_windows_and_sets(snowpark):
    from snowflake.snowpark import Window
    from snowflake.snowpark import functions as f

    orders, names = snowpark.table("orders"), snowpark.table("names")
    by_k = Window.partition_by("k")
    ranked = orders.select(
        "id", f.row_number().over(by_k.order_by(f.col("total").desc())).alias("r"), f.sum("total").over(by_k).alias("t")
    ).filter(f.col("r") == 1)
    assert values(ranked.sort("id")) == [
        (17, 1, Decimal("14.25")), (18, 1, Decimal("15.75")), (19, 1, Decimal("17.50")),
    ]  # fmt: skip
    ids, keys = orders.select("id"), names.select("k")
    assert (ids.union_all(keys).count(), ids.union(keys).count(), ids.intersect(keys).count()) == (22, 20, 2)


def test_as_of(snowpark):
    from snowflake.snowpark import functions as f

    orders = snowpark.table("orders")
    earlier = orders.filter(f.col("k") == 0).select(f.col("d").alias("before"), f.col("id").alias("other"))
    joined = orders.join(earlier, how="asof", match_condition=f.col("d") >= f.col("before"))
    assert values(joined.select("id", "other").sort("id"))[:4] == [(0, 0), (1, 0), (2, 0), (3, 3)]


def test_frames_of_our_own_rows(snowpark):
    rows = [[1, Decimal("1.5"), dt.date(2020, 1, 1), True, "a"], [2, None, None, None, None]]
    frame = snowpark.create_dataframe(rows, schema=["a", "b", "c", "d", "e"])
    assert [list(row) for row in values(frame)] == rows
    frame.write.save_as_table("saved", mode="overwrite")
    assert snowpark.table("saved").count() == 2
    assert frame.cache_result().count() == 2


def test_tags_queries_and_statement_parameters(snowpark):
    snowpark.query_tag = "of the session"
    frame = snowpark.table("orders").filter("id > 3")
    assert frame.queries["queries"][0].startswith("SELECT")
    frame.collect()
    frame.collect(statement_params={"QUERY_TAG": "of the statement"})
    history = snowpark.sql(
        "select query_tag from table(information_schema.query_history_by_session()) order by start_time"
    )
    assert [tag for (tag,) in values(history)][-2:] == ["of the session", "of the statement"]
    assert frame.collect_nowait().result() == frame.collect()
    snowpark.query_tag = ""
