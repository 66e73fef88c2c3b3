"""A load over the real driver while the way to the service, or the service, fails. The clients run in this process."""

import threading
import time

import pytest
from emulated_service import backend_at, rows_of
from known_backend import wait_until

from bench.backends import snowflake_login
from bench.drive import Assignment, Crew, Window
from bench.errors import RunError
from bench.executors.local import LocalExecutor
from bench.load import ClosedLoop
from bench.model import ErrorClass, RenderedOperation, Statement, Status
from bench.record import FIELDS, STATUSES
from bench.sampling import Sequential
from bench.workload import Operation, Workload
from faulty_proxy import FaultyProxy

QUERIES, LOGINS = "query-request", "login-request"
NAMES = dict.fromkeys(("x",), Sequential(low=1, step=1))


@pytest.fixture
def proxy(emulator):
    with FaultyProxy(port=emulator.port) as proxy:
        yield proxy


def assignment(backend, load, sql="SELECT ? AS x", **options):
    rendered = RenderedOperation(
        name="ask", statements=(Statement(sql=sql, parameters=("x",), returns_rows="SELECT" in sql),), **options
    )
    return Assignment(
        backend=backend,
        namespace=backend.namespace("public"),
        operations=(rendered,),
        workload=Workload(name="w", operations=(Operation(name="ask", template="t", params=NAMES),)),
        load=load,
        seed=1,
        clients=tuple(range(load.clients)),
    )


class Driven:
    """A load under way in this process."""

    def __init__(self, backend, *, clients=1, iterations=3, duration_s=0.0, **operation):
        load = ClosedLoop(name="l", clients=clients, iterations=iterations, duration_s=duration_s)
        given = assignment(backend, load, **operation)
        self.database = backend.open(given.namespace)
        self.crew = Crew(given, self.database)
        self._load = load

    def start(self):
        self.crew.start(Window.of(self._load, time.monotonic_ns()))
        return self

    def samples(self):
        """What was recorded when all clients are done, by the names of `FIELDS`."""
        wait_until(lambda: not self.crew.busy, seconds=120)
        self.crew.close()
        self.database.close()
        assert not self.crew.failures
        rows = [row for chunk in self.crew.outbox for row in chunk.samples().tolist()]
        return [dict(zip(FIELDS, row, strict=True)) for row in rows]

    @property
    def errors(self):
        return [known for client in self.crew.clients for known in client.errors.known]


def statuses(samples):
    return [STATUSES[sample["status"]] for sample in samples]


def seconds(sample):
    return (sample["end_ns"] - sample["start_ns"]) / 1e9


def queries(proxy):
    return len([path for path in proxy.seen if QUERIES in path])


def test_a_service_that_is_away_for_a_moment_costs_time_and_no_attempt(proxy):
    """The driver sends the statement again; that time is part of the one sample."""
    driven = Driven(backend_at(proxy.port))
    before = queries(proxy)
    proxy.answer(503, times=2, path=QUERIES)
    samples = driven.start().samples()
    assert statuses(samples) == [Status.OK] * 3
    assert queries(proxy) - before == 5
    assert seconds(samples[0]) > 1 > seconds(samples[1])
    assert not driven.errors


@pytest.mark.parametrize("fault", ["drop", "cut"])
def test_a_connection_that_breaks_does_a_change_once(proxy, connect, fault):
    """Cut off, the service has done it already, and knows the request when it comes again."""
    connection = connect()
    connection.cursor().execute("CREATE OR REPLACE TABLE public.written (x NUMBER(19,0))")
    driven = Driven(backend_at(proxy.port), sql="INSERT INTO public.written VALUES (?)")
    getattr(proxy, fault)(path=QUERIES)
    assert statuses(driven.start().samples()) == [Status.OK] * 3
    assert [row["x"] for row in rows_of(connection, "SELECT x FROM public.written ORDER BY x")] == [1, 2, 3]


def test_a_stall_on_the_way_is_part_of_the_attempt(proxy):
    driven = Driven(backend_at(proxy.port))
    proxy.stall(1.5, path=QUERIES)
    samples = driven.start().samples()
    assert statuses(samples) == [Status.OK] * 3
    assert seconds(samples[0]) > 1.5 > seconds(samples[1])


def test_what_takes_longer_than_it_may_is_cancelled(proxy):
    driven = Driven(backend_at(proxy.port), iterations=2, sql="SELECT SYSTEM$WAIT(30), ?", timeout_s=0.5)
    samples = driven.start().samples()
    assert statuses(samples) == [Status.TIMEOUT] * 2
    assert all(0.5 <= seconds(sample) < 15 for sample in samples)
    (known,) = driven.errors
    assert (known.error_class, known.sqlstate) == (ErrorClass.TIMEOUT, "57014")
    assert len(set(driven.crew.session_numbers)) == 1, "the session lives on"


