"""Runs written as the tool writes them, of systems whose times are known."""

import json

import numpy as np
import pyarrow as pa
from at_once import per_second, summarize

from bench.results import CellStatus, Ledger, RunWriter
from bench.results.manifest import RunKey, RunStatus, Stage
from bench.results.summary import attempts, interval_rows, summary_rows

OPERATIONS = {"lookup": 2e5, "join": 3e6, "report": 8e6}
"""Median service time in ns."""


def write_run(
    directory,
    *,
    seed=0,
    backend="engine_a",
    slower=None,
    between_runs=0.01,
    size=400,
    repetition=0,
    block=None,
    order_kind="interleaved",
    failing=0.0,
    question="q",
    sql="s",
    fingerprint="f",
    digest="d",
    config=None,
    status=RunStatus.DONE,
    emulated=False,
    warnings=(),
    run_warnings=(),
    started_at=None,
    workload="points",
    operations=OPERATIONS,
    sent=None,
    **facts,
):
    """One run of one client; each operation is off by an amount of the run's own, those in `slower` by more."""
    rng = np.random.default_rng(seed)
    key = RunKey(run_id=f"r{seed}", backend=backend, dataset="tiny", workload=workload, load="closed")
    writer = RunWriter(directory, key, emulated=emulated)
    samples = _samples(
        rng, size=size, slower=slower or {}, between_runs=between_runs, failing=failing, operations=operations
    )
    end_ns = int(samples.column("end_ns").to_numpy()[-1])
    config = {"backend": {"name": backend}, "load": {"clients": 1}, **(config or {})}
    order = {"order": {"kind": order_kind, "block": block, "position": seed}} if block is not None else {}
    writer.update(
        question_hash=question,
        sql_hash=sql,
        data_fingerprint=fingerprint,
        config=config,
        config_hash=str(config),
        repetition=repetition,
        window={"start_ns": 0, "measure_ns": 0, "end_ns": end_ns, "limit_ns": end_ns},
        versions={"bench": "0.1.0"},
        **order,
        **facts,
    )
    for text in run_warnings:
        writer.warn(text)
    if digest is not None:
        rows = [
            {"operation": name, "digest": digest, "rows": 1, "ordered": True, "first_rows": []} for name in operations
        ]
        writer.write_rows("answers", rows)
    if sent is not None:
        writer.write_rows("audit", [_audited(name, text) for name, text in sent.items()])
    writer.add_samples(samples, phase="measurement", repetition=repetition)
    columns = attempts(samples, list(operations))
    summaries = summarize(columns, list(operations), start_ns=0, end_ns=end_ns)
    rows = summary_rows(summaries, repetition=repetition)
    writer.write_rows("summary", [{**row, "warnings": [*row["warnings"], *warnings]} for row in rows])
    seconds = per_second(columns, list(operations), start_ns=0)
    writer.write_rows("intervals", interval_rows(seconds, repetition=repetition))
    if status is RunStatus.FAILED:
        writer.fail("the engine went away")
    writer.enter(Stage.SUMMARY)
    if status is not RunStatus.RUNNING:
        writer.finish(status)
    if started_at:
        date(directory, started_at)
    return directory


def write_sweep(directory, *cells, repetitions=5, seed=0, **common):
    """A sweep of cells in interleaved repetitions; each cell is (name, what `write_run` takes)."""
    ledger = Ledger(directory)
    for repetition in range(repetitions):
        for number, (name, options) in enumerate(cells):
            folder = f"{number}_{name}_r{repetition}" if repetitions > 1 else f"{number}_{name}"
            run_seed = seed + 100 * repetition + number
            block = repetition if repetitions > 1 else None
            write_run(directory / folder, seed=run_seed, repetition=repetition, block=block, **(common | options))
            ledger.append(cell=folder, config_hash=name, status=CellStatus.DONE, directory=folder)
    return directory


def _audited(operation, text):
    names = ("dialect", "origin", "template", "source", "rendered", "sqlglot_version", "verdict")
    return {"operation": operation, "statement": 0, "sql": text, **dict.fromkeys(names, "")}


def _samples(rng, *, size, slower, between_runs, failing, operations):
    names = list(operations)
    own = {name: np.exp(rng.normal(0, between_runs)) * slower.get(name, 1.0) for name in names}
    asked = np.tile(np.arange(len(names)), size)
    medians = np.array([operations[name] * own[name] for name in names])
    took = np.maximum(medians[asked] * rng.lognormal(0, 0.2, len(asked)), 1).astype(np.int64)
    end = np.cumsum(took)
    failed = rng.random(len(asked)) < failing
    return pa.table(
        {
            "operation": pa.DictionaryArray.from_arrays(pa.array(asked.astype(np.int32)), pa.array(names)),
            "client": np.zeros(len(asked), dtype=np.int64),
            "attempt": np.zeros(len(asked), dtype=np.int64),
            "intended_start_ns": end - took,
            "start_ns": end - took,
            "end_ns": end,
            "rows": np.ones(len(asked), dtype=np.int64),
            "status": pa.array(np.where(failed, "error", "ok")).dictionary_encode(),
        }
    )


def date(directory, started_at):
    """Say that a run was started then."""
    path = directory / "manifest.json"
    content = json.loads(path.read_text())
    content["times"]["started_at"] = started_at
    path.write_text(json.dumps(content))


def lose_summary(directory, status="failed"):
    """Leave what a run leaves that came to no summary: it failed, or it is `running`."""
    for name in ("summary", "answers", "intervals"):
        (directory / f"{name}.parquet").unlink()
    path = directory / "manifest.json"
    content = json.loads(path.read_text())
    unknown = dict.fromkeys(("question_hash", "sql_hash", "data_fingerprint", "window"))
    errors = ["the engine went away"] if status == "failed" else []
    path.write_text(json.dumps(content | unknown | {"status": status, "stage": "prepare", "errors": errors}))
