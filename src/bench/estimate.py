"""What a cell is going to take, before it runs: rows, seconds, credits, USD. Touches no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.budget import Spending
from bench.errors import ResultError
from bench.model import ComputeFacts, ComputeKind
from bench.price import Usage
from bench.results import RunStatus, open_run
from bench.results.manifest import FILE_NAME
from bench.results.spending import spent

if TYPE_CHECKING:
    from bench.plan import RunConfig
    from bench.results import Run

START_S = 3.0
"""A first guess: worker processes, a server, connections."""
CHECK_S = 0.5
"""A first guess: one operation, asked once to check its answer."""
EMULATED = "an emulator answers, so there is no cost"
UNPRICED = "no price is chosen, so there is no cost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a cell is going to take, always a guess, with what it rests on."""

    rows: int | None
    """To be brought in, unless they are there already; None: the data are as the database has them."""
    data_s: float
    run_s: float
    """Checks, warm-up, measurement."""
    other_s: float
    """In which the system under test is not used: starting, generating, writing."""
    drain_s: float
    """Comes on top, at most, where operations are under way at the end."""
    spending: Spending
    """All in all, without the drain."""
    basis: tuple[str, ...]
    """One sentence each."""

    def document(self) -> dict[str, object]:
        """For a program that reads it."""
        return {
            "estimate": True,
            "rows": self.rows,
            **asdict(self.spending),
            "data_s": self.data_s,
            "run_s": self.run_s,
            "other_s": self.other_s,
            "drain_at_most_s": self.drain_s,
            "basis": list(self.basis),
        }


def past_runs(outputs: Path) -> Mapping[str, Run]:
    """Of each cell that was run below `outputs` to its end, by the hash of its configuration, the last run."""
    found: dict[str, Run] = {}
    for path in sorted(outputs.rglob(FILE_NAME)) if outputs.is_dir() else ():
        try:
            run = open_run(path.parent)
        except ResultError:
            continue  # a broken run tells nothing of the next
        key = str(run.manifest.get("config_hash"))
        if run.status is RunStatus.DONE and (key not in found or found[key].started_at <= run.started_at):
            found[key] = run
    return found


def estimate(config: RunConfig, past: Mapping[str, Run]) -> Estimate:
    """What the cell is going to take: as its last run, or by the stated guesses where there was none."""
    run = past.get(config.config_hash)
    usage = run.manifest.get("usage") if run else None
    measured = isinstance(usage, dict) and {"data_s", "run_s", "compute"} <= usage.keys()
    guess = _as_before(run, usage) if run and isinstance(usage, dict) and measured else _guessed(config)
    price, reason = config.price, ""
    if not price.gives_usd:
        reason = UNPRICED
    elif config.backend.capabilities.emulated:
        reason = EMULATED
    elif price.refusal(guess.usage.compute):
        reason = f"no cost: {price.refusal(guess.usage.compute)}"
    cost = None if reason else price.cost(guess.usage)
    return Estimate(
        rows=_rows(config),
        data_s=guess.usage.data_s,
        run_s=guess.usage.run_s,
        other_s=guess.other_s,
        drain_s=config.load.drain_s,
        spending=Spending(
            seconds=guess.other_s + guess.usage.used_s,
            usd=cost.usd if cost else 0.0 if reason == EMULATED else None,
            credits=cost.credits if cost else 0.0 if reason == EMULATED else None,
        ),
        basis=(*guess.basis, *([reason] if reason else [])),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Guess:
    usage: Usage
    other_s: float
    basis: tuple[str, ...]


def _as_before(run: Run, usage: Mapping[str, Any]) -> _Guess:
    known = {field.name for field in fields(ComputeFacts)}
    told = {name: value for name, value in usage["compute"].items() if name in known}
    compute = ComputeFacts(**told | {"kind": ComputeKind(told.get("kind", ComputeKind.INSTANCE))})
    before = Usage(
        data_s=float(usage["data_s"]), run_s=float(usage["run_s"]), starts=usage.get("starts", 1), compute=compute
    )
    whole_s = spent(run.directory).seconds
    basis = f"times as in the last run of this cell, {run.started_at} in {run.directory}"
    return _Guess(usage=before, other_s=max(0.0, whole_s - before.used_s), basis=(basis,))


def _guessed(config: RunConfig) -> _Guess:
    load, rows = config.load, _rows(config)
    rate = config.backend.ingest_rows_per_s
    measure_s = max(load.duration_s, load.max_duration_s) if load.iterations else load.duration_s
    checks = len(config.workload.asked) if config.verify and config.backend.capabilities.answers else 0
    usage = Usage(
        data_s=(rows or 0) / rate,
        run_s=checks * CHECK_S + load.runs * (load.warm_up_s + measure_s),
        starts=2 if config.cold else 1,
        compute=config.backend.compute,
    )
    data = f"data: {rate:,.0f} rows/s, unless they are loaded already" if rows else "data: as the database has them"
    unknown = load.iterations and not load.max_duration_s
    return _Guess(
        usage=usage,
        other_s=START_S,
        basis=(
            "no earlier run of this cell was found, so these are first guesses",
            data,
            f"checks: {CHECK_S:g} s for each of {checks} operations; start: {START_S:g} s",
            f"load: {load.warm_up_s:g} s warm-up, {measure_s:g} s measurement"
            + (f", at most {load.runs} times" if load.runs > 1 else "")
            + (", and longer where its iterations take longer" if unknown else ""),
        ),
    )


def _rows(config: RunConfig) -> int | None:
    if not config.dataset.generated:
        return None
    return sum(config.dataset.rows(table.name) or 0 for table in config.dataset.shape)
