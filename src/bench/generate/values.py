"""The values of one column over some rows, as plain numbers, and the Arrow array that they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.distributions import Whole
    from bench.model import LogicalType, Table

STORED = {
    "smallint": np.int16,
    "integer": np.int32,
    "bigint": np.int64,
    "double": np.float64,
    "date": np.int32,
    "timestamp": np.int64,
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Values:
    """One column over n rows."""

    numbers: NDArray[Any]
    """Inner numbers, shape (n,): whole numbers, float64 or bool; of a text, positions in `words`."""
    nulls: NDArray[np.bool_] | None = None
    """True where a row has no value, shape (n,); None: all have one."""
    words: pa.StringArray | None = None
    """The texts that positions stand for."""

    def take(self, rows: Whole) -> Values:
        """The values of these rows, counted from 0."""
        nulls = None if self.nulls is None else self.nulls[rows]
        return Values(numbers=self.numbers[rows], nulls=nulls, words=self.words)

    def without(self, nulls: NDArray[np.bool_] | None) -> Values:
        """The same with more rows that have no value."""
        if nulls is None:
            return self
        return Values(numbers=self.numbers, nulls=nulls if self.nulls is None else self.nulls | nulls, words=self.words)

    def compact(self) -> Values:
        """The same in as few bytes as whole numbers allow, for keeping."""
        if self.numbers.dtype != np.int64 or not len(self.numbers):
            return self
        fits = np.abs(self.numbers).max() < 2**31
        return Values(numbers=self.numbers.astype(np.int32), nulls=self.nulls, words=self.words) if fits else self


def concatenate(parts: Sequence[Values]) -> Values:
    """One after the other; texts may come from lists of their own."""
    if len(parts) == 1:
        return parts[0]
    nulls = None
    if any(part.nulls is not None for part in parts):
        nulls = np.concatenate(
            [np.zeros(len(part.numbers), bool) if part.nulls is None else part.nulls for part in parts]
        )
    first = parts[0].words
    if first is None or all(part.words is first for part in parts):
        return Values(numbers=np.concatenate([part.numbers for part in parts]), nulls=nulls, words=first)
    lists = [part.words for part in parts if part.words is not None]
    offsets = np.cumsum([0, *(len(words) for words in lists[:-1])])
    shifted = [part.numbers.astype(np.int64) + offset for part, offset in zip(parts, offsets, strict=True)]
    return Values(numbers=np.concatenate(shifted), nulls=nulls, words=pa.concat_arrays(lists))


def arrow_type(logical: LogicalType) -> pa.DataType:
    """The Arrow type of a logical type."""
    if logical.name == "decimal":
        return pa.decimal128(logical.precision, logical.scale)
    types = {
        "boolean": pa.bool_(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "text": pa.string(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
    }
    return types[logical.name]


def arrow_schema(table: Table) -> pa.Schema:
    """The columns of a table with Arrow's types, and whether they may be without a value."""
    return pa.schema([pa.field(each.name, arrow_type(each.type), nullable=each.nullable) for each in table.columns])


def to_arrow(values: Values, logical: LogicalType) -> pa.Array:
    """The Arrow array of these values; numbers are handed over, not copied, wherever the layout allows."""
    if values.words is not None:
        return values.words.take(pa.array(values.numbers, mask=values.nulls))
    count = len(values.numbers)
    validity = None if values.nulls is None else pa.py_buffer(np.packbits(~values.nulls, bitorder="little"))
    data: NDArray[Any]
    if logical.name == "decimal":
        data = _wide(values.numbers)
    elif logical.name == "boolean":
        data = np.packbits(values.numbers, bitorder="little")
    else:
        data = np.ascontiguousarray(values.numbers, dtype=STORED[logical.name])
    return pa.Array.from_buffers(arrow_type(logical), count, [validity, pa.py_buffer(data)])


def _wide(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """Decimals as Arrow keeps them: 128 bits, low word first, the sign repeated in the high word."""
    words = np.empty((len(numbers), 2), dtype=np.int64)
    words[:, 0] = numbers
    words[:, 1] = words[:, 0] >> 63
    return words
