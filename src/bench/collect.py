"""Samples as they arrive from the workers, turned into part files; bounded memory, and whole files after a crash."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.model import ErrorClass, Phase
from bench.record import STATUS_OK, STATUSES, Chunk, KnownError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pyarrow as pa

PART_SAMPLES = 500_000
PART_INTERVAL_S = 5.0
KEPT_KINDS = 50
"""Greatest number of distinct errors of which the words are kept."""


def make_ready() -> None:
    """Import what the first samples need: pyarrow's first array brings pandas with it, half a second of a core."""
    import pyarrow as pa

    pa.array([0])


@dataclass(kw_only=True)
class Collector:
    """Gathers the chunks of all recorders of a run.

    A part is written when half a million samples are there or the last part is some seconds old.
    """

    operations: Sequence[str]
    measure_ns: int
    """Where the measurement interval begins: a sample's phase is that of its intended start."""
    write: Callable[[pa.Table], object]
    open_loop: bool = False
    """Keep too when each operation was ready to start, by which the lags of an open loop are told apart."""
    measured: int = 0
    """Samples of the measurement interval so far."""
    failed: int = 0
    """Those of them that did not end well."""
    errors: dict[tuple[str, ErrorClass, str | None], KnownError] = field(default_factory=dict)
    counts: Counter[tuple[str, ErrorClass, str | None]] = field(default_factory=Counter)
    _waiting: list[pa.Table] = field(default_factory=list)
    _waiting_rows: int = 0
    _written_at: float = field(default_factory=time.monotonic)

    def add(self, chunk: Chunk, errors: Sequence[KnownError]) -> None:
        """Take one recorder's chunk; `errors` is what its samples point at."""
        column = chunk.samples()
        in_measurement = column["intended_start_ns"] >= self.measure_ns
        self.measured += int(in_measurement.sum())
        self.failed += int((in_measurement & (column["status"] != STATUS_OK)).sum())
        self._note(column["error"], errors)
        self._waiting.append(self._table(chunk, column, in_measurement, errors))
        self._waiting_rows += len(column)
        if self._waiting_rows >= PART_SAMPLES or time.monotonic() - self._written_at > PART_INTERVAL_S:
            self.flush()

    def flush(self) -> None:
        """Write what is there as a part file."""
        import pyarrow as pa

        if self._waiting:
            self.write(pa.concat_tables(self._waiting).combine_chunks())
        self._waiting, self._waiting_rows, self._written_at = [], 0, time.monotonic()

    def known_errors(self) -> list[dict[str, object]]:
        """Each kind of error with its count and its first messages, the most frequent first."""
        return [
            {
                "operation": key[0],
                "error_class": key[1],
                "sqlstate": key[2],
                "count": count,
                "messages": self.errors[key].messages,
            }
            for key, count in self.counts.most_common(KEPT_KINDS)
        ]

    def _note(self, codes: np.ndarray, errors: Sequence[KnownError]) -> None:
        for code in codes[codes >= 0].tolist():
            known = errors[code]
            key = (known.operation, known.error_class, known.sqlstate)
            self.errors.setdefault(key, known)
            self.counts[key] += 1

    def _table(
        self, chunk: Chunk, column: np.ndarray, in_measurement: np.ndarray, errors: Sequence[KnownError]
    ) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        def coded(codes: np.ndarray, words: Sequence[str], missing: np.ndarray | None = None) -> pa.Array:
            indices = pa.array(codes.astype(np.int32), mask=missing)
            return pa.DictionaryArray.from_arrays(indices, pa.array(list(words), pa.string()))

        size = len(in_measurement)
        failed = column["error"] >= 0
        none = states = pa.nulls(size, pa.string())
        kinds, at = np.zeros(1, np.int32), np.where(failed, column["error"], 0)
        if failed.any():
            kinds = np.array([list(ErrorClass).index(known.error_class) for known in errors])
            states = pa.array(
                np.array([known.sqlstate for known in errors], dtype=object)[at], pa.string(), mask=~failed
            )
        ready = {"ready_ns": pa.array(np.ascontiguousarray(column["ready_ns"]))} if self.open_loop else {}
        return pa.table(
            {
                **ready,
                "operation": coded(column["operation"], self.operations),
                "phase": coded(in_measurement, (Phase.WARM_UP, Phase.MEASUREMENT)),
                "client": pa.array(np.ascontiguousarray(column["client"])),
                "attempt": pa.array(column["attempt"].astype(np.int32)),
                "intended_start_ns": pa.array(np.ascontiguousarray(column["intended_start_ns"])),
                "start_ns": pa.array(np.ascontiguousarray(column["start_ns"])),
                "end_ns": pa.array(np.ascontiguousarray(column["end_ns"])),
                "rows": pa.array(np.ascontiguousarray(column["rows"])),
                "status": coded(column["status"], STATUSES),
                "error_class": coded(kinds[at], tuple(ErrorClass), ~failed),
                "sqlstate": states,
                "query_id": pa.array([query or None for query in chunk.query_ids], pa.string())
                if chunk.query_ids
                else none,
            }
        )
