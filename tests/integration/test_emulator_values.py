"""Values through the real driver: bound, stored, and read back as Arrow."""

import datetime as dt
from decimal import Decimal

import pytest
import snowflake.connector.errors

ROWS = [
    (
        1,
        Decimal("1234567890123456789012345678.0123456789"),
        5e-324,
        True,
        dt.date(1, 1, 1),
        b"\0\xff",
        "it's 100 % 日本",
    ),
    (2, Decimal("-0.0000000001"), 1.79e308, False, dt.date(9999, 12, 31), b"", ""),
    (2**63 - 1, Decimal(0), -0.5, True, dt.date(2024, 2, 29), b"x", "a\\b\n\"c'"),
    (-(2**63), None, None, None, None, None, None),
]
COLUMNS = "i number(38, 0), n number(38, 10), f float, b boolean, d date, y binary, s varchar"


def arrow(connection, sql, *values):
    cursor = connection.cursor().execute(sql, values or None)
    return cursor.fetch_arrow_all(force_return_table=True, force_microsecond_precision=True)


def test_every_type_comes_back_as_it_was_bound(ask):
    ask(f"create table v ({COLUMNS})")
    for row in ROWS:
        assert ask("insert into v values (?, ?, ?, ?, ?, ?, ?)", *row) == [(1,)]
    table = arrow(ask.connection, "select * from v order by i desc")
    found = [tuple(row.values()) for row in table.to_pylist()]
    assert sorted(found, key=lambda row: row[0]) == sorted(ROWS, key=lambda row: row[0])
    assert [str(field.type) for field in table.schema] == [
        "int64", "decimal128(38, 10)", "double", "bool", "date32[day]", "binary", "string",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01 00:00:00.000001",
        "1969-12-31 23:59:59.999999",
        "2024-02-29 12:34:56.789012",
        "9999-12-31 23:59:59.999999",
    ],
)
def test_moments_from_year_1_to_9999_keep_their_microseconds(ask, moment):
    """As text: the driver binds a datetime through a float, which is too short at both ends."""
    (row,) = arrow(ask.connection, "select cast(? as timestamp_ntz) as moment", moment).to_pylist()
    assert row["MOMENT"] == dt.datetime.fromisoformat(moment)


def test_a_datetime_of_our_days_is_bound_exactly(ask):
    moment = dt.datetime(2026, 11, 24, 1, 2, 3, 456789)
    assert ask("select cast(? as timestamp_ntz)", moment) == [(moment,)]


def test_sums_of_numbers_are_exact(ask):
    ask("create table n as select 0.10::number(12, 2) as a, 3 as k from table(generator(rowcount => 10000))")
    assert ask("select sum(a), sum(k), count(*), round(sum(a * k), 2) from n") == [
        (Decimal("1000.00"), 30000, 10000, Decimal("3000.00"))
    ]
    assert arrow(ask.connection, "select a from n").num_rows == 10_000


def test_a_value_that_does_not_fit_is_refused(ask):
    with pytest.raises(snowflake.connector.errors.ProgrammingError) as refused:
        ask("select cast(? as integer)", "seven")
    assert (refused.value.errno, refused.value.sqlstate) == (100035, "22007")


def test_rows_of_an_array_binding_are_one_statement(ask):
    ask("create table many (a number(38, 0) not null, b varchar)")
    cursor = ask.connection.cursor()
    cursor.executemany("insert into many values (?, ?)", [(number, f"row {number}") for number in range(500)])
    assert cursor.rowcount == 500
    with pytest.raises(snowflake.connector.errors.IntegrityError):
        cursor.executemany("insert into many values (?, ?)", [(number or None, "bad") for number in range(300, -1, -1)])
    assert ask("select count(*), sum(a) from many") == [(500, 124750)]
    mixed = [(1, "a"), (2, None), (3, "c")]
    cursor.executemany("insert into many (a, b) values (?, upper(?))", mixed)
    assert ask("select b from many where a < 4 and length(b) < 2 or b is null order by a") == [("A",), (None,), ("C",)]


def test_rows_changed_are_counted(ask):
    ask("create table c as select seq4() as a from table(generator(rowcount => 10))")
    cursor = ask.connection.cursor()
    assert cursor.execute("update c set a = a + 1 where a < 4").rowcount == 4
    assert cursor.execute("delete from c where a = 9").rowcount == 1
    assert cursor.execute("insert into c select a from c").rowcount == 9
