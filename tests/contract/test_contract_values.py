"""Every backend: bound values and whole results."""

from datetime import date, datetime
from decimal import Decimal

import pytest


@pytest.fixture
def name(engine, kinds, kind_rows):
    """Bare name of a table with a column of every type."""
    return engine.make(kinds, kind_rows)


VALUES = [
    ("flag", True, [1, 5, 6]),
    ("small", -32768, [4]),
    ("whole", 2**31 - 1, [5]),
    ("big", -(2**63), [4]),
    ("big", 2**63 - 1, [5]),
    ("number", 0.5, [1]),
    ("number", -1.7976931348623157e308, [4]),
    ("money", Decimal("1.10"), [1]),
    ("money", Decimal("-9999999999.99"), [4]),
    ("money", Decimal(0), [3]),
    ("label", "plain", [1]),
    ("label", "", [3]),
    ("label", 'it\'s "quoted"; 100% of %s, %(x)s, $1 and ?', [4]),
    ("label", "tab\t newline\n back\\slash, comma", [5]),
    ("label", "žluťoučký 数据 😀", [6]),
    ("label", "'; DROP TABLE kinds; --", []),
    ("day", date(2024, 2, 29), [1]),
    ("day", date(1, 1, 1), [4]),
    ("day", date(9999, 12, 31), [5]),
    ("moment", datetime(2024, 2, 29, 12, 30), [1]),
    ("moment", datetime(1899, 12, 31, 0, 0, 0, 1), [6]),
    ("moment", datetime(9999, 12, 31, 23, 59, 59, 999999), [5]),
]


@pytest.mark.parametrize("row", VALUES, ids=[f"{row[0]} {number}" for number, row in enumerate(VALUES, 1)])
def test_a_row_is_found_by_a_bound_value(engine, session, name, row):
    column, value, ids = row
    rows = engine.call(session, f"SELECT id FROM {name} WHERE {column} = {{value}} ORDER BY id", value=value)
    assert [row[0] for row in rows] == ids


def test_bound_values_of_every_type_are_stored(engine, session, name, kinds, kind_rows):
    columns = [column.name for column in kinds.columns]
    marks = ", ".join(f"{{{column}}}" for column in columns)
    engine.change(session, f"DELETE FROM {name}")
    insert = session.prepare(
        engine.statement(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", *columns, rows=False)
    )
    for row in kind_rows:
        assert len(insert(list(row))) == 1
    rows = engine.call(session, f"SELECT * FROM {name} ORDER BY id")
    assert [tuple(row) for row in rows] == [tuple(map(engine.case.comes_back, row)) for row in kind_rows]


def test_one_statement_takes_values_of_many_sizes(engine, session, name):
    find = session.prepare(engine.statement(f"SELECT id FROM {name} WHERE big = {{value}}", "value"))
    assert [[row[0] for row in find([value])] for value in (0, 700, 2**63 - 1, None, -(2**63))] == [
        [3],
        [1],
        [5],
        [],
        [4],
    ]


def test_a_value_may_stand_in_several_places(engine, session, name):
    sql = f"SELECT id FROM {name} WHERE whole >= {{low}} AND whole <= {{high}} AND whole <> {{low}} ORDER BY id"
    assert [row[0] for row in engine.call(session, sql, low=-1, high=70)] == [1, 3]
    sql = f"SELECT id FROM {name} WHERE label = {{text}} OR code = {{text}} ORDER BY id"
    assert [row[0] for row in engine.call(session, sql, text="b")] == [3]


def test_null_is_bound(engine, session, name):
    assert len(engine.call(session, f"SELECT id FROM {name} WHERE label = {{text}}", text=None)) == 0
    assert engine.change(session, f"UPDATE {name} SET label = {{text}} WHERE id = {{id}}", text=None, id=1) == 1
    rows = engine.call(session, f"SELECT id FROM {name} WHERE label IS NULL ORDER BY id")
    assert [row[0] for row in rows] == [1, 2]


def test_a_percent_sign_in_a_literal_is_left_alone(engine, session, name):
    literals = "'100%', 'a%sb', '%(x)s', '%%'"
    expected = ("100%", "a%sb", "%(x)s", "%%")
    assert tuple(engine.call(session, f"SELECT {literals}")[0]) == expected
    assert tuple(engine.call(session, f"SELECT {literals} FROM {name} WHERE id = {{id}}", id=1)[0]) == expected
    rows = engine.call(session, f"SELECT id FROM {name} WHERE label LIKE '%100\\%%' ESCAPE '\\' AND id > {{id}}", id=0)
    assert [row[0] for row in rows] == [4]


def test_a_result_may_be_empty(engine, session, name):
    rows = engine.call(session, f"SELECT * FROM {name} WHERE id = {{id}}", id=-1)
    assert len(rows) == 0
    assert list(rows) == []


def test_a_result_is_whole(engine, session, accounts):
    name = engine.make(accounts, [(n, n * 2, f"row {n}") for n in range(10_000)])
    rows = engine.call(session, f"SELECT id, balance, label FROM {name} ORDER BY id")
    assert len(rows) == 10_000
    assert [tuple(row) for row in rows] == [(n, n * 2, f"row {n}") for n in range(10_000)]


def test_changed_rows_are_counted(engine, session, accounts):
    name = engine.make(accounts)
    insert = f"INSERT INTO {name} (id, balance) VALUES ({{a}}, 1), ({{b}}, 2), ({{c}}, 3)"
    assert engine.change(session, insert, a=1, b=2, c=3) == 3
    assert engine.change(session, f"UPDATE {name} SET balance = 0 WHERE balance >= {{low}}", low=2) == 2
    assert engine.change(session, f"UPDATE {name} SET balance = 0 WHERE id = {{id}}", id=99) == 0
    assert engine.change(session, f"DELETE FROM {name}") == 3
    assert engine.change(session, f"DELETE FROM {name}") == 0


def test_a_change_may_return_rows(engine, session, accounts):
    name = engine.make(accounts)
    rows = engine.call(session, f"INSERT INTO {name} (id, balance) VALUES ({{id}}, 5) RETURNING id, balance", id=7)
    assert [tuple(row) for row in rows] == [(7, 5)]
    assert len(engine.call(session, f"SELECT * FROM {name}")) == 1


def test_a_prepared_statement_outlives_its_transaction(engine, session, accounts):
    name = engine.make(accounts)
    insert = session.prepare(engine.statement(f"INSERT INTO {name} (id) VALUES ({{id}})", "id", rows=False))
    for key in range(3):
        session.begin()
        insert([key])
        session.rollback()
        session.begin()
        insert([key])
        session.commit()
    assert len(engine.call(session, f"SELECT * FROM {name}")) == 3
