"""What a real PostgreSQL says of itself: statements, waits, plans, with and without the extension that counts."""

import json
import threading
import time
from datetime import date
from pathlib import Path

import psycopg
import pytest

from bench.backends.postgres import PostgresBackend
from bench.errors import BackendError
from bench.model import Namespace, Statement

SHOP = Namespace(schema="shop")
COUNTING = {
    "fsync": False,
    "shared_buffers": "64MB",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_planning": True,
}
LITERALS = (
    "SELECT n, -5, 'it''s', NULL, true FROM t WHERE id = $1 AND n > -3 AND d > DATE '2019-01-01' "
    "AND d < $2::date + INTERVAL '1 day' AND n IN (1, 2, 3) GROUP BY 1 ORDER BY n LIMIT 10"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with PostgresBackend(settings=COUNTING).provision("shop", tmp_path_factory.mktemp("home"), str) as provisioned:
        with provisioned.open(SHOP) as opened:
            opened.apply(
                [
                    "CREATE SCHEMA shop",
                    "CREATE TABLE shop.t (id int PRIMARY KEY, n int, d date)",
                    "INSERT INTO shop.t SELECT g, g % 5, '2020-01-01' FROM generate_series(1, 1000) g",
                ]
            )
        yield provisioned


@pytest.fixture
def database(server):
    with server.open(SHOP) as opened:
        yield opened


def counted(database, sql):
    """What is counted under the key of this text; None: nothing."""
    key = database.statement_key(sql)
    found = [one for one in database.statement_stats() if database.statement_key(one.sql) == key]
    assert len(found) < 2
    return found[0] if found else None


def test_a_statement_with_literals_and_parameters_is_counted_as_ours(database):
    before = counted(database, LITERALS)
    with database.session() as session:
        call = session.prepare(Statement(sql=LITERALS, parameters=("id", "d")))
        for number in range(40):
            call([number, date(2025, 1, 1)])
        session.begin()
        session.plan(Statement(sql=LITERALS, parameters=("id", "d")), [1, date(2025, 1, 1)])
        session.rollback()
    after = counted(database, LITERALS)
    assert before is None
    assert after.calls == 40
    assert after.execution_ns > 0
    assert after.plan_ns > 0
    assert after.blocks_hit + after.blocks_read > 0
    assert after.rows == 24


def test_what_is_written_is_counted_in_bytes_of_the_log(database):
    update = "UPDATE t SET n = n + $1 WHERE id = $2"
    with database.session() as session:
        call = session.prepare(Statement(sql=update, parameters=("by", "id"), returns_rows=False))
        for number in range(1, 11):
            call([0, number])
    found = counted(database, update)
    assert (found.calls, found.rows) == (10, 10)
    assert found.wal_bytes > 0


def test_reading_the_counters_counts_nothing_of_its_own(database):
    assert not [
        one.sql for one in database.statement_stats() if "bench counters" in one.sql or "pg_stat_act" in one.sql
    ]


def test_planning_time_is_null_where_it_is_not_tracked(database):
    database.execute("SET pg_stat_statements.track_planning = off")
    assert {one.plan_ns for one in database.statement_stats()} == {None}


def test_a_server_without_the_extension_says_what_would_help(database):
    database.execute("DROP EXTENSION pg_stat_statements")
    try:
        with pytest.raises(BackendError, match="pg_stat_statements is missing; put it into shared_preload_libraries"):
            database.statement_stats()
        assert "wal_bytes" in database.server_stats()
    finally:
        database.execute("CREATE EXTENSION pg_stat_statements")


def test_an_extension_that_is_not_loaded_says_so(tmp_path):
    with (
        PostgresBackend(settings={"fsync": False}).provision("bare", tmp_path, str) as provisioned,
        provisioned.open(Namespace(schema="public")) as database,
    ):
        database.execute("CREATE EXTENSION pg_stat_statements")
        with pytest.raises(BackendError, match=r"does not show what it counts by statement: .*must be loaded"):
            database.statement_stats()
        assert set(database.server_stats()) >= {"xact_commit", "wal_bytes", "checkpoints_requested"}


def test_waits_are_those_of_our_sessions_and_not_of_the_observer(database):
    assert database.waits() == {}
    with database.session() as holder, database.session() as waiter:
        holder.begin()
        holder.prepare(Statement(sql="UPDATE t SET n = 0 WHERE id = 1", returns_rows=False))([])
        blocked = threading.Thread(
            target=lambda: waiter.prepare(Statement(sql="UPDATE t SET n = 1 WHERE id = 1", returns_rows=False))([])
        )
        blocked.start()
        end = time.monotonic() + 20
        while "Lock:transactionid" not in database.waits() and time.monotonic() < end:
            time.sleep(0.02)
        seen = database.waits()
        holder.rollback()
        blocked.join()
    assert seen == {"Client:ClientRead": 1, "Lock:transactionid": 1}


def test_sessions_of_other_programs_are_not_ours(server, database):
    with psycopg.connect(server.dsn) as stranger:
        stranger.execute("SELECT 1")  # and is idle in its transaction from here on
        assert database.waits() == {}


def test_a_plan_holds_what_was_counted(database):
    with database.session() as session:
        (plan,) = json.loads(session.plan(Statement(sql="SELECT n FROM t WHERE id = $1", parameters=("id",)), [7]))
        assert plan["Plan"]["Node Type"] == "Index Scan"
        assert plan["Plan"]["Actual Rows"] == 1
        assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] > 0
        assert session.plan(Statement(sql="CREATE TABLE never (a int)", returns_rows=False), []) == ""
    assert "never" not in database.table_names(SHOP)


def test_a_pool_has_plans_but_no_numbers(server):
    from dataclasses import replace

    with replace(server, driver="pool", pool_size=2).open(SHOP) as pooled, pooled.session() as session:
        assert session.number() is None
        assert json.loads(session.plan(Statement(sql="SELECT 1"), []))


def test_settings_that_differ_from_the_default_are_among_the_facts(database):
    facts = database.facts()
    assert facts["setting.pg_stat_statements.track_planning"] == "on"
    assert f"{Path.home()}/" not in str(facts)
