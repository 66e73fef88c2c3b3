"""How the values of a column come about that depends on no other: one class per `kind`.

The kinds that depend on other columns and tables are in `bench.dataset.links`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Le, MinLen

from bench.dataset.pools import POOLS
from bench.errors import ConfigError, nearest
from bench.literals import Scalar, encode, encode_key, parse_type

if TYPE_CHECKING:
    from bench.model import LogicalType

WHOLE = ("smallint", "integer", "bigint")
NUMBERS = (*WHOLE, "decimal", "double")
MOMENTS = ("date", "timestamp")
ANY = (*NUMBERS, *MOMENTS, "text", "boolean")
GENERATED_PRECISION = 18
"""Most digits of a generated decimal: its last digit is counted in 64 bits."""
MICROSECONDS_PER_SECOND = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ColumnSpec:
    """What every kind of column has."""

    type: str = ""
    """Such as `bigint`, `decimal(12,2)`, `text(20)`; may be left out where the kind, or another column, says it."""
    null_ratio: Annotated[float, Ge(0), Le(1)] = 0.0
    """Share of rows without a value; above 0 the column is nullable."""

    types: ClassVar[tuple[str, ...]] = ANY
    """Names of the types that the kind can make."""
    default_type: ClassVar[str] = ""
    """Type where none is given; empty: another column says it, or it must be given."""

    def __post_init__(self) -> None:
        logical = self.own_type
        if logical is None:
            return
        if logical.name not in self.types:
            raise ConfigError(
                f"a column of kind {self.label} cannot be {logical}; it can be {', '.join(self.types)}", key="type"
            )
        if logical.precision > GENERATED_PRECISION:
            raise ConfigError(
                f"'{self.type}' has too many digits; at most {GENERATED_PRECISION} are generated", key="type"
            )

    @property
    def label(self) -> str:
        """The value of `kind`."""
        return str(getattr(self, "kind", ""))

    @property
    def own_type(self) -> LogicalType | None:
        """The type that this column says by itself; None: that of another column."""
        text = self.type or self.default_type
        return parse_type(text) if text else None


@dataclass(frozen=True, kw_only=True)
class Free(ColumnSpec):
    """A column that depends on no other; it says its type itself."""

    def __post_init__(self) -> None:
        if self.own_type is None:
            raise ConfigError(
                f"a column of kind {self.label} needs a type; give one of {', '.join(self.types)}", key="type"
            )
        super().__post_init__()

    @property
    def logical(self) -> LogicalType:
        """The type of the column."""
        return parse_type(self.type or self.default_type)

    def number(self, key: str) -> int | float:
        """The inner number behind the field `key`."""
        value = encode(getattr(self, key), self.logical, key)
        return value if isinstance(value, int | float) else 0

    def check_bounds(self, low: float | str | None, high: float | str | None) -> None:
        """Refuse bounds that the type cannot hold, or in the wrong order; None: there is none."""
        least, greatest = (
            bound if bound is None else self.number(key) for key, bound in (("low", low), ("high", high))
        )
        if least is not None and greatest is not None and least > greatest:
            raise ConfigError(f"{low} is above high ({high}); low must not be above high", key="low")


@dataclass(frozen=True, kw_only=True)
class SequenceColumn(Free):
    """One step further in each row: the usual primary key."""

    kind: Literal["sequence"] = "sequence"
    low: int | str = 1
    """Value of the first row."""
    step: int = 1
    """Distance between rows: whole numbers, days of a date, seconds of a timestamp."""

    types = (*WHOLE, *MOMENTS)
    default_type = "bigint"

    def __post_init__(self) -> None:
        super().__post_init__()
        encode(self.low, self.logical, "low")
        if not self.step:
            raise ConfigError(
                "0 gives every row the same value; give a step above or below 0, or kind: constant", key="step"
            )

    @property
    def inner_step(self) -> int:
        """The step in inner numbers."""
        return self.step * (MICROSECONDS_PER_SECOND if self.logical.name == "timestamp" else 1)


@dataclass(frozen=True, kw_only=True)
class ConstantColumn(Free):
    """The same value in each row."""

    kind: Literal["constant"] = "constant"
    value: Scalar

    def __post_init__(self) -> None:
        super().__post_init__()
        encode(self.value, self.logical, "value")


@dataclass(frozen=True, kw_only=True)
class UniformColumn(Free):
    """Every value from low to high, both included, equally often."""

    kind: Literal["uniform"] = "uniform"
    low: int | float | str
    high: int | float | str

    types = (*NUMBERS, *MOMENTS)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_bounds(self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class NormalColumn(Free):
    """Normally distributed, rounded to the type; what lies beyond low or high becomes low or high."""

    kind: Literal["normal"] = "normal"
    mean: float
    deviation: Annotated[float, Ge(0)]
    low: int | float | None = None
    high: int | float | None = None

    types = NUMBERS

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_bounds(self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class ZipfColumn(Free):
    """Low most often, the k-th value after it with weight 1/(k+1)^skew."""

    kind: Literal["zipf"] = "zipf"
    low: int = 1
    high: int
    skew: Annotated[float, Ge(0), Le(10)] = 1.0

    types = WHOLE

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_bounds(self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class CategoricalColumn(Free):
    """A few values, each with its weight, or all equally often when only listed."""

    kind: Literal["categorical"] = "categorical"
    values: Annotated[Mapping[str, Annotated[float, Ge(0)]] | tuple[Scalar, ...], MinLen(1)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.inner_values)) < len(self.inner_values):
            raise ConfigError("a value stands there twice; give each once, with a weight", key="values")
        if not any(self.weights):
            raise ConfigError(
                "all weights are 0, so there is nothing to draw; give one value a weight above 0", key="values"
            )

    @property
    def inner_values(self) -> tuple[Scalar, ...]:
        """The values in their inner form, in declared order."""
        if isinstance(self.values, Mapping):
            return tuple(encode_key(text, self.logical, "values") for text in self.values)
        return tuple(encode(value, self.logical, "values") for value in self.values)

    @property
    def weights(self) -> tuple[float, ...]:
        """The weight of each value, in declared order."""
        return tuple(self.values.values()) if isinstance(self.values, Mapping) else (1.0,) * len(self.values)


@dataclass(frozen=True, kw_only=True)
class PoolColumn(Free):
    """Words drawn from a list: one of the built-in pools by its name, or a list of one's own."""

    kind: Literal["pool"] = "pool"
    pool: str | Annotated[tuple[str, ...], MinLen(1)]
    words: Annotated[int, Ge(1), Le(100)] = 1
    separator: str = " "

    types = ("text",)
    default_type = "text"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.pool, str) and self.pool not in POOLS:
            raise ConfigError(
                f"no pool '{self.pool}'; there are {', '.join(POOLS)}{nearest(self.pool, POOLS)}", key="pool"
            )
        longest = self.words * max(map(len, self.vocabulary)) + (self.words - 1) * len(self.separator)
        if 0 < self.logical.length < longest:
            raise ConfigError(f"'{self.type}' is too short: the longest text has {longest} characters", key="type")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words that are drawn from."""
        return POOLS[self.pool]() if isinstance(self.pool, str) else self.pool


@dataclass(frozen=True, kw_only=True)
class TemplateColumn(Free):
    """A text of its own for each row: `{n}` stands for the number of the row from 1, `{n:06}` for six digits of it."""

    kind: Literal["template"] = "template"
    template: str

    types = ("text",)
    default_type = "text"
    FORM: ClassVar[re.Pattern[str]] = re.compile(r"([^{}]*)\{n(?::0?(\d{1,2}))?\}([^{}]*)")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.FORM.fullmatch(self.template):
            raise ConfigError(
                f"'{self.template}' must hold {{n}}, or {{n:06}} for six digits, once and no other braces",
                key="template",
            )

    @property
    def parts(self) -> tuple[str, int, str]:
        """Text before the number, its least number of digits, text after it."""
        found = self.FORM.fullmatch(self.template)
        before, digits, after = found.groups() if found else (self.template, None, "")
        return before, int(digits or 1), after
