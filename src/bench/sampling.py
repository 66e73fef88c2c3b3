"""Where bound values come from: one class per `kind` of an operation's `params`. Pure: no clock, file or environment.

The shapes are those of YCSB (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010): uniform, zipf,
latest, sequential. Zipf ranks come from the exact cumulative weights instead of the approximation of Gray et al.,
"Quickly Generating Billion-Record Synthetic Databases" (SIGMOD 1994), so that any skew of 0 or more is allowed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from annotated_types import Ge, Le, MinLen
from pydantic import Field

from bench.errors import ConfigError
from bench.literals import Scalar, check_identifier, decode, encode, parse_type
from bench.model import LogicalType

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from bench.distributions import Zipf as Ranks
    from bench.model import Value

YCSB_SKEW = 0.99
WIDEST = LogicalType(name="bigint")
Distribution: TypeAlias = Literal["uniform", "zipf", "latest", "sequential"]
Skew: TypeAlias = Annotated[float, Ge(0), Le(10)]


@dataclass(frozen=True, kw_only=True)
class Sampler(ABC):
    """A declared stream of values."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """The next `size` values of one client's stream.

        Args:
            rng: The stream's own randomness, carried on from block to block.
            size: How many values, at least 1.
            position: How many values of this stream were drawn before.
            lane: Which client draws, from 0.
            lanes: Number of clients, so that each can keep to values of its own.
        """


@dataclass(frozen=True, kw_only=True)
class Constant(Sampler):
    """The same value every time."""

    kind: Literal["constant"] = "constant"
    value: Scalar | None
    type: str = ""
    """Such as `date` or `decimal(12,2)`, where the value is to be bound as that; empty: as it is written."""

    def __post_init__(self) -> None:
        if self.value is not None:
            _typed(self.value, self.type, "value")

    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """The value, `size` times."""
        return [None if self.value is None else _typed(self.value, self.type, "value")] * size


@dataclass(frozen=True, kw_only=True)
class Uniform(Sampler):
    """Every value from low to high, both included, equally often.

    Whole bounds give whole numbers, bounds with a fraction give floats, ISO dates give dates, ISO timestamps give
    timestamps; `places` gives decimals.
    """

    kind: Literal["uniform"] = "uniform"
    low: int | float | str
    high: int | float | str
    places: Annotated[int, Ge(0), Le(18)] | None = None
    """Digits after the point of a decimal."""

    def __post_init__(self) -> None:
        if isinstance(self.low, str) != isinstance(self.high, str):
            raise ConfigError(
                f"{self.low} and {self.high} are no range; give two numbers, dates or timestamps", key="low"
            )
        low, high = self._bounds
        if low > high:
            raise ConfigError(f"{self.low} is above high ({self.high}); low must not be above high", key="low")

    @property
    def _logical(self) -> LogicalType:
        """The type of the values, after how the bounds are written."""
        if self.places is not None:
            return LogicalType(name="decimal", precision=18, scale=self.places)
        texts = [bound for bound in (self.low, self.high) if isinstance(bound, str)]
        if texts:
            return LogicalType(name="timestamp" if any(len(text) > len("2024-01-31") for text in texts) else "date")
        return LogicalType(name="double") if float in (type(self.low), type(self.high)) else WIDEST

    @property
    def _bounds(self) -> tuple[int | float, int | float]:
        low, high = encode(self.low, self._logical, "low"), encode(self.high, self._logical, "high")
        return float(low) if isinstance(low, float) else int(low), float(high) if isinstance(high, float) else int(high)

    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """Independent draws."""
        (low, high), logical = self._bounds, self._logical
        if logical.name == "double":
            return [float(value) for value in low + (high - low) * rng.random(size)]
        numbers = rng.integers(int(low), int(high), size, endpoint=True).tolist()
        return numbers if logical == WIDEST else [decode(number, logical) for number in numbers]


@dataclass(frozen=True, kw_only=True)
class Normal(Sampler):
    """Normally distributed floats; what lies beyond low or high becomes low or high."""

    kind: Literal["normal"] = "normal"
    mean: float
    deviation: Annotated[float, Ge(0)]
    low: float | None = None
    high: float | None = None
    whole: bool = False
    """Rounded to whole numbers."""
    places: Annotated[int, Ge(0), Le(18)] | None = None
    """Rounded to a decimal with so many digits after the point."""

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ConfigError(f"{self.low} is above high ({self.high}); low must not be above high", key="low")
        if self.whole and self.places is not None:
            raise ConfigError("whole numbers have no decimal places; give one of whole and places", key="places")

    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """Independent draws."""
        import numpy as np

        low, high = -np.inf if self.low is None else self.low, np.inf if self.high is None else self.high
        values = np.clip(rng.normal(self.mean, self.deviation, size), low, high)
        if self.whole:
            return [int(value) for value in np.rint(values)]
        if self.places is None:
            return [float(value) for value in values]
        logical = LogicalType(name="decimal", precision=18, scale=self.places)
        return [decode(int(value), logical) for value in np.rint(values * 10.0**self.places)]


@dataclass(frozen=True, kw_only=True)
class Ranked(Sampler):
    """Whole numbers from low to high, some far more often than others."""

    low: int = 1
    high: int
    skew: Skew = YCSB_SKEW

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ConfigError(f"{self.low} is above high ({self.high}); low must not be above high", key="low")

    @cached_property
    def _ranks(self) -> Ranks:
        from bench.distributions import Zipf as Ranks

        return Ranks(self.high - self.low + 1, self.skew)


@dataclass(frozen=True, kw_only=True)
class Zipf(Ranked):
    """Low most often, the k-th value after it with weight 1/(k+1)^skew."""

    kind: Literal["zipf"] = "zipf"

    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """Independent draws."""
        return [self.low + rank for rank in self._ranks.draw(rng, size).tolist()]


@dataclass(frozen=True, kw_only=True)
class Latest(Ranked):
    """High most often, the k-th value before it with weight 1/(k+1)^skew: what is newest is asked most."""

    kind: Literal["latest"] = "latest"

    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """Independent draws."""
        return [self.high - rank for rank in self._ranks.draw(rng, size).tolist()]


@dataclass(frozen=True, kw_only=True)
class Sequential(Sampler):
    """One value after the other, none of them twice: of c clients, each takes every c-th."""

    kind: Literal["sequential"] = "sequential"
    low: int = 1
    step: int = 1

    def __post_init__(self) -> None:
        if not self.step:
            raise ConfigError(
                "0 gives the same value again; give a step above or below 0, or kind: constant", key="step"
            )

    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """The next of this client's own values."""
        return [self.low + (count * lanes + lane) * self.step for count in range(position, position + size)]


