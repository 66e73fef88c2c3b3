from datetime import timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from generated_data import CHUNK, build, commerce, keyed, pairs, table, whole

from bench import generate
from bench.errors import ConfigError


@pytest.fixture(scope="module")
def shop():
    dataset = commerce()
    return {each.name: whole(dataset, each.name, threads=2) for each in dataset.shape}


def test_null_ratio_is_kept(shop):
    assert abs(shop["customers"]["credit_limit"].null_count / 3_000 - 0.4) < 0.04
    assert abs(shop["customers"]["referred_by"].null_count / 3_000 - 0.7) < 0.04
    assert abs(shop["orders"]["discount"].null_count / 8_000 - 0.8) < 0.02
    assert abs(shop["payments"]["payout_id"].null_count / 8_250 - 0.1) < 0.02
    assert sum(shop["orders"][name].null_count for name in ("order_id", "customer_id", "total")) == 0


def test_every_reference_leads_to_a_row(shop):
    for each in commerce().shape:
        for key in each.foreign_keys:
            known = set(shop[key.table][key.references[0]].to_pylist())
            assert set(shop[each.name][key.columns[0]].drop_null().to_pylist()) <= known


def test_references_within_a_tenant_stay_there(shop):
    for child, key, parent in [
        ("orders", "customer_id", "customers"),
        ("order_lines", "product_id", "products"),
        ("payments", "payout_id", "payouts"),
    ]:
        owner = keyed(shop[parent], key, "company_id")
        pairs = zip(shop[child][key].to_pylist(), shop[child]["company_id"].to_pylist(), strict=True)
        assert all(reference is None or owner[reference] == company for reference, company in pairs)


def test_inherited_values_are_those_of_the_referenced_row(shop):
    for child, through, column, parent, key, source in [
        ("order_lines", "order_id", "company_id", "orders", "order_id", "company_id"),
        ("order_lines", "product_id", "unit_price", "products", "product_id", "price"),
        ("payments", "order_id", "amount", "orders", "order_id", "total"),
        ("orders", "company_id", "currency", "companies", "company_id", "currency"),
    ]:
        truth = keyed(shop[parent], key, source)
        pairs = zip(shop[child][through].to_pylist(), shop[child][column].to_pylist(), strict=True)
        assert all(truth[reference] == value for reference, value in pairs)


def test_derived_moments_and_amounts_keep_their_bounds(shop):
    payouts = shop["payouts"]
    for start, end, paid in zip(
        *(payouts[name].to_pylist() for name in ("period_start", "period_end", "paid_on")), strict=True
    ):
        assert timedelta(days=6) <= end - start <= timedelta(days=30)
        assert timedelta(days=1) <= paid - end <= timedelta(days=10)
    ordered = keyed(shop["orders"], "order_id", "ordered_at")
    payments = zip(shop["payments"]["order_id"].to_pylist(), shop["payments"]["paid_at"].to_pylist(), strict=True)
    assert all(timedelta(seconds=20) <= paid - ordered[order] <= timedelta(days=14) for order, paid in payments)
    booked = zip(
        shop["ledger_entries"]["order_id"].to_pylist(), shop["ledger_entries"]["booked_on"].to_pylist(), strict=True
    )
    assert all(0 <= (day - ordered[order].date()).days <= 20 for order, day in booked)
    half_cent = Decimal("0.005")
    for price, cost in zip(shop["products"]["price"].to_pylist(), shop["products"]["cost"].to_pylist(), strict=True):
        assert price * Decimal("0.35") - half_cent <= cost <= price * Decimal("0.8") + half_cent


def test_tenants_differ_in_size_and_each_has_what_it_needs(shop):
    sizes = np.bincount(shop["orders"]["company_id"].to_numpy(), minlength=21)[1:]
    expected = 8_000 * np.arange(1, 21) ** -0.8 / (np.arange(1, 21) ** -0.8).sum()
    assert ((sizes - expected) ** 2 / expected).sum() < 43.8  # chi-square, 19 degrees of freedom, one in a thousand
    for name in ("customers", "products", "payouts"):
        assert set(shop[name]["company_id"].to_pylist()) == set(range(1, 21))


def test_skew_within_a_tenant_is_scattered_over_its_rows(shop):
    biggest = shop["orders"].filter(pa.compute.equal(shop["orders"]["company_id"], 1))["customer_id"].to_numpy()
    counts = np.sort(np.bincount(biggest))[::-1]
    of_company = (shop["customers"]["company_id"].to_numpy() == 1).sum()
    weights = np.arange(1, of_company + 1) ** -0.6
    assert abs(counts[0] / len(biggest) - weights[0] / weights.sum()) < 0.01
    frequent = np.argsort(np.bincount(biggest))[::-1][:5]
    assert np.ptp(frequent) > 500


def test_a_reference_to_the_own_table_goes_to_an_earlier_row(shop):
    customers = shop["customers"]
    assert customers["referred_by"][0].as_py() is None
    pairs = zip(customers["customer_id"].to_pylist(), customers["referred_by"].to_pylist(), strict=True)
    assert all(earlier is None or earlier < own for own, earlier in pairs)


