"""What the service remembers of statements: by session, by minute, and that it forgets."""

import datetime as dt
import json

import pytest
from snowflake.connector.errors import ProgrammingError


def test_history_by_session_is_joined_by_query_id(ask):
    ask("alter session set query_tag = 'mine'")
    ask("create table t as select seq4() as a from table(generator(rowcount => 7))")
    cursor = ask.connection.cursor().execute("select * from t")
    with pytest.raises(ProgrammingError) as error:
        ask("select b from t")
    rows = ask(
        "select query_id, query_tag, execution_status, rows_produced, warehouse_size, total_elapsed_time, error_code, "
        "start_time, end_time, session_id from table(information_schema.query_history_by_session("
        "session_id => ?, end_time_range_start => dateadd('hour', -1, current_timestamp()), "
        "end_time_range_end => ?, result_limit => 2)) where query_tag = ? order by start_time",
        ask.connection.session_id, dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(minutes=1), "mine",
    )  # fmt: skip
    good, bad = rows
    assert good[:5] == (cursor.sfqid, "mine", "SUCCESS", 7, "X-Small")
    assert (bad[0], bad[2], bad[6]) == (error.value.sfqid, "FAIL", 904)
    assert good[7] <= good[8]
    assert int(good[9]) == int(ask.connection.session_id)


def test_an_empty_range_is_empty(ask):
    sql = "select * from table(information_schema.query_history(end_time_range_end => '2020-01-01'::timestamp_ltz))"
    assert ask(sql) == []
    with pytest.raises(ProgrammingError) as error:
        ask("select * from table(bench.information_schema.query_history(result_limit => 10001))")
    assert error.value.errno == 1008


def test_history_by_user_and_warehouse(connect):
    cursor = connect(user="somebody").cursor()
    cursor.execute("select * from information_schema.tables")
    for function in ("query_history_by_user('SOMEBODY')", "query_history_by_warehouse(warehouse_name => 'COMPUTE_WH')"):
        found = cursor.execute(f"select h.user_name from table(information_schema.{function}) h").fetchall()
        assert ("SOMEBODY",) in found


def test_the_aggregate_counts_statements_that_differ_in_literals_only(ask):
    ask("create table t (a int)")
    ask("alter session set query_tag = 'aggregate'")
    for number in range(5):
        ask(f"select * from t where a = {number}")
    rows = ask(
        "select sum(calls), min(total_elapsed_time:min::float), max(interval_end_time) "
        "from snowflake.account_usage.aggregate_query_history where query_tag = 'aggregate' "
        "and query_text like 'select * from t%'"
    )
    assert rows[0][0] == 5
    (texts,) = ask(
        "select total_elapsed_time, errors from snowflake.account_usage.aggregate_query_history "
        "where query_tag = 'aggregate' and query_text like 'select * from t%' limit 1"
    )
    assert {"sum", "avg", "median", "p90", "p99", "p99.9", "max"} <= json.loads(texts[0]).keys()


def test_the_views_of_the_account(ask):
    ask("select 1 as marked")
    rows = ask(
        "select h.query_id, h.partitions_total from snowflake.account_usage.query_history as h "
        "where h.query_text = 'select 1 as marked' and h.session_id = ?", ask.connection.session_id
    )  # fmt: skip
    assert len(rows) == 1
    assert ask("select * from snowflake.account_usage.warehouse_metering_history") == []
    with pytest.raises(ProgrammingError) as error:
        ask("select * from snowflake.account_usage.nothing")
    assert error.value.errno == 2003


def test_results_can_be_scanned_again(ask):
    cursor = ask.connection.cursor().execute("select 1 as a union all select 2")
    assert ask("select sum(a) from table(result_scan(?))", cursor.sfqid) == [(3,)]
    assert ask("select * from table(result_scan(last_query_id()))") == [(3,)]
    with pytest.raises(ProgrammingError) as error:
        ask("select * from table(result_scan('nothing'))")
    assert error.value.errno == 709
