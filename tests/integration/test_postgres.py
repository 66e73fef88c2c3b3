"""What is PostgreSQL's own beyond the contract: servers, logins, settings, error codes, counters."""

import pickle
import threading
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from bench.backends.postgres import PostgresBackend
from bench.errors import BackendError, ConfigError, ConnectError
from bench.model import Column, ErrorClass, Index, LogicalType, Namespace, Statement, Table

SECRET = "hunter2+äß"
SETTINGS = {"fsync": False, "shared_buffers": "64MB", "shared_preload_libraries": "pg_stat_statements"}
SHOP = Namespace(schema="shop")


def silent(_):
    pass


def only_host_and_port(dsn):
    return " ".join(word for word in dsn.split() if word.split("=")[0] in {"host", "port"})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A description of an embedded server, in whose database `shop` there is a schema and a user with a password."""
    home = tmp_path_factory.mktemp("home")
    with PostgresBackend(settings=SETTINGS).provision("shop", home, silent) as provisioned:
        with provisioned.open(SHOP) as database:
            database.apply(
                [
                    "CREATE SCHEMA shop",
                    f"CREATE ROLE guarded LOGIN PASSWORD '{SECRET}'",
                    "GRANT USAGE, CREATE ON SCHEMA shop TO guarded",
                ]
            )
            ((rules,),) = database.execute("SHOW hba_file")
            rest = Path(rules).read_text()
            Path(rules).write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{rest}")
            database.execute("SELECT pg_reload_conf()")
        yield provisioned


@pytest.fixture
def database(server):
    with server.open(SHOP) as opened:
        opened.apply(["DROP TABLE IF EXISTS t", "CREATE TABLE shop.t (id int PRIMARY KEY, n int)"])
        opened.execute("INSERT INTO shop.t SELECT g, 0 FROM generate_series(1, 10) g")
        yield opened
        opened.apply(["DROP TABLE shop.t"])


@pytest.fixture
def session(database):
    with database.session() as opened:
        yield opened


@pytest.fixture
def other(database):
    with database.session() as opened:
        yield opened


def send(session, sql, *values, rows=False):
    return session.prepare(Statement(sql=sql, parameters=tuple("p" * len(values)), returns_rows=rows))(values)


def failure(session, sql, *values):
    with pytest.raises(psycopg.Error) as caught:
        send(session, sql, *values)
    return session.classify(caught.value), session.sqlstate(caught.value)


# ---- descriptions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dsn",
    [
        f"host=db password={SECRET}",
        f"host=db password = '{SECRET}'",
        f"postgresql://me:{SECRET}@db/shop",
        f"postgres://db/shop?user=me&password={SECRET}",
        f"host=db sslpassword={SECRET}",
    ],
)
def test_a_password_in_the_description_is_refused_without_repeating_it(dsn):
    with pytest.raises(ConfigError, match=r"^dsn: .*backend\.password_env.*PGPASSWORD.*pgpass") as caught:
        PostgresBackend(dsn=dsn)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dsn": "db.example.org"}, r"dsn: 'db.example.org' is no connection string; give 'host=… "),
        ({"dsn": "hots=db"}, r"dsn: 'hots=db' is no connection string"),
        ({"settings": {"port": 5432}}, "settings: 'port' is chosen at each start"),
        ({"settings": {"work mem": "1GB"}}, "settings: 'work mem' is no name of a setting"),
        ({"session_settings": {"x; drop": 1}}, "session_settings: 'x; drop' is no name"),
    ],
)
def test_descriptions_that_cannot_be_run(given, message):
    with pytest.raises(ConfigError) as caught:
        PostgresBackend(**given)
    assert str(caught.value).startswith(message)


def test_a_description_says_which_server_it_means(monkeypatch):
    monkeypatch.delenv("BENCH_POSTGRES_DSN", raising=False)
    assert PostgresBackend().describe() == "postgres: embedded server, driver wire"
    assert PostgresBackend(dsn="postgresql://me@db/shop", logged=False).describe() == (
        "postgres: db/shop, driver wire, unlogged tables"
    )
    monkeypatch.setenv("BENCH_POSTGRES_DSN", f"postgresql://me:{SECRET}@db/shop")
    assert PostgresBackend().describe() == "postgres: server of BENCH_POSTGRES_DSN, driver wire"


def test_ddl_has_unlogged_tables_and_carried_columns():
    backend = PostgresBackend(logged=False)
    column = Column(name="a", type=LogicalType(name="decimal", precision=12, scale=2))
    index = Index(columns=("a",), include=("b",))
    table = Table(name="t", columns=(column,), primary_key=("a",), indexes=(index,))
    assert backend.create_table(table, SHOP).startswith("CREATE UNLOGGED TABLE shop.t (\n  a NUMERIC(12,2) NOT NULL")
    assert backend.after_load(table, SHOP)[1].endswith("ON shop.t (a) INCLUDE (b)")


# ---- the embedded server ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("socket", ["tcp", "unix"])
def test_the_server_is_reached_as_it_is_described(tmp_path, socket):
    said = []
    backend = PostgresBackend(settings={"work_mem": "7MB"}, socket=socket)
    name = "a_name_that_is_far_too_long_for_a_database_of_postgresql_" + "x" * 40
    with (
        backend.provision(name, tmp_path, said.append) as provisioned,
        pickle.loads(pickle.dumps(provisioned)).open(SHOP) as database,
    ):
        facts = database.facts()
        assert database.execute("SELECT inet_client_addr() IS NULL") == [(socket == "unix",)]
    assert facts["embedded"] != "no"
    assert facts["setting.work_mem"] == "7MB"
    assert facts["jit_available"] in {"yes", "no"}
    assert facts["database"].startswith("a_name_that_is")
    assert len(facts["database"]) < 64
    assert said[0].startswith(f"PostgreSQL {facts['version']} (")
    assert said[0].endswith("(new)")


def test_a_library_that_is_missing_is_said(tmp_path):
    said = []
    backend = PostgresBackend(settings={"shared_preload_libraries": "nothing_like_it"})
    with backend.provision("d", tmp_path, said.append) as provisioned, provisioned.open(SHOP) as database:
        assert "statements_calls" not in database.server_stats()
        assert database.server_stats()["xact_commit"] > 0
    assert "nothing_like_it left out" in said[1]


def test_nothing_is_opened_without_a_server(monkeypatch):
    monkeypatch.delenv("BENCH_POSTGRES_DSN", raising=False)
    with pytest.raises(BackendError, match="no server was chosen"):
        PostgresBackend().open(SHOP)


# ---- a server of the user's own ---------------------------------------------------------------------------------


def test_a_server_of_ones_own_is_named_and_keeps_its_settings(server, tmp_path):
    said = []
    own = PostgresBackend(dsn=server.dsn, settings={"shared_buffers": "1GB"}, session_settings={"work_mem": "9MB"})
    with own.provision("ignored", tmp_path, said.append) as provisioned, provisioned.open(SHOP) as database:
        assert database.execute("SHOW shared_buffers") == [("64MB",)]
        assert database.execute("SHOW work_mem") == [("9MB",)]
        assert database.execute("SELECT current_database()") == [("shop",)]
    assert "at 127.0.0.1, database shop, a server of your own" in said[0]
    assert "keeps its own settings (shared_buffers=64MB)" in said[1]
    assert list(tmp_path.iterdir()) == []


def test_the_socket_of_ones_own_server_stands_in_the_dsn(server, tmp_path):
    backend = replace(server, socket="unix")
    with pytest.raises(ConfigError, match=r"^socket: "), backend.provision("d", tmp_path, silent):
        pass


def test_session_settings_arrive_as_they_are_written(server):
    odd = {"bench.word": r"a b\c 'd'", "work_mem": "5MB", "enable_seqscan": False}
    with replace(server, session_settings=odd).open(SHOP) as database, database.session() as session:
        assert send(session, "SELECT current_setting('bench.word')", rows=True) == [(r"a b\c 'd'",)]
        assert send(session, "SHOW enable_seqscan", rows=True) == [("off",)]
        assert send(session, "SHOW search_path", rows=True) == [("shop,public",)]
        assert send(session, "SHOW application_name", rows=True) == [("bench",)]
        assert database.facts()["setting.work_mem"] == "5MB"


def test_a_password_from_the_environment_opens_the_door(server, monkeypatch):
    dsn = f"{only_host_and_port(server.dsn)} user=guarded dbname=shop"
    backend = PostgresBackend(dsn=dsn, password_env="SHOP_PASSWORD")
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match="password_env: the environment variable SHOP_PASSWORD is not set"):
        backend.open(SHOP)
    monkeypatch.setenv("SHOP_PASSWORD", SECRET)
    with backend.open(SHOP) as database, database.session() as session:
        assert send(session, "SELECT current_user::text", rows=True) == [("guarded",)]
        shown = f"{backend!r} {backend.describe()} {database.facts()} {database._login!r} {pickle.dumps(backend)!r}"
        assert SECRET not in shown
        assert "statements_calls" in database.server_stats()


def test_a_login_that_is_refused_names_the_server_and_no_secret(server, monkeypatch):
    where = only_host_and_port(server.dsn)
    monkeypatch.setenv("BENCH_POSTGRES_DSN", f"{where} user=guarded dbname=shop password=wrong{SECRET}")
    with pytest.raises(ConnectError, match='password authentication failed for user "guarded"') as caught:
        PostgresBackend().open(SHOP)
    assert SECRET not in f"{caught.value} {caught.value.__cause__}"
    assert "127.0.0.1" in str(caught.value)
    monkeypatch.setenv("BENCH_POSTGRES_DSN", f"{where} user=guarded dbname=shop-{SECRET} password={SECRET}")
    with pytest.raises(ConnectError, match="does not exist") as caught:
        PostgresBackend().open(SHOP)
    assert SECRET not in f"{caught.value} {caught.value.__cause__}"


def test_the_environments_dsn_may_hold_a_password_and_is_kept_nowhere(server, tmp_path, monkeypatch):
    monkeypatch.setenv(
        "BENCH_POSTGRES_DSN", f"{only_host_and_port(server.dsn)} user=guarded dbname=shop password='{SECRET}'"
    )
    said = []
    with PostgresBackend().provision("d", tmp_path, said.append) as provisioned:
        copy = pickle.loads(pickle.dumps(provisioned))
        with copy.open(SHOP) as database:
            assert database.execute("SELECT current_user::text") == [("guarded",)]
            shown = f"{provisioned!r} {provisioned.describe()} {database.facts()} {said}"
    assert SECRET not in shown
    monkeypatch.setenv("BENCH_POSTGRES_DSN", f"nonsense {SECRET}")
    with pytest.raises(ConnectError, match="BENCH_POSTGRES_DSN is no connection string") as caught:
        PostgresBackend().open(SHOP)
    assert SECRET not in str(caught.value)


def test_nobody_at_the_address():
    with pytest.raises(ConnectError, match=r"no connection to PostgreSQL at 127\.0\.0\.1:1/x: .*refused.*backend\.dsn"):
        PostgresBackend(dsn="host=127.0.0.1 port=1 dbname=x").open(SHOP)


# ---- errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "values", "found"),
    [
        ("INSERT INTO t VALUES (1, 1)", (), (ErrorClass.ABORTED, "23505")),
        ("INSERT INTO t VALUES ($1, 1)", (None,), (ErrorClass.ABORTED, "23502")),
        ("SELECT 1 / $1", (0,), (ErrorClass.ABORTED, "22012")),
        ("SELECT (SELECT id FROM t)", (), (ErrorClass.ABORTED, "21000")),
        ("SELEC 1", (), (ErrorClass.FATAL, "42601")),
        ("SELECT * FROM nothing", (), (ErrorClass.FATAL, "42P01")),
        ("SELECT $1::text", ("a\0b",), (ErrorClass.ABORTED, None)),
        ("SELECT $1::int", (), (ErrorClass.FATAL, None)),
    ],
)
def test_errors_of_one_statement(session, sql, values, found):
    error_class, state = failure(session, sql, *values)
    if found[1] is None:
        assert error_class is found[0] or state in {"08P01", "22021"}
    else:
        assert (error_class, state) == found
    assert send(session, "SELECT 1", rows=True) == [(1,)]


def test_a_serialization_failure_may_be_sent_again(session, other):
    for each in (session, other):
        each.begin("repeatable read")
        send(each, "SELECT n FROM t WHERE id = 1", rows=True)
    send(session, "UPDATE t SET n = n + 1 WHERE id = 1")
    session.commit()
    assert failure(other, "UPDATE t SET n = n + 1 WHERE id = 1") == (ErrorClass.RETRYABLE, "40001")
    assert failure(other, "SELECT 1") == (ErrorClass.ABORTED, "25P02")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        other.commit()
    assert send(other, "SELECT n FROM t WHERE id = 1", rows=True) == [(1,)]


def test_a_deadlock_may_be_sent_again(session, other):
    session.begin()
    other.begin()
    send(session, "UPDATE t SET n = 1 WHERE id = 1")
    send(other, "UPDATE t SET n = 1 WHERE id = 2")
    found = []

    def cross(mine, id):
        try:
            send(mine, "UPDATE t SET n = 2 WHERE id = $1", id)
        except psycopg.Error as error:
            found.append((mine.classify(error), mine.sqlstate(error)))
        mine.rollback()

    threads = [threading.Thread(target=cross, args=pair) for pair in [(session, 2), (other, 1)]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(ErrorClass.RETRYABLE, "40P01")]


def test_a_lock_that_is_held_may_be_asked_for_again(session, other):
    session.begin()
    send(session, "SELECT * FROM t WHERE id = 1 FOR UPDATE", rows=True)
    assert failure(other, "SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT") == (ErrorClass.RETRYABLE, "55P03")
    session.rollback()


def test_a_cancelled_statement_is_a_timeout_and_the_session_lives_on(session):
    timer = threading.Timer(0.3, session.cancel)
    timer.start()
    start = time.monotonic()
    assert failure(session, "SELECT pg_sleep(30)") == (ErrorClass.TIMEOUT, "57014")
    assert time.monotonic() - start < 10
    timer.join()
    send(session, "SET statement_timeout = 50")
    assert failure(session, "SELECT pg_sleep(30)") == (ErrorClass.TIMEOUT, "57014")


def test_a_terminated_session_is_disconnected_and_harmless(session, other):
    session.begin()
    ((number,),) = send(session, "SELECT pg_backend_pid()", rows=True)
    send(other, "SELECT pg_terminate_backend($1)", number)
    assert failure(session, "SELECT 1")[0] is ErrorClass.DISCONNECTED
    assert failure(session, "SELECT 1")[0] is ErrorClass.DISCONNECTED
    session.cancel()
    session.rollback()
    session.close()
    session.close()


def test_the_database_itself_finds_its_way_back(database, session):
    ((number,),) = database.execute("SELECT pg_backend_pid()")
    send(session, "SELECT pg_terminate_backend($1)", number)
    with pytest.raises(BackendError, match="PostgreSQL refused SELECT 1"):
        database.execute("SELECT 1")
    assert database.execute("SELECT 1") == [(1,)]


def test_errors_that_are_not_of_the_driver(session):
    assert session.classify(ValueError("x")) is ErrorClass.FATAL
    assert session.classify(ConnectError("x")) is ErrorClass.DISCONNECTED
    with pytest.raises(BackendError, match="no isolation level 'snapshot'; it has read uncommitted"):
        session.begin("snapshot")


# ---- values -----------------------------------------------------------------------------------------------------


def test_whole_numbers_are_typed_as_literals_are(session):
    kinds = "SELECT pg_typeof($1)::text"
    assert send(session, "SELECT $1 * $2", 300, 300, rows=True) == [(90_000,)]
    assert send(session, "SELECT $1::date + $2", date(2024, 2, 28), 2, rows=True) == [(date(2024, 3, 1),)]
    prepared = session.prepare(Statement(sql=kinds, parameters=("a",)))
    for value, name in [
        (1, "integer"),
        (-(2**31), "integer"),
        (2**31, "bigint"),
        (2**63, "numeric"),
        (1.5, "double precision"),
    ]:
        assert prepared([value]) == [(name,)]
    assert prepared([Decimal("1.50")]) == [("numeric",)]


@pytest.mark.parametrize("driver", ["wire", "libpq", "cursor", "pool"])
def test_statements_are_prepared_once(server, driver):
    with replace(server, driver=driver, pool_size=1).open(SHOP) as database, database.session() as session:
        call = session.prepare(Statement(sql="SELECT $1::int + 1", parameters=("a",)))
        for value in range(300):
            assert call([value]) == [(value + 1,)]
        seen = send(session, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%+ 1'", rows=True)
        assert seen == [(1,)]


def test_more_clients_than_connections_in_the_pool(server):
    with replace(server, driver="pool", pool_size=2).open(SHOP) as database:
        sessions = [database.session() for _ in range(6)]
        numbers = set()

        def work(session):
            for _ in range(20):
                session.begin()
                numbers.update(send(session, "SELECT pg_backend_pid()", rows=True))
                session.commit()

        threads = [threading.Thread(target=work, args=(session,)) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(numbers) == 2
        for session in sessions:
            session.close()


# ---- what the server says of itself -----------------------------------------------------------------------------


def test_the_server_counts_what_was_sent(database, session):
    before = database.server_stats()
    call = session.prepare(
        Statement(sql="UPDATE t SET n = n + 1 WHERE id = $1", parameters=("id",), returns_rows=False)
    )
    for i in range(100):
        assert len(call([i % 10 + 1])) == 1
    after = database.server_stats()
    assert after["statements_calls"] - before["statements_calls"] == 100
    assert after["statements_execution_s"] > before["statements_execution_s"]
    assert after["wal_bytes"] >= before["wal_bytes"]
    assert set(before) == set(after)
    assert all(after[name] >= before[name] for name in before)


def test_tables_of_every_kind_are_counted_exactly(database):
    database.apply(
        [
            "CREATE TABLE shop.by_year (y int, v numeric(12,2)) PARTITION BY RANGE (y)",
            "CREATE TABLE shop.by_year_1 PARTITION OF shop.by_year FOR VALUES FROM (1) TO (5)",
            "INSERT INTO shop.by_year SELECT g, g FROM generate_series(1, 4) g",
            'CREATE TABLE shop."Mixed" (a text)',
            "CREATE VIEW shop.v AS SELECT 1 AS a",
        ]
    )
    found = database.tables(SHOP)
    assert database.table_names(SHOP) == {"t", "by_year", "mixed"} == set(found)
    assert found["by_year"].columns == {"y": "integer", "v": "numeric(12,2)"}
    assert [found[name].rows for name in ("t", "by_year", "mixed")] == [10, 4, 0]
    assert found["by_year"].bytes > 0
    assert database.tables(Namespace(schema="none")) == {}
    database.apply(["DROP TABLE shop.by_year", 'DROP TABLE shop."Mixed"', "DROP VIEW shop.v"])


def test_facts_hold_no_place_and_no_secret(database):
    facts = database.facts()
    text = str(facts)
    assert all(isinstance(value, str) for value in facts.values())
    assert facts["setting.shared_buffers"] == "64MB"
    assert facts["setting.fsync"] == "off"
    assert f"{Path.home()}/" not in text
    assert not [name for name in facts if "director" in name or name.endswith(("_file", "port", "command"))]
