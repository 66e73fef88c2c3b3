import hashlib
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from generated_data import CHUNK, build, commerce, table, whole

from bench import generate


def numbers(column):
    return np.array([float(value) for value in column.to_pylist()])


def test_bytes_do_not_depend_on_threads_or_order():
    dataset = commerce()
    for each in dataset.shape:
        count = generate.chunk_count(dataset, each.name)
        chunks = {at: generate.generate_chunk(dataset, each.name, at) for at in reversed(range(count))}
        for threads in (1, 2, 3):
            for at, batch in enumerate(generate.stream(dataset, each.name, threads)):
                assert batch.equals(chunks[at], check_metadata=True)


def test_the_last_chunk_is_shorter_and_none_follows():
    dataset = table(2_500, {})
    assert [generate.generate_chunk(dataset, "t", at).num_rows for at in range(3)] == [1_024, 1_024, 452]
    for beyond in (3, -1):
        with pytest.raises(IndexError, match="t has the chunks 0 to 2"):
            generate.generate_chunk(dataset, "t", beyond)


def test_more_columns_and_tables_change_no_others():
    columns = {"a": {"kind": "uniform", "type": "bigint", "low": 0, "high": 10**12}}
    before = whole(table(3_000, columns))
    more = {"first": {"kind": "normal", "type": "double", "mean": 0, "deviation": 1}, **columns}
    assert whole(table(3_000, more))["a"].equals(before["a"])
    assert not whole(table(3_000, columns, seed=7))["a"].equals(before["a"])
    other = {"rows": 5, "columns": {"a": columns["a"]}}
    both = {"t": {"rows": 3_000, "columns": columns}, "u": other}
    dataset = build({"name": "t", "schema": "t", "chunk_rows": CHUNK, "tables": both})
    assert whole(dataset)["a"].equals(before["a"])
    assert whole(dataset, "u")["a"].to_pylist() != before["a"].slice(0, 5).to_pylist()


def test_chosen_columns_are_the_same_as_all():
    dataset = commerce()
    every = generate.generate_chunk(dataset, "payments", 1)
    some = generate.generate_chunk(dataset, "payments", 1, ["paid_at", "company_id"])
    assert some.schema.names == ["paid_at", "company_id"]
    assert some.column(0).equals(every["paid_at"])
    assert some.column(1).equals(every["company_id"])


def test_the_data_are_those_of_this_generator_version():
    """A change here means that GENERATOR_VERSION must be raised: kept files would no longer fit the declaration."""
    seen = hashlib.sha256()
    dataset = commerce()
    for each in dataset.shape:
        seen.update(repr(generate.generate_chunk(dataset, each.name, 0).slice(0, 200).to_pylist()).encode())
    assert seen.hexdigest() == "bc9329ce98be1fc57145af54655a01b28442e791575b4855561ded7e4e433c96"


# ---- shapes and types ----------------------------------------

EVERY_TYPE = {
    "small": {"kind": "uniform", "type": "smallint", "low": -32_768, "high": 32_767},
    "medium": {"kind": "zipf", "type": "integer", "low": 5, "high": 9, "skew": 0},
    "large": {"kind": "sequence", "low": -(2**40), "step": -3},
    "real": {"kind": "uniform", "type": "double", "low": -1.5, "high": 2.5},
    "exact": {"kind": "uniform", "type": "decimal(18,4)", "low": "-99999999999999.9999", "high": "99999999999999.9999"},
    "words": {"kind": "pool", "pool": ["ä", "b"], "words": 3, "separator": "-", "null_ratio": 0.5},
    "own": {"kind": "template", "template": "<{n:06}>"},
    "truth": {"kind": "categorical", "type": "boolean", "values": {"true": 1, "false": 3}},
    "day": {"kind": "sequence", "type": "date", "low": "1969-12-31", "step": 7},
    "moment": {"kind": "sequence", "type": "timestamp", "low": "1969-12-31T23:59:59.5", "step": 60},
    "same": {"kind": "constant", "type": "text", "value": "x%'\"", "null_ratio": 0.1},
    "always": {"kind": "constant", "type": "decimal(4,2)", "value": -1.25},
}


