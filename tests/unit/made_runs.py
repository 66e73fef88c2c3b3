"""Runs as `bench.results` writes them, with samples, so that a page can be drawn without a load."""

import numpy as np
import pyarrow as pa
from at_once import per_second, summarize

from bench.results import CellStatus, Ledger, RunWriter
from bench.results.manifest import RunKey, RunStatus, Stage
from bench.results.summary import attempts, interval_rows, summary_rows
from bench.stats import Arriving

NS_PER_S = 1_000_000_000
WINDOW = {"start_ns": 5 * NS_PER_S, "measure_ns": 6 * NS_PER_S, "end_ns": 9 * NS_PER_S}


def make_run(
    directory, *, operations=("read", "write"), median_ms=1.0, samples=6_000, failed=0, failing="error",
    emulated=False, open_loop=False, closed=(), status=RunStatus.DONE, config=None, facts=None, cost=None,
    seed=1, **key,
):  # fmt: skip
    """One second of warm-up and three of measurement, written as a real run is; of an open loop `closed` are none."""
    names = {"run_id": directory.name, "backend": "duckdb", "dataset": "tiny", "workload": "points", "load": "closed"}
    names |= key
    known = {
        "question_hash": str(sorted((config or {}).items())),
        "sql_hash": names["backend"],
        "data_fingerprint": "f",
    }
    repetition = (facts or {}).get("repetition", 0)
    given = {"config": config or {}, "window": WINDOW, "open_loop": open_loop, **known, **(facts or {})}
    writer = RunWriter(directory, RunKey(**names), given, emulated=emulated)
    rng = np.random.default_rng(seed)
    statuses = np.where(np.arange(samples) < failed, failing, "ok")
    table = _samples(rng, operations, statuses, median_ms=median_ms, open_loop=open_loop)
    writer.add_samples(table, repetition=repetition, attempt=0)
    counted = attempts(table, operations)
    arriving = None
    if open_loop:
        positions = frozenset(operations.index(name) for name in closed)
        arriving = Arriving(late_ns=10_000_000, closed=positions)
    found = summarize(counted, operations, start_ns=WINDOW["measure_ns"], end_ns=WINDOW["end_ns"], arriving=arriving)
    answer = {"digest": "d", "rows": 1, "ordered": True, "first_rows": []}
    writer.write_rows("answers", [{"operation": operation, **answer} for operation in operations])
    writer.enter(Stage.SUMMARY)
    writer.write_rows("summary", summary_rows(found, repetition=repetition, cost=cost))
    seconds = per_second(counted, operations, start_ns=WINDOW["measure_ns"])
    writer.write_rows("intervals", interval_rows(seconds, repetition=repetition))
    if status is not RunStatus.RUNNING:
        writer.finish(status)
    return writer


def make_sweep(folder, runs):
    """A sweep of cells: by name the arguments of `make_run`, or None for a cell that has no run."""
    ledger = Ledger(folder)
    for cell, given in runs.items():
        if given is None:
            ledger.append(cell=cell, config_hash=cell, status=CellStatus.FAILED, message="no driver")
            continue
        arguments = dict(given)
        config_hash = arguments.pop("config_hash", cell)
        writer = make_run(folder / cell, **arguments)
        status = CellStatus(str(arguments.get("status", RunStatus.DONE)))
        ledger.append(cell=cell, config_hash=config_hash, status=status, directory=cell)
        assert writer.directory.is_dir()
    return folder


def _samples(rng, operations, statuses, *, median_ms, open_loop):
    samples = len(statuses)
    intended_ns = np.sort(rng.integers(WINDOW["start_ns"], WINDOW["end_ns"], samples))
    start_ns = intended_ns + (rng.integers(0, 400_000, samples) if open_loop else 0)
    took_ns = (median_ms * 1e6 * rng.lognormal(0, 0.6, samples)).astype(np.int64)
    return pa.table(
        {
            "operation": pa.array([operations[at % len(operations)] for at in range(samples)]),
            "phase": np.where(intended_ns >= WINDOW["measure_ns"], "measurement", "warm_up"),
            "status": rng.permutation(statuses),
            "client": pa.array(np.arange(samples) % 4, pa.int32()),
            "attempt": pa.array(np.zeros(samples), pa.int32()),
            "rows": pa.array(np.ones(samples), pa.int64()),
            "intended_start_ns": intended_ns,
            "ready_ns": start_ns,
            "start_ns": start_ns,
            "end_ns": start_ns + took_ns,
        }
    )
