from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from bench.answers import answer, canonical, first_difference
from bench.model import CountedRows, Statement

QUERY = Statement(sql="select 1")
ORDERED = Statement(sql="select 1 order by 1", order_by=(0,))
CHANGE = Statement(sql="update t set a = 1", returns_rows=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (3, Decimal("3.00")),
        (3, 3.0),
        (Decimal("1.50"), 1.5),
        (1 / 3, Decimal("0.333333333333333")),
        (0.1 + 0.2, Decimal("0.3")),
        (-0.0, 0),
        (2**70, Decimal(2**70)),
        (datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 1, 12)),
        (datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))), datetime(2024, 1, 1, 10)),
    ],
)
def test_engines_may_disagree_about_types_of_equal_values(one, other):
    assert canonical([one]) == canonical([other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (1, True),
        (None, 0),
        (None, ""),
        ("", " "),
        (Decimal("1.01"), Decimal("1.02")),
        (2**53, 2**53 + 1),
        (date(2024, 1, 1), datetime(2024, 1, 1)),
        (b"a", "a"),
        (float("nan"), None),
    ],
)
def test_different_values_stay_different(one, other):
    assert canonical([one]) != canonical([other])


def test_rows_are_a_multiset_where_the_statement_does_not_order_them():
    assert answer("a", [(QUERY, [(1,), (2,)])]).digest == answer("a", [(QUERY, [(2,), (1,)])]).digest
    assert answer("a", [(QUERY, [(1,), (1,)])]).digest != answer("a", [(QUERY, [(1,)])]).digest


def test_order_counts_where_the_statement_orders_but_ties_may_fall_either_way():
    tied = answer("a", [(ORDERED, [(1, "x"), (1, "y"), (2, "z")])])
    other_way = answer("a", [(ORDERED, [(1, "y"), (1, "x"), (2, "z")])])
    wrong = answer("a", [(ORDERED, [(2, "z"), (1, "x"), (1, "y")])])
    assert tied.digest == other_way.digest
    assert tied.digest != wrong.digest
    assert tied.ordered


def test_a_change_answers_with_the_number_of_its_rows():
    assert answer("a", [(CHANGE, CountedRows(2))]).digest == answer("a", [(CHANGE, CountedRows(2))]).digest
    assert answer("a", [(CHANGE, CountedRows(2))]).digest != answer("a", [(CHANGE, CountedRows(1))]).digest
    assert answer("a", [(CHANGE, CountedRows(2))]).rows == 2


def test_the_results_of_several_statements_do_not_run_together():
    assert answer("a", [(QUERY, [(1,)]), (QUERY, [])]).digest != answer("a", [(QUERY, []), (QUERY, [(1,)])]).digest


def test_no_more_than_a_hundred_rows_are_kept():
    kept = answer("a", [(QUERY, [(i,) for i in range(1_000)])])
    assert len(kept.first_rows) == 100
    assert kept.rows == 1_000


def test_the_first_difference_names_the_row():
    assert first_difference(["a", "b"], ["a", "c"]) == "row 2: b against c"
    assert first_difference(["a"], ["a", "c"]) == "row 2 is only in one of them: c"
    assert "beyond the first 100 rows" in first_difference(["a"], ["a"])
