"""How the values of a column come about that depends on others: one class per `kind`.

    on a row of another table    foreign_key, parent
    on another column            inherit, ratio, after

What such a column says of the others is checked in `bench.dataset.declaration`, which sees all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Le
from pydantic import Field

from bench.dataset.columns import (
    MOMENTS,
    NUMBERS,
    WHOLE,
    CategoricalColumn,
    ColumnSpec,
    ConstantColumn,
    NormalColumn,
    PoolColumn,
    SequenceColumn,
    TemplateColumn,
    UniformColumn,
    ZipfColumn,
)
from bench.errors import ConfigError

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Reference(ColumnSpec):
    """A column that holds the key of a row of another table."""

    references: str
    """Table and column, as in `customers.customer_id`; the column is a key of kind `sequence`."""

    types = (*WHOLE, *MOMENTS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"\w+\.\w+", self.references):
            raise ConfigError(f"'{self.references}' names no column; write table.column", key="references")

    @property
    def target(self) -> tuple[str, str]:
        """Table and column that are referenced."""
        table, _, column = self.references.partition(".")
        return table, column


@dataclass(frozen=True, kw_only=True)
class ForeignKeyColumn(Reference):
    """A row of the referenced table, drawn anew for each row.

    A reference to the own table goes to an earlier row; the first row has none, so the column must be nullable.
    """

    kind: Literal["foreign_key"] = "foreign_key"
    skew: Annotated[float, Ge(0), Le(10)] = 0.0
    """0: each row equally often; above 0: the k-th row with weight 1/k^skew."""
    scatter: bool = False
    """Spread the frequent rows over the whole table; otherwise the first rows are the frequent ones."""
    within: str = ""
    """A column that both tables have: only rows that agree in it are drawn."""
    cover: bool = False
    """The first rows refer to each referenced row once, so that none is left without."""


@dataclass(frozen=True, kw_only=True)
class ParentColumn(Reference):
    """Rows lie in the order of their parents, as lines of an order do; the number per parent varies, and may be 0."""

    kind: Literal["parent"] = "parent"
    spread: Annotated[float, Ge(0), Le(100_000)] = 8.0
    """How many rows a row may be away from its place, on either side; 0: all parents have equally many."""


@dataclass(frozen=True, kw_only=True)
class Derived(ColumnSpec):
    """A column that is made from another one."""

    column: str
    """The column that it is made from."""
    through: str = ""
    """The own column of kind foreign_key or parent in whose table `column` is; empty: it is in the own row."""


@dataclass(frozen=True, kw_only=True)
class InheritColumn(Derived):
    """The same value as in the referenced row."""

    kind: Literal["inherit"] = "inherit"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.through:
            raise ConfigError("name the own column that refers to the other table", key="through")


@dataclass(frozen=True, kw_only=True)
class RatioColumn(Derived):
    """A share of a number, uniform from low to high, rounded to the type."""

    kind: Literal["ratio"] = "ratio"
    low: Annotated[float, Ge(0)]
    high: Annotated[float, Ge(0)]

    types = NUMBERS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            raise ConfigError(f"{self.low} is above high ({self.high}); low must not be above high", key="low")


@dataclass(frozen=True, kw_only=True)
class AfterColumn(Derived):
    """A date or timestamp that lies after another one: by low to high, uniformly; negative: before it."""

    kind: Literal["after"] = "after"
    low_days: int = 0
    high_days: int = 0
    low_s: int = 0
    """Seconds in addition to the days, for timestamps."""
    high_s: int = 0

    types = MOMENTS

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.bounds_s
        if low > high:
            raise ConfigError(f"the least distance ({low} s) is above the greatest ({high} s)", key="low_days")

    @property
    def bounds_s(self) -> tuple[int, int]:
        """Least and greatest distance in seconds."""
        return self.low_days * SECONDS_PER_DAY + self.low_s, self.high_days * SECONDS_PER_DAY + self.high_s


AnyColumn: TypeAlias = Annotated[
    SequenceColumn
    | ConstantColumn
    | UniformColumn
    | NormalColumn
    | ZipfColumn
    | CategoricalColumn
    | PoolColumn
    | TemplateColumn
    | ForeignKeyColumn
    | ParentColumn
    | InheritColumn
    | RatioColumn
    | AfterColumn,
    Field(discriminator="kind"),
]