def test_a_service_that_stays_away_costs_the_session_and_the_client_gets_another(proxy, monkeypatch):
    """The driver gives a request up after a time of its own, five minutes by our choice, which is shortened here."""
    monkeypatch.setattr(snowflake_login, "NETWORK_TIMEOUT_S", 1)
    driven = Driven(backend_at(proxy.port), iterations=4)
    proxy.drop(times=100, path=QUERIES)
    driven.start()
    wait_until(lambda: driven.errors, seconds=60)
    proxy.clear()
    samples = driven.samples()
    assert statuses(samples)[0] == Status.ERROR
    assert statuses(samples)[-1] == Status.OK
    assert {known.error_class for known in driven.errors} == {ErrorClass.DISCONNECTED}
    assert len(set(driven.crew.session_numbers)) > 1


def test_a_session_that_is_aborted_is_replaced_and_the_others_go_on(emulator, connect):
    driven = Driven(backend_at(emulator.port), clients=2, iterations=1, duration_s=3.0).start()
    victim = driven.crew.clients[0].session.number()
    time.sleep(0.5)
    connect().cursor().execute(f"SELECT SYSTEM$ABORT_SESSION({victim})")
    samples = driven.samples()
    first, second = (list(client.errors.known) for client in driven.crew.clients)
    assert [known.error_class for known in first] == [ErrorClass.DISCONNECTED]
    assert "session" in first[0].messages[0].lower()
    assert second == []
    lost = [sample for sample, status in zip(samples, statuses(samples), strict=True) if status == Status.ERROR]
    assert len(lost) == 1
    assert [len(client.session_numbers) for client in driven.crew.clients] == [2, 1]
    assert len(samples) > 10


def test_an_abort_in_the_middle_of_a_transaction_leaves_nothing_of_it(emulator, connect):
    connection = connect()
    connection.cursor().execute("CREATE OR REPLACE HYBRID TABLE public.halves (x NUMBER(19,0) PRIMARY KEY)")
    backend = backend_at(emulator.port)
    with backend.open(backend.namespace("public")) as database, database.session() as session:
        session.begin()
        session.prepare(Statement(sql="INSERT INTO public.halves VALUES (?)", returns_rows=False))([1])
        connection.cursor().execute(f"SELECT SYSTEM$ABORT_SESSION({session.number()})")
        with pytest.raises(Exception, match=r"(?i)session") as caught:
            session.prepare(Statement(sql="INSERT INTO public.halves VALUES (?)", returns_rows=False))([2])
        assert session.classify(caught.value) is ErrorClass.DISCONNECTED
        session.rollback()
    assert rows_of(connection, "SELECT * FROM public.halves") == []


def test_slow_logins_are_waited_for_side_by_side(proxy):
    slow_s, clients = 2.0, 8
    proxy.stall(slow_s, times=100, path=LOGINS)
    backend = backend_at(proxy.port)
    began = time.monotonic()
    driven = Driven(backend, clients=clients, iterations=1)
    took_s = time.monotonic() - began
    proxy.clear()
    samples = driven.start().samples()
    # One login of the database's own comes before those of the clients.
    assert 2 * slow_s <= took_s < (1 + clients) * slow_s / 2
    assert statuses(samples) == [Status.OK] * clients
    assert min(sample["start_ns"] for sample in samples) > int((began + took_s) * 1e9), "the clock starts after them"


def test_a_login_that_is_refused_in_a_worker_is_one_sentence(emulator):
    backend = backend_at(emulator.port, warehouse="nothing")
    with LocalExecutor(1) as executor, pytest.raises(RunError, match=r"asked for: warehouse nothing") as caught:
        executor.assign(assignment(backend, ClosedLoop(name="l", clients=2, duration_s=1)))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("Snowflake (account emulator at 127.0.0.1, user bench, no proof): ")


def test_a_pool_measures_the_wait_for_a_free_connection(emulator):
    """Two clients share one connection; the pool does not see to it that they take turns."""
    backend = backend_at(emulator.port, driver="pool", pool_size=1)
    driven = Driven(backend, clients=2, iterations=3, sql="SELECT SYSTEM$WAIT(300, 'MILLISECONDS'), ?")
    samples = driven.start().samples()
    assert statuses(samples) == [Status.OK] * 6
    assert max(map(seconds, samples)) > 0.6, "who had to wait has waited within the attempt"
    starts, ends = [[sample[key] for sample in samples] for key in ("start_ns", "end_ns")]
    assert (max(ends) - min(starts)) / 1e9 > 6 * 0.3, "never two statements at once"
    assert set(driven.crew.session_numbers) == {driven.database.pooled[0]}


def test_waiting_too_long_for_the_pool_is_a_timeout(emulator):
    backend = backend_at(emulator.port, driver="pool", pool_size=1, connect_timeout_s=10)
    with backend.open(backend.namespace("public")) as database, database.session() as busy, database.session() as other:
        database._pool._timeout = 0.2  # the least that a description can say is a second
        thread = threading.Thread(target=busy.prepare(Statement(sql="SELECT SYSTEM$WAIT(2)")), args=[[]])
        thread.start()
        time.sleep(0.5)
        with pytest.raises(Exception, match="QueuePool") as caught:
            other.prepare(Statement(sql="SELECT 1"))([])
        assert other.classify(caught.value) is ErrorClass.TIMEOUT
        thread.join()