@dataclass(frozen=True, kw_only=True)
class Choice(Sampler):
    """A few values, all equally often, or each with its weight."""

    kind: Literal["choice"] = "choice"
    values: Annotated[tuple[Scalar | None, ...], MinLen(1)]
    weights: tuple[Annotated[float, Ge(0)], ...] = ()
    """One per value; empty: all the same."""
    type: str = ""
    """Such as `date` or `decimal(12,2)`, where the values are to be bound as that; empty: as they are written."""

    def __post_init__(self) -> None:
        for value in self.values:
            if value is not None:
                _typed(value, self.type, "values")
        if self.weights and len(self.weights) != len(self.values):
            raise ConfigError(
                f"{len(self.weights)} weights for {len(self.values)} values; give one each", key="weights"
            )
        if self.weights and not any(self.weights):
            raise ConfigError("all weights are 0, so there is nothing to draw; give one above 0", key="weights")

    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """Independent draws."""
        import numpy as np

        share = np.cumsum(self.weights or [1.0] * len(self.values))
        chosen = np.searchsorted(share[:-1] / share[-1], rng.random(size), side="right")
        values = [None if value is None else _typed(value, self.type, "values") for value in self.values]
        return [values[position] for position in chosen]


@dataclass(frozen=True, kw_only=True)
class Column(Sampler):
    """Values that a column of the dataset really holds, ascending; ranks count from the least."""

    kind: Literal["column"] = "column"
    table: str
    column: str
    distribution: Distribution = "uniform"
    skew: Skew = YCSB_SKEW

    def __post_init__(self) -> None:
        check_identifier(self.table, "table", "table")
        check_identifier(self.column, "column", "column")

    def resolve(self, values: Sequence[Value]) -> Sampler:
        """The same with the values at hand, which are distinct and ascending.

        Raises:
            ConfigError: There are none.
        """
        if not values:
            raise ConfigError(f"{self.table}.{self.column} holds no values to draw from", key="column")
        last = len(values) - 1
        positions: dict[Distribution, Sampler] = {
            "uniform": Uniform(low=0, high=last),
            "zipf": Zipf(low=0, high=last, skew=self.skew),
            "latest": Latest(low=0, high=last, skew=self.skew),
            "sequential": Sequential(low=0),
        }
        return Among(values=tuple(values), positions=positions[self.distribution])

    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """Nothing yet: the values have to be found first."""
        raise RuntimeError(
            f"{self.table}.{self.column} must be resolved with the column's values before it is drawn from"
        )


@dataclass(frozen=True, kw_only=True)
class Among(Sampler):
    """Values picked from a list by a stream of positions; positions beyond its end begin anew."""

    values: tuple[Value, ...]
    positions: Sampler

    def draw(self, rng: np.random.Generator, size: int, *, position: int, lane: int, lanes: int) -> list[Value]:
        """The values at the positions drawn."""
        drawn = self.positions.draw(rng, size, position=position, lane=lane, lanes=lanes)
        return [self.values[at % len(self.values)] for at in drawn if isinstance(at, int)]


AnySampler: TypeAlias = Annotated[
    Constant | Uniform | Normal | Zipf | Latest | Sequential | Choice | Column, Field(discriminator="kind")
]


def _typed(value: Scalar, text: str, key: str) -> Value:
    """The value as it is bound: as written, or of the type that is asked for."""
    if not text:
        return value
    logical = parse_type(text)
    return decode(encode(value, logical, key), logical)
