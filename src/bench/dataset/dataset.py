"""What data there are: the tables of a dataset, declared, or found in a database as it stands."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, TypeAlias

from annotated_types import Ge, Gt, MinLen

from bench.dataset.declaration import Declaration
from bench.dataset.links import AnyColumn
from bench.errors import ConfigError, nearest
from bench.literals import check_identifier, parse_type
from bench.model import Column, ForeignKey, Index, Table

GENERATOR_VERSION = 1
"""Counts the changes by which the same declaration gives other data."""

Columns: TypeAlias = Annotated[Mapping[str, AnyColumn], MinLen(1)]


@dataclass(frozen=True, kw_only=True)
class IndexSpec:
    """A secondary index, where a list of columns does not say enough."""

    columns: Annotated[tuple[str, ...], MinLen(1)]
    unique: bool = False
    include: tuple[str, ...] = ()
    """Columns carried along without being searched."""


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """A declared table: how many rows, of what columns, found by what keys."""

    rows: Annotated[int, Ge(1)]
    """Number of rows at scale 1."""
    fixed: bool = False
    """The number of rows does not grow with the scale."""
    primary_key: tuple[str, ...] = ()
    indexes: tuple[Annotated[tuple[str, ...], MinLen(1)] | IndexSpec, ...] = ()
    clustering: tuple[str, ...] = ()
    """Columns by which an engine that clusters by declaration should order the table."""
    columns: Columns

    def __post_init__(self) -> None:
        for name in self.columns:
            check_identifier(name, "column", f"columns.{name}")
        _check_columns(self.primary_key, self.columns, "primary_key")
        _check_columns(self.clustering, self.columns, "clustering")
        for position, index in enumerate(self.secondary):
            _check_columns(index.columns + index.include, self.columns, f"indexes.{position}")

    @property
    def secondary(self) -> tuple[Index, ...]:
        """The secondary indexes, whichever way they were written."""
        specs = [index if isinstance(index, IndexSpec) else IndexSpec(columns=index) for index in self.indexes]
        return tuple(Index(columns=spec.columns, unique=spec.unique, include=spec.include) for spec in specs)

    @property
    def unique_columns(self) -> tuple[str, ...]:
        """The columns that tell the rows apart by themselves."""
        unique = [self.primary_key, *(index.columns for index in self.secondary if index.unique)]
        return tuple(dict.fromkeys(columns[0] for columns in unique if len(columns) == 1))


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """The tables that are asked."""

    name: str
    """The value of the column `dataset` in every result."""
    schema: str
    """The schema of the tables in a database, or the prefix of their names where there are no schemas."""

    def __post_init__(self) -> None:
        check_identifier(self.name, "dataset", "name")
        check_identifier(self.schema, "schema", "schema")

    @property
    @abstractmethod
    def shape(self) -> tuple[Table, ...]:
        """The tables in declared order, but each after those that it refers to."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that decides the data; empty: only the database can tell."""

    @property
    @abstractmethod
    def generated(self) -> bool:
        """The data are made and loaded; otherwise they are there already and nothing is created or dropped."""

    @property
    def made(self) -> bool:
        """The tables are made by this tool, which may drop them again."""
        return self.generated

    @property
    @abstractmethod
    def writable(self) -> bool:
        """Operations may change the data."""

    @abstractmethod
    def rows(self, table: str) -> int | None:
        """Number of rows of a table; None: only the database can tell."""


@dataclass(frozen=True, kw_only=True)
class GeneratedDataset(Dataset):
    """Declared tables, filled with data that depend on the declaration alone."""

    seed: Annotated[int, Ge(0)] = 42
    scale: Annotated[float, Gt(0)] = 1.0
    """Factor of the number of rows of every table that is not fixed."""
    chunk_rows: Annotated[int, Ge(1_024)] = 65_536
    """Rows that are generated at once; part of what decides the data."""
    cache: bool = True
    """Keep the data as Parquet files; otherwise they are generated anew whenever they are loaded."""
    tables: Annotated[Mapping[str, TableSpec], MinLen(1)]

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.tables:
            check_identifier(name, "table", f"tables.{name}")
        self.declaration.table_order()

    @cached_property
    def declaration(self) -> Declaration:
        """The tables, checked as a whole."""
        return Declaration(tables=self.tables, rows={name: self._scaled(table) for name, table in self.tables.items()})

    @property
    def shape(self) -> tuple[Table, ...]:
        """Tables with keys, indexes and foreign keys, parents first."""
        return tuple(self._table(name) for name in self.declaration.table_order())

    @property
    def fingerprint(self) -> str:
        """Hash of seed, scale, columns and the generator's version; neither names nor keys and indexes enter."""
        plain = {
            "generator": GENERATOR_VERSION,
            "seed": self.seed,
            "scale": float(self.scale),
            "chunk_rows": self.chunk_rows,
            "tables": {name: _plain([table.rows, table.fixed, table.columns]) for name, table in self.tables.items()},
        }
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    @property
    def generated(self) -> bool:
        """True."""
        return True

    @property
    def writable(self) -> bool:
        """True: what an operation changes can be made again."""
        return True

    def rows(self, table: str) -> int:
        """Number of rows at this scale, at least 1."""
        return self.declaration.rows[table]

    def _scaled(self, table: TableSpec) -> int:
        return table.rows if table.fixed else max(1, round(table.rows * self.scale))

    def _table(self, name: str) -> Table:
        spec, declared = self.tables[name], self.declaration
        targets = {column: declared.refers_to((name, column)) for column in spec.columns}
        return Table(
            name=name,
            columns=tuple(
                Column(name=column, type=declared.type_of((name, column)), nullable=declared.nullable((name, column)))
                for column in spec.columns
            ),
            primary_key=spec.primary_key,
            indexes=spec.secondary,
            foreign_keys=tuple(
                ForeignKey(columns=(column,), table=target[0], references=(target[1],))
                for column, target in targets.items()
                if target
            ),
            clustering=spec.clustering,
        )


