"""Bringing data into a real database: what is reused, what is loaded anew, and what is never touched."""

import signal
import time
from dataclasses import replace

import pytest
from generated_data import build

from bench.backends.duckdb import DuckdbBackend
from bench.dataset import ExistingDataset
from bench.doubt import Doubt
from bench.errors import PrepareError
from bench.prepare import MARKER, Preparation, drift_after, drift_before, mark_changed, prepare

ID = {"kind": "sequence"}


def dataset(*tables, rows=10, **more):
    given = {name: {"rows": rows, "primary_key": ["id"], "columns": {"id": ID}} for name in tables}
    return build({"name": "d", "schema": "s", "tables": given} | more)


@pytest.fixture
def database(tmp_path):
    backend = DuckdbBackend(path=str(tmp_path / "x.duckdb"))
    with backend.open(backend.namespace("s")) as opened:
        yield opened


@pytest.fixture
def bring(database, tmp_path):
    """Prepare a dataset; gives its state and what was said."""

    def preparing(wanted, **changes):
        said = []
        backend = DuckdbBackend()
        options = {
            "database": database,
            "backend": backend,
            "dataset": wanted,
            "namespace": backend.namespace("s"),
            "home": tmp_path,
            "advance": lambda what, done, total: None,
            "say": said.append,
        }
        return prepare(Preparation(**options | changes)), said

    return preparing


def count(database, table):
    return database.execute(f"SELECT count(*) FROM s.{table}")[0][0]


def test_what_was_loaded_is_reused_until_it_is_changed(bring, database):
    assert not bring(dataset("a"))[0].reused
    assert bring(dataset("a"))[0].reused
    mark_changed(database, DuckdbBackend().namespace("s"))
    state, said = bring(dataset("a"))
    assert not state.reused
    assert "data: changed by an earlier workload, loaded anew" in said


def test_a_table_that_somebody_dropped_is_loaded_anew(bring, database):
    bring(dataset("a", "b"))
    database.execute("DROP TABLE s.b")
    assert not bring(dataset("a", "b"))[0].reused
    assert count(database, "b") == 10


def test_another_dataset_takes_the_place_of_the_last_one_and_leaves_nothing_of_it(bring, database):
    bring(dataset("a", "b"))
    bring(dataset("b", "c", rows=20))
    assert database.table_names(DuckdbBackend().namespace("s")) == {"b", "c", MARKER}
    assert count(database, "b") == 20


def test_a_table_of_the_users_own_is_never_dropped_not_even_beside_ours(bring, database):
    bring(dataset("a"))
    database.execute("CREATE TABLE s.c AS SELECT 1 AS precious")
    with pytest.raises(PrepareError, match="holds c, and not from this tool: nothing was touched"):
        bring(dataset("a", "c"))
    assert database.execute("SELECT precious FROM s.c") == [(1,)]
    assert bring(dataset("a"))[0].reused


def test_a_marker_that_names_no_tables_still_counts(bring, database):
    bring(dataset("a"))
    database.execute(f"ALTER TABLE s.{MARKER} DROP COLUMN table_name")
    assert bring(dataset("a"))[0].reused
    assert not bring(dataset("a", rows=11))[0].reused


def test_existing_tables_are_those_of_the_user(bring, database):
    bring(dataset("a"))
    state, said = bring(ExistingDataset(name="existing", schema="s"))
    assert [load.table for load in state.loads] == ["a"]
    assert said == ["data: 1 existing tables, 10 rows"]


def test_ctrl_c_in_a_load_waits_for_none_of_the_rest(bring, database):
    """Twelve tables of two hundred slow chunks; the first chunks are there when it comes."""
    sent = []

    def interrupt(what, done, total):
        time.sleep(0.01)
        if what == "load" and done >= 3_000 and not sent:
            sent.append(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    many = dataset(*(f"t{number}" for number in range(12)), rows=200_000, chunk_rows=1_024, cache=False)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        bring(many, advance=interrupt)
    assert time.monotonic() - began < 5
    state, said = bring(dataset("t1"))
    assert not state.reused
    assert "data: an earlier load did not finish, loaded anew" in said


def test_changed_data_are_kept_where_the_user_says_so(bring, database):
    namespace = DuckdbBackend().namespace("s")
    declared = dataset("a", "b")
    bring(declared)
    mark_changed(database, namespace)
    database.execute("INSERT INTO s.a SELECT id + 100 FROM s.a")
    state, said = bring(declared, keep=True)
    assert state.changed
    assert {load.table: load.rows for load in state.loads} == {"a": 20, "b": 10}
    assert said == ["data: changed by an earlier workload, kept as they are"]
    assert not bring(dataset("a", "b", rows=11), keep=True)[0].changed, "other data are loaded whatever is kept"


def test_rows_are_counted_where_data_drift(bring, database):
    namespace, declared = DuckdbBackend().namespace("s"), dataset("a", "b")
    bring(declared)
    before = drift_before(database, namespace, declared, changed=False)
    assert list(drift_after(before, database, namespace).doubts()) == []
    database.execute("DELETE FROM s.a WHERE id < 4")
    after = drift_after(before, database, namespace)
    (lost,) = [table for table in after.tables.values() if table.after != table.before]
    assert (lost.declared, lost.before, lost.after) == (10, 10, count(database, "a"))
    assert list(after.doubts()) == [Doubt.DATA_DRIFTED]
    again = drift_before(database, namespace, declared, changed=False)
    assert list(drift_after(again, database, namespace).doubts()) == [Doubt.DATA_DRIFTED], "they are not as declared"
    assert list(replace(before, changed=True).doubts()) == [Doubt.DATA_DRIFTED]
