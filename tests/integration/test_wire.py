"""Sessions that write and read PostgreSQL's messages themselves: what they must not do, and what they count."""

import os
import time
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import psycopg
import pytest

from bench.backends.postgres import PostgresBackend
from bench.backends.postgres_libpq import LibpqSession
from bench.backends.postgres_wire import READ_BYTES, READ_MORE_BYTES, WireSession
from bench.model import ErrorClass, Namespace, Statement

NOWHERE = Namespace(schema="")
SERIES = Statement(sql="SELECT g, repeat('x', 10) FROM generate_series(1, $1::int) g", parameters=("n",))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with PostgresBackend(driver="wire").provision("wire", tmp_path_factory.mktemp("home"), lambda line: None) as found:
        yield found


@pytest.fixture
def session(server):
    with server.open(NOWHERE) as database, database.session() as found:
        assert isinstance(found, WireSession)
        yield found


def received(line, send, values):
    """What the side that does not wait gives for a call."""
    send(values)
    end = time.monotonic() + 20
    while (rows := line.receive()) is None:
        assert time.monotonic() < end
        time.sleep(0.0005)
    return rows


def sent(session, statement, *rows):
    return list(session.encode(statement, rows, counting=True))


@pytest.mark.parametrize("waits", [True, False])
def test_answers_of_any_length_are_counted_the_first_time_and_later(session, waits):
    if waits:
        count = session.counting(SERIES)
    else:
        line = session.line(counting=True)
        send = line.prepare(SERIES)

        def count(values):
            return received(line, send, values)

    sizes = [0, 1, 400, 1_000, 30_000, 1, 30_000, 1_000, 0]
    assert [count(values) for values in sent(session, SERIES, *([size] for size in sizes))] == sizes


@pytest.fixture(params=["waits", "returns"])
def counted(request):
    """Gives a session's call of a statement that counts, by the side that waits or by the one that does not."""

    def call_of(session, statement):
        if request.param == "waits":
            return session.counting(statement)
        line = session.line(counting=True)
        send = line.prepare(statement)
        return lambda values: received(line, send, values)

    return call_of


def test_answers_that_end_where_a_read_ends_and_with_messages_that_nobody_asked_for(server, counted):
    told = Statement(sql="SELECT repeat('x', $1), set_config('application_name', 'n' || $1, false)", parameters=("n",))
    beside = 70
    """Bytes of such an answer beside the repeated letter, more or less."""
    with server.open(NOWHERE) as database:
        for size in range(READ_BYTES - beside - 20, READ_BYTES - beside + 20):
            with database.session() as session:
                call = counted(session, told)
                rows = [call(values) for values in sent(session, told, [1], [size], [size], [READ_MORE_BYTES], [1])]
                assert rows == [1] * 5, size


def test_values_of_other_types_among_whole_numbers(session, counted):
    call = counted(session, SERIES)
    slices = [[1], [2]], [[3], [None]], [[None]], [[2**40 - 2**40 + 4]]
    assert [call(values) for rows in slices for values in sent(session, SERIES, *rows)] == [1, 2, 3, 0, 0, 4]
    text = Statement(sql="SELECT 1 WHERE $1::text = $2", parameters=("a", "b"))
    call = counted(session, text)
    slices = [[1, "1"], [2**40, str(2**40)]], [[True, "true"]], [["x", "y"]], [[Decimal("1.50"), "1.50"]]
    assert [call(values) for rows in slices for values in sent(session, text, *rows)] == [1, 1, 1, 0, 1]


def test_values_that_are_no_whole_numbers_are_sent_by_one_write_too(session, monkeypatch):
    text = Statement(sql="SELECT $1::text", parameters=("a",))
    call = session.counting(text)
    first, *others = sent(session, text, ["a"], ["b"], ["c"])
    assert call(first) == 1
    monkeypatch.setattr(session, "_ask", None)
    assert [call(values) for values in others] == [1, 1]


