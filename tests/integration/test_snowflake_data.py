"""Data into Snowflake's kinds of tables, and what may go wrong on the way: never taken for loaded, never touched."""

import pytest
from command import bench, start
from emulated_service import SHOP, brought, composed, rows_of, words_to
from known_backend import wait_until

from bench.backends import snowflake_ingest
from bench.errors import BackendError, PrepareError
from bench.prepare import MARKER
from faulty_proxy import FaultyProxy

ROWS = {"customers": 120, "regions": 6, "sales": 400}


@pytest.fixture
def schema(ask):
    """A schema of the test's own, empty."""
    return ask.schema


@pytest.fixture
def bring(emulator, schema, tmp_path):
    """Prepare the shop in the schema; gives its state and what was said."""

    def preparing(*words, port=emulator.port, **keys):
        given = {"schema": schema} | keys
        config = composed(
            "backend=snowflake_emulated", "dataset=shop", "workload=reads", *words_to(port, **given), *words
        )
        return brought(config.backend, config.dataset, tmp_path)

    return preparing


def counted(ask):
    """The rows of each table of the schema, its marker left out."""
    sql = "SELECT table_name, row_count FROM information_schema.tables WHERE table_schema = ?"
    return {name.lower(): rows for name, rows in ask(sql, ask.schema.upper()) if name.lower() != MARKER}


def told(ask, column):
    sql = f"SELECT table_name, {column} FROM information_schema.tables WHERE table_schema = ?"
    return {name.lower(): value for name, value in ask(sql, ask.schema.upper()) if name.lower() != MARKER}


def copies(ask):
    """The tables in the order in which they were filled."""
    found = rows_of(
        ask.connection,
        "SELECT query_text FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000)) "
        f"WHERE query_text LIKE 'COPY INTO {ask.schema}.%' ORDER BY start_time",
    )
    return [row["query_text"].split()[2].partition(".")[2] for row in found]


def test_standard_tables_have_their_clustering_keys_and_columns(bring, ask):
    state, _ = bring()
    assert {load.table: load.rows for load in state.loads} == counted(ask) == ROWS
    assert told(ask, "clustering_key") == {"customers": None, "regions": None, "sales": "LINEAR(SOLD_ON)"}
    assert set(told(ask, "is_hybrid").values()) == set(told(ask, "is_transient").values()) == {"NO"}
    types = {name: kind for name, kind, *_ in ask(f"DESCRIBE TABLE {ask.schema}.sales")}
    assert types == {
        "SALE_ID": "NUMBER(19,0)", "REGION_ID": "NUMBER(19,0)", "CUSTOMER_ID": "NUMBER(19,0)", "SOLD_ON": "DATE",
        "AMOUNT": "NUMBER(10,2)",
    }  # fmt: skip


def test_transient_tables(bring, ask):
    bring(tables="transient")
    assert set(told(ask, "is_transient").values()) == {"YES"}
    assert told(ask, "clustering_key")["sales"] == "LINEAR(SOLD_ON)"
    assert counted(ask) == ROWS


def test_hybrid_tables_have_keys_indexes_and_references_and_parents_come_first(bring, ask):
    bring(tables="hybrid")
    assert counted(ask) == ROWS
    assert set(told(ask, "is_hybrid").values()) == {"YES"}
    listed = rows_of(ask.connection, f"SHOW INDEXES IN TABLE {ask.schema}.sales")
    assert {(row["columns"], row["included_columns"]) for row in listed} == {
        ("[CUSTOMER_ID]", "[AMOUNT]"),
        ("[SOLD_ON, REGION_ID]", "[]"),
    }
    sale = "(SELECT 1, 1, 1, DATE '2025-01-01', 1)"
    for refused, number in {
        f"INSERT INTO sales {sale}": 200001,
        f"INSERT INTO sales {sale.replace('1, 1, 1', '9999, 99, 1')}": 200009,
        f"INSERT INTO sales {sale.replace('1, 1, 1', '9999, 1, 9999')}": 200009,
        "INSERT INTO customers (SELECT 9999, 1, 'customer1@example.com', 1)": 200001,
    }.items():
        with pytest.raises(Exception, match=str(number)):
            ask(refused)
    assert copies(ask) == ["regions", "customers", "sales"], "declared the other way round"


def test_hybrid_tables_without_references_take_the_largest_first(bring, ask):
    bring(tables="hybrid", foreign_keys="false", ingest_connections=1)
    assert copies(ask) == ["sales", "customers", "regions"]
    ask("INSERT INTO sales (SELECT 9999, 99, 1, DATE '2025-01-01', 1)")


