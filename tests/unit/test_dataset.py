import json
import pickle
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from pydantic import TypeAdapter, ValidationError

from bench.dataset import Dataset, ExistingDataset, GeneratedDataset
from bench.errors import ConfigError
from bench.model import ForeignKey, Index, LogicalType

CONF = Path(__file__).parents[2] / "conf" / "dataset"

COMMERCE = {
    "companies": "company_id name country currency plan created_on fee_ratio",
    "customers": "customer_id company_id email full_name country segment credit_limit referred_by created_at",
    "products": "product_id company_id sku title category price cost active created_on",
    "orders": "order_id company_id customer_id status channel currency ordered_at total discount",
    "order_lines": "order_line_id order_id company_id product_id quantity unit_price tax_ratio returned",
    "payouts": "payout_id company_id amount currency period_start period_end paid_on status",
    "payments": "payment_id order_id company_id payout_id method status amount fee paid_at",
    "ledger_entries": "entry_id company_id order_id account side amount booked_on memo",
}


def plain(name):
    """The values of one of our datasets as Hydra composes them."""
    own = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    merged = {}
    for base in own.pop("defaults", ["_self_"]):
        merged |= own if base == "_self_" else plain(base)
    return merged


def build(given, kind=GeneratedDataset):
    return TypeAdapter(kind).validate_json(json.dumps(given), strict=True, extra="forbid")


def shop(**changes):
    """A small declaration without mistakes; `changes` maps dotted paths to values, None removes."""
    given = {
        "name": "shop",
        "schema": "shop",
        "tables": {
            "owners": {
                "rows": 10,
                "primary_key": ["owner_id"],
                "columns": {
                    "owner_id": {"kind": "sequence"},
                    "since": {"kind": "uniform", "type": "date", "low": "2024-01-01", "high": "2024-12-31"},
                },
            },
            "pets": {
                "rows": 40,
                "primary_key": ["pet_id"],
                "indexes": [["owner_id"]],
                "columns": {
                    "pet_id": {"kind": "sequence", "type": "integer"},
                    "owner_id": {"kind": "foreign_key", "references": "owners.owner_id"},
                    "weight": {"kind": "uniform", "type": "decimal(6,2)", "low": 0.5, "high": 90},
                },
            },
            "visits": {
                "rows": 100,
                "columns": {
                    "visit_id": {"kind": "sequence"},
                    "pet_id": {"kind": "parent", "references": "pets.pet_id"},
                    "owner_id": {"kind": "inherit", "through": "pet_id", "column": "owner_id"},
                },
            },
        },
    }
    for path, value in changes.items():
        *way, last = path.split("__")
        spot = given
        for step in way:
            spot = spot[step]
        if value is None:
            del spot[last]
        else:
            spot[last] = value
    return given


def refusal(given, kind=GeneratedDataset):
    with pytest.raises(ValidationError) as caught:
        build(given, kind)
    first = caught.value.errors()[0]
    error = first.get("ctx", {}).get("error")
    assert isinstance(error, ConfigError), caught.value
    return str(error)


@pytest.mark.parametrize(
    ("name", "total"), [("tiny", 50_000), ("small", 1_000_000), ("medium", 10_000_000), ("large", 100_000_000)]
)
def test_each_size_of_commerce_has_its_number_of_rows(name, total):
    dataset = build(plain(name))
    assert dataset.name == f"commerce_{name}"
    assert dataset.schema == "commerce"
    assert sum(dataset.rows(table.name) for table in dataset.shape) == total


def test_commerce_has_the_published_tables_and_columns():
    shape = {table.name: table for table in build(plain("commerce")).shape}
    assert {name: " ".join(column.name for column in table.columns) for name, table in shape.items()} == COMMERCE
    types = {(table, column.name): str(column.type) for table, spec in shape.items() for column in spec.columns}
    assert types["companies", "fee_ratio"] == "decimal(6,4)"
    assert types["customers", "country"] == "text(2)"
    assert types["orders", "currency"] == "text(3)"
    assert types["orders", "ordered_at"] == "timestamp"
    assert types["order_lines", "unit_price"] == "decimal(10,2)"
    assert types["order_lines", "quantity"] == "integer"
    assert types["payments", "amount"] == "decimal(12,2)"
    assert types["ledger_entries", "booked_on"] == "date"
    assert {types[table, column] for table, column in types if column.endswith("_id") or column == "referred_by"} == {
        "bigint"
    }
    nullable = {(table, column.name) for table, spec in shape.items() for column in spec.columns if column.nullable}
    assert nullable == {
        ("customers", "credit_limit"),
        ("customers", "referred_by"),
        ("orders", "discount"),
        ("payments", "payout_id"),
        ("ledger_entries", "memo"),
    }
    indexes = {name: [index.columns for index in table.indexes] for name, table in shape.items()}
    assert indexes["orders"] == [("customer_id",), ("company_id", "ordered_at")]
    assert indexes["payouts"] == [("company_id", "paid_on")]


