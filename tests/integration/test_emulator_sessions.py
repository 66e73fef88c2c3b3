"""Sessions: parameters, transactions, cancelling, and how they end."""

import threading
import time
from types import SimpleNamespace

import psutil
import pytest
from snowflake.connector.errors import Error, ProgrammingError

from bench.emulator.errors import SqlError
from bench.emulator.sessions import Execution

LONG = "select count(*) from table(generator(rowcount => 100000000)) a, table(generator(rowcount => 1000)) b"
SOON_S = 2.0
"""Far below what the statement would take, far above what cancelling takes."""


def start(cursor, sql):
    """Execute in a thread; gives a function that waits for the error and how long it took to come after `ended`."""
    caught = []

    def run():
        try:
            cursor.execute(sql)
        except Error as error:
            caught.append((error, time.monotonic()))

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.7)

    def wait():
        asked = time.monotonic()
        thread.join(30)
        error, at = caught[0]
        assert at - asked < SOON_S
        return error.errno, error.sqlstate

    return wait


def test_parameters_of_login_session_and_statement(connect):
    connection = connect(session_parameters={"USE_CACHED_RESULT": False, "QUERY_TAG": "login"})
    cursor = connection.cursor()
    (row,) = cursor.execute("show parameters like 'USE_CACHED_RESULT' in session").fetchall()
    assert row[:4] == ("USE_CACHED_RESULT", "false", "true", "SESSION")
    assert [column.name for column in cursor.description] == ["key", "value", "default", "level", "description", "type"]
    cursor.execute("alter session set query_tag = 'session', timezone = 'UTC'")
    cursor.execute("select 1 as own", _statement_params={"QUERY_TAG": "statement"})
    cursor.execute("alter session unset query_tag")
    tags = cursor.execute(
        "select query_tag from table(information_schema.query_history_by_session()) order by start_time"
    ).fetchall()
    assert [tag for (tag,) in tags] == ["login", "session", "statement", ""]


def test_who_and_where(connect):
    cursor = connect(role="analyst").cursor()
    (found,) = cursor.execute(
        "select current_user(), current_role(), current_warehouse(), current_database(), current_schema(), "
        "current_region(), current_account(), current_version()"
    ).fetchall()
    assert found[:7] == ("TESTER", "ANALYST", "COMPUTE_WH", "BENCH", "PUBLIC", "EMULATOR", "EMULATOR")
    assert "emulator" in found[7]
    assert cursor.execute("select current_session()").fetchall() == [(str(cursor.connection.session_id),)]


def test_transactions_are_isolated_and_rolled_back(ask, connect):
    other = connect(schema=ask.schema).cursor()
    ask("create table t (a int)")
    ask("begin")
    ask("begin")
    ask("insert into t values (1)")
    assert other.execute("select * from t").fetchall() == []
    ask("rollback")
    ask("begin")
    ask("insert into t values (2)")
    ask("commit")
    assert other.execute("select * from t").fetchall() == [(2,)]
    ask("begin")
    ask("insert into t values (3)")
    ask("create table u (a int)")  # DDL commits
    ask("rollback")
    assert other.execute("select count(*) from t").fetchall() == [(2,)]


def test_autocommit_can_be_off(connect, ask):
    ask("create table t (a int)")
    connection = connect(schema=ask.schema, autocommit=False)
    connection.cursor().execute("insert into t values (1)")
    connection.rollback()
    connection.cursor().executemany("insert into t values (?)", [(2,), (3,)])
    assert ask("select * from t") == []
    connection.commit()
    assert ask("select count(*) from t") == [(2,)]


def test_what_a_closed_session_did_not_commit_is_gone(connect, ask):
    ask("create table t (a int)")
    connection = connect(schema=ask.schema)
    connection.cursor().execute("begin")
    connection.cursor().execute("insert into t values (1)")
    connection.close()
    assert ask("select * from t") == []


def test_two_that_write_the_same_row(connect, ask):
    ask("create table t (a int, b int)")
    ask("insert into t values (1, 1)")
    other = connect(schema=ask.schema).cursor()
    ask("begin")
    ask("update t set b = 2")
    other.execute("begin")
    before = time.monotonic()
    with pytest.raises(ProgrammingError) as error:
        other.execute("update t set b = 3")
    assert (error.value.errno, error.value.sqlstate) == (625, "57014")
    assert time.monotonic() - before < SOON_S
    other.execute("rollback")
    ask("commit")
    assert other.execute("update t set b = 4").rowcount == 1


