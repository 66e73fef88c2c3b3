"""A driver by YAML alone: what the description refuses, and drivers that open transactions by themselves."""

import sys

import pytest

from bench.backends.dbapi import DbapiBackend
from bench.errors import BackendError, ConfigError, ConnectError, MissingDriverError
from bench.model import ErrorClass, Namespace, Statement

NOWHERE = Namespace(schema="")


def sqlite(**fields):
    return DbapiBackend(**{"name": "lite", "module": "sqlite3", "dialect": "sqlite", **fields})


def test_home_and_data_are_filled_in_and_directories_made(build, tmp_path):
    with build("sqlite", {}).provision("small", tmp_path, lambda line: None) as backend:
        backend.open(NOWHERE).close()
    assert (tmp_path / "sqlite" / "small.db").is_file()


def test_the_driver_says_its_paramstyle():
    assert sqlite().capabilities.paramstyle == "qmark"
    assert sqlite(paramstyle="named").capabilities.paramstyle == "named"


def test_a_driver_that_is_not_installed_is_named_with_the_remedy():
    backend = sqlite(module="no_such_driver.dbapi", paramstyle="qmark")
    assert backend.capabilities.paramstyle == "qmark"
    with pytest.raises(MissingDriverError, match=r"'no_such_driver\.dbapi'.*uv add no_such_driver`"):
        backend.open(NOWHERE)


def test_a_driver_that_breaks_while_it_is_imported_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_driver.py").write_text("import no_such_part_of_it\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BackendError, match="no_such_part_of_it") as caught:
        sqlite(module="broken_driver", paramstyle="qmark").open(NOWHERE)
    assert not isinstance(caught.value, MissingDriverError)


def test_a_module_that_is_no_driver_is_refused():
    with pytest.raises(ConfigError, match="'json' is no PEP 249 driver: it lacks connect, paramstyle, Error"):
        sqlite(module="json").open(NOWHERE)


def test_a_paramstyle_that_nobody_knows_is_refused(tmp_path, monkeypatch):
    (tmp_path / "odd_driver.py").write_text("connect = Error = None\nparamstyle = 'curly'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="'curly'"):
        _ = sqlite(module="odd_driver").capabilities
    sys.modules.pop("odd_driver")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"connect": {"password": "x"}}, "connect: 'password' would be recorded"),
        ({"connect": {"api_key": "x"}}, "connect: 'api_key' would be recorded"),
        ({"connect": {"user": "me"}, "connect_env": {"user": "ME"}}, "connect_env: 'user' stands in connect too"),
        ({"bind": {"date": "float"}}, "bind: a date cannot be bound as float; use text"),
        ({"error_classes": {"locked(": "retryable"}}, "no regular expression"),
        ({"begin_sql": "", "isolation_sql": {"serializable": "BEGIN"}}, "isolation levels need begin_sql"),
    ],
)
def test_a_description_that_cannot_work_is_refused(fields, message):
    with pytest.raises(ConfigError) as caught:
        sqlite(**fields)
    assert message in str(caught.value)


def test_a_connection_that_fails_is_explained_without_the_secret(tmp_path, monkeypatch):
    (tmp_path / "telling_driver.py").write_text(
        "paramstyle = 'qmark'\nclass Error(Exception): pass\n"
        "def connect(**given): raise Error(f'login refused: {given}')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LITE_PASSWORD", "canary-7f3a")
    backend = sqlite(module="telling_driver", connect={"user": "me"}, connect_env={"password": "LITE_PASSWORD"})
    with pytest.raises(ConnectError, match=r"login refused.*'me'.*\*\*\*") as caught:
        backend.open(NOWHERE)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_file_that_is_no_database_is_refused(build, tmp_path):
    (tmp_path / "sqlite").mkdir()
    (tmp_path / "sqlite" / "small.db").write_bytes(b"these are no data " * 1000)
    with (
        build("sqlite", {}).provision("small", tmp_path, lambda line: None) as backend,
        pytest.raises(ConnectError, match="'sqlite' refuses 'PRAGMA journal_mode = WAL': file is not a database"),
    ):
        backend.open(NOWHERE)


def test_tables_of_the_users_own_need_no_prefix(build, tmp_path):
    with build("sqlite", {"prefixed": False}).provision("small", tmp_path, lambda line: None) as backend:
        namespace = backend.namespace("public")
        with backend.open(namespace) as database:
            database.execute("CREATE TABLE Invoices (Id INTEGER, Total REAL)")
            database.execute("INSERT INTO invoices VALUES (1, 2.5)")
            facts = database.tables(namespace)
    assert {name: (found.rows, dict(found.columns)) for name, found in facts.items()} == {
        "invoices": (1, {"id": "INTEGER", "total": "REAL"})
    }


def test_without_transactions_none_can_be_opened(tmp_path):
    backend = sqlite(connect={"database": str(tmp_path / "x.db")}, transactions=False)
    with (
        backend.open(NOWHERE) as database,
        database.session() as session,
        pytest.raises(BackendError, match="'lite' has no transactions"),
    ):
        session.begin()


def test_error_classes_are_tried_in_their_order(tmp_path):
    rules = {"OperationalError: .*nowhere": ErrorClass.RETRYABLE, "OperationalError": ErrorClass.TIMEOUT}
    backend = sqlite(connect={"database": str(tmp_path / "x.db")}, error_classes=rules)
    with backend.open(NOWHERE) as database, database.session() as session:
        for sql, meaning in {"SELECT * FROM nowhere": ErrorClass.RETRYABLE, "SELEC": ErrorClass.TIMEOUT}.items():
            with pytest.raises(Exception, match=r"\S") as caught:
                session.prepare(Statement(sql=sql))([])
            assert session.classify(caught.value) is meaning


@pytest.fixture
def implicit(tmp_path):
    """A driver that opens transactions by itself, as PEP 249 has it."""
    backend = sqlite(connect={"database": str(tmp_path / "x.db"), "timeout": 0.2}, begin_sql="")
    with backend.open(NOWHERE) as database:
        database.apply(["CREATE TABLE t (a INTEGER PRIMARY KEY)"])
        yield database


def test_a_driver_that_opens_transactions_by_itself_commits_each_statement(implicit):
    insert = Statement(sql="INSERT INTO t VALUES (?)", parameters=("a",), returns_rows=False)
    count = Statement(sql="SELECT count(*) FROM t")
    with implicit.session() as one, implicit.session() as other:
        one.prepare(insert)([1])
        assert other.prepare(count)([])[0][0] == 1
        with pytest.raises(Exception, match="UNIQUE"):
            one.prepare(insert)([1])
        other.prepare(insert)([2])
        one.begin()
        one.prepare(insert)([3])
        assert other.prepare(count)([])[0][0] == 2
        one.rollback()
        other.prepare(insert)([4])
        one.begin()
        one.prepare(insert)([5])
        one.commit()
        assert other.prepare(count)([])[0][0] == 4
