"""Every backend: tables, loads, and what is there afterwards."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from bench.errors import BackendError
from bench.model import ErrorClass, Namespace


def test_every_logical_type_comes_back_as_it_was_loaded(engine, session, kinds, kind_rows):
    name = engine.make(kinds, kind_rows)
    rows = engine.call(session, f"SELECT * FROM {name} ORDER BY id")
    expected = [tuple(engine.case.comes_back(value) for value in row) for row in kind_rows]
    assert [tuple(row) for row in rows] == expected


def test_long_decimals_come_back_exactly(engine, session, kinds, kind_rows):
    long = [Decimal("1234567890123456789012345678.0123456789"), Decimal("-" + "9" * 28 + ".9999999999")]
    rows = [(*row[:7], value, *row[8:]) for row, value in zip(kind_rows, long, strict=False)]
    name = engine.make(kinds, rows)
    found = engine.call(session, f"SELECT exact FROM {name} ORDER BY id")
    assert [row[0] for row in found] == long


def test_rows_in_many_batches_all_arrive(engine, session, accounts, as_batch):
    name = engine.make(accounts)
    parts = [as_batch(accounts, [(n, n % 10, f"row {n}") for n in range(at, at + 700)]) for at in range(0, 7000, 700)]
    assert engine.database.ingest(accounts, engine.namespace, iter(parts)) == 7000
    count, distinct, total = engine.call(session, f"SELECT count(*), count(DISTINCT id), sum(balance) FROM {name}")[0]
    assert (count, distinct, total) == (7000, 7000, 31500)


def test_a_load_without_rows_is_no_error(any_engine, accounts):
    any_engine.make(accounts)
    assert any_engine.database.ingest(accounts, any_engine.namespace, iter([])) == 0


def test_two_threads_load_two_tables_at_once(any_engine, accounts, as_batch):
    tables = [replace(accounts, name=name) for name in ("left_side", "right_side")]
    for table in tables:
        any_engine.make(table)

    def load(table):
        parts = (as_batch(table, [(n, n, "x") for n in range(at, at + 500)]) for at in range(0, 5000, 500))
        return any_engine.database.ingest(table, any_engine.namespace, parts)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(load, tables)) == [5000, 5000]
    facts = any_engine.database.tables(any_engine.namespace)
    assert [facts[table.name].rows for table in tables] == [5000, 5000]


def test_two_threads_load_parts_of_one_table(any_engine, accounts, as_batch):
    table = replace(accounts, name="both_sides", primary_key=(), indexes=())
    any_engine.make(table)

    def load(start):
        parts = (as_batch(table, [(n, n, "x") for n in range(at, at + 500)]) for at in range(start, start + 2500, 500))
        return any_engine.database.ingest(table, any_engine.namespace, parts)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(load, [0, 2500])) == [2500, 2500]
    assert any_engine.database.tables(any_engine.namespace)["both_sides"].rows == 5000


def test_a_load_that_breaks_off_leaves_nothing_behind(engine, accounts, as_batch):
    engine.make(accounts)

    def broken():
        yield as_batch(accounts, [(1, 1, "x")])
        raise RuntimeError("the source has run dry")

    with pytest.raises(Exception, match="run dry"):
        engine.database.ingest(accounts, engine.namespace, broken())
    assert engine.database.tables(engine.namespace)["accounts"].rows == 0


def test_tables_are_told_with_counts_and_columns(engine, session, accounts, kinds, kind_rows):
    engine.make(accounts, [(n, n, "x") for n in range(321)])
    engine.make(kinds, kind_rows)
    assert engine.change(session, f"DELETE FROM {engine.bare('accounts')} WHERE id < 21") == 21
    facts = engine.database.tables(engine.namespace)
    assert facts["accounts"].rows == 300
    assert list(facts["kinds"].columns) == [column.name for column in kinds.columns]
    assert all(isinstance(kind, str) and kind for kind in facts["kinds"].columns.values())
    assert {"accounts", "kinds"} <= engine.database.table_names(engine.namespace)
    assert facts.keys() == engine.database.table_names(engine.namespace)


def test_a_namespace_without_tables_is_empty(any_engine, accounts):
    any_engine.make(accounts)
    elsewhere = any_engine.another_namespace("nowhere")
    if any_engine.backend.capabilities.answers:
        assert any_engine.database.table_names(elsewhere) == frozenset()
        assert dict(any_engine.database.tables(elsewhere)) == {}
    else:
        assert any_engine.database.execute("SELECT 1") == ()


def test_a_namespace_keeps_its_tables_apart(engine, accounts):
    engine.make(accounts, [(1, 1, "x")])
    elsewhere = engine.another_namespace("elsewhere")
    if engine.backend.capabilities.schemas:
        engine.database.apply([f"CREATE SCHEMA IF NOT EXISTS {elsewhere.schema}"])
    engine.database.apply([f"DROP TABLE IF EXISTS {elsewhere.qualified('accounts')}"])
    engine.database.apply([engine.backend.create_table(accounts, elsewhere)])
    assert engine.database.tables(elsewhere)["accounts"].rows == 0
    assert engine.database.tables(engine.namespace)["accounts"].rows == 1
    with engine.backend.open(elsewhere) as database, database.session() as session:
        name = f"{elsewhere.prefix}accounts"
        assert [tuple(row) for row in engine.call(session, f"SELECT count(*) FROM {name}")] == [(0,)]
    engine.database.apply([f"DROP TABLE {elsewhere.qualified('accounts')}"])


def test_the_key_holds_after_the_load(engine, session, kinds, kind_rows):
    name = engine.make(kinds, kind_rows)
    again = f"INSERT INTO {name} (id, code) VALUES ({{id}}, 'new')"
    assert engine.failure(session, again, rows=False, id=1) is ErrorClass.ABORTED
    unique = f"INSERT INTO {name} (id, code, whole) VALUES ({{id}}, 'a', 70)"
    assert engine.failure(session, unique, rows=False, id=99) is ErrorClass.ABORTED


def test_a_key_cannot_be_null(engine, session, kinds, kind_rows):
    name = engine.make(kinds, kind_rows)
    insert = f"INSERT INTO {name} (id, code) VALUES ({{id}}, 'new')"
    assert engine.failure(session, insert, rows=False, id=None) is ErrorClass.ABORTED


def test_statistics_can_be_renewed(any_engine, accounts):
    any_engine.make(accounts, [(n, n, "x") for n in range(100)])
    any_engine.database.analyze(accounts, any_engine.namespace)


def test_several_changes_are_made_together_or_not_at_all(engine, accounts):
    name = engine.namespace.qualified(engine.make(accounts).removeprefix(engine.namespace.prefix))
    assert engine.backend.capabilities.transactional_ddl
    made = engine.namespace.qualified("half_made")
    with pytest.raises(BackendError, match=r"\S"):
        engine.database.apply(
            [
                f"CREATE TABLE {made} (id INTEGER)",
                f"INSERT INTO {name} (id) VALUES (1)",
                "INSERT INTO nowhere VALUES (1)",
            ]
        )
    assert "half_made" not in engine.database.table_names(engine.namespace)
    assert engine.database.tables(engine.namespace)["accounts"].rows == 0
    engine.database.apply([f"CREATE TABLE {made} (id INTEGER)", f"INSERT INTO {name} (id) VALUES (1)"])
    assert engine.database.tables(engine.namespace)["accounts"].rows == 1
    engine.database.apply([f"DROP TABLE {made}"])


def test_execute_commits_by_itself_and_says_what_was_refused(engine, session, accounts):
    name = engine.make(accounts)
    engine.database.execute(f"INSERT INTO {engine.namespace.qualified('accounts')} VALUES (1, 2, '100% sure')")
    assert [tuple(row) for row in engine.call(session, f"SELECT * FROM {name}")] == [(1, 2, "100% sure")]
    assert [tuple(row) for row in engine.database.execute(f"SELECT id FROM {name} WHERE label LIKE '100%'")] == [(1,)]
    with pytest.raises(BackendError, match="nowhere"):
        engine.database.execute("SELECT * FROM nowhere")


def test_a_plan_is_given_without_running_the_statement(engine, session, accounts):
    name = engine.make(accounts, [(1, 1, "x")])
    explain = engine.backend.capabilities.explain
    assert explain
    assert len(engine.call(session, f"{explain}SELECT * FROM {name} WHERE id = {{id}}", id=1)) > 0
    engine.call(session, f"{explain}DELETE FROM {name}")
    assert engine.database.tables(engine.namespace)["accounts"].rows == 1
    assert engine.failure(session, f"{explain}SELECT nothing_like_it FROM {name}") is ErrorClass.FATAL


def test_the_default_namespace_fits_the_engine(any_engine):
    namespace = any_engine.backend.namespace("shop")
    schemas = any_engine.backend.capabilities.schemas
    assert namespace == (Namespace(schema="shop") if schemas else Namespace(schema="", prefix="shop_"))
