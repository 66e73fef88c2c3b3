"""Between what the server says of itself and the published tables `server`, `queries` and `waits`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.model import RenderedOperation, ServerQuery, StatementStats, Status
from bench.results.scan import batches, labels

if TYPE_CHECKING:
    import pyarrow as pa

    from bench.results.run import Run

COUNTERS = tuple(field.name for field in fields(StatementStats) if field.name != "sql")
JOINED_COLUMNS = ("query_id", "operation", "phase", "repetition", "client", "attempt", "start_ns", "end_ns")
"""The columns of the samples that `query_rows` needs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleCount:
    """What we counted of one operation, warm-up included."""

    samples: int = 0
    failed: int = 0


def sample_counts(run: Run, operations: Sequence[str]) -> dict[str, SampleCount]:
    """By operation, the attempts of a run and those of them that did not end well; those of others are left out.

    Raises:
        ResultError: A file of the samples is not whole.
    """
    samples, good = np.zeros((2, len(operations)), dtype=np.int64)
    for batch in batches(run, ("operation", "status")):
        codes = labels(batch, "operation", operations)
        ok = labels(batch, "status", (str(Status.OK),)) == 0
        known = codes >= 0
        samples += np.bincount(codes[known], minlength=len(operations))
        good += np.bincount(codes[known & ok], minlength=len(operations))
    return {
        name: SampleCount(samples=int(samples[at]), failed=int(samples[at] - good[at]))
        for at, name in enumerate(operations)
        if samples[at]
    }


def by_key(stats: Iterable[StatementStats], keys: Iterable[str]) -> dict[str, StatementStats]:
    """The counters under the key of each statement, added up where several have one."""
    found: dict[str, StatementStats] = {}
    for key, one in zip(keys, stats, strict=True):
        found[key] = _combined(found[key], one, 1) if key in found else one
    return found


def difference(before: StatementStats | None, after: StatementStats | None) -> StatementStats | None:
    """What was counted in between; None where that cannot be known, for counters were dropped or reset."""
    if after is None:
        return None
    if before is None:
        return after
    found = _combined(after, before, -1)
    return None if any((getattr(found, name) or 0) < 0 for name in COUNTERS) else found


def _combined(one: StatementStats, other: StatementStats, sign: int) -> StatementStats:
    values = {name: (getattr(one, name), getattr(other, name)) for name in COUNTERS}
    summed: dict[str, Any] = {name: None if None in pair else pair[0] + sign * pair[1] for name, pair in values.items()}
    return StatementStats(sql=one.sql, **summed)


def server_rows(
    operations: Sequence[RenderedOperation],
    counted: Mapping[tuple[str, int], StatementStats | None],
    samples: Mapping[str, SampleCount],
    *,
    repetition: int,
) -> list[dict[str, object]]:
    """Rows of the published table `server`, without the run's key columns.

    Args:
        operations: Those that were asked.
        counted: By operation and position of the statement, what the engine counted over the load.
        samples: By operation, what we counted.
        repetition: From 0.
    """
    return [
        {
            "operation": operation.name,
            "statement": position,
            "repetition": repetition,
            "samples": samples.get(operation.name, SampleCount()).samples,
            "samples_failed": samples.get(operation.name, SampleCount()).failed,
            **_counted(counted.get((operation.name, position))),
        }
        for operation in operations
        for position in range(len(operation.statements))
    ]


def _counted(stats: StatementStats | None) -> dict[str, object]:
    if stats is None:
        return dict.fromkeys((*COUNTERS, "execution_mean_ns", "hit_ratio"))
    mean = stats.execution_ns / stats.calls if stats.execution_ns is not None and stats.calls else None
    touched = None if stats.blocks_hit is None or stats.blocks_read is None else stats.blocks_hit + stats.blocks_read
    ratio = stats.blocks_hit / touched if touched and stats.blocks_hit is not None else None
    return {**{name: getattr(stats, name) for name in COUNTERS}, "execution_mean_ns": mean, "hit_ratio": ratio}


def query_rows(history: Sequence[ServerQuery], samples: pa.Table) -> list[dict[str, object]]:
    """Rows of the published table `queries`, without the run's key columns; `samples` are joined by `query_id`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids, rows = sampled_queries(samples)
    known = pc.is_in(ids, value_set=pa.array([query.query_id for query in history], pa.string()))
    found = samples.take(rows.filter(known)).to_pylist()
    ours: dict[str, dict[str, Any]] = dict(zip(ids.filter(known).to_pylist(), found, strict=True))
    return [{**asdict(query), **_sampled(ours.get(query.query_id))} for query in history]


def sampled_queries(samples: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Every name of a query in the samples, and the position of its sample; one sample may name several."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = samples.column("query_id").combine_chunks()
    split = pc.split_pattern(pa.array(names, pa.string()), ",")
    return pc.list_flatten(split), pc.list_parent_indices(split)


def _sampled(sample: Mapping[str, Any] | None) -> dict[str, object]:
    columns = ("operation", "phase", "repetition", "client", "attempt")
    if sample is None:
        return dict.fromkeys((*columns, "service_time_ns"))
    return {**{name: sample[name] for name in columns}, "service_time_ns": sample["end_ns"] - sample["start_ns"]}


def wait_rows(seen: Mapping[str, int], *, repetition: int) -> list[dict[str, object]]:
    """Rows of the published table `waits`, without the run's key columns; the most frequent event first."""
    total = sum(seen.values())
    return [
        {"wait_event": event, "repetition": repetition, "samples": count, "share_ratio": count / total}
        for event, count in sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    ]