@dataclass(frozen=True, kw_only=True)
class ExistingTable:
    """What a template needs to know of a table that is there already."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """The type of each column, such as `bigint` or `decimal(12,2)`."""
    primary_key: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, text in self.columns.items():
            parse_type(text, f"columns.{name}")
        _check_columns(self.primary_key, self.columns, "primary_key")

    def shape(self, name: str) -> Table:
        """The table as far as it is declared; whether a column may be null is not, but for those of the key."""
        return Table(
            name=name,
            columns=tuple(
                Column(name=column, type=parse_type(text), nullable=column not in self.primary_key)
                for column, text in self.columns.items()
            ),
            primary_key=self.primary_key,
        )


@dataclass(frozen=True, kw_only=True)
class ExistingDataset(Dataset):
    """Tables of a database as it stands: nothing is generated, loaded or dropped."""

    schema: str = "public"
    tables: Mapping[str, ExistingTable] = field(default_factory=dict)
    """Tables that templates need to know; the others can be asked too."""
    allow_writes: bool = False
    """Operations that change data may be run."""

    @property
    def shape(self) -> tuple[Table, ...]:
        """The declared tables, as far as they are declared."""
        return tuple(table.shape(name) for name, table in self.tables.items())

    @property
    def fingerprint(self) -> str:
        """Empty: only the database can tell."""
        return ""

    @property
    def generated(self) -> bool:
        """False."""
        return False

    @property
    def writable(self) -> bool:
        """As the user allows."""
        return self.allow_writes

    def rows(self, table: str) -> None:
        """None: only the database can tell."""
        return


@dataclass(frozen=True, kw_only=True)
class CopiedDataset(Dataset):
    """Tables that the engine copies from a schema of its own, such as the samples that come with an account."""

    source: Annotated[str, MinLen(1)]
    """The schema to copy from, with its database where that is another one, as `snowflake_sample_data.tpch_sf1`."""
    tables: Annotated[Mapping[str, ExistingTable], MinLen(1)]
    """What is copied; all of a table's columns, or those that are declared."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for part in self.source.split("."):
            check_identifier(part, "schema", "source")
        if self.source.rpartition(".")[2] == self.schema and "." not in self.source:
            raise ConfigError(f"'{self.source}' cannot be copied onto itself; choose another schema", key="schema")

    @property
    def shape(self) -> tuple[Table, ...]:
        """The declared tables, as far as they are declared."""
        return tuple(table.shape(name) for name, table in self.tables.items())

    @property
    def fingerprint(self) -> str:
        """Empty: only the database can tell."""
        return ""

    @property
    def generated(self) -> bool:
        """False."""
        return False

    @property
    def made(self) -> bool:
        """True."""
        return True

    @property
    def writable(self) -> bool:
        """True: what an operation changes can be copied again."""
        return True

    def rows(self, table: str) -> None:
        """None: only the database can tell."""
        return


def _check_columns(named: Iterable[str], columns: Mapping[str, object], key: str) -> None:
    for name in named:
        if name not in columns:
            raise ConfigError(f"no column '{name}'; there are {', '.join(columns)}{nearest(name, columns)}", key=key)


def _plain(value: object) -> object:
    """The same as lists and texts; a mapping becomes a list of pairs, for the order of columns counts."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {spec.name: getattr(value, spec.name) for spec in dataclasses.fields(value)}
        return [type(value).__name__, _plain(fields)]
    if isinstance(value, Mapping):
        return [[key, _plain(item)] for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