def test_a_hybrid_table_without_a_key_is_named(emulator, tmp_path):
    words = ["backend=snowflake_emulated", "dataset=keyless", "workload=visits", "--config-dir", str(SHOP)]
    done = bench(*words, *words_to(emulator.port, tables="hybrid"), home=tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "backend.tables: a hybrid table needs a primary key, and 'visits' has none" in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_what_is_there_is_used_again_and_other_kinds_take_its_place(bring, ask):
    bring()
    state, said = bring()
    assert state.reused
    assert "data: already loaded, reused" in said
    state, _ = bring(tables="hybrid")
    assert not state.reused
    assert set(told(ask, "is_hybrid").values()) == {"YES"}
    assert counted(ask) == ROWS


def test_several_files_make_one_table(bring, ask, monkeypatch):
    monkeypatch.setattr(snowflake_ingest, "FILE_BYTES", 2_000)
    bring("dataset.tables.sales.rows=5000", "dataset.chunk_rows=1024", "dataset.cache=false")
    assert counted(ask) == ROWS | {"sales": 5_000}
    puts = rows_of(
        ask.connection,
        "SELECT session_id, COUNT(*) AS n FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000)) "
        "WHERE query_text LIKE 'PUT %' GROUP BY 1 ORDER BY n DESC",
    )
    assert int(puts[0]["n"]) == 5, "one for each 1,024 rows"


def test_a_copy_that_loses_a_file_is_refused_and_not_taken_for_loaded(bring, ask, monkeypatch):
    """The emulator loses nothing by itself: a file is removed behind the back of what uploaded it."""
    copy = snowflake_ingest._copy

    def with_a_file_less(connection, stage, table):
        if table.endswith(".sales"):
            connection.cursor().execute(f"REMOVE @{stage}/part-00001.parquet")
        return copy(connection, stage, table)

    monkeypatch.setattr(snowflake_ingest, "FILE_BYTES", 2_000)
    monkeypatch.setattr(snowflake_ingest, "_copy", with_a_file_less)
    words = ("dataset.tables.sales.rows=3000", "dataset.chunk_rows=1024", "dataset.cache=false")
    with pytest.raises(PrepareError, match="sales: 1976 of 3000 rows arrived in the database"):
        bring(*words)
    monkeypatch.setattr(snowflake_ingest, "_copy", copy)
    _, said = bring(*words)
    assert "data: an earlier load did not finish, loaded anew" in said
    assert counted(ask) == ROWS | {"sales": 3_000}


@pytest.mark.parametrize("fault", ["stall", "hold"])
def test_kill_9_in_a_copy_is_never_taken_for_a_finished_load(bring, emulator, ask, tmp_path, fault):
    """Before the service has got it, and after the service has done it."""
    with FaultyProxy(port=emulator.port) as proxy:
        getattr(proxy, fault)(60, text=f"COPY INTO {ask.schema}.sales ")
        words = ["backend=snowflake_emulated", "dataset=shop", "workload=reads", "--config-dir", str(SHOP)]
        process = start(*words, *words_to(proxy.port, schema=ask.schema), home=tmp_path / "home", cwd=tmp_path)
        wait_until(lambda: proxy.spent, seconds=120)
        if fault == "hold":
            wait_until(lambda: counted(ask)["sales"] == ROWS["sales"])
        process.kill()
        process.communicate()
    _, said = bring()
    assert said[0] == "data: an earlier load did not finish, loaded anew"
    assert counted(ask) == ROWS
    assert bring()[0].reused


def test_tables_that_are_not_ours_are_left_alone(bring, ask):
    ask("CREATE TABLE sales (a NUMBER)")
    ask("INSERT INTO sales VALUES (1)")
    with pytest.raises(PrepareError, match="holds sales, and not from this tool: nothing was touched"):
        bring()
    assert counted(ask) == {"sales": 1}


def test_a_role_that_may_make_no_schema(bring):
    with pytest.raises(BackendError, match=r"Snowflake refused CREATE SCHEMA .*\(3001\); grant it to") as caught:
        bring(role="RESTRICTED", schema="not_there_yet")
    assert "\n" not in str(caught.value)


def test_a_role_that_may_make_no_schema_needs_none_where_there_is_one(bring, ask):
    """The service asks for the right to make one before it sees that it is there."""
    bring(role="RESTRICTED")
    assert counted(ask) == ROWS
