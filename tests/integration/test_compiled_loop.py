"""Operations that compiled code runs on a real server: the samples are those of the other loops, whatever comes."""

import gc
import os
import socket
import threading
import time

import numpy as np
import psycopg
import pytest
from driven import SHOP, change, drive, fill, read, rendered

from bench.backends.postgres import PostgresBackend
from bench.backends.postgres_wire import WireSession
from bench.drive.lane import Lane
from bench.load import ClosedLoop, Stream, Streams
from bench.model import ErrorClass
from bench.record import STATUSES, Recorder
from bench.sampling import Choice, Sequential, Uniform
from bench.workload import Operation, Workload

ID = {"id": Uniform(low=1, high=10)}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A table of ten accounts."""
    with PostgresBackend(settings={"shared_preload_libraries": "pg_stat_statements"}).provision(
        "compiled", tmp_path_factory.mktemp("home"), lambda line: None
    ) as server:
        fill(server)
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        yield server


def run(shop, asked, statements, *, clients=3, duration_s=1.0, **more):
    """Operations with the statements of each, in compiled code."""
    operations = tuple(rendered(operation, *theirs) for operation, theirs in zip(asked, statements, strict=True))
    load = ClosedLoop(name="l", clients=clients, duration_s=duration_s)
    return drive(shop, "compiled", load, Workload(name="w", operations=tuple(asked)), operations, **more)


def known(found):
    return {(one.operation, one.error_class) for log in found.crew.recorders for one in log.errors.known}


@pytest.fixture
def by_the_interpreter(monkeypatch):
    """Samples that the interpreter has recorded, so that a test sees how many compiled code has."""
    recorded, add = [], Recorder.add

    def counting(recorder, *values):
        recorded.append(values)
        add(recorder, *values)

    monkeypatch.setattr(Recorder, "add", counting)
    return recorded


def test_rows_are_counted_as_in_the_other_loops_and_operations_follow_the_order(shop, by_the_interpreter):
    asked = [
        Operation(name="one", template="t", params=ID),
        Operation(name="all", template="t"),
        Operation(name="none", template="t", params={"id": Uniform(low=11, high=20)}),
        Operation(name="move", template="t", params=ID, transactional=True),
        Operation(name="note", template="t", params={"note": Choice(values=("a", "bb", None, "x" * 300))}),
        Operation(name="both", template="t", params={**ID, "note": Choice(values=("a", "bb"))}),
    ]
    statements = [
        [read("SELECT balance FROM account WHERE id = $1", "id")],
        [read("SELECT * FROM account")],
        [read("SELECT balance FROM account WHERE id = $1", "id")],
        [
            change("UPDATE account SET balance = balance + 1 WHERE id = $1", "id"),
            read("SELECT balance FROM account WHERE id = $1", "id"),
            change("UPDATE account SET balance = balance - 1 WHERE id = $1", "id"),
        ],
        [read("SELECT $1::text", "note")],
        [read("SELECT $1::text", "note"), read("SELECT 1"), read("SELECT $1::int", "id")],
    ]
    found = run(shop, asked, statements, clients=4, duration_s=1.5)
    assert len(by_the_interpreter) < 200 < len(found.samples) / 5, (
        "each statement's first of each client, to prepare it"
    )
    assert [found.rows(at) for at in range(6)] == [{1}, {10}, {0}, {3}, {1}, {3}]
    counts = [found.statuses(at) for at in range(6)]
    assert all(set(count) == {"ok"} for count in counts)
    assert max(count["ok"] for count in counts) - min(count["ok"] for count in counts) <= 4 * len(asked)
    samples = found.samples
    assert (samples["intended_start_ns"] == samples["ready_ns"]).all()
    assert (samples["ready_ns"] <= samples["start_ns"]).all()
    assert (samples["start_ns"] < samples["end_ns"]).all()
    for client in range(4):
        ours = samples[samples["client"] == client]
        assert (ours["ready_ns"][1:] == ours["end_ns"][:-1]).all(), "free when the last one was answered"
    with psycopg.connect(shop.dsn) as connection:
        (moved,) = connection.execute("SELECT sum(balance) FROM loops.account").fetchone()
    assert moved == 0


def test_no_sample_is_lost_and_none_is_made_up(shop, by_the_interpreter):
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
    sql = "SELECT id, balance FROM account WHERE id = $1 AND 7 = 7"
    found = run(shop, [Operation(name="one", template="t", params=ID)], [[read(sql, "id")]], clients=5)
    with psycopg.connect(shop.dsn) as connection:
        (calls,) = connection.execute(
            "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE 'SELECT id, balance FROM account%'"
        ).fetchone()
    assert calls == len(found.samples) > 1_000
    assert len(by_the_interpreter) <= 2 * 5, "the first of each client, and the last"
    assert 8_192 in {len(chunk.samples()) for chunk in found.crew.outbox}, "some were full"


def test_the_values_are_those_of_the_other_loop(shop):
    asked = [Operation(name="keep", template="t", params={"id": Uniform(low=1, high=10**9)})]
    kept = {}
    for loop in ("readiness", "compiled"):
        with psycopg.connect(shop.dsn, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE loops.{loop} (at serial, client int DEFAULT pg_backend_pid(), id int)")
        operations = (rendered(asked[0], change(f"INSERT INTO {loop} (id) VALUES ($1)", "id")),)
        load = ClosedLoop(name="l", clients=2, duration_s=1)
        drive(shop, loop, load, Workload(name="w", operations=tuple(asked)), operations)
        with psycopg.connect(shop.dsn) as connection:
            rows = connection.execute(
                f"SELECT client, array_agg(id ORDER BY at) FROM loops.{loop} GROUP BY 1"
            ).fetchall()
        kept[loop] = sorted(ids[:1_500] for _, ids in rows)
    assert all(len(ids) > 1_024 for ids in kept["compiled"]), "more than were drawn at once"
    shared = [min(map(len, both)) for both in zip(*kept.values(), strict=True)]
    assert [one[:size] for one, size in zip(kept["compiled"], shared, strict=True)] == [
        one[:size] for one, size in zip(kept["readiness"], shared, strict=True)
    ]


@pytest.mark.parametrize("transactional", [False, True])
def test_what_the_server_refuses_is_an_error_and_the_client_goes_on(shop, transactional):
    asked = [
        Operation(name="sometimes", template="t", params=ID, transactional=transactional),
        Operation(name="late", template="t", params=ID, transactional=transactional),
        Operation(name="right", template="t", transactional=transactional),
    ]
    statements = [
        [read("SELECT 1 / ($1 - 5)", "id")],
        [read("SELECT 1 / (i - 50000 * ($1 / 5)), repeat('z', 50) FROM generate_series(1, 60000) i", "id")],
        [read("SELECT 1"), read("SELECT 2")],
    ]
    found = run(shop, asked, statements)
    assert set(found.statuses(0)) == set(found.statuses(1)) == {"ok", "error"}
    assert set(found.statuses(2)) == {"ok"}
    assert found.rows(1) == {0, 60_000}
    assert known(found) == {("sometimes", ErrorClass.ABORTED), ("late", ErrorClass.ABORTED)}
    failed = found.samples[found.samples["status"] != 0]
    assert (failed["error"] >= 0).all()
    assert (failed["rows"] == 0).all()


def test_a_write_conflict_is_retried_with_the_same_values(shop):
    bump = Operation(
        name="bump",
        template="t",
        params={"number": Sequential()},
        transactional=True,
        isolation="serializable",
        retries=500,
        timeout_s=20,
    )
    statements = [
        read("SELECT balance FROM account WHERE id = 1"),
        read("SELECT pg_sleep(0.002)"),
        change("INSERT INTO bumped VALUES ($1)", "number"),
        change("UPDATE account SET balance = balance + 1 WHERE id = 1"),
    ]
    with psycopg.connect(shop.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE loops.bumped (number int)")
    found = run(shop, [bump], [statements], clients=4)
    with psycopg.connect(shop.dsn) as connection:
        numbers = [number for (number,) in connection.execute("SELECT number FROM loops.bumped").fetchall()]
    assert found.statuses()["ok"] == len(numbers) > 20
    assert found.statuses()["aborted"] > 0
    assert set(found.statuses()) == {"ok", "aborted"}
    for client in range(4):
        theirs = sorted(number for number in numbers if (number - 1) % 4 == client)
        assert theirs == list(range(client + 1, client + 1 + 4 * len(theirs), 4)), "each once, and none left out"


@pytest.mark.parametrize("transactional", [False, True])
def test_an_attempt_over_its_time_is_cancelled_and_holds_up_nobody(shop, transactional):
    asked = [
        Operation(name="slow", template="t", params=ID, timeout_s=0.2, transactional=transactional),
        Operation(name="fast", template="t", transactional=transactional),
    ]
    statements = [[read("SELECT pg_sleep(CASE WHEN $1 = 5 THEN 30 ELSE 0 END)", "id")], [read("SELECT 1")]]
    found = run(shop, asked, statements, duration_s=2.0)
    assert set(found.statuses(0)) == {"ok", "timeout"}
    assert set(found.statuses(1)) == {"ok"}
    service_s = (found.samples["end_ns"] - found.samples["start_ns"]) / 1e9
    overdue = found.samples["status"] == STATUSES.index("timeout")
    assert service_s[overdue].min() >= 0.2
    assert service_s.max() < 3


def test_a_client_whose_session_is_ended_goes_on_with_a_new_one(shop):
    def kill(crew):
        time.sleep(0.7)
        with psycopg.connect(shop.dsn, autocommit=True) as connection:
            for number in crew.session_numbers:
                connection.execute("SELECT pg_terminate_backend(%s)", [int(number)])

    nap = Operation(name="nap", template="t", timeout_s=20)
    found = run(shop, [nap], [[read("SELECT pg_sleep(0.002)")]], duration_s=2.0, meanwhile=kill)
    assert found.statuses()["error"] == 3
    assert found.statuses()["ok"] > 300
    assert len(found.crew.session_numbers) == 6
    assert known(found) == {("nap", ErrorClass.DISCONNECTED)}
    for client in range(3):
        ours = found.samples[found.samples["client"] == client]
        assert STATUSES[ours["status"][-1]] == "ok"


def test_a_connection_that_breaks_without_a_word_is_replaced(shop):
    def shut(crew):
        time.sleep(0.7)
        for client in crew.clients:
            with socket.socket(fileno=os.dup(client.line.fileno())) as theirs:
                theirs.shutdown(socket.SHUT_RDWR)

    nap = Operation(name="nap", template="t", timeout_s=20)
    found = run(shop, [nap], [[read("SELECT pg_sleep(0.002)")]], duration_s=2.0, meanwhile=shut)
    assert found.statuses()["error"] == 3
    assert found.statuses()["ok"] > 300
    assert known(found) == {("nap", ErrorClass.DISCONNECTED)}


def test_a_cancel_that_an_operation_survives_says_nothing_of_those_that_follow(shop):
    with shop.open(SHOP) as database:
        database.execute("""CREATE OR REPLACE FUNCTION loops.stubborn(id int) RETURNS int LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_sleep(CASE WHEN id = 5 THEN 20 ELSE 0 END); RETURN 1;
            EXCEPTION WHEN query_canceled THEN RETURN 2; END $$""")
    asked = [
        Operation(name="stubborn", template="t", params=ID, timeout_s=0.1),
        Operation(name="wrong", template="t", params={"id": Uniform(low=1, high=2)}),
    ]
    statements = [[read("SELECT loops.stubborn($1)", "id")], [read("SELECT 1 / ($1 - 1)", "id")]]
    found = run(shop, asked, statements, duration_s=2.0)
    assert set(found.statuses(0)) == {"ok"}
    assert set(found.statuses(1)) == {"ok", "error"}
    service_s = (found.samples["end_ns"] - found.samples["start_ns"]) / 1e9
    assert (service_s[found.samples["operation"] == 0] > 0.1).sum() > 3, "some were cancelled"
    assert known(found) == {("wrong", ErrorClass.ABORTED)}


def test_what_the_server_says_while_a_cancel_is_on_its_way_leaves_no_client_behind(shop, monkeypatch):
    def cancel(session):
        """As slow as the end of the session, so that both come in one turn of the loop."""
        time.sleep(0.1)
        with psycopg.connect(shop.dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [int(session.number())])

    monkeypatch.setattr(WireSession, "cancel", cancel)
    nap = Operation(name="nap", template="t", params=ID, timeout_s=0.1)
    sql = "SELECT pg_sleep(CASE WHEN $1 > 5 THEN 0.3 ELSE 0 END)"
    found = run(shop, [nap], [[read(sql, "id")]], clients=4, duration_s=2.0)
    assert found.statuses()["ok"] > 10
    assert set(found.statuses()) <= {"ok", "timeout", "error"}


def test_a_client_that_comes_while_its_descriptor_has_an_event_is_not_forgotten(shop):
    """What compiled code has just been given is not passed over as unexpected, and ignored ever after."""
    one = Operation(name="one", template="t", params=ID)
    operations = (rendered(one, read("SELECT balance FROM account WHERE id = $1", "id")),)
    seen = []

    def meddle(crew):
        time.sleep(0.3)
        (loop,) = [lane.loop for lane in gc.get_objects() if isinstance(lane, Lane) and lane.client is crew.clients[0]]
        lane = loop._by_descriptor[crew.clients[0].line.fileno()]
        loop._unexpected(lane.descriptor, lane)
        seen.append(loop._by_descriptor.get(lane.descriptor))
        time.sleep(0.3)

    load = ClosedLoop(name="l", clients=2, duration_s=1)
    found = drive(shop, "compiled", load, Workload(name="w", operations=(one,)), operations, meanwhile=meddle)
    assert seen != [None]
    ours = found.samples[found.samples["client"] == 0]
    assert np.ptp(ours["end_ns"]) > 0.9e9


def test_clients_that_think_are_served_beside_those_that_do_not(shop):
    asked = [Operation(name="often", template="t", params=ID), Operation(name="seldom", template="t")]
    statements = [[read("SELECT balance FROM account WHERE id = $1", "id")], [read("SELECT * FROM account")]]
    streams = (
        Stream(name="a", clients=2, mix={"often": 1}),
        Stream(name="b", clients=2, mix={"seldom": 1}, think_time_s=0.01),
    )
    operations = tuple(rendered(operation, *theirs) for operation, theirs in zip(asked, statements, strict=True))
    load = Streams(name="l", streams=streams, duration_s=1.5)
    found = drive(shop, "compiled", load, Workload(name="w", operations=tuple(asked)), operations)
    seldom = found.samples[found.samples["operation"] == 1]
    assert set(seldom["client"].tolist()) == {2, 3}
    assert set(found.samples["client"].tolist()) == {0, 1, 2, 3}
    assert 150 < len(seldom) <= 302
    assert found.statuses(0)["ok"] > 5 * len(seldom)
    assert np.median(seldom["start_ns"] - seldom["ready_ns"]) < 2_000_000


def test_rows_of_earlier_steps_are_kept_when_a_step_is_left_to_the_interpreter(shop):
    class Large(Uniform):
        def draw(self, rng, size, **_):
            return ["y" * 3_000_000, "n"] * (size // 2)

    large = Operation(name="large", template="t", params={"text": Large(low=1, high=2)})
    steps = [read("SELECT * FROM account"), read("SELECT length($1::text)", "text")]
    found = run(shop, [large], [steps], clients=2, duration_s=1.5)
    assert found.rows() == {11}


def test_values_that_are_larger_than_the_socket_takes_at_once(shop):
    class Large(Uniform):
        def draw(self, rng, size, **_):
            return ["y" * 3_000_000, "n"] * (size // 2)

    large = Operation(name="large", template="t", params={"text": Large(low=1, high=2)})
    found = run(shop, [large], [[read("SELECT length($1::text)", "text")]], clients=2, duration_s=1.5)
    assert set(found.statuses()) == {"ok"}
    assert found.rows() == {1}
    assert len(found.samples) > 10


def test_long_answers_are_read_to_their_end(shop):
    asked = [Operation(name="long", template="t", params=ID), Operation(name="short", template="t")]
    statements = [[read("SELECT repeat('C', 1000 * $1) FROM generate_series(1, 200 * $1)", "id")], [read("SELECT 1")]]
    found = run(shop, asked, statements, clients=2, duration_s=1.5)
    assert found.rows(0) <= {200 * number for number in range(1, 11)}
    assert len(found.rows(0)) > 5
    assert found.rows(1) == {1}


def test_what_the_server_says_beside_its_answer_is_passed_over(shop):
    noisy = "SELECT pg_notify('channel', 'said') IS NULL, set_config('application_name', 'n' || random(), false)"
    asked = [Operation(name="noisy", template="t"), Operation(name="listen", template="t")]
    found = run(shop, asked, [[read(noisy)], [change("LISTEN channel")]])
    assert set(found.statuses(0)) == set(found.statuses(1)) == {"ok"}
    assert found.rows(0) == {1}
    assert found.rows(1) == {0}


def test_what_is_under_way_when_the_load_is_cancelled_ends_at_once(shop):
    def cancel(crew):
        threading.Timer(0.5, crew.cancel).start()

    slow = Operation(name="slow", template="t", params=ID, timeout_s=0)
    began = time.monotonic()
    sql = "SELECT pg_sleep(CASE WHEN $1 > 9 THEN 60 ELSE 0 END)"
    found = run(shop, [slow], [[read(sql, "id")]], clients=2, duration_s=60, meanwhile=cancel)
    assert time.monotonic() - began < 10
    assert found.statuses()["timeout"] <= 2
    assert set(found.statuses()) <= {"ok", "timeout"}


def test_a_load_that_is_stopped_lets_what_is_under_way_come_to_its_end(shop):
    def stop(crew):
        threading.Timer(0.5, crew.stop).start()

    nap = Operation(name="nap", template="t")
    found = run(shop, [nap], [[read("SELECT pg_sleep(0.05)")]], clients=2, duration_s=60, meanwhile=stop)
    assert set(found.statuses()) == {"ok"}
    assert 10 <= len(found.samples) <= 24
    assert np.ptp(found.samples["end_ns"]) < 1.5e9
