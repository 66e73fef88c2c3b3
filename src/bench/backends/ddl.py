"""DDL from the declared shape of a table. Plain SQL text; an engine's peculiarities come in as values."""

from __future__ import annotations

from collections.abc import Mapping

from bench.model import Index, LogicalType, Namespace, Table

STANDARD_TYPES: Mapping[str, str] = {
    "boolean": "BOOLEAN",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "double": "DOUBLE PRECISION",
    "decimal": "DECIMAL({precision},{scale})",
    "text": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


def type_name(logical: LogicalType, types: Mapping[str, str]) -> str:
    """The engine's spelling of a logical type; `types` holds what differs from the SQL standard."""
    if logical.name == "text" and logical.length:
        return types.get("text_limited", "VARCHAR({length})").format(length=logical.length)
    spelling = types.get(logical.name, STANDARD_TYPES[logical.name])
    return spelling.format(precision=logical.precision, scale=logical.scale)


def create_table(
    table: Table, namespace: Namespace, types: Mapping[str, str], *, kind: str = "TABLE", keys: bool = False
) -> str:
    """`CREATE TABLE`; with `keys` the primary and foreign keys stand in it, else they come after the data."""
    lines = [
        f"{column.name} {type_name(column.type, types)}{'' if column.nullable else ' NOT NULL'}"
        for column in table.columns
    ]
    if keys and table.primary_key:
        lines.append(f"PRIMARY KEY ({', '.join(table.primary_key)})")
    if keys:
        lines += [
            f"FOREIGN KEY ({', '.join(key.columns)}) "
            f"REFERENCES {namespace.qualified(key.table)} ({', '.join(key.references)})"
            for key in table.foreign_keys
        ]
    return f"CREATE {kind} {namespace.qualified(table.name)} (\n  " + ",\n  ".join(lines) + "\n)"


def copy_table(table: Table, namespace: Namespace, source: str, *, kind: str = "TABLE") -> str:
    """`CREATE TABLE … AS SELECT` from another table; every column where none is declared."""
    columns = ", ".join(column.name for column in table.columns) or "*"
    return f"CREATE {kind} {namespace.qualified(table.name)} AS SELECT {columns} FROM {source}"


def add_primary_key(table: Table, namespace: Namespace) -> str:
    """`ALTER TABLE … ADD PRIMARY KEY`, for engines that build the key faster over data that are there."""
    return f"ALTER TABLE {namespace.qualified(table.name)} ADD PRIMARY KEY ({', '.join(table.primary_key)})"


def create_index(table: Table, index: Index, namespace: Namespace, *, include: bool = False) -> str:
    """`CREATE INDEX`, named after table and columns; carried columns only where the engine has `INCLUDE`."""
    name = f"{namespace.prefix}{table.name}_{'_'.join(index.columns)}_idx"
    unique = "UNIQUE " if index.unique else ""
    carried = f" INCLUDE ({', '.join(index.include)})" if include and index.include else ""
    return f"CREATE {unique}INDEX {name} ON {namespace.qualified(table.name)} ({', '.join(index.columns)}){carried}"