def test_parents_come_before_those_that_refer_to_them():
    seen = set()
    for table in build(plain("commerce")).shape:
        assert {key.table for key in table.foreign_keys} <= seen | {table.name}
        seen.add(table.name)
    backwards = shop()
    backwards["tables"] = dict(reversed(backwards["tables"].items()))
    assert [table.name for table in build(backwards).shape] == ["owners", "pets", "visits"]


def test_shape_says_types_keys_and_indexes():
    indexes = [["owner_id"], {"columns": ["weight"], "unique": False, "include": ["owner_id"]}]
    pets = build(shop(tables__pets__indexes=indexes)).shape[1]
    assert pets.primary_key == ("pet_id",)
    assert pets.indexes == (Index(columns=("owner_id",)), Index(columns=("weight",), include=("owner_id",)))
    assert pets.foreign_keys == (ForeignKey(columns=("owner_id",), table="owners", references=("owner_id",)),)
    assert [column.type for column in pets.columns] == [
        LogicalType(name="integer"),
        LogicalType(name="bigint"),
        LogicalType(name="decimal", precision=6, scale=2),
    ]
    visits = build(shop()).shape[2]
    assert visits.columns[1].type == LogicalType(name="integer")
    assert [key.table for key in visits.foreign_keys] == ["pets", "owners"]


def test_null_spreads_to_what_is_made_from_it():
    given = shop(tables__pets__columns__owner_id__null_ratio=0.25)
    nullable = {
        (table.name, column.name) for table in build(given).shape for column in table.columns if column.nullable
    }
    assert nullable == {("pets", "owner_id"), ("visits", "owner_id")}


def test_scale_multiplies_rows_but_not_of_fixed_tables():
    dataset = build(shop(scale=2.5, tables__owners__fixed=True))
    assert [dataset.rows(table) for table in ("owners", "pets", "visits")] == [10, 100, 250]
    assert build(shop(scale=0.001)).rows("pets") == 1


def test_fingerprint_follows_the_data_and_nothing_else():
    base = build(shop()).fingerprint
    assert len(base) == 64
    assert build(shop()).fingerprint == base
    same = [shop(name="other"), shop(schema="other"), shop(cache=False), shop(scale=1)]
    same.append(shop(tables__pets__indexes=[]))  # how data are found is no part of what they are
    assert {build(given).fingerprint for given in same} == {base}
    reordered = shop()
    columns = reordered["tables"]["pets"]["columns"]
    reordered["tables"]["pets"]["columns"] = dict(reversed(columns.items()))
    other = [
        shop(seed=43),
        shop(scale=1.5),
        shop(chunk_rows=4096),
        shop(tables__pets__rows=41),
        shop(tables__pets__columns__weight__high=91),
        reordered,
    ]
    assert len({base, *(build(given).fingerprint for given in other)}) == len(other) + 1


def test_a_dataset_survives_pickling():
    dataset = build(shop())
    assert pickle.loads(pickle.dumps(dataset)) == dataset