def family(child_rows, spread, parents=1_000, **parent_columns):
    return build(
        {
            "name": "f",
            "schema": "f",
            "chunk_rows": CHUNK,
            "tables": {
                "p": {
                    "rows": parents,
                    "primary_key": ["p_id"],
                    "columns": {"p_id": {"kind": "sequence"}, **parent_columns},
                },
                "c": {
                    "rows": child_rows,
                    "columns": {"p_id": {"kind": "parent", "references": "p.p_id", "spread": spread}},
                },
            },
        }
    )


def test_without_spread_all_parents_have_equally_many_children():
    children = whole(family(5_000, 0), "c")["p_id"].to_numpy()
    assert (np.diff(children) >= 0).all()
    assert (np.bincount(children)[1:] == 5).all()


def test_with_spread_children_lie_near_their_parent_and_some_parents_have_none():
    children = whole(family(5_000, 10), "c")["p_id"].to_numpy()
    place = (np.arange(5_000) + 0.5) / 5
    assert np.abs(children - 1 - place).max() <= 10 / 5 + 1
    counts = np.bincount(children, minlength=1_001)[1:]
    assert (children.min(), len(counts)) == (1, 1_000)
    assert 0 < (counts == 0).sum() < 50
    assert counts.max() > 8
    assert counts[0] < 12
    assert counts[-1] < 12


def test_a_group_without_rows_is_refused_or_gives_null():
    with pytest.raises(ConfigError, match=r"tables\.c\.columns\.p_id\.within: no row has p\.o_id \d+, .* cover: true"):
        whole(pairs(3_000), "c")
    dataset = pairs(3_000, null_ratio=0.001)
    parents, children = whole(dataset, "p"), whole(dataset, "c")
    there = set(parents["o_id"].to_pylist())
    absent = [owner not in there for owner in children["o_id"].to_pylist()]
    assert sum(absent) > 100
    assert all(value is None for value, missing in zip(children["p_id"].to_pylist(), absent, strict=True) if missing)
    owner = keyed(parents, "p_id", "o_id")
    assert all(
        value is None or owner[value] == own
        for value, own in zip(children["p_id"].to_pylist(), children["o_id"].to_pylist(), strict=True)
    )
    covered = whole(pairs(3_000, cover=True), "c")
    assert covered["p_id"].null_count == 0


def test_a_ratio_that_the_type_cannot_hold_is_refused():
    columns = {
        "a": {"kind": "constant", "type": "decimal(4,2)", "value": 60},
        "b": {"kind": "ratio", "column": "a", "low": 2, "high": 2},
        "c": {"kind": "ratio", "column": "a", "type": "decimal(8,3)", "low": 2, "high": 2},
        "d": {"kind": "ratio", "column": "a", "type": "double", "low": 0.5, "high": 0.5},
    }
    with pytest.raises(ConfigError, match=r"columns\.b\.type: decimal\(4,2\) cannot hold the result"):
        whole(table(10, columns))
    del columns["b"]
    rows = whole(table(10, columns))
    assert rows["c"][0].as_py() == Decimal("120.000")
    assert rows["d"][0].as_py() == 30.0


def test_texts_and_nulls_are_inherited_too():
    text = {"kind": "template", "template": "p{n}", "null_ratio": 0.3}
    given = {
        "name": "i",
        "schema": "i",
        "chunk_rows": CHUNK,
        "tables": {
            "p": {"rows": 3_000, "primary_key": ["p_id"], "columns": {"p_id": {"kind": "sequence"}, "name": text}},
            "c": {
                "rows": 5_000,
                "columns": {
                    "near": {"kind": "parent", "references": "p.p_id"},
                    "far": {"kind": "foreign_key", "references": "p.p_id", "null_ratio": 0.2},
                    "near_name": {"kind": "inherit", "through": "near", "column": "name"},
                    "far_name": {"kind": "inherit", "through": "far", "column": "name"},
                },
            },
        },
    }
    dataset = build(given)
    names, children = keyed(whole(dataset, "p"), "p_id", "name"), whole(dataset, "c").to_pylist()
    assert all(row["near_name"] == names[row["near"]] for row in children)
    assert all(row["far_name"] == names.get(row["far"]) for row in children)
    assert {row["far"] is None for row in children} == {True, False}


def test_column_values_are_real_distinct_and_ascending(shop):
    dataset = commerce()
    for name, column in [
        ("orders", "order_id"),
        ("orders", "total"),
        ("customers", "referred_by"),
        ("companies", "country"),
    ]:
        values = generate.column_values(dataset, name, column, 500)
        assert values == sorted(set(values))
        assert set(values) <= set(shop[name][column].to_pylist())
        assert len(values) <= 500
    assert generate.column_values(dataset, "companies", "company_id", 500) == list(range(1, 21))
    keys = generate.column_values(dataset, "orders", "order_id", 100)
    assert (len(keys), keys[0], keys[-1]) == (100, 1, 8_000)


def test_column_values_of_nothing_are_refused():
    dataset = table(100, {"x": {"kind": "constant", "type": "text", "value": "a", "null_ratio": 1}})
    with pytest.raises(ConfigError, match=r"t\.x holds no values"):
        generate.column_values(dataset, "t", "x", 10)
    with pytest.raises(ConfigError, match="no column 'idd' in t; there are id, x; did you mean 'id'"):
        generate.column_values(dataset, "t", "idd", 10)
    with pytest.raises(ConfigError, match="no table 'u'; there are t"):
        generate.column_values(dataset, "u", "id", 10)
