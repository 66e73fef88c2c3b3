"""The cell of a search: a run for every step, kept whole below it, and the conclusion above them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import cell
from bench.errors import BenchError, ResultError, RunError
from bench.load import FindMax, Tried
from bench.model import Phase, Status
from bench.report.texts import number
from bench.results import STEPS_FOLDER, Run, RunWriter, open_run, scan
from bench.run_facts import facts, run_key
from bench.stats import Times
from bench.summarize import kept_exactly

if TYPE_CHECKING:
    from bench.cell import CellOutcome
    from bench.load import Conclusion
    from bench.plan import Plan, RunConfig
    from bench.progress import Progress

NS_PER_MS = 1e6
CLIENT_DOUBTS = frozenset({"client_limit", "worker_saturated", "late_harness"})
OF_THE_RUN = ("run_id", "emulated")


def run_search(config: RunConfig, load: FindMax, plan: Plan, directory: Path, progress: Progress) -> CellOutcome:
    """Try one rate after another, and leave what follows in `directory`; steps that are done already are kept.

    Raises:
        KeyboardInterrupt: The user ended it; what was measured is kept, and a resumed search goes on from there.
    """
    key = run_key(config)
    try:
        with RunWriter(
            directory, key, facts(config, plan), replace=True, emulated=config.backend.capabilities.emulated
        ) as writer:
            _Steps(config=config, load=load, plan=plan, writer=writer, progress=progress).run()
    except BenchError as error:
        return cell.CellOutcome(status="failed", message=str(error), run_id=key.run_id)
    return cell.CellOutcome(status="done", message="", run_id=key.run_id)


class _Steps:
    def __init__(self, *, config: RunConfig, load: FindMax, plan: Plan, writer: RunWriter, progress: Progress) -> None:
        self._config, self._load, self._plan = config, load, plan
        self._writer, self._progress = writer, progress
        self._tried: list[tuple[Run, Tried]] = []

    def run(self) -> None:
        search = self._load.search()
        rate = next(search)
        while True:
            run = self._step(rate)
            tried = judge(run, rate)
            self._tried.append((run, tried))
            self._say(f"step {len(self._tried)}: {told(tried)}, objective {self._verdict(tried)}")
            try:
                rate = search.send(tried)
            except StopIteration as end:
                self._conclude(end.value)
                return

    def _step(self, rate: float) -> Run:
        """The run at this rate, taken from an earlier attempt at the search where it is done."""
        number = len(self._tried)
        directory = self._writer.directory / STEPS_FOLDER / f"{number:02d}_{rate:.6g}_per_s"
        identity = f"{self._config.config_hash} {number} {rate!r}"
        config = replace(
            self._config,
            load=self._load.at(rate),
            config_hash=hashlib.sha256(identity.encode()).hexdigest(),
            plans=self._config.plans and not number,
        )
        if (run := _done(directory, config.config_hash)) is not None:
            return run
        outcome = cell.run_cell(config, self._plan, directory, self._progress)
        if outcome.status != "done":
            raise RunError(f"the step at {rate:,.6g} arrivals/s failed: {outcome.message}")
        return open_run(directory)

    def _conclude(self, conclusion: Conclusion) -> None:
        first = self._tried[0][0]
        question = json.dumps([first.manifest["question_hash"], self._load.question()])
        self._writer.update(
            question_hash=hashlib.sha256(question.encode()).hexdigest(),
            data_fingerprint=first.manifest.get("data_fingerprint"),
            server=first.manifest.get("server"),
            search={
                **asdict(conclusion),
                "objective": asdict(self._load.objective),
                "steps": [
                    {
                        "directory": f"{STEPS_FOLDER}/{run.directory.name}",
                        **asdict(tried),
                        "met": tried.meets(self._load.objective),
                    }
                    for run, tried in self._tried
                ],
            },
        )
        if first.has("answers"):
            self._writer.write_table("answers", first.table("answers").drop_columns(list(OF_THE_RUN)))
        best = [run for run, tried in self._tried if tried.rate_per_s == conclusion.rate_per_s]
        if best:
            self._writer.write_table("summary", best[-1].table("summary").drop_columns(list(OF_THE_RUN)))
        else:
            self._writer.warn(conclusion.reason)
        self._say(conclusion.reason)

    def _verdict(self, tried: Tried) -> str:
        return "met" if tried.meets(self._load.objective) else "missed"

    def _say(self, line: str) -> None:
        self._progress.say(line)
        self._writer.update(messages=[*self._writer.messages, line])


def told(tried: Tried) -> str:
    """One step in words."""
    p99 = "unknown" if tried.p99_ms is None else f"{number(tried.p99_ms)} ms"
    limit = ", client at its limit" if tried.client_limited else ""
    return f"{tried.rate_per_s:,.6g} arrivals/s, p99 {p99}, errors {tried.error_ratio:.2%}{limit}"


def judge(run: Run, rate_per_s: float) -> Tried:
    """What a run in an open loop says of its rate: over all operations, dropped arrivals as errors."""
    summary = run.table("summary").to_pylist()
    count = sum(row["count"] for row in summary)
    failed = sum(row["errors"] + row["aborted"] for row in summary)
    dropped = int(run.manifest["arrivals"]["measurement"]["dropped"])
    p99_ns = _response_times(run).percentile(0.99)
    return Tried(
        rate_per_s=rate_per_s,
        throughput_per_s=sum(row["throughput_per_s"] for row in summary),
        p99_ms=None if p99_ns is None else p99_ns / NS_PER_MS,
        error_ratio=(failed + dropped) / max(count + dropped, 1),
        client_limited=any(not CLIENT_DOUBTS.isdisjoint(row["warnings"]) for row in summary),
    )


def _response_times(run: Run) -> Times:
    """Of the operations of the measurement interval that succeeded."""
    times = Times(exact=kept_exactly(run))
    for batch in scan.batches(run, ("phase", "status", "intended_start_ns", "end_ns")):
        good = (scan.labels(batch, "phase", (Phase.MEASUREMENT,)) == 0) & (
            scan.labels(batch, "status", (Status.OK,)) == 0
        )
        times.add((batch["end_ns"].to_numpy() - batch["intended_start_ns"].to_numpy())[good])
    return times


def _done(directory: Path, config_hash: str) -> Run | None:
    try:
        run = open_run(directory)
    except ResultError:
        return None
    return run if run.status == "done" and run.manifest.get("config_hash") == config_hash else None
