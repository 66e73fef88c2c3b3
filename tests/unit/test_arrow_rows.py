"""Rows that came as Arrow: counted without conversion, read exactly."""

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from bench.backends.arrow_rows import ArrowRows

TABLE = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int64()),
        "exact": pa.array([Decimal("12345678901234567890.10"), Decimal("0.01"), None], pa.decimal128(38, 2)),
        "day": pa.array([date(2024, 2, 29), None, date(2025, 1, 1)], pa.date32()),
        "moment": pa.array([datetime(2024, 2, 29, 23, 59, 59, 999999), None, datetime(2025, 1, 1)], pa.timestamp("us")),
        "flag": [True, False, None],
        "word": ["é", "", None],
    }
)
ROWS = [
    (1, Decimal("12345678901234567890.10"), date(2024, 2, 29), datetime(2024, 2, 29, 23, 59, 59, 999999), True, "é"),
    (None, Decimal("0.01"), None, None, False, ""),
    (3, None, date(2025, 1, 1), datetime(2025, 1, 1), None, None),
]


class Uncounted:
    """A table that can be counted and not read."""

    num_rows = 7

    def itercolumns(self):
        raise AssertionError("converted to be counted")


def test_rows_are_tuples_of_exact_values():
    rows = ArrowRows(TABLE)
    assert list(rows) == ROWS
    assert [type(value) for value in rows[0]] == [int, Decimal, date, datetime, bool, str]


def test_it_is_counted_without_being_converted():
    assert len(ArrowRows(Uncounted())) == 7


def test_it_is_converted_once():
    rows = ArrowRows(TABLE)
    assert rows[0] is rows[0]


def test_rows_are_found_by_position_and_slice():
    rows = ArrowRows(TABLE)
    assert rows[-1] == ROWS[-1]
    assert rows[1:] == ROWS[1:]
    with pytest.raises(IndexError):
        rows[3]


def test_chunks_are_one_sequence():
    rows = ArrowRows(pa.concat_tables([TABLE, TABLE]))
    assert len(rows) == 6
    assert list(rows) == ROWS * 2


@pytest.mark.parametrize("table", [TABLE.slice(0, 0), pa.table({})])
def test_nothing_is_an_empty_sequence(table):
    assert list(ArrowRows(table)) == []
    assert not ArrowRows(table)


def test_nanoseconds_end_as_datetime():
    nanoseconds = pa.array([1_709_251_199_123_456_789, None], pa.timestamp("ns"))
    (moment,), (nothing,) = ArrowRows(pa.table({"moment": nanoseconds}))
    assert (type(moment), moment, nothing) == (datetime, datetime(2024, 2, 29, 23, 59, 59, 123456), None)
