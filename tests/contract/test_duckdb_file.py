"""DuckDB: its file, its settings, and what it must not do by itself."""

import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from bench.backends.duckdb import DuckdbBackend
from bench.errors import BackendError, ConfigError, ConnectError
from bench.model import ErrorClass, Namespace, Statement

SHOP = Namespace(schema="shop")


@pytest.fixture
def backend(tmp_path):
    with DuckdbBackend(settings={"threads": 1}).provision("small", tmp_path, lambda line: None) as backend:
        yield backend


def test_each_set_of_data_gets_a_file_below_home(tmp_path):
    said = []
    with DuckdbBackend().provision("small", tmp_path, said.append) as backend:
        backend.open(SHOP).close()
    assert (tmp_path / "duckdb" / "small.duckdb").is_file()
    assert str(tmp_path / "duckdb" / "small.duckdb") in said[0]


def test_a_file_of_the_users_own_is_used(tmp_path):
    with DuckdbBackend(path=str(tmp_path / "own.db")).provision("small", tmp_path, lambda line: None) as backend:
        backend.open(SHOP).close()
    assert [path.name for path in tmp_path.iterdir()] == ["own.db"]


def test_settings_are_read_back(backend):
    with backend.open(SHOP) as database:
        facts = database.facts()
    assert facts["threads"] == "1"
    assert facts["autoinstall_known_extensions"] == "False"
    assert facts["TimeZone"] == "UTC"


def test_a_file_in_use_by_another_process_is_named_with_it(backend, tmp_path):
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, backend.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(ConnectError, match=rf"small\.duckdb is open in process {holder.pid}.*backend\.path"):
            backend.open(SHOP)
        holder.communicate("")


def test_closing_the_database_gives_the_file_free_though_a_session_is_open(backend):
    database = backend.open(SHOP)
    session = database.session()
    session.begin()
    database.close()
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).close()"
    run = subprocess.run([sys.executable, "-c", code, backend.path], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_file_that_is_no_database_is_refused(tmp_path):
    foreign = tmp_path / "foreign.db"
    foreign.write_bytes(b"these are no data " * 1000)
    empty = tmp_path / "empty.db"
    empty.touch()
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (a INTEGER)")
    connection.close()
    for path in (foreign, empty, other):
        with pytest.raises(ConnectError, match=rf"{path.name} is not a DuckDB database") as caught:
            DuckdbBackend(path=str(path)).open(SHOP)
        assert "\n" not in str(caught.value)


def test_a_corrupt_file_is_refused(backend, tmp_path):
    with backend.open(SHOP) as database:
        database.execute("CREATE TABLE main.t AS SELECT 1 AS a")
    content = bytearray((tmp_path / "duckdb" / "small.duckdb").read_bytes())
    content[4096:4200] = b"\xff" * 104
    broken = tmp_path / "broken.db"
    broken.write_bytes(content)
    with pytest.raises(ConnectError, match=r"broken\.db is not a DuckDB database that this DuckDB can read"):
        replace(backend, path=str(broken)).open(SHOP)


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConnectError, match=r"cannot open .*nowhere/x\.db"):
        DuckdbBackend(path=str(tmp_path / "nowhere" / "x.db")).open(SHOP)


def test_a_file_named_like_the_schema_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="named like the schema 'shop'"):
        DuckdbBackend(path=str(tmp_path / "Shop.v2.db")).open(SHOP)


def test_opening_without_a_file_is_refused():
    with pytest.raises(ConnectError, match=r"backend\.path"):
        DuckdbBackend().open(SHOP)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"thread": 1}, "no setting 'thread'; did you mean 'threads'"),
        ({"threads": 0}, "at least 1 thread"),
        ({"memory_limit": "lots"}, "Memory"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_opened(tmp_path, settings, message):
    with (
        pytest.raises(ConfigError, match=message) as caught,
        DuckdbBackend(settings=settings).provision("small", tmp_path, lambda line: None),
    ):
        pass
    assert caught.value.key == "settings"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "values",
    [
        {"path": ":memory:"},
        {"settings": {"autoinstall_known_extensions": True}},
        {"settings": {"s3_secret_access_key": "x"}},
    ],
)
def test_a_description_that_cannot_work_is_refused(values):
    with pytest.raises(ConfigError):
        DuckdbBackend(**values)


def test_nothing_is_fetched_and_no_variable_is_taken_for_a_table(backend):
    import pyarrow as pa

    not_a_table = pa.table({"a": [1]})
    with backend.open(SHOP) as database:
        with pytest.raises(BackendError, match="not_a_table"):
            database.execute("SELECT * FROM not_a_table")
        with pytest.raises(BackendError, match="requires the extension httpfs"):
            database.execute("SELECT * FROM 'https://localhost/x.parquet'")
    assert not_a_table.num_rows == 1


def test_a_key_that_two_transactions_give_at_once_is_refused_at_the_end(backend):
    insert = Statement(sql="INSERT INTO t VALUES ($1)", parameters=("id",), returns_rows=False)
    with backend.open(Namespace(schema="main")) as database:
        database.execute("CREATE TABLE t (id BIGINT PRIMARY KEY)")
        with database.session() as one, database.session() as other:
            for session in (one, other):
                session.begin("repeatable read")
                session.prepare(insert)([1])
            one.commit()
            with pytest.raises(Exception, match="Failed to commit") as caught:
                other.commit()
            assert other.classify(caught.value) is ErrorClass.ABORTED
            with pytest.raises(BackendError, match="no isolation level 'serializable'"):
                other.begin("serializable")
