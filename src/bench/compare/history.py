"""One operation across dates and versions, and where its level changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.compare.measured import measured
from bench.errors import ConfigError, nearest
from bench.results import RunStatus
from bench.results.run import STEPS_FOLDER
from bench.stats.steps import Step, steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.compare.measured import Measured
    from bench.compare.model import Measure
    from bench.results import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One run in a history."""

    started_at: str
    """ISO 8601 in UTC."""
    run_id: str
    directory: str
    label: str
    """As the user called the run; empty where it has none."""
    version: str
    """What may have changed: the commit it was started from, the version of the server."""
    repetition: int
    value: float
    """In ns or per s."""
    step_ratio: float | None = None
    """The new level / the old one, where a new level begins with this run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The results of one operation of one question on one backend, in order of time."""

    backend: str
    dataset: str
    workload: str
    load: str
    question_hash: str
    operation: str
    measure: Measure
    time: str
    """`service_time` or `response_time`."""
    described: str
    """The load in words, by which questions are told apart that differ in it; empty in results that lack it."""
    points: tuple[Point, ...]
    steps: tuple[Step, ...]


class _Key(NamedTuple):
    backend: str
    dataset: str
    workload: str
    load: str
    question_hash: str
    operation: str
    time: str
    described: str


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What runs of different days say together."""

    series: tuple[Series, ...]
    left_out: tuple[str, ...] = ()
    """Runs that are not in it, and why."""


def history(runs: Sequence[Run], *, operations: Sequence[str] = (), measure: Measure = "p50") -> History:
    """The history of each operation: a series per backend and question, with its steps (`stats.steps`).

    Runs that asked other questions are series of their own, since a new question is no change of the engine. Runs
    that are not done, and steps of searches, are left out and named.

    Args:
        runs: In any order.
        operations: Those of interest; empty: all.
        measure: What is followed.

    Raises:
        ConfigError: No run has such an operation.
    """
    kept, left_out = [], []
    for run in runs:
        if run.directory.parent.name == STEPS_FOLDER:
            continue
        each = measured(run)
        if run.status is RunStatus.DONE and each.rows:
            kept.append(each)
        else:
            left_out.append(f"{run.directory}: {run.status.value}" + ("" if each.rows else ", without a summary"))
    known = dict.fromkeys(name for each in kept for name in each.rows)
    for name in operations:
        if name not in known:
            raise ConfigError(f"no run has an operation '{name}'{nearest(name, known)}", key="--operation")
    points: dict[_Key, list[Point]] = {}
    for each in sorted(kept, key=lambda each: each.run.started_at):
        for operation in each.rows:
            if operations and operation not in operations:
                continue
            key = _key(each, operation)
            value = each.value(operation, measure, key.time)
            if value is None:
                left_out.append(f"{each.run.directory}: no {measure} of {operation}")
            else:
                points.setdefault(key, []).append(_point(each, value))
    return History(
        series=tuple(_series(key, found, measure) for key, found in points.items()), left_out=tuple(left_out)
    )


def _key(each: Measured, operation: str) -> _Key:
    run, row = each.run, each.rows[operation]
    return _Key(
        backend=run.key.backend,
        dataset=run.key.dataset,
        workload=run.key.workload,
        load=run.key.load,
        question_hash=str(run.manifest.get("question_hash") or ""),
        operation=operation,
        time="response_time" if row["response_time_max_ns"] is not None else "service_time",
        described=str(run.manifest.get("load_description") or ""),
    )


def _point(each: Measured, value: float) -> Point:
    manifest = each.run.manifest
    commit = str(manifest.get("git_commit") or "")[:12]
    server = str((manifest.get("server") or {}).get("version") or "")
    return Point(
        started_at=each.run.started_at,
        run_id=each.run.key.run_id,
        directory=str(each.run.directory),
        label=str(manifest.get("label") or ""),
        version=" ".join(filter(None, (commit, server))),
        repetition=each.run.repetition,
        value=value,
    )


def _series(key: _Key, points: Sequence[Point], measure: Measure) -> Series:
    values = np.array([point.value for point in points])
    found = steps(values, np.random.default_rng(len(points)))  # the same answer whenever it is asked
    ratios = {step.at: step.ratio for step in found}
    marked = [_marked(point, ratios.get(at)) for at, point in enumerate(points)]
    return Series(**key._asdict(), measure=measure, points=tuple(marked), steps=found)


def _marked(point: Point, step_ratio: float | None) -> Point:
    return replace(point, step_ratio=step_ratio) if step_ratio else point
