"""Between the files and the numbers: samples into `stats`, and what it gives into the published tables."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from bench.errors import ResultError
from bench.results.schemas import SUMMARY
from bench.stats import STATUSES, Attempts, OperationSummary, Second

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.price import Cost

SAMPLE_COLUMNS = ("operation", "client", "status", "intended_start_ns", "start_ns", "end_ns", "rows")
"""The columns of the samples that `attempts` needs."""
OPEN_LOOP_COLUMNS = (*SAMPLE_COLUMNS, "attempt", "ready_ns")
"""Those that it needs of an open loop."""


def attempts(samples: pa.Table, operations: Sequence[str]) -> Attempts:
    """The samples as arrays, with operations and statuses as positions in `operations` and `STATUSES`.

    Those of an open loop have what tells its lags apart, if they hold `OPEN_LOOP_COLUMNS`.

    Raises:
        ResultError: The samples name an operation or a status that is not known.
    """
    return Attempts(
        operation=_codes(samples, "operation", operations).astype(np.uint16),
        client=samples.column("client").to_numpy(),
        status=_codes(samples, "status", [str(status) for status in STATUSES]).astype(np.uint8),
        **{
            name: samples.column(name).to_numpy()
            for name in ("intended_start_ns", "start_ns", "end_ns", "rows", "attempt", "ready_ns")
            if name in samples.column_names
        },
    )


def summary_rows(
    summaries: Iterable[OperationSummary], *, repetition: int, cost: Cost | None = None
) -> list[dict[str, object]]:
    """Rows of the published table `summary`, without the run's key columns.

    The cost of an operation is its part of the cost of the run: the part of the clients' busy time that it took.
    """
    return [_summary_row(summary, repetition, cost) for summary in summaries]


def interval_rows(seconds: Iterable[Second], *, repetition: int) -> Iterator[dict[str, object]]:
    """Rows of the published table `intervals`, without the run's key columns; one at a time, for there may be many."""
    return (
        {
            "operation": second.operation,
            "repetition": repetition,
            "second": second.second,
            "count": second.count,
            "errors": second.errors,
            **{
                f"service_time_{name}_ns": getattr(second, f"{name}_ns") for name in ("p50", "p90", "p95", "p99", "max")
            },
        }
        for second in seconds
    )


def _summary_row(summary: OperationSummary, repetition: int, cost: Cost | None) -> dict[str, object]:
    row: dict[str, object] = {
        name: getattr(summary, name) for name in SUMMARY.names if name in OperationSummary.__dataclass_fields__
    }
    row |= {f"service_time_{name}": value for name, value in asdict(summary.service_time).items()}
    if summary.response_time is not None:
        row |= {f"response_time_{name}": value for name, value in asdict(summary.response_time).items()}
    for lag in ("schedule_lag", "harness_lag"):
        row |= {f"{lag}_{name}": value for name, value in asdict(getattr(summary, lag)).items()}
    per_1000 = per_run = None
    if cost is not None and summary.busy_ratio:
        per_1000 = cost.usd_per_1000_operations(summary.goodput_per_s / summary.busy_ratio)
        per_run = cost.run_usd * summary.busy_ratio
    return row | {
        "repetition": repetition,
        "usd_per_1000_operations": per_1000,
        "usd_per_run": per_run,
        "warnings": [str(doubt) for doubt in summary.warnings],
    }


def _codes(samples: pa.Table, name: str, known: Sequence[str]) -> np.ndarray:
    """Each value of a column of texts as its position in `known`, shape (rows,)."""
    position = {text: code for code, text in enumerate(known)}
    codes = [np.empty(0, dtype=np.int64)]
    for chunk in samples.column(name).chunks:
        encoded = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        used = np.asarray(encoded.indices)
        missing = [text for code, text in enumerate(texts) if text not in position and (used == code).any()]
        if missing:
            raise ResultError(f"the samples hold the unknown {name} {', '.join(missing)}; known are {', '.join(known)}")
        codes.append(np.array([position.get(text, 0) for text in texts], dtype=np.int64)[used])
    return np.concatenate(codes)
