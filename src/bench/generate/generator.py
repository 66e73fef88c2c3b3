"""Rows of declared tables, chunk by chunk, each value from (seed, table, column, chunk) alone.

What a column needs of another table is computed anew, not read: rows that lie in the order of their parents need only
the chunks in which these lie; rows that refer anywhere need one number per referenced row, which is kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from bench.dataset.columns import MICROSECONDS_PER_SECOND, SequenceColumn
from bench.dataset.links import SECONDS_PER_DAY, AfterColumn, ForeignKeyColumn, ParentColumn, RatioColumn
from bench.distributions import Whole, Zipf, bit_stream, scatter
from bench.errors import ConfigError
from bench.generate import draws
from bench.generate.values import Values, arrow_schema, concatenate, to_arrow
from bench.literals import whole_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from numpy.typing import NDArray

    from bench.dataset import GeneratedDataset
    from bench.dataset.declaration import Place

T = TypeVar("T")

RECENT_LIMIT = 96
"""Columns of chunks that are kept, because a neighbour may ask for them too: at most 50 MB."""
GROUP_LIMIT = 50_000_000
"""Greatest distance between two values by which rows are grouped."""
MICROSECONDS_PER_DAY = SECONDS_PER_DAY * MICROSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Referenced:
    """Which row of the other table each row refers to."""

    rows: Whole
    """Numbers of rows from 0, shape (n,); any valid one where there is no reference."""
    nulls: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The rows of a table by the value of one of its columns."""

    least: int
    """The value of the first group."""
    first: Whole
    """Where each group begins in `rows`, one entry more than there are groups."""
    rows: Whole
    """Numbers of rows, group by group, ascending in each; in 32 bits where they fit."""


