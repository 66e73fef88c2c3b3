"""Every backend: sessions, transactions, and what errors mean."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from bench.model import ErrorClass, ServerQuery, StatementStats


@pytest.fixture
def name(engine, accounts):
    """Bare name of a table with three rows."""
    return engine.make(accounts, [(1, 100, "one"), (2, 200, "two"), (3, 300, "three")])


def balance(engine, session, name, key=1):
    (row,) = engine.call(session, f"SELECT balance FROM {name} WHERE id = {{id}}", id=key)
    return row[0]


def test_bare_names_lead_to_the_tables_of_the_namespace(engine, session, name):
    assert [tuple(row) for row in engine.call(session, f"SELECT id FROM {name} ORDER BY id")] == [(1,), (2,), (3,)]


def test_a_statement_outside_of_a_transaction_commits_by_itself(engine, session, other, name):
    engine.change(session, f"UPDATE {name} SET balance = 1 WHERE id = 1")
    assert balance(engine, other, name) == 1


def test_what_is_not_committed_is_not_seen_by_others(engine, session, other, name):
    session.begin()
    engine.change(session, f"UPDATE {name} SET balance = 1 WHERE id = 1")
    assert balance(engine, session, name) == 1
    assert balance(engine, other, name) == 100
    session.commit()
    assert balance(engine, other, name) == 1


def test_rollback_undoes_the_transaction(engine, session, other, name):
    session.begin()
    engine.change(session, f"DELETE FROM {name}")
    session.rollback()
    assert len(engine.call(other, f"SELECT * FROM {name}")) == 3
    assert balance(engine, session, name) == 100


def test_rollback_and_cancel_do_no_harm_to_an_idle_session(any_engine):
    with any_engine.database.session() as session:
        session.rollback()
        session.cancel()
        session.rollback()
        assert len(any_engine.call(session, "SELECT 1")) == int(any_engine.backend.capabilities.answers)


def test_a_transaction_can_be_opened_at_each_declared_level(engine, session, name):
    for level in engine.backend.capabilities.isolation_levels:
        session.begin(level)
        assert balance(engine, session, name) == 100
        session.commit()


def test_closing_a_session_undoes_its_transaction(engine, session, name):
    with engine.database.session() as leaving:
        leaving.begin()
        engine.change(leaving, f"DELETE FROM {name}")
    assert len(engine.call(session, f"SELECT * FROM {name}")) == 3


def test_a_violated_constraint_is_refused_and_the_session_lives_on(engine, session, name):
    insert = f"INSERT INTO {name} (id, balance) VALUES ({{id}}, 1)"
    assert engine.failure(session, insert, rows=False, id=1) is ErrorClass.ABORTED
    assert balance(engine, session, name) == 100
    session.begin()
    engine.change(session, f"UPDATE {name} SET balance = 1 WHERE id = 2")
    assert engine.failure(session, insert, rows=False, id=1) is ErrorClass.ABORTED
    session.rollback()
    assert balance(engine, session, name, key=2) == 200
    assert engine.change(session, insert, id=4) == 1


def test_a_write_conflict_may_be_tried_again(engine, session, other, name):
    update = f"UPDATE {name} SET balance = balance + 1 WHERE id = 1"
    session.begin(_strict_level(engine))
    assert balance(engine, session, name) == 100
    engine.change(other, update)
    assert engine.failure(session, update, rows=False) is ErrorClass.RETRYABLE
    session.rollback()
    session.begin(_strict_level(engine))
    assert engine.change(session, update) == 1
    session.commit()
    assert balance(engine, other, name) == 102


def _strict_level(engine):
    levels = engine.backend.capabilities.isolation_levels
    return "repeatable read" if "repeatable read" in levels else levels[-1]


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT * FROM nowhere", "SELECT nothing FROM {name}", "SELECT no_such(1)"])
def test_a_wrong_question_is_fatal(engine, session, name, sql):
    assert engine.failure(session, sql.replace("{name}", name)) is ErrorClass.FATAL
    assert balance(engine, session, name) == 100


def test_a_slow_statement_can_be_cancelled(engine, session, name):
    assert engine.backend.capabilities.cancel
    threading.Timer(0.3, session.cancel).start()
    started = time.monotonic()
    assert engine.failure(session, engine.case.slow_sql) is ErrorClass.TIMEOUT
    assert 0.25 < time.monotonic() - started < 0.3 + engine.case.cancel_limit_s
    assert balance(engine, session, name) == 100


def test_a_cancelled_transaction_can_be_undone(engine, session, name):
    session.begin()
    engine.change(session, f"DELETE FROM {name}")
    threading.Timer(0.2, session.cancel).start()
    assert engine.failure(session, engine.case.slow_sql) is ErrorClass.TIMEOUT
    session.rollback()
    assert balance(engine, session, name) == 100


def test_a_dead_connection_is_known_as_such(engine, session, other, name):
    count = session.prepare(engine.statement(f"SELECT count(*) FROM {name}"))
    assert [tuple(row) for row in count([])] == [(3,)]
    if engine.case.kill_sql:
        number = engine.call(session, engine.case.session_number_sql)[0][0]
        engine.call(other, engine.case.kill_sql.format(number=number))
    else:
        engine.database.close()
    with pytest.raises(Exception, match=r"\S") as caught:
        count([])
    assert session.classify(caught.value) is ErrorClass.DISCONNECTED
    session.rollback()
    session.cancel()
    session.close()


def test_a_closed_session_says_so(engine, name):
    session = engine.database.session()
    count = session.prepare(engine.statement(f"SELECT count(*) FROM {name}"))
    session.close()
    session.close()
    with pytest.raises(Exception, match=r"\S") as caught:
        count([])
    assert session.classify(caught.value) is ErrorClass.DISCONNECTED
    with pytest.raises(Exception, match=r"\S") as caught:
        session.begin()
    assert session.classify(caught.value) is ErrorClass.DISCONNECTED
    session.rollback()
    session.cancel()


def test_an_error_of_the_tool_is_not_one_of_the_engine(any_engine):
    with any_engine.database.session() as session:
        assert session.classify(TypeError("not an engine's")) is ErrorClass.FATAL


def test_sessions_work_in_threads_of_their_own(engine, name):
    sessions = [engine.database.session() for _ in range(4)]
    seen = []

    def ask(session):
        call = session.prepare(engine.statement(f"SELECT balance FROM {name} WHERE id = {{id}}", "id"))
        seen.append([call([key])[0][0] for _ in range(50) for key in (1, 2, 3)])

    threads = [threading.Thread(target=ask, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for session in sessions:
        session.close()
    assert seen == [[100, 200, 300] * 50] * 4


def test_a_session_knows_its_number(engine, session, other, name):
    if not engine.case.knows_its_number:
        assert session.number() is None or "," in session.number()  # those of a pool
        return
    assert session.number() == str(engine.call(session, engine.case.session_number_sql)[0][0])
    assert session.number() != other.number()


def test_plans_are_json_and_leave_nothing_when_they_are_rolled_back(engine, session, other, name):
    for sql, rows in (
        (f"SELECT balance FROM {name} WHERE id = {{id}}", True),
        (f"UPDATE {name} SET balance = 7 WHERE id = {{id}}", False),
        (f"INSERT INTO {name} (id, balance) VALUES ({{id}} + 10, 1)", False),
        (f"DELETE FROM {name} WHERE id = {{id}}", False),
    ):
        session.begin()
        text = session.plan(engine.statement(sql, "id", rows=rows), [1])
        session.rollback()
        assert json.loads(text) if text else not (rows and engine.backend.capabilities.explain)
        assert balance(engine, other, name) == 100
        assert len(engine.call(other, f"SELECT * FROM {name}")) == 3


def test_what_an_engine_can_say_of_itself_it_says_in_the_declared_form(any_engine):
    database, can = any_engine.database, any_engine.backend.capabilities
    until = datetime.now(UTC)
    since = until - timedelta(minutes=1)
    for counted in database.statement_stats():
        assert isinstance(counted, StatementStats)
        assert counted.calls >= 0
    assert all(isinstance(event, str) and count > 0 for event, count in database.waits().items())
    assert can.waits or not database.waits()
    assert all(isinstance(query, ServerQuery) for query in database.history((), since, until))
    for later in (database.aggregates("r", since, until), database.metering(since, until)):
        assert later.complete or later.missing
        assert can.enrich or (later.rows, later.missing) == ((), "this engine has nothing to add later")
    key = database.statement_key
    assert key("SELECT  a\nFROM t ;") == key("SELECT a FROM t")
    assert key("SELECT a FROM t") != key("SELECT b FROM t")
