"""Sessions that borrow their connections: what happens when one is lost, or is lent to somebody else meanwhile."""

import threading
from contextlib import closing

import pytest
from snowflake.connector import Error

from bench.backends.snowflake import SnowflakeBackend
from bench.backends.snowflake_auth import Anybody
from bench.model import ErrorClass, Namespace, Statement

ONE = Statement(sql="SELECT 1", parameters=(), returns_rows=True, order_by=())


@pytest.fixture
def database(emulator):
    backend = SnowflakeBackend(
        name="snowflake_emulated", emulated=True, auth=Anybody(), account="emulator", user="tester",
        host="127.0.0.1", port=emulator.port, protocol="http", warehouse="COMPUTE_WH", database="BENCH",
        driver="pool", pool_size=1,
    )  # fmt: skip
    with backend.open(Namespace(schema="public")) as opened:
        yield opened


def lost(call, session):
    """The connection is gone before the statement is sent."""
    with pytest.raises(Error) as error:
        call(())
    return session.classify(error.value)


def test_a_connection_that_is_lost_in_a_transaction_is_replaced(database):
    with database.session() as session:
        call = session.prepare(ONE)
        session.begin()
        session._transaction.dbapi_connection.close()  # as a server does that goes away
        assert lost(call, session) is ErrorClass.DISCONNECTED
        session.rollback()  # never raises on a dead session
        session.close()
        assert list(call(())) == [(1,)]


def test_a_connection_that_is_lost_outside_a_transaction_is_replaced(database):
    with database.session() as session:
        call = session.prepare(ONE)
        with closing(database._pool.connect()) as idle:
            idle.dbapi_connection.close()
        assert lost(call, session) is ErrorClass.DISCONNECTED
        assert list(call(())) == [(1,)]


def test_a_connection_is_not_lent_while_its_work_is_cancelled(database, monkeypatch):
    cancelling, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def cancel(number):
        cancelling.set()
        assert go_on.wait(10)

    monkeypatch.setattr(database, "cancel", cancel)  # the moment between asking and being done
    with database.session() as session:

        def work():
            with session._sent("SELECT 1"):
                threading.Thread(target=session.cancel, daemon=True).start()
                assert cancelling.wait(10)
            ended.set()

        threading.Thread(target=work, daemon=True).start()
        assert cancelling.wait(10)
        assert not ended.wait(0.3)  # the only connection is not free yet
        go_on.set()
        assert ended.wait(10)
