"""Tables copied within an engine, from a schema that holds them: the samples of an account, or any other."""

from dataclasses import replace

import pytest
from emulated_service import backend_at, brought, composed, run_on, tagged

from bench.backends.duckdb import DuckdbBackend
from bench.backends.postgres import PostgresBackend
from bench.errors import BackendError, PrepareError
from bench.model import Namespace

SAMPLE = "snowflake_sample_data"
ROWS = {
    "region": 3, "nation": 9, "supplier": 4, "customer": 30, "part": 5, "partsupp": 7, "orders": 11, "lineitem": 23,
}  # fmt: skip
VALUES = {"bigint": "CAST({n} AS BIGINT)", "text": "'text {n}'", "date": "DATE '1995-01-01'", "decimal": "{n} + 0.25"}


@pytest.fixture(scope="module")
def tpch():
    return composed("dataset=tpch_sample", "workload=nations", "backend=snowflake_emulated").dataset


def fill(database, backend, dataset, source):
    """Put TPC-H's tables, a few rows each, where the dataset copies them from."""
    for table in dataset.shape:
        place = Namespace(schema=source).qualified(table.name)
        bare = replace(table, primary_key=())
        ddl = backend.create_table(bare, Namespace(schema=source))
        rows = [
            "SELECT " + ", ".join(VALUES[column.type.name].format(n=number % 9) for column in table.columns[1:])
            for number in range(ROWS[table.name])
        ]
        numbered = [f"SELECT {number}, {row.removeprefix('SELECT ')}" for number, row in enumerate(rows)]
        database.apply([ddl, f"INSERT INTO {place} {' UNION ALL '.join(numbered)}"])


@pytest.fixture(scope="module")
def samples(emulator, tpch):
    """The database of samples that comes with an account, in the emulator."""
    backend = backend_at(emulator.port)
    with backend.open(Namespace(schema="")) as database:
        database.apply([f"CREATE DATABASE {SAMPLE}", f"CREATE SCHEMA {SAMPLE}.tpch_sf1", "USE DATABASE BENCH"])
        fill(database, backend, tpch, f"{SAMPLE}.tpch_sf1")
    return f"{SAMPLE}.tpch_sf1"


@pytest.fixture(params=["snowflake", "postgres", "duckdb"])
def engine(request, emulator, tpch, tmp_path):
    """A backend, and the schema in which it holds TPC-H."""
    if request.param == "snowflake":
        yield backend_at(emulator.port), request.getfixturevalue("samples")
        return
    backend = PostgresBackend() if request.param == "postgres" else DuckdbBackend(path=str(tmp_path / "own.duckdb"))
    with backend.provision("data", tmp_path / "server", print) as ready:
        with ready.open(Namespace(schema="theirs")) as database:
            database.apply(["CREATE SCHEMA theirs"])
            fill(database, ready, tpch, "theirs")
        yield ready, "theirs"


def looked_at(backend, schema):
    with backend.open(backend.namespace(schema)) as database:
        return {name: facts.rows for name, facts in database.tables(backend.namespace(schema)).items()}


def sent(backend, sql):
    with backend.open(Namespace(schema="public")) as database:
        return database.execute(sql)


def test_every_table_is_copied_once(engine, tpch, tmp_path):
    backend, source = engine
    dataset = replace(tpch, source=source)
    state, said = brought(backend, dataset, tmp_path)
    assert {load.table: load.rows for load in state.loads} == ROWS
    assert f"data: 8 tables copied from {source}" in said
    assert looked_at(backend, dataset.schema).items() >= ROWS.items()
    again, said = brought(backend, dataset, tmp_path)
    assert said[0] == "data: already loaded, reused"
    assert again.fingerprint == state.fingerprint
    assert state.fingerprint
    sent(backend, f"DROP SCHEMA {dataset.schema} CASCADE")


def test_another_source_or_shape_is_copied_anew(engine, tpch, tmp_path):
    backend, source = engine
    fewer = replace(tpch, source=source, tables={name: tpch.tables[name] for name in ("region", "nation")})
    brought(backend, fewer, tmp_path)
    elsewhere = source.replace("tpch_sf1", "other").replace("theirs", "other")
    sent(backend, f"CREATE SCHEMA {elsewhere}")
    sent(backend, f"CREATE TABLE {elsewhere}.region AS SELECT * FROM {source}.region WHERE r_regionkey < 2")
    sent(backend, f"CREATE TABLE {elsewhere}.nation AS SELECT * FROM {source}.nation")
    state, said = brought(backend, replace(fewer, source=elsewhere), tmp_path)
    assert f"data: 2 tables copied from {elsewhere}" in said
    assert {load.table: load.rows for load in state.loads} == {"region": 2, "nation": 9}
    only = replace(fewer, source=elsewhere, tables={"nation": tpch.tables["nation"]})
    brought(backend, only, tmp_path)
    assert "region" not in looked_at(backend, tpch.schema)
    sent(backend, f"DROP SCHEMA {tpch.schema} CASCADE")
    sent(backend, f"DROP SCHEMA {elsewhere} CASCADE")


