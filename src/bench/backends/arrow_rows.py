"""A result that came as Arrow: its length at once, its rows only when somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from bench.model import Row

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowRows(Sequence[Row]):
    """The rows of an Arrow table as tuples of Python's own exact types.

    The hot loop asks for nothing but the length, which costs no conversion. Whoever reads a row pays for all of them,
    once: decimals become `Decimal` with every digit, dates `date`, timestamps `datetime`, which ends at microseconds.

    >>> import pyarrow as pa
    >>> rows = ArrowRows(pa.table({"a": [1, 2], "b": ["x", None]}))
    >>> len(rows), rows[-1]
    (2, (2, None))
    """

    __slots__ = ("_rows", "table")

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        """What was received, whole."""
        self._rows: list[tuple[object, ...]] | None = None

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        return self._converted()[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._converted())

    def _converted(self) -> list[tuple[object, ...]]:
        if self._rows is None:
            columns = [_values(column) for column in self.table.itercolumns()]
            # A table without columns has rows all the same, and `zip` of nothing has none.
            self._rows = list(zip(*columns, strict=True)) if columns else [()] * len(self)
        return self._rows


def _values(column: pa.ChunkedArray) -> list[object]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)  # `datetime` has no nanoseconds to keep
    values: list[object] = column.to_pylist()
    return values
