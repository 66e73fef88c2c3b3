"""The null backend does exactly what it is told, and next to nothing more."""

import time

import pytest

from bench.backends.null import NullBackend
from bench.model import ErrorClass, Namespace, Statement

ANYWHERE = Namespace(schema="x")
QUERY = Statement(sql="SELECT 1")
CHANGE = Statement(sql="DELETE FROM t", returns_rows=False)


def test_answers_have_as_many_rows_as_declared():
    with NullBackend(rows=3).open(ANYWHERE) as database, database.session() as session:
        assert [len(session.prepare(statement)([])) for statement in (QUERY, CHANGE)] == [3, 3]
        assert len(list(session.prepare(QUERY)([]))) == 3
        assert list(session.prepare(CHANGE)([])) == []
    with NullBackend().open(ANYWHERE) as database, database.session() as session:
        assert len(session.prepare(QUERY)([1, 2])) == 0


def test_each_statement_takes_the_declared_time():
    with NullBackend(delay_s=0.02).open(ANYWHERE) as database, database.session() as session:
        call = session.prepare(QUERY)
        started = time.perf_counter()
        for _ in range(5):
            call([])
        assert 0.1 <= time.perf_counter() - started < 0.3


@pytest.mark.parametrize("meaning", [ErrorClass.RETRYABLE, ErrorClass.DISCONNECTED])
def test_every_so_many_statements_of_a_session_one_fails(meaning):
    with NullBackend(fail_every=3, fail_as=meaning).open(ANYWHERE) as database, database.session() as session:
        calls = [session.prepare(statement) for statement in (QUERY, CHANGE)]
        failed = {}
        for number in range(1, 13):
            try:
                calls[number % 2]([])
            except Exception as error:  # noqa: BLE001  # what is raised is what is looked at
                failed[number] = session.classify(error)
    assert failed == dict.fromkeys([3, 6, 9, 12], meaning)


def test_a_call_costs_less_than_a_microsecond():
    with NullBackend().open(ANYWHERE) as database, database.session() as session:
        call = session.prepare(QUERY)
    best_s = 1.0
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(1000):
            call(())
        best_s = min(best_s, (time.perf_counter() - started) / 1000)
    assert best_s < 1e-6
