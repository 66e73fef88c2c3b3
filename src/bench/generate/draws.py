"""The values of columns that depend on no other: one function per kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.dataset.columns import (
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
from bench.distributions import Zipf
from bench.generate.values import Values
from bench.literals import encode, whole_limits

if TYPE_CHECKING:
    from collections.abc import Callable

EXACT = 2**62
"""Beyond, a double next to the greatest whole number of 64 bits may round to one more than it."""

Draw: TypeAlias = "Callable[[np.random.Generator, int, int], Values]"
"""Gives the values of one chunk from its randomness, the number of its first row and the count of its rows."""


def prepare(spec: ColumnSpec) -> Draw:
    """What draws a column of this kind, with all that is the same in each chunk made ready."""
    return _KINDS[type(spec)](spec)


def sequence_values(spec: SequenceColumn, rows: np.ndarray) -> np.ndarray:
    """The inner numbers of these rows, counted from 0."""
    return int(encode(spec.low, spec.logical, "low")) + rows * spec.inner_step


@dataclass(frozen=True, slots=True)
class _Sequence:
    spec: SequenceColumn

    def __call__(self, rng: np.random.Generator, start: int, count: int) -> Values:
        return Values(numbers=sequence_values(self.spec, np.arange(start, start + count, dtype=np.int64)))


class _Constant:
    def __init__(self, spec: ConstantColumn) -> None:
        self.value = encode(spec.value, spec.logical, "value")

    def __call__(self, rng: np.random.Generator, start: int, count: int) -> Values:
        if isinstance(self.value, str):
            return Values(numbers=np.zeros(count, dtype=np.int8), words=pa.array([self.value], pa.string()))
        return Values(numbers=np.full(count, self.value))


class _Uniform:
    def __init__(self, spec: UniformColumn) -> None:
        self.low, self.high = spec.number("low"), spec.number("high")
        self.real = spec.logical.name == "double"

    def __call__(self, rng: np.random.Generator, start: int, count: int) -> Values:
        if self.real:
            return Values(numbers=self.low + (self.high - self.low) * rng.random(count))
        return Values(numbers=rng.integers(int(self.low), int(self.high), count, dtype=np.int64, endpoint=True))


class _Normal:
    def __init__(self, spec: NormalColumn) -> None:
        self.real = spec.logical.name == "double"
        self.unit = 10**spec.logical.scale
        self.mean, self.deviation = spec.mean * self.unit, spec.deviation * self.unit
        least, greatest = (-np.inf, np.inf) if self.real else np.clip(whole_limits(spec.logical), -EXACT, EXACT)
        self.low = least if spec.low is None else spec.number("low")
        self.high = greatest if spec.high is None else spec.number("high")

    def __call__(self, rng: np.random.Generator, start: int, count: int) -> Values:
        values = np.clip(rng.normal(self.mean, self.deviation, count), self.low, self.high)
        return Values(numbers=values if self.real else np.rint(values).astype(np.int64))


class _Zipf:
    def __init__(self, spec: ZipfColumn) -> None:
        self.low = spec.low
        self.ranks = Zipf(spec.high - spec.low + 1, spec.skew)

    def __call__(self, rng: np.random.Generator, start: int, count: int) -> Values:
        return Values(numbers=self.low + self.ranks.draw(rng, count))


class _Categorical:
    def __init__(self, spec: CategoricalColumn) -> None:
        values = spec.inner_values
        share = np.cumsum(spec.weights)
        self.bounds = share[:-1] / share[-1]
        self.words = pa.array(values, pa.string()) if spec.logical.name == "text" else None
        self.values = np.arange(len(values), dtype=np.int32) if self.words is not None else np.array(values)

    def __call__(self, rng: np.random.Generator, start: int, count: int) -> Values:
        chosen = np.searchsorted(self.bounds, rng.random(count), side="right")
        return Values(numbers=self.values[chosen], words=self.words)


class _Pool:
    def __init__(self, spec: PoolColumn) -> None:
        self.words = pa.array(spec.vocabulary, pa.string())
        self.spec = spec

    def __call__(self, rng: np.random.Generator, start: int, count: int) -> Values:
        chosen = rng.integers(0, len(self.words), (self.spec.words, count), dtype=np.int32)
        if self.spec.words == 1:
            return Values(numbers=chosen[0], words=self.words)
        parts = [self.words.take(pa.array(positions)) for positions in chosen]
        return _own_texts(pc.binary_join_element_wise(*parts, self.spec.separator))


class _Template:
    def __init__(self, spec: TemplateColumn) -> None:
        self.before, self.digits, self.after = spec.parts

    def __call__(self, rng: np.random.Generator, start: int, count: int) -> Values:
        numbers = pa.array(np.arange(start + 1, start + count + 1)).cast(pa.string())
        padded = pc.utf8_lpad(numbers, self.digits, "0") if self.digits > 1 else numbers
        return _own_texts(pc.binary_join_element_wise(self.before, padded, self.after, ""))


def _own_texts(texts: pa.StringArray) -> Values:
    """Each row has a text of its own."""
    return Values(numbers=np.arange(len(texts), dtype=np.int32), words=texts)


_KINDS: dict[type[ColumnSpec], Callable[..., Draw]] = {
    SequenceColumn: _Sequence,
    ConstantColumn: _Constant,
    UniformColumn: _Uniform,
    NormalColumn: _Normal,
    ZipfColumn: _Zipf,
    CategoricalColumn: _Categorical,
    PoolColumn: _Pool,
    TemplateColumn: _Template,
}
