"""The samples of a run a batch or a part at a time, for those who must not hold them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import ResultError
from bench.results.run import read_table
from bench.results.schemas import demand_published

if TYPE_CHECKING:
    from bench.results.run import Run

BATCH_ROWS = 1 << 18
FOREVER_NS = 2**63 - 1


class Part(NamedTuple):
    """The samples of one file."""

    samples: pa.Table
    later_ns: int
    """No sample of a file that was written later was meant to start before it."""


def sample_count(run: Run) -> int:
    """How many samples a run has, without reading them.

    Raises:
        ResultError: A part is not a whole file.
    """
    return sum(_footer(path).num_rows for path in run.parts())


def parts(run: Run, columns: Sequence[str]) -> Iterator[Part]:
    """The samples of a run file by file, in the order in which they were written, each read when it is asked for.

    Raises:
        ResultError: There is no such column, a part is not a whole file, or lacks a published column.
    """
    demand_published("samples", columns)
    paths = run.parts()
    earliest_ns = [_earliest_ns(path) for path in paths]
    later_ns = list(accumulate(reversed([*earliest_ns[1:], FOREVER_NS]), min))[::-1] if paths else []
    for path, later in zip(paths, later_ns, strict=True):
        yield Part(samples=read_table(path, "samples", columns), later_ns=later)


def batches(run: Run, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The samples of a run in the order in which they were written, at most `BATCH_ROWS` of them at once.

    Args:
        run: Any run; nothing comes of one that wrote no samples.
        columns: Published columns that every file of this schema version has.

    Raises:
        ResultError: A part is not a whole file, or lacks a column.
    """
    for path in run.parts():
        try:
            with pq.ParquetFile(path) as file:
                missing = [name for name in columns if name not in file.schema_arrow.names]
                if missing:
                    raise ResultError(f"{path} lacks the published column {', '.join(missing)} of the table 'samples'")
                yield from file.iter_batches(BATCH_ROWS, columns=list(columns))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise ResultError(f"{path} is not a whole Parquet file: {error}; run the cell again") from error


def labels(batch: pa.RecordBatch, name: str, known: Sequence[str]) -> np.ndarray:
    """Each text of a column as its position in `known`, shape (rows,); -1 where it is none of them."""
    column = batch.column(name)
    encoded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    position = {text: code for code, text in enumerate(known)}
    codes = np.array([position.get(text, -1) for text in encoded.dictionary.to_pylist()] or [-1], dtype=np.int64)
    indices: np.ndarray = encoded.indices.to_numpy(zero_copy_only=False)
    found: np.ndarray = codes[indices]
    return found


def _footer(path: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ResultError(f"{path} is not a whole Parquet file: {error}; run the cell again") from error


def _earliest_ns(path: Path) -> int:
    """The earliest intended start in a file by its footer; where that does not tell, the beginning of time."""
    footer = _footer(path)
    at = footer.schema.names.index("intended_start_ns") if "intended_start_ns" in footer.schema.names else None
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    found = [None if at is None else group.column(at).statistics for group in groups]
    return min((0 if one is None or not one.has_min_max else int(one.min) for one in found), default=FOREVER_NS)
