"""The numbers of one run that a comparison needs: of its summary, and of its samples where they are needed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bench.compare.sent import sent
from bench.model import Phase, Status
from bench.results.run import read_table
from bench.stats import bootstrap
from bench.stats.histogram import Histogram, by_block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from bench.compare.model import Measure
    from bench.results import Run

Row: TypeAlias = "dict[str, Any]"
WHOLE = "all operations"
"""What a claim on a whole workload stands under, beside the names of operations."""
_COLUMNS = ("operation", "phase", "status", "intended_start_ns", "start_ns", "end_ns")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampled:
    """The successful attempts of one operation in one run."""

    times: Histogram
    draws: Mapping[Measure, np.ndarray]
    """By measure, logarithms of what resampled runs came to; see `stats.bootstrap`."""
    filled: int
    """Of the stretches of time into which the run is cut, those in which an attempt began."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One run and what is read of it."""

    run: Run
    rows: Mapping[str, Row]
    """By operation, its row of `summary`."""
    answers: Mapping[str, str]
    """By operation, the digest of its answer; empty where answers were not checked."""
    sent: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By operation, the SQL that it was sent; empty where that is not known."""
    samples: Mapping[str, Sampled] = field(default_factory=dict, repr=False)
    """By operation; see `Reader.with_samples`."""

    def value(self, operation: str, measure: Measure, time: str) -> float | None:
        """The measure of an operation, in ns or per s; None where it has none."""
        if operation == WHOLE:
            return sum(row["throughput_per_s"] for row in self.rows.values()) or None
        row = self.rows.get(operation)
        if row is None or (measure == "mean" and row[f"{time}_p50_ns"] is None):
            return None  # a mean of so few attempts as give no median rests on the outliers among them
        value = row["throughput_per_s"] if measure == "throughput" else row[f"{time}_{measure}_ns"]
        return float(value) if value is not None and value > 0 else None

    def answered(self, operation: str) -> bool:
        """At least one attempt of it succeeded."""
        row = self.rows.get(operation)
        return row is not None and row["service_time_max_ns"] is not None

    def failed(self, operation: str) -> bool:
        """It was asked, and not one attempt succeeded."""
        row = self.rows.get(operation)
        return row is not None and row["count"] > 0 and row["service_time_max_ns"] is None


@dataclass(kw_only=True)
class Reader:
    """Reads each run once, and its samples, however many sides it is compared with."""

    measures: Sequence[Measure]
    _known: dict[tuple[str, str], dict[str, Sampled]] = field(default_factory=dict)
    _read: dict[str, Measured] = field(default_factory=dict)

    def measured(self, run: Run) -> Measured:
        """What `measured` reads of a run.

        Raises:
            ResultError: A file of it is not whole.
        """
        key = str(run.directory)
        if key not in self._read:
            self._read[key] = measured(run)
        return self._read[key]

    def with_samples(self, each: Measured, time: str) -> Measured:
        """The run with its samples, of which `time` is what is compared.

        Raises:
            ResultError: A part of the samples is not whole.
        """
        key = str(each.run.directory), time
        if key not in self._known:
            self._known[key] = sampled(each.run, self.measures, time)
        return replace(each, samples=self._known[key])


def measured(run: Run) -> Measured:
    """Read the summary of a run, the digests of its answers, and what it was sent.

    Raises:
        ResultError: A file of it is not whole.
    """
    rows = run.table("summary").to_pylist() if run.has("summary") else []
    answers = run.table("answers").select(["operation", "digest"]).to_pylist() if run.has("answers") else []
    return Measured(
        run=run,
        rows={row["operation"]: row for row in rows},
        answers={answer["operation"]: answer["digest"] for answer in answers},
        sent=sent(run),
    )


def sampled(run: Run, measures: Sequence[Measure], time: str) -> dict[str, Sampled]:
    """The samples of a run by operation; part by part, so that its size is that of one part.

    Raises:
        ResultError: A part of the samples is not whole.
    """
    window = run.manifest.get("window")
    if not run.has("samples") or not isinstance(window, dict):
        return {}
    found: dict[str, tuple[Histogram, ...]] = {}
    for path in run.parts():
        for operation, start_ns, took_ns in _times(read_table(path, "samples", _COLUMNS), time):
            added = by_block(took_ns, _block(start_ns, window), bootstrap.BLOCKS)
            known = found.get(operation)
            found[operation] = tuple(map(Histogram.__add__, known, added)) if known else added
    rng = np.random.default_rng(zlib.crc32(run.key.run_id.encode()))  # the same numbers whenever it is compared
    each = {operation: _sampled(blocks, measures, rng) for operation, blocks in found.items()}
    if "throughput" in measures and found:
        together = tuple(map(Histogram.sum_of, zip(*found.values(), strict=True)))
        each[WHOLE] = _sampled(together, ("throughput",), rng)
    return each


def _sampled(blocks: tuple[Histogram, ...], measures: Sequence[Measure], rng: np.random.Generator) -> Sampled:
    draws = {measure: _draw(blocks, measure, rng) for measure in measures}
    filled = sum(len(block) > 0 for block in blocks)
    return Sampled(times=Histogram.sum_of(blocks), draws=draws, filled=filled)


def _draw(blocks: tuple[Histogram, ...], measure: Measure, rng: np.random.Generator) -> np.ndarray:
    if measure == "throughput":
        return bootstrap.log_rates(blocks, rng)
    if measure == "mean":
        return bootstrap.log_means(blocks, rng)
    return bootstrap.log_quantiles(blocks, {"p50": 0.5, "p99": 0.99}[measure], rng)


def _block(start_ns: np.ndarray, window: Mapping[str, int]) -> np.ndarray:
    """Which stretch of the measurement interval each start falls into."""
    duration_ns = max(window["end_ns"] - window["measure_ns"], 1)
    block = (start_ns - window["measure_ns"]) * bootstrap.BLOCKS // duration_ns
    return np.asarray(np.clip(block, 0, bootstrap.BLOCKS - 1))


def _times(samples: pa.Table, time: str) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(Operation, intended starts, times) of the successful attempts of the measurement interval."""
    import pyarrow.compute as pc

    counted = pc.and_(
        pc.equal(samples.column("phase").cast("string"), Phase.MEASUREMENT.value),
        pc.equal(samples.column("status").cast("string"), Status.OK.value),
    )
    chosen = samples.filter(counted)
    column = chosen.column("operation").combine_chunks()
    codes, names = np.asarray(column.indices), column.dictionary.to_pylist()
    intended_ns = chosen.column("intended_start_ns").to_numpy()
    from_ns = intended_ns if time == "response_time" else chosen.column("start_ns").to_numpy()
    took_ns = chosen.column("end_ns").to_numpy() - from_ns
    for code, name in enumerate(names):
        mine = codes == code
        if mine.any():
            yield name, intended_ns[mine], took_ns[mine]
