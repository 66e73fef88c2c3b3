"""The samples of a run a batch at a time, for those who must not hold them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import ResultError

if TYPE_CHECKING:
    from bench.results.run import Run

BATCH_ROWS = 1 << 18


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