PETS = "tables__pets__columns__"
TABLES = "tables.pets.columns"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "My Shop"}, "name: 'My Shop' is no name for a dataset"),
        ({"schema": "1shop"}, "schema: '1shop' is no name for a schema"),
        (
            {"tables__Pets": {"rows": 1, "columns": {"a": {"kind": "sequence"}}}},
            "tables.Pets: 'Pets' is no name for a table",
        ),
        ({PETS + "bad-name": {"kind": "sequence"}}, "columns.bad-name: 'bad-name' is no name for a column"),
        ({PETS + "weight__type": "decmal(6,2)"}, "type: no type 'decmal(6,2)'; there are boolean"),
        ({PETS + "weight__type": "decmal"}, "did you mean 'decimal'?"),
        ({PETS + "weight__type": "decimal"}, "type: 'decimal' is no decimal: write decimal(digits"),
        ({PETS + "weight__type": "decimal(19,2)"}, "type: 'decimal(19,2)' has too many digits; at most 18"),
        ({PETS + "weight__type": "bigint(4)"}, "type: 'bigint(4)' has numbers that mean nothing"),
        ({PETS + "weight__type": None}, "type: a column of kind uniform needs a type"),
        ({PETS + "weight__type": "text"}, "type: a column of kind uniform cannot be text; it can be smallint"),
        ({PETS + "weight__low": 91}, "low: 91 is above high (90)"),
        ({PETS + "weight__low": 0.125}, "low: 0.125 is no value of decimal(6,2) (6 digits, 2 of them after the point)"),
        ({PETS + "weight__high": 10_000}, "high: 10000 is no value of decimal(6,2)"),
        (
            {"tables__owners__columns__since__low": "2024-02-30"},
            "low: '2024-02-30' is no value of date (such as '2024-01-31')",
        ),
        ({"tables__owners__columns__since__low": 5}, "low: 5 is no value of date"),
        ({PETS + "pet_id__step": 0}, "step: 0 gives every row the same value"),
        (
            {PETS + "pet_id__type": "smallint", "tables__pets__rows": 40_000},
            f"{TABLES}.pet_id.type: smallint cannot hold 40000",
        ),
        ({PETS + "owner_id__references": "owners"}, "references: 'owners' names no column; write table.column"),
        (
            {PETS + "owner_id__references": "owner.owner_id"},
            f"{TABLES}.owner_id.references: no table 'owner'; there are owners, pets, visits; did you mean 'owners'?",
        ),
        (
            {PETS + "owner_id__references": "owners.owner"},
            "references: no column 'owner' in owners; there are owner_id, since; did you mean 'owner_id'?",
        ),
        ({PETS + "owner_id__references": "owners.since"}, "references: 'owners.since' is no key: of kind sequence"),
        ({"tables__owners__primary_key": []}, "references: 'owners.owner_id' is no key"),
        ({PETS + "owner_id__type": "integer"}, "type: integer differs from owners.owner_id, which is bigint"),
        ({PETS + "owner_id__within": "city"}, "within: no column 'city' in pets"),
        ({PETS + "owner_id__within": "pet_id"}, "within: no column 'pet_id' in owners"),
        (
            {PETS + "owner_id__cover": True, "tables__pets__rows": 9},
            "cover: 9 rows cannot refer to all 10 rows of owners",
        ),
        (
            {PETS + "mother": {"kind": "foreign_key", "references": "pets.pet_id"}},
            "mother.null_ratio: 0 is impossible for a reference to the own table",
        ),
        (
            {PETS + "mother": {"kind": "parent", "references": "pets.pet_id"}},
            "mother.references: a parent is in another table",
        ),
        (
            {"tables__visits__columns__owner_id__through": "pet"},
            "through: no column 'pet' in visits; there are visit_id, pet_id, owner_id; did you mean 'pet_id'?",
        ),
        ({"tables__visits__columns__owner_id__through": "visit_id"}, "through: 'visit_id' refers to no table"),
        (
            {"tables__visits__columns__owner_id__column": "ownr_id"},
            "column: no column 'ownr_id' in pets; there are pet_id, owner_id, weight; did you mean 'owner_id'?",
        ),
        (
            {"tables__visits__columns__owner_id__through": ""},
            "through: name the own column that refers to the other table",
        ),
        (
            {PETS + "price": {"kind": "ratio", "column": "price", "low": 1, "high": 2}},
            "price: the column depends on itself: pets.price -> pets.price",
        ),
        ({PETS + "price": {"kind": "ratio", "column": "weight", "low": 2, "high": 1}}, "low: 2.0 is above high (1.0)"),
        (
            {"tables__owners__columns__x": {"kind": "ratio", "column": "since", "low": 1, "high": 2}},
            "x.column: owners.since is date, not a number",
        ),
        (
            {PETS + "x": {"kind": "after", "column": "weight", "high_days": 2}},
            "x.column: pets.weight is decimal(6,2), not a date",
        ),
        (
            {"tables__owners__columns__x": {"kind": "after", "column": "since", "high_s": 2}},
            "x.low_s: seconds mean nothing to a date",
        ),
        (
            {"tables__owners__columns__x": {"kind": "after", "column": "since", "low_days": 2}},
            "low_days: the least distance (172800 s) is above the greatest (0 s)",
        ),
        (
            {"tables__owners__columns__pet": {"kind": "foreign_key", "references": "pets.pet_id"}},
            "tables refer to each other in a circle: owners -> pets -> owners",
        ),
        (
            {PETS + "x": {"kind": "categorical", "type": "text", "values": {"a": 0, "b": 0}}},
            "values: all weights are 0",
        ),
        (
            {PETS + "x": {"kind": "categorical", "type": "integer", "values": {"one": 1}}},
            "values: 'one' is no value of integer (a whole number of 32 bits)",
        ),
        (
            {PETS + "x": {"kind": "categorical", "type": "text(2)", "values": ["DE", "FRA"]}},
            "values: 'FRA' is no value of text(2)",
        ),
        (
            {PETS + "x": {"kind": "categorical", "type": "text", "values": ["a", "a"]}},
            "values: a value stands there twice",
        ),
        ({PETS + "x": {"kind": "pool", "pool": "full_name"}}, "pool: no pool 'full_name'; there are words"),
        (
            {PETS + "x": {"kind": "pool", "pool": ["abc"], "words": 2, "type": "text(6)"}},
            "type: 'text(6)' is too short: the longest text has 7 characters",
        ),
        ({PETS + "x": {"kind": "template", "template": "x{m}"}}, "template: 'x{m}' must hold {n}"),
        (
            {PETS + "x": {"kind": "template", "template": "no-{n}", "type": "text(4)"}},
            "x.type: 'text(4)' is too short: the last row's text has 5 characters",
        ),
        ({PETS + "x": {"kind": "constant", "type": "boolean", "value": 1}}, "value: 1 is no value of boolean"),
        ({PETS + "x": {"kind": "zipf", "type": "double", "high": 5}}, "type: a column of kind zipf cannot be double"),
        (
            {PETS + "x": {"kind": "normal", "type": "integer", "mean": 1, "deviation": 1, "low": 5, "high": 1}},
            "low: 5 is above high (1)",
        ),
        (
            {"tables__pets__primary_key": ["pet"]},
            "primary_key: no column 'pet'; there are pet_id, owner_id, weight; did you mean 'pet_id'?",
        ),
        ({PETS + "pet_id__null_ratio": 0.1}, "tables.pets.primary_key: 'pet_id' has rows without a value"),
        ({"tables__pets__primary_key": ["owner_id"]}, "references: 'pets.pet_id' is no key"),
        (
            {"tables__pets__indexes": [{"columns": ["weight"], "unique": True}]},
            "weight.kind: 'weight' is of kind uniform, whose values may repeat",
        ),
        ({"tables__pets__indexes": [["owner"]]}, "indexes.0: no column 'owner'"),
        ({"tables__pets__clustering": ["when"]}, "clustering: no column 'when'"),
    ],
)
def test_a_mistake_is_refused_in_one_sentence(changes, words):
    message = refusal(shop(**changes))
    assert words in message
    assert "\n" not in message


