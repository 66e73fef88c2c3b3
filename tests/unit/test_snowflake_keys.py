"""Foreign keys of hybrid tables, which Snowflake checks row by row."""

from dataclasses import replace

from bench.backends import snowflake_ddl
from bench.model import Column, ForeignKey, LogicalType, Namespace, Table

PERSON = Table(
    name="person",
    columns=(
        Column(name="id", type=LogicalType(name="bigint"), nullable=False),
        Column(name="above", type=LogicalType(name="bigint")),
    ),
    primary_key=("id",),
    foreign_keys=(
        ForeignKey(columns=("above",), table="person", references=("id",)),
        ForeignKey(columns=("id",), table="account", references=("id",)),
    ),
)
SHOP = Namespace(schema="shop")


def test_a_reference_to_the_same_table_is_left_out_since_no_load_would_pass():
    text = snowflake_ddl.create_table(PERSON, SHOP, "hybrid", foreign_keys=True)
    assert "FOREIGN KEY (id) REFERENCES shop.account (id)" in text
    assert text.count("FOREIGN KEY") == 1


def test_without_foreign_keys_there_are_none():
    assert "FOREIGN KEY" not in snowflake_ddl.create_table(PERSON, SHOP, "hybrid", foreign_keys=False)


def test_other_kinds_have_none_and_one_without_a_key_is_fine():
    for kind in ("standard", "transient"):
        text = snowflake_ddl.create_table(replace(PERSON, primary_key=()), SHOP, kind, foreign_keys=True)
        assert "KEY" not in text
