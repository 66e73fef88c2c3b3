"""Declared data made real: the same bytes from the same seed, whatever the number of threads."""

from bench.generate.tables import (
    GeneratedTable,
    chunk_count,
    column_values,
    generate_chunk,
    materialize,
    read_batches,
    stream,
)
from bench.generate.values import arrow_schema

__all__ = [
    "GeneratedTable",
    "arrow_schema",
    "chunk_count",
    "column_values",
    "generate_chunk",
    "materialize",
    "read_batches",
    "stream",
]