def test_columns_may_not_wait_for_each_other():
    given = shop()
    given["tables"]["pets"]["columns"] |= {
        "a": {"kind": "ratio", "column": "b", "low": 1, "high": 1},
        "b": {"kind": "ratio", "column": "a", "low": 1, "high": 1},
    }
    assert "tables.pets.columns.a: the column depends on itself: pets.a -> pets.b -> pets.a" in refusal(given)


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": 0},
        {"seed": -1},
        {"tables__pets__rows": 0},
        {"tables": {}},
        {PETS + "weight__null_ratio": 1.5},
        {PETS + "weight__kind": "unifrm"},
        {PETS + "weight__hihg": 3},
        {PETS + "pet_id__step": 1.5},
    ],
)
def test_types_and_ranges_are_checked(changes):
    with pytest.raises(ValidationError):
        build(shop(**changes))


def test_existing_tables_need_no_declaration():
    dataset = build({"name": "existing"}, ExistingDataset)
    assert isinstance(dataset, Dataset)
    assert (dataset.schema, dataset.shape, dataset.fingerprint) == ("public", (), "")
    assert (dataset.generated, dataset.writable, dataset.rows("any")) == (False, False, None)
    assert build({"name": "existing", "allow_writes": True}, ExistingDataset).writable


def test_existing_tables_can_be_declared_for_templates():
    tables = {"orders": {"columns": {"order_id": "bigint", "total": "decimal(38,2)"}, "primary_key": ["order_id"]}}
    (orders,) = build({"name": "mine", "schema": "sales", "tables": tables}, ExistingDataset).shape
    assert [str(column.type) for column in orders.columns] == ["bigint", "decimal(38,2)"]
    assert orders.primary_key == ("order_id",)
    tables["orders"]["columns"]["total"] = "numeric"
    assert "columns.total: no type 'numeric'" in refusal({"name": "mine", "tables": tables}, ExistingDataset)


def test_our_existing_dataset_builds():
    given = plain("existing")
    assert given.pop("_target_") == "bench.dataset.ExistingDataset"
    assert build(given, ExistingDataset).name == "existing"