class Generator:
    """Makes the rows of one dataset; may be used by several threads at once."""

    def __init__(self, dataset: GeneratedDataset) -> None:
        self.dataset = dataset
        self.declared = dataset.declaration
        self.shape = {table.name: table for table in dataset.shape}
        self._types = {
            (name, column.name): column.type for name, table in self.shape.items() for column in table.columns
        }
        self._recent = _Memory(RECENT_LIMIT)
        self._kept = _Memory(None)

    def chunk_count(self, table: str) -> int:
        """Number of chunks of a table, at least 1."""
        return -(-self.declared.rows[table] // self.dataset.chunk_rows)

    def bounds(self, table: str, chunk: int) -> tuple[int, int]:
        """Number of the first row of a chunk, and count of its rows."""
        if not 0 <= chunk < self.chunk_count(table):
            raise IndexError(f"{table} has the chunks 0 to {self.chunk_count(table) - 1}, not {chunk}")
        start = chunk * self.dataset.chunk_rows
        return start, min(self.dataset.chunk_rows, self.declared.rows[table] - start)

    def chunk(self, table: str, chunk: int, columns: Iterable[str] | None = None) -> pa.RecordBatch:
        """The rows of a chunk, with these columns in this order, or all."""
        schema = arrow_schema(self.shape[table])
        names = schema.names if columns is None else list(columns)
        arrays = [to_arrow(self.values((table, name), chunk), self._types[table, name]) for name in names]
        return pa.record_batch(arrays, schema=pa.schema([schema.field(name) for name in names]))

    def values(self, place: Place, chunk: int) -> Values:
        """One column of a chunk."""
        return self._recent.get(("values", place, chunk), lambda: self._make(place, chunk))

    def _make(self, place: Place, chunk: int) -> Values:
        spec, (start, count) = self.declared.spec(place), self.bounds(place[0], chunk)
        if isinstance(spec, ForeignKeyColumn | ParentColumn):
            referred = self._referenced(place, chunk)
            key = self.declared.spec(spec.target)
            if not isinstance(key, SequenceColumn):
                raise TypeError(f"{spec.references} is not of kind sequence")
            return Values(numbers=draws.sequence_values(key, referred.rows), nulls=referred.nulls)
        if isinstance(spec, RatioColumn):
            return self._ratio(place, spec, chunk)
        if isinstance(spec, AfterColumn):
            return self._after(place, spec, chunk)
        if not self.declared.depends_on(place):
            draw = self._kept.get(("draw", place), lambda: draws.prepare(spec))
            return draw(self._rng(place, "value", chunk), start, count).without(self._nulls(place, chunk))
        return self._source(place, chunk).without(self._nulls(place, chunk))

    # ---- columns made from another one -----------------------------------------------------------------------

    def _source(self, place: Place, chunk: int) -> Values:
        """The values that a derived column is made from, row by row."""
        table, source = place[0], self.declared.source(place)
        through = getattr(self.declared.spec(place), "through", "")
        if not through:
            return self.values(source, chunk)
        referred = self._referenced((table, through), chunk)
        if isinstance(self.declared.spec((table, through)), ParentColumn):
            return self._window(source, referred.rows).without(referred.nulls)
        return self._whole(source).take(referred.rows).without(referred.nulls)

    def _ratio(self, place: Place, spec: RatioColumn, chunk: int) -> Values:
        source, own, theirs = self._source(place, chunk), self._types[place], self._types[self.declared.source(place)]
        ratio = self._rng(place, "value", chunk).uniform(spec.low, spec.high, len(source.numbers))
        product = source.numbers * ratio * 10.0 ** (own.scale - theirs.scale)
        if own.name != "double":
            low, high = whole_limits(own)
            if np.abs(product).max() > min(-low, high):
                raise ConfigError(f"{own} cannot hold the result; use a wider type", key=_key(place, "type"))
            product = np.rint(product).astype(np.int64)
        return Values(numbers=product, nulls=source.nulls).without(self._nulls(place, chunk))

    def _after(self, place: Place, spec: AfterColumn, chunk: int) -> Values:
        source, rng = self._source(place, chunk), self._rng(place, "value", chunk)
        own, theirs = self._types[place].name, self._types[self.declared.source(place)].name
        days = own == theirs == "date"
        low, high = (bound // SECONDS_PER_DAY if days else bound * MICROSECONDS_PER_SECOND for bound in spec.bounds_s)
        distance = rng.integers(low, high, len(source.numbers), endpoint=True)
        moments = source.numbers.astype(np.int64)
        if theirs == "date" and not days:
            moments = moments * MICROSECONDS_PER_DAY
        moments = moments + distance
        if own == "date" and not days:
            moments = moments // MICROSECONDS_PER_DAY
        return Values(numbers=moments, nulls=source.nulls).without(self._nulls(place, chunk))

    # ---- references ------------------------------------------------------------------------------------------

    def _referenced(self, place: Place, chunk: int) -> Referenced:
        return self._recent.get(("rows", place, chunk), lambda: self._refer(place, chunk))

    def _refer(self, place: Place, chunk: int) -> Referenced:
        spec, nulls = self.declared.reference(place), self._nulls(place, chunk)
        if isinstance(spec, ParentColumn):
            return Referenced(self._parents(place, spec, chunk), nulls)
        if not isinstance(spec, ForeignKeyColumn):
            raise TypeError(f"{_key(place, 'kind')} refers to no table")
        if spec.within:
            return self._within(place, spec, chunk)
        start, count = self.bounds(place[0], chunk)
        if spec.target[0] == place[0]:
            # Only earlier rows can be meant; the first row has none.
            rows = self._ranked(place, spec, chunk, np.maximum(np.arange(start, start + count), 1))
            first = np.arange(start, start + count) == 0
            return Referenced(rows, first if nulls is None else nulls | first)
        rows = self._ranked(place, spec, chunk, self.declared.rows[spec.target[0]])
        if spec.cover:
            covering = min(count, max(0, self.declared.rows[spec.target[0]] - start))
            rows[:covering] = np.arange(start, start + covering)
            if nulls is not None:
                nulls[:covering] = False
        return Referenced(rows, nulls)

    def _ranked(self, place: Place, spec: ForeignKeyColumn, chunk: int, limit: int | Whole) -> Whole:
        """Positions below `limit`, or each below its own, as often as `skew` says."""
        rng, count = self._rng(place, "value", chunk), self.bounds(place[0], chunk)[1]
        if not spec.skew:
            return rng.integers(0, limit, count, dtype=np.int64)
        size = self.declared.rows[spec.target[0]]
        ranks = self._kept.get(("zipf", size, spec.skew), lambda: Zipf(size, spec.skew)).draw(rng, count, limit)
        return scatter(ranks, limit, self._shift(place)) if spec.scatter else ranks

    def _shift(self, place: Place) -> int:
        stream = bit_stream(self.dataset.seed, *place, "scatter")
        return int(stream.integers(0, 2**62))

    def _parents(self, place: Place, spec: ParentColumn, chunk: int) -> Whole:
        """The parent of each row: its own place in the order, moved by up to `spread` rows, in the order of parents."""
        start, count = self.bounds(place[0], chunk)
        rows, parents = self.declared.rows[place[0]], self.declared.rows[spec.target[0]]
        near = np.arange(start, start + count) + 0.5
        if spec.spread:
            near += self._rng(place, "value", chunk).uniform(-spec.spread, spec.spread, count)
        # Reflected at both ends, so that neither the first nor the last parent gathers what would lie beyond.
        near = np.abs(near)
        near = np.where(near >= rows, 2 * rows - near, near)
        return np.asarray(np.clip((near * parents / rows).astype(np.int64), 0, parents - 1))

    def _within(self, place: Place, spec: ForeignKeyColumn, chunk: int) -> Referenced:
        """Rows of the group to which each row belongs; a group without rows gives no reference, if that is allowed."""
        groups, nulls = self._groups((spec.target[0], spec.within)), self._nulls(place, chunk)
        wanted = self.values((place[0], spec.within), chunk).numbers.astype(np.int64)
        group = np.clip(wanted - groups.least, 0, len(groups.first) - 2)
        sizes = np.where(group == wanted - groups.least, groups.first[group + 1] - groups.first[group], 0)
        empty = sizes == 0
        if empty.any():
            if nulls is None:
                owner = f"{spec.target[0]}.{spec.within}"
                raise ConfigError(
                    f"no row has {owner} {wanted[np.argmax(empty)]}, so there is none to refer to; "
                    f"give {owner} cover: true, or this column a null_ratio",
                    key=_key(place, "within"),
                )
            nulls = nulls | empty
        drawn = groups.first[group] + self._ranked(place, spec, chunk, np.maximum(sizes, 1))
        return Referenced(groups.rows[np.minimum(drawn, len(groups.rows) - 1)].astype(np.int64), nulls)

    # ---- what is kept of other tables ------------------------------------------------------------------------

    def _window(self, place: Place, rows: Whole) -> Values:
        """The values of these rows, which lie close together."""
        size = self.dataset.chunk_rows
        first, last = int(rows.min()) // size, int(rows.max()) // size
        values = concatenate([self.values(place, chunk) for chunk in range(first, last + 1)])
        return values.take(rows - first * size)

    def _whole(self, place: Place) -> Values:
        """A column over all rows of its table."""

        def make() -> Values:
            chunks = range(self.chunk_count(place[0]))
            return concatenate([self._make(place, chunk).compact() for chunk in chunks])

        return self._kept.get(("whole", place), make)

    def _groups(self, place: Place) -> Groups:
        return self._kept.get(("groups", place), lambda: self._grouped(place))

    def _grouped(self, place: Place) -> Groups:
        """Two passes over the column, count and then place: 4 bytes per row, whatever the order of the values."""
        chunks = range(self.chunk_count(place[0]))
        bounds = [
            (int(numbers.min()), int(numbers.max()))
            for numbers in (self._make(place, chunk).numbers for chunk in chunks)
        ]
        least, greatest = min(low for low, _ in bounds), max(high for _, high in bounds)
        if greatest - least > GROUP_LIMIT:
            raise ConfigError(
                f"values from {least} to {greatest} lie too far apart to group by", key=_key(place, "kind")
            )
        counts = np.zeros(greatest - least + 1, dtype=np.int64)
        for chunk in chunks:
            counts += np.bincount(self._make(place, chunk).numbers - least, minlength=len(counts))
        first = np.concatenate([[0], np.cumsum(counts)])
        total = self.declared.rows[place[0]]
        rows: Whole = np.empty(total, dtype=np.int32 if total < 2**31 else np.int64)
        free = first[:-1].copy()
        for chunk in chunks:
            numbers = self._make(place, chunk).numbers - least
            order = np.argsort(numbers, kind="stable")
            ordered = numbers[order]
            begins = np.flatnonzero(np.diff(ordered, prepend=-1))
            lengths = np.diff(begins, append=len(ordered))
            position = np.arange(len(ordered)) - np.repeat(begins, lengths)
            rows[free[ordered] + position] = order + chunk * self.dataset.chunk_rows
            free[ordered[begins]] += lengths
        return Groups(least, first, rows)

    # ---- randomness ------------------------------------------------------------------------------------------

    def _rng(self, place: Place, purpose: str, chunk: int) -> np.random.Generator:
        return bit_stream(self.dataset.seed, *place, purpose, block=chunk)

    def _nulls(self, place: Place, chunk: int) -> NDArray[np.bool_] | None:
        ratio = self.declared.spec(place).null_ratio
        if not ratio:
            return None
        return self._rng(place, "null", chunk).random(self.bounds(place[0], chunk)[1]) < ratio


def _key(place: Place, field: str) -> str:
    return f"tables.{place[0]}.columns.{place[1]}.{field}"


class _Memory:
    """Results by key, each computed once however many threads ask for it; with a limit, the oldest are dropped."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            if self._limit is not None and len(self._entries) > self._limit:
                self._entries.popitem(last=False)
        # Columns depend on each other without circles, so threads never wait for each other in a ring.
        with entry.lock:
            if not entry.done:
                entry.value = make()
                entry.done = True
        value: T = entry.value
        return value


class _Entry:
    """One result, or the place that is kept for it."""

    __slots__ = ("done", "lock", "value")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.done = False
        self.value: Any = None
