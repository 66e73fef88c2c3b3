"""DDL of Snowflake's kinds of tables, from the declared shape.

Standard and transient tables enforce no key but NOT NULL and have no indexes; hybrid tables enforce theirs, and take
keys and indexes only when they are made (Snowflake documentation, "CREATE HYBRID TABLE", "Clustering keys").
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from bench.backends import ddl
from bench.backends.ddl import add_primary_key, type_name
from bench.errors import ConfigError
from bench.model import Index, Namespace, Table

TableKind: TypeAlias = Literal["standard", "transient", "hybrid"]

TYPES: Mapping[str, str] = MappingProxyType(
    {
        "smallint": "NUMBER(5,0)",
        "integer": "NUMBER(10,0)",
        "bigint": "NUMBER(19,0)",
        "double": "DOUBLE",
        "decimal": "NUMBER({precision},{scale})",
        "timestamp": "TIMESTAMP_NTZ(6)",
    }
)
"""Whole numbers with the digits that they need: a bare INTEGER would be NUMBER(38,0)."""
KEYWORD: Mapping[TableKind, str] = {"standard": "TABLE", "transient": "TRANSIENT TABLE", "hybrid": "HYBRID TABLE"}


def create_table(table: Table, namespace: Namespace, kind: TableKind, *, foreign_keys: bool) -> str:
    """`CREATE TABLE` of the kind.

    Raises:
        ConfigError: A hybrid table would have no primary key.
    """
    lines = [
        f"{column.name} {type_name(column.type, TYPES)}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    ]
    if kind == "hybrid":
        lines += _hybrid_parts(table, namespace, foreign_keys=foreign_keys)
    clustering = f" CLUSTER BY ({', '.join(table.clustering)})" if table.clustering and kind != "hybrid" else ""
    body = ",\n  ".join(lines)
    return f"CREATE {KEYWORD[kind]} {namespace.qualified(table.name)} (\n  {body}\n){clustering}"


def after_load(table: Table, namespace: Namespace, kind: TableKind) -> tuple[str, ...]:
    """What follows the data: nothing for a hybrid table, which has everything."""
    return () if kind == "hybrid" or not table.primary_key else (add_primary_key(table, namespace),)


def copy_table(table: Table, namespace: Namespace, kind: TableKind, source: str) -> str:
    """`CREATE TABLE … AS SELECT` from a table that is there already; columns and key are named where declared."""
    if kind != "hybrid":
        return ddl.copy_table(table, namespace, source, kind=KEYWORD[kind])
    columns = ", ".join(column.name for column in table.columns)
    return f"{create_table(table, namespace, kind, foreign_keys=False)} AS SELECT {columns} FROM {source}"


def _hybrid_parts(table: Table, namespace: Namespace, *, foreign_keys: bool) -> list[str]:
    """Keys and indexes, without the references of a table to itself.

    Those are checked row by row, not when the statement has ended ("Unsupported features and limitations for hybrid
    tables"), so a load would fail at the first row that refers to a later one.
    """
    if not table.primary_key:
        raise ConfigError(
            f"a hybrid table needs a primary key, and '{table.name}' has none; "
            f"declare one with dataset.tables.{table.name}.primary_key, or choose backend.tables=standard",
            key="backend.tables",
        )
    lines = [f"PRIMARY KEY ({', '.join(table.primary_key)})"]
    if foreign_keys:
        lines += [
            f"FOREIGN KEY ({', '.join(key.columns)}) "
            f"REFERENCES {namespace.qualified(key.table)} ({', '.join(key.references)})"
            for key in table.foreign_keys
            if key.table != table.name
        ]
    return lines + [_index(table, index) for index in table.indexes]


def _index(table: Table, index: Index) -> str:
    if index.unique:  # the service has no unique index, but a constraint that is kept by one
        return f"UNIQUE ({', '.join(index.columns)})"
    carried = f" INCLUDE ({', '.join(index.include)})" if index.include else ""
    return f"INDEX {table.name}_{'_'.join(index.columns)}_idx ({', '.join(index.columns)}){carried}"