@pytest.mark.parametrize("driver", ["wire", "libpq"])
def test_values_are_encoded_to_the_end_though_their_session_was_closed(server, driver):
    text = Statement(sql="SELECT $1::text WHERE $2::numeric > 1 OR $3::date IS NULL", parameters=("a", "b", "c"))
    rows = [[None, 1, None], ["x", Decimal("1.5"), date(2026, 1, 1)], [1.5, 2**40, datetime(2026, 1, 1)]]
    with replace(server, driver=driver).open(NOWHERE) as database:
        with database.session() as lost:
            values = iter(lost.encode(text, rows, counting=True))
            first = next(values)
        with database.session() as session:
            call = session.counting(text)
            assert [call(first), *map(call, values)] == [1, 1, 1]


@pytest.mark.parametrize("waits", [True, False])
def test_nothing_is_written_to_a_number_that_is_another_files_by_now(session, tmp_path, waits):
    (values,) = sent(session, SERIES, [3])
    if waits:
        call, begin = session.counting(SERIES), session.begin
        assert call(values) == 3
    else:
        line = session.line(counting=True)
        call, send_begin = line.prepare(SERIES), line.begin()
        assert received(line, call, values) == 3

        def begin():
            send_begin(())

    number = session.pgconn.socket
    session.close()
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_WRONLY)
    if other != number:
        os.dup2(other, number)
    for ask in (lambda: call(values), begin):
        with pytest.raises(psycopg.OperationalError):
            ask()
    for opened in {other, number}:
        os.close(opened)
    assert (tmp_path / "other").read_bytes() == b""


def test_what_gssapi_encrypts_or_may_encrypt_is_left_to_libpq(server):
    asking = replace(server, dsn=server.dsn.replace("gssencmode=disable", ""))
    with asking.open(NOWHERE) as database, database.session() as session:
        assert type(session) is WireSession
        assert "driver" not in database.facts()
        database.execute("CREATE SCHEMA told")
    pretended = replace(asking, session_settings={"search_path": "told,pg_catalog"})
    for view in ("SELECT pg_backend_pid() AS pid, true AS encrypted", "SELECT 1 AS nothing"):
        with pretended.open(NOWHERE) as database:
            database.execute(f"CREATE VIEW told.pg_stat_gssapi AS {view}")
            with database.session() as session:
                assert type(session) is LibpqSession
                assert session.counting(SERIES)([3]) == 3
            assert database.facts()["driver"].startswith("libpq, since")
            database.execute("DROP VIEW told.pg_stat_gssapi")


def test_a_server_that_hangs_up_means_that_the_connection_is_gone_whatever_its_reason(server):
    limited = replace(server, session_settings={"transaction_timeout": "50ms"})
    nap = Statement(sql="SELECT pg_sleep($1::int)", parameters=("n",))
    with limited.open(NOWHERE) as database, database.session() as session:
        count, (values,) = session.counting(nap), sent(session, nap, [5])
        with pytest.raises(psycopg.Error) as caught:
            count(values)
        assert caught.value.sqlstate == "25P04"
        assert session.classify(caught.value) is ErrorClass.DISCONNECTED


def test_a_mistake_of_a_workload_is_not_the_connections(session):
    assert session.classify(FileNotFoundError("no such file")) is ErrorClass.FATAL


def test_a_statement_that_waits_for_rows_costs_the_connection(session):
    copy = Statement(sql="COPY pg_temp.t FROM STDIN", returns_rows=False)
    make = Statement(sql="CREATE TEMP TABLE t (a int)", returns_rows=False)
    assert session.counting(make)(sent(session, make, [])[0]) == 0
    with pytest.raises(psycopg.NotSupportedError, match="COPY") as caught:
        session.counting(copy)(sent(session, copy, [])[0])
    assert session.classify(caught.value) is ErrorClass.DISCONNECTED


def test_values_encoded_for_another_kind_of_connection_are_refused(server, session):
    with replace(server, driver="libpq").open(NOWHERE) as database, database.session() as other:
        assert type(other) is LibpqSession
        with pytest.raises(psycopg.OperationalError, match="another kind"):
            other.counting(SERIES)(sent(session, SERIES, [3])[0])
        with pytest.raises(psycopg.OperationalError, match="another kind"):
            session.counting(SERIES)(next(iter(other.encode(SERIES, [[3]]))))