def test_a_timeout_of_the_driver_ends_the_statement_and_its_work(ask, emulator):
    before = time.monotonic()
    with pytest.raises(ProgrammingError) as error:
        ask(LONG, timeout=1)
    assert (error.value.errno, error.value.sqlstate) == (604, "57014")
    assert time.monotonic() - before < 1 + SOON_S
    process = psutil.Process(emulator.pid)
    process.cpu_percent()
    time.sleep(0.5)
    assert process.cpu_percent() < 50
    assert ask("select 1") == [(1,)]


def test_a_timeout_of_the_session(ask):
    ask("alter session set statement_timeout_in_seconds = 1")
    before = time.monotonic()
    with pytest.raises(ProgrammingError) as error:
        ask(LONG)
    assert (error.value.errno, error.value.sqlstate) == (630, "57014")
    assert 1 <= time.monotonic() - before < 1 + SOON_S
    ask("alter session unset statement_timeout_in_seconds")
    with pytest.raises(ProgrammingError) as error:
        ask.connection.cursor().execute(LONG, _statement_params={"STATEMENT_TIMEOUT_IN_SECONDS": 1})
    assert error.value.errno == 630
    assert ask("select 1") == [(1,)]


def test_another_session_cancels(connect, ask):
    wait = start(ask.connection.cursor(), LONG)
    (text,) = connect().cursor().execute(f"select system$cancel_all_queries({ask.connection.session_id})").fetchone()
    assert text == "1 queries cancelled"
    assert wait() == (604, "57014")
    assert ask("select 1") == [(1,)]


def test_what_waits_behind_a_statement_is_cancelled_too(connect, ask):
    running = start(ask.connection.cursor(), LONG)
    waiting = start(ask.connection.cursor(), "select 2")
    connect().cursor().execute(f"select system$cancel_all_queries({ask.connection.session_id})")
    assert {running(), waiting()} == {(604, "57014")}


def test_another_session_ends_this_one(connect, ask):
    ask("create table t as select 0 as a")
    victim = connect(schema=ask.schema)
    victim.cursor().execute("begin")
    victim.cursor().execute("update t set a = 1")
    wait = start(victim.cursor(), LONG)
    ask(f"select system$abort_session({victim.session_id})")
    assert wait() == (390111, "08001")
    before = time.monotonic()
    with pytest.raises(ProgrammingError) as error:
        victim.cursor().execute("select 1")
    assert (error.value.errno, error.value.sqlstate) == (390111, "08001")
    assert time.monotonic() - before < SOON_S
    assert ask("update t set a = a + 2") == [(1, 0)]
    assert ask("select a from t") == [(2,)]


def test_what_an_aborted_session_had_locked_is_free_when_the_abort_is_answered(connect, ask):
    ask("create table t as select 0 as a")
    for number in range(1, 4):
        victim = connect(schema=ask.schema)
        victim.cursor().execute("begin")
        victim.cursor().execute("update t set a = a + 100")
        wait = start(victim.cursor(), LONG)
        ask(f"select system$abort_session({victim.session_id})")
        assert ask("update t set a = a + 1") == [(1, 0)]
        assert ask("select a from t") == [(number,)]
        assert wait() == (390111, "08001")


def test_a_statement_that_comes_to_a_session_that_has_just_ended_is_told_so():
    late = Execution(SimpleNamespace(ended=True), request="late")
    with pytest.raises(SqlError) as error:
        late.check()
    assert (error.value.errno, error.value.sqlstate) == (390111, "08001")


def test_many_sessions_at_once(connect, ask):
    ask("create table t (a int)")
    connections = [connect(schema=ask.schema) for _ in range(16)]

    def work(connection):
        for number in range(5):
            connection.cursor().execute("insert into t values (?)", (number,))

    threads = [threading.Thread(target=work, args=[connection]) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ask("select count(*), sum(a) from t") == [(80, 160)]


def test_statements_without_waiting(connect):
    connection = connect()
    cursor = connection.cursor()
    cursor.execute_async("select 42 as a")
    cursor.get_results_from_sfqid(cursor.sfqid)
    assert cursor.fetchall() == [(42,)]


@pytest.mark.parametrize(
    "sql", ["call nothing()", "show grants", "nonsense", "select system$wait('x')", "put nothing", "set x = 1"]
)
def test_whatever_is_not_understood_is_refused_at_once(ask, sql):
    before = time.monotonic()
    with pytest.raises(Error) as error:
        ask(sql)
    assert error.value.errno
    assert time.monotonic() - before < SOON_S