def test_every_type_has_its_arrow_type_and_exact_values():
    dataset = table(3_000, EVERY_TYPE)
    rows = whole(dataset)
    rows.validate(full=True)
    assert rows.schema == generate.arrow_schema(dataset.shape[0])
    assert [str(field.type) for field in rows.schema][1:] == [
        "int16",
        "int32",
        "int64",
        "double",
        "decimal128(18, 4)",
        "string",
        "string",
        "bool",
        "date32[day]",
        "timestamp[us]",
        "string",
        "decimal128(4, 2)",
    ]
    assert [field.name for field in rows.schema if field.nullable] == ["words", "same"]
    last = rows.slice(2_999).to_pylist()[0]
    assert last["id"] == 3_000
    assert last["large"] == -(2**40) - 3 * 2_999
    assert last["own"] == "<003000>"
    assert last["day"] == date(1969, 12, 31) + timedelta(days=7 * 2_999)
    assert last["moment"] == datetime(1969, 12, 31, 23, 59, 59, 500_000) + timedelta(minutes=2_999)
    assert last["always"] == Decimal("-1.25")
    assert set(rows["medium"].to_pylist()) == {5, 6, 7, 8, 9}
    assert set(rows["same"].to_pylist()) == {"x%'\"", None}
    assert all(len(text) == 5 and set(text) <= set("äb-") for text in rows["words"].to_pylist() if text)
    exact = rows["exact"].to_pylist()
    assert min(exact) < 0 < max(exact)
    assert all(value.as_tuple().exponent == -4 for value in exact)
    assert -1.5 <= min(rows["real"].to_pylist()) < max(rows["real"].to_pylist()) <= 2.5


def test_every_type_survives_the_file(tmp_path):
    dataset = table(3_000, EVERY_TYPE)
    (made,) = generate.materialize(dataset, tmp_path)
    batches = list(generate.read_batches(made.path, 1_000))
    assert max(batch.num_rows for batch in batches) <= 1_000
    read = pa.Table.from_batches(batches)
    assert read.replace_schema_metadata(None).equals(whole(dataset))
    assert read.schema.equals(generate.arrow_schema(dataset.shape[0]))


# ---- distributions against closed forms --------------------


def test_uniform_reaches_both_ends_equally_often():
    rows = numbers(whole(table(60_000, {"x": {"kind": "uniform", "type": "integer", "low": 1, "high": 6}}))["x"])
    counts = np.bincount(rows.astype(int), minlength=7)[1:]
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 20.5  # chi-square, 5 degrees of freedom, one in a thousand


def test_normal_has_its_mean_and_deviation_and_is_clipped():
    spec = {"kind": "normal", "type": "decimal(10,2)", "mean": 50, "deviation": 10}
    rows = whole(table(50_000, {"x": spec, "y": spec | {"low": 40, "high": 60}}))
    x, y = numbers(rows["x"]), numbers(rows["y"])
    assert abs(x.mean() - 50) < 0.2
    assert abs(x.std() - 10) < 0.15
    assert (y.min(), y.max()) == (40, 60)
    assert abs((y == 40).mean() - 0.1587) < 0.007


@pytest.mark.parametrize("skew", [0.5, 1.0, 1.6])
def test_zipf_has_the_weights_of_its_ranks(skew):
    rows = numbers(
        whole(table(100_000, {"x": {"kind": "zipf", "type": "integer", "low": 1, "high": 1_000, "skew": skew}}))["x"]
    )
    weights = np.arange(1, 1_001) ** -skew
    expected = 100_000 * weights / weights.sum()
    common = expected > 20
    counts = np.bincount(rows.astype(int), minlength=1_001)[1:]
    deviation = ((counts - expected) ** 2 / expected)[common].sum()
    freedom = common.sum()
    assert deviation < freedom + 4 * np.sqrt(2 * freedom)


def test_categories_come_as_often_as_they_weigh():
    rows = whole(
        table(50_000, {"x": {"kind": "categorical", "type": "text", "values": {"a": 6, "b": 3, "c": 1, "never": 0}}})
    )
    counts = {each["values"]: each["counts"] for each in rows["x"].combine_chunks().value_counts().to_pylist()}
    assert set(counts) == {"a", "b", "c"}
    for name, share in {"a": 0.6, "b": 0.3, "c": 0.1}.items():
        assert abs(counts[name] / 50_000 - share) < 0.01