def test_a_table_that_is_not_there_is_named_and_the_next_run_copies_anew(engine, tpch, tmp_path):
    backend, source = engine
    tables = {"region": tpch.tables["region"], "natoin": tpch.tables["nation"]}
    with pytest.raises(PrepareError, match=r"has no table 'natoin'; did you mean 'nation'\?, or the role") as caught:
        brought(backend, replace(tpch, source=source, tables=tables), tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(PrepareError, match="has no table 'region', or the role may not see it; name the schema"):
        brought(backend, replace(tpch, source="nowhere"), tmp_path)
    state, _ = brought(backend, replace(tpch, source=source), tmp_path)
    assert sum(load.rows for load in state.loads) == sum(ROWS.values())
    sent(backend, f"DROP SCHEMA {tpch.schema} CASCADE")


def test_a_copy_that_fails_is_not_taken_for_done(engine, tpch, tmp_path):
    """A declared column that the source lacks."""
    backend, source = engine
    region = replace(tpch.tables["region"], columns={**tpch.tables["region"].columns, "r_colour": "text"})
    dataset = replace(tpch, source=source, tables={"nation": tpch.tables["nation"], "region": region})
    for _ in range(2):
        with pytest.raises(BackendError, match=r"(?i)r_colour"):
            brought(backend, dataset, tmp_path)
    state, said = brought(backend, replace(tpch, source=source), tmp_path)
    assert "data: an earlier load did not finish, loaded anew" in said
    assert {load.table: load.rows for load in state.loads} == ROWS
    sent(backend, f"DROP SCHEMA {tpch.schema} CASCADE")


def test_tables_that_are_not_ours_are_left_alone(engine, tpch, tmp_path):
    backend, source = engine
    sent(backend, f"CREATE SCHEMA {tpch.schema}")
    sent(backend, f"CREATE TABLE {tpch.schema}.nation AS SELECT 1 AS mine")
    with pytest.raises(PrepareError, match="holds nation, and not from this tool: nothing was touched"):
        brought(backend, replace(tpch, source=source), tmp_path)
    assert looked_at(backend, tpch.schema) == {"nation": 1}
    sent(backend, f"DROP SCHEMA {tpch.schema} CASCADE")


def test_hybrid_tables_made_from_the_samples_have_their_keys(emulator, samples, tpch, tmp_path):
    backend = backend_at(emulator.port, tables="hybrid", schema="hybrid_tpch")
    state, _ = brought(backend, replace(tpch, source=samples), tmp_path)
    assert {load.table: load.rows for load in state.loads} == ROWS
    with backend.open(backend.namespace("tpch")) as database:
        database.execute("USE SCHEMA hybrid_tpch")
        kinds = dict(
            database.execute(
                "SELECT table_name, is_hybrid FROM information_schema.tables WHERE table_schema = 'HYBRID_TPCH'"
            )
        )
        assert {name for name, hybrid in kinds.items() if hybrid == "YES"} == {name.upper() for name in ROWS}
        with pytest.raises(BackendError, match="200001"):
            database.execute("INSERT INTO lineitem SELECT * FROM lineitem WHERE l_orderkey = 3")
        assert database.execute("SELECT COUNT(*) FROM lineitem")[0][0] == ROWS["lineitem"]


def test_the_samples_are_measured_in_place_and_nothing_is_written(emulator, samples, connect, tmp_path):
    words = ("dataset=existing", "dataset.schema=tpch_sf1", "workload=nations", "plans=true")
    outcome, run = run_on(emulator.port, tmp_path / "run", *words, database=SAMPLE.upper())
    assert outcome.status == "done", outcome.message
    assert {row["table"]: row["rows"] for row in run.table("load").to_pylist()} == ROWS
    (answer,) = run.table("answers").to_pylist()
    assert answer["rows"] > 0
    kinds = {row["query_type"] for row in tagged(connect(), outcome.run_id)}
    assert not kinds & {"INSERT", "UPDATE", "DELETE", "CREATE_TABLE", "CREATE", "DROP", "CREATE_SCHEMA", "COPY"}
    assert "SELECT" in kinds
