"""Both loops on the same server: what a workload's samples say must not depend on how its clients wait."""

import threading
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import psycopg
import pytest
from driven import SHOP, change, drive, fill, read, rendered

from bench.backends.postgres import PostgresBackend
from bench.drive import Assignment, Crew, Window
from bench.load import ClosedLoop
from bench.model import ErrorClass
from bench.record import STATUSES
from bench.sampling import Sequential, Uniform
from bench.workload import Operation, Workload

LOOPS = ("threads", "readiness")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A table of ten accounts."""
    with PostgresBackend().provision("loops", tmp_path_factory.mktemp("home"), lambda line: None) as server:
        fill(server)
        yield server


@pytest.fixture(params=["wire", "libpq"])
def shop(server, request):
    """The same, by either of the drivers that both loops can use."""
    return replace(server, driver=request.param)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_same_questions_come_back_with_the_same_rows(shop, loop):
    id_ = {"id": Uniform(low=1, high=10)}
    asked = (
        Operation(name="one", template="t", params=id_),
        Operation(name="all", template="t"),
        Operation(name="none", template="t", params={"id": Uniform(low=11, high=20)}),
        Operation(name="move", template="t", params=id_, transactional=True),
    )
    operations = (
        rendered(asked[0], read("SELECT balance FROM account WHERE id = $1", "id")),
        rendered(asked[1], read("SELECT * FROM account")),
        rendered(asked[2], read("SELECT balance FROM account WHERE id = $1", "id")),
        rendered(
            asked[3],
            change("UPDATE account SET balance = balance + 1 WHERE id = $1", "id"),
            read("SELECT balance FROM account WHERE id = $1", "id"),
            change("UPDATE account SET balance = balance - 1 WHERE id = $1", "id"),
        ),
    )
    load = ClosedLoop(name="l", clients=4, duration_s=0, iterations=40)
    found = drive(shop, loop, load, Workload(name="w", operations=asked), operations)
    assert [found.statuses(at)["ok"] for at in range(4)] == [40] * 4
    assert [found.rows(at) for at in range(4)] == [{1}, {10}, {0}, {3}]
    samples = found.samples
    assert (samples["intended_start_ns"] <= samples["ready_ns"]).all()
    assert (samples["ready_ns"] <= samples["start_ns"]).all()
    assert (samples["start_ns"] < samples["end_ns"]).all()
    for client in range(4):
        ours = samples[samples["client"] == client]
        assert (ours["start_ns"][1:] >= ours["end_ns"][:-1]).all(), "one operation of a client at a time"


@pytest.mark.parametrize("loop", LOOPS)
def test_a_write_conflict_is_retried_with_the_same_values(shop, loop):
    operation = Operation(
        name="bump", template="t", transactional=True, isolation="serializable", retries=500, timeout_s=20
    )
    operations = (
        rendered(
            operation,
            read("SELECT balance FROM account WHERE id = 1"),
            read("SELECT pg_sleep(0.002)"),
            change("UPDATE account SET balance = balance + 1 WHERE id = 1"),
        ),
    )
    load = ClosedLoop(name="l", clients=4, duration_s=0, iterations=25)
    found = drive(shop, loop, load, Workload(name="w", operations=(operation,)), operations)
    assert found.statuses()["ok"] == 100
    assert found.statuses()["aborted"] > 0
    assert set(found.statuses()) == {"ok", "aborted"}
    assert {known.error_class for log in found.crew.recorders for known in log.errors.known} == {ErrorClass.RETRYABLE}
    aborted = found.samples["attempt"][found.samples["status"] == STATUSES.index("aborted")]
    assert set(aborted.tolist()) >= {0}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("transactional", [False, True])
def test_what_the_server_refuses_is_an_error_and_the_client_goes_on(shop, loop, transactional):
    asked = (
        Operation(name="wrong", template="t", transactional=transactional),
        Operation(name="twice", template="t", transactional=transactional),
        Operation(name="right", template="t", transactional=transactional),
    )
    operations = (
        rendered(asked[0], read("SELECT nothing FROM account")),
        rendered(asked[1], change("INSERT INTO account VALUES (1, 1, '')")),
        rendered(asked[2], read("SELECT 1")),
    )
    load = ClosedLoop(name="l", clients=2, duration_s=0, iterations=9)
    found = drive(shop, loop, load, Workload(name="w", operations=asked), operations)
    assert [found.statuses(at) for at in range(3)] == [{"error": 6}, {"error": 6}, {"ok": 6}]
    known = {(one.operation, one.error_class, one.sqlstate) for log in found.crew.recorders for one in log.errors.known}
    assert known == {("wrong", ErrorClass.FATAL, "42703"), ("twice", ErrorClass.ABORTED, "23505")}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("transactional", [False, True])
def test_an_attempt_over_its_time_is_cancelled_and_holds_up_nobody(shop, loop, transactional):
    asked = (
        Operation(name="slow", template="t", timeout_s=0.2, transactional=transactional),
        Operation(name="fast", template="t", transactional=transactional),
    )
    operations = (rendered(asked[0], read("SELECT pg_sleep(30)")), rendered(asked[1], read("SELECT 1")))
    load = ClosedLoop(name="l", clients=3, duration_s=0, iterations=4)
    found = drive(shop, loop, load, Workload(name="w", operations=asked), operations)
    assert found.statuses(0) == {"timeout": 6}
    assert found.statuses(1) == {"ok": 6}
    service_s = (found.samples["end_ns"] - found.samples["start_ns"]) / 1e9
    assert service_s[found.samples["operation"] == 0].min() >= 0.2
    assert service_s.max() < 3


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_whose_session_is_ended_goes_on_with_a_new_one(shop, loop):
    operation = Operation(name="nap", template="t", timeout_s=20)
    operations = (rendered(operation, read("SELECT pg_sleep(0.005)")),)
    load = ClosedLoop(name="l", clients=3, duration_s=1.5)

    def kill(crew):
        time.sleep(0.5)
        with psycopg.connect(shop.dsn, autocommit=True) as connection:
            for number in crew.session_numbers:
                connection.execute("SELECT pg_terminate_backend(%s)", [int(number)])

    found = drive(shop, loop, load, Workload(name="w", operations=(operation,)), operations, meanwhile=kill)
    assert found.statuses()["error"] == 3
    assert found.statuses()["ok"] > 100
    assert len(found.crew.session_numbers) == 6
    assert {one.error_class for log in found.crew.recorders for one in log.errors.known} == {ErrorClass.DISCONNECTED}
    for client in range(3):
        ours = found.samples[found.samples["client"] == client]
        assert STATUSES[ours["status"][-1]] == "ok"


@pytest.mark.parametrize("loop", LOOPS)
def test_an_idle_session_that_is_ended_is_met_by_the_next_attempt(shop, loop):
    operation = Operation(name="one", template="t")
    operations = (rendered(operation, read("SELECT 1")),)
    load = ClosedLoop(name="l", clients=2, duration_s=2.0, think_time_s=0.5)

    def kill(crew):
        time.sleep(0.75)
        with psycopg.connect(shop.dsn, autocommit=True) as connection:
            for number in crew.session_numbers:
                connection.execute("SELECT pg_terminate_backend(%s)", [int(number)])

    found = drive(shop, loop, load, Workload(name="w", operations=(operation,)), operations, meanwhile=kill)
    assert found.statuses()["error"] == 2
    assert found.statuses()["ok"] >= 4


@pytest.mark.parametrize("loop", LOOPS)
def test_values_that_are_larger_than_the_socket_takes_at_once(shop, loop):
    class Large(Uniform):
        def draw(self, rng, size, **_):
            return ["y" * 8_000_000] * min(size, 2)

    operation = Operation(name="large", template="t", params={"text": Large(low=1, high=2)})
    operations = (rendered(operation, read("SELECT length($1::text)", "text")),)
    load = ClosedLoop(name="l", clients=2, duration_s=0, iterations=3)
    found = drive(shop, loop, load, Workload(name="w", operations=(operation,)), operations)
    assert found.statuses() == {"ok": 6}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_workload_with_logic_sees_the_rows(shop, loop):
    seen = []

    class Following(Workload):
        def steps(self, operation, params):
            rows = yield 0, [params["id"]]
            seen.append(rows[0][0])
            yield 1, [rows[0][0]]

    operation = Operation(name="follow", template="t", params={"id": Uniform(low=1, high=10)}, transactional=True)
    operations = (
        rendered(
            operation,
            read("SELECT id FROM account WHERE id = $1", "id"),
            read("SELECT id FROM account WHERE id <= $1", "id"),
        ),
    )
    load = ClosedLoop(name="l", clients=2, duration_s=0, iterations=20)
    found = drive(shop, loop, load, Following(name="w", operations=(operation,)), operations)
    assert found.statuses() == {"ok": 40}
    assert Counter(found.samples["rows"].tolist()) == Counter(1 + number for number in seen)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_under_way_when_the_load_is_cancelled_ends_at_once(shop, loop):
    operation = Operation(name="slow", template="t", timeout_s=0)
    operations = (rendered(operation, read("SELECT pg_sleep(60)")),)

    def cancel(crew):
        threading.Timer(0.3, crew.cancel).start()

    load = ClosedLoop(name="l", clients=2, duration_s=60)
    began = time.monotonic()
    found = drive(shop, loop, load, Workload(name="w", operations=(operation,)), operations, meanwhile=cancel)
    assert time.monotonic() - began < 10
    assert found.statuses() == {"timeout": 2}


def test_one_client_alone_waits_for_its_answer_and_several_are_served_by_one_loop(shop):
    load = ClosedLoop(name="l", clients=2, duration_s=0, iterations=1)
    operation = Operation(name="one", template="t")
    assignment = Assignment(
        backend=shop,
        namespace=SHOP,
        operations=(rendered(operation, read("SELECT 1")),),
        workload=Workload(name="w", operations=(operation,)),
        load=load,
        seed=1,
        clients=(0, 1),
    )
    with shop.open(SHOP) as database:
        for share, backend, loop in (
            ((0, 1), shop, "readiness"),
            ((0,), shop, "threads"),
            ((0, 1), replace(shop, driver="cursor"), "threads"),
        ):
            crew = Crew(replace(assignment, clients=share, backend=backend), database)
            assert crew.loop == loop
            for client in crew.clients:
                client.session.close()


def test_a_pipeline_keeps_several_operations_under_way_and_the_failure_of_one_leaves_the_others(server):
    asked = (
        Operation(name="one", template="t", params={"id": Uniform(low=1, high=10)}),
        Operation(name="wrong", template="t"),
        Operation(name="odd", template="t", params={"id": Uniform(low=0, high=1)}),
    )
    operations = (
        rendered(asked[0], read("SELECT balance FROM account WHERE id = $1", "id")),
        rendered(asked[1], read("SELECT nothing FROM account")),
        rendered(asked[2], read("SELECT 1 / $1", "id")),
    )
    load = ClosedLoop(name="l", clients=2, duration_s=0, iterations=300)
    backend = replace(server, driver="pipeline", pipeline_depth=5)
    found = drive(backend, "readiness", load, Workload(name="w", operations=asked), operations)
    assert found.statuses(0) == {"ok": 200}
    assert found.statuses(1) == {"error": 200}
    assert set(found.statuses(2)) == {"ok", "error"}
    assert found.rows(0) == {1}
    for client in range(2):
        ours = np.sort(found.samples[found.samples["client"] == client], order="start_ns")
        under_way = [int((ours["end_ns"][:at] > ours["start_ns"][at]).sum()) + 1 for at in range(len(ours))]
        assert max(under_way) == 5


def test_a_statement_whose_first_execution_fails_in_a_pipeline_is_prepared_all_the_same(server):
    operation = Operation(name="late", template="t", params={"n": Sequential()})
    operations = (rendered(operation, read("SELECT 1 / ($1 > 1)::int", "n")),)
    load = ClosedLoop(name="l", clients=1, duration_s=0, iterations=9)
    backend = replace(server, driver="pipeline", pipeline_depth=3)
    found = drive(backend, "readiness", load, Workload(name="w", operations=(operation,)), operations)
    assert found.statuses() == {"error": 1, "ok": 8}
    assert {known.sqlstate for log in found.crew.recorders for known in log.errors.known} == {"22012"}


@pytest.mark.parametrize(("driver", "loop"), [("wire", "threads"), ("wire", "readiness"), ("pipeline", "readiness")])
def test_a_cancel_that_an_operation_survives_says_nothing_of_those_that_follow(server, driver, loop):
    with server.open(SHOP) as database:
        database.execute("""CREATE OR REPLACE FUNCTION loops.stubborn() RETURNS int LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_sleep(20); RETURN 1; EXCEPTION WHEN query_canceled THEN RETURN 2; END $$""")
    asked = (Operation(name="stubborn", template="t", timeout_s=0.1), Operation(name="wrong", template="t"))
    operations = (rendered(asked[0], read("SELECT loops.stubborn()")), rendered(asked[1], read("SELECT 1 / 0")))
    load = ClosedLoop(name="l", clients=1, duration_s=0, iterations=6)
    backend = replace(server, driver=driver, pipeline_depth=3)
    found = drive(backend, loop, load, Workload(name="w", operations=asked), operations)
    assert (found.statuses(0), found.statuses(1)) == ({"ok": 3}, {"error": 3})


def test_a_pipeline_whose_session_is_ended_goes_on_with_a_new_one(server):
    operation = Operation(name="nap", template="t", timeout_s=20)
    operations = (rendered(operation, read("SELECT pg_sleep(0.2)")),)
    load = ClosedLoop(name="l", clients=2, duration_s=2)

    def kill(crew):
        time.sleep(0.5)  # in the middle of a nap, so that no place in the pipeline is being filled
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            for number in crew.session_numbers:
                connection.execute("SELECT pg_terminate_backend(%s)", [int(number)])

    backend = replace(server, driver="pipeline", pipeline_depth=3)
    workload = Workload(name="w", operations=(operation,))
    found = drive(backend, "readiness", load, workload, operations, meanwhile=kill)
    assert found.statuses()["error"] == 6
    assert found.statuses()["ok"] > 10
    assert len(found.crew.session_numbers) == 4


def test_a_pool_tells_how_long_its_clients_waited(server):
    operation = Operation(name="nap", template="t")
    operations = (rendered(operation, read("SELECT pg_sleep(0.02)")),)
    load = ClosedLoop(name="l", clients=4, duration_s=0, iterations=5)
    backend = replace(server, driver="pool", pool_size=1)
    assignment = Assignment(
        backend=backend,
        namespace=SHOP,
        operations=operations,
        workload=Workload(name="w", operations=(operation,)),
        load=load,
        seed=1,
        clients=(0, 1, 2, 3),
    )
    with backend.open(SHOP) as database:
        crew = Crew(assignment, database)
        crew.start(Window.of(load, time.monotonic_ns()))
        while crew.busy:
            time.sleep(0.01)
        counted = database.driver_stats()
        crew.close()
    assert counted["pool_requests"] >= 20
    assert counted["pool_requests_queued"] > 10
    assert counted["pool_wait_ns"] > 0.5e9
