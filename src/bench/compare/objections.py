"""Why two sides may not be compared: unlike questions are refused, unless the user overlooks it by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from bench.compare.configuration import differences
from bench.compare.sent import alike_otherwise, changed
from bench.doubt import Doubt
from bench.results import RunStatus
from bench.wording import few

if TYPE_CHECKING:
    from bench.compare.measured import Measured
    from bench.results import Run

ERROR_RATIO = 0.01
"""Above it, 0 to 1, times are of those that succeeded only, and no longer those of the question."""
DRIFTED = "data_drifted"
"""The warning of a run that changed its data."""
_SHOWN = 5

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "unfinished": "a run failed, was interrupted or is not done",
        "question": "the question hashes differ: data, statements, values, mix, isolation or load",
        "answers": "an operation was answered differently, or nobody checked",
        "data": "the data differ, or were changed by the load",
        "emulated": "a side came from an emulator",
        "sql": "one backend was sent different SQL",
        "errors": "more than 1 % of the attempts failed",
        "dropped": "more than 1 % of the arrivals were never started",
        "client": "the client may have been the limit, not the system",
    }
)
"""What `--allow` takes, and what it overlooks."""


class Found(NamedTuple):
    """An objection, before it is known whether it is overlooked."""

    kind: str
    operation: str | None
    """None: it concerns all."""
    reason: str


def objections(baseline: Sequence[Measured], candidate: Sequence[Measured]) -> Iterator[Found]:
    """All that speaks against comparing the runs of one cell of two sides."""
    sides = {"the baseline": baseline, "the candidate": candidate}
    for name, side in sides.items():
        yield from (Found("unfinished", None, _unfinished(name, each)) for each in side if not _whole(each))
    if any(each.rows for each in baseline) and any(each.rows for each in candidate):
        yield from _unlike(summarised(baseline), summarised(candidate))


def summarised(side: Sequence[Measured]) -> Sequence[Measured]:
    """The runs that came to a summary; all where none did."""
    return [each for each in side if each.rows] or side


def ended(run: Run) -> str:
    """How a run that is not whole stands, and why where that is known."""
    errors = run.manifest.get("errors") or []
    why = f": {errors[0]}" if errors else "" if run.has("summary") else ": it has no summary"
    return f"{'in progress, or was killed' if run.in_progress else run.status.value}{why}"


def _unlike(baseline: Sequence[Measured], candidate: Sequence[Measured]) -> Iterator[Found]:
    """What speaks against comparing runs that came to a summary: of others it is that they did not."""
    sides = {"the baseline": baseline, "the candidate": candidate}
    runs = [each.run for each in (*baseline, *candidate)]
    yield from _question(baseline, candidate)
    yield from _answers(baseline, candidate)
    yield from _data(runs)
    yield from _emulated(sides)
    yield from _sql((*baseline, *candidate))
    for name, side in sides.items():
        yield from _attempts(name, side)


def _whole(measured: Measured) -> bool:
    return measured.run.status is RunStatus.DONE and bool(measured.rows)


def _unfinished(side: str, measured: Measured) -> str:
    return f"the run {measured.run.directory.name} of {side} is {ended(measured.run)}"


def _question(baseline: Sequence[Measured], candidate: Sequence[Measured]) -> Iterator[Found]:
    """Where nothing but the SQL of some operations differs, it is those that were asked otherwise."""
    runs = (*baseline, *candidate)
    hashes = {each.run.manifest.get("question_hash") for each in runs}
    if len(hashes) == 1 and None not in hashes:
        return
    operations = changed(runs) if None not in hashes and alike_otherwise(runs) else ()
    if operations:
        yield from (Found("question", name, f"{name} was asked with other SQL") for name in operations)
        return
    found = differences({"baseline": [each.run for each in baseline], "candidate": [each.run for each in candidate]})
    asked = [each.key for each in found if each.key.split(".")[0] in ("dataset", "workload", "load", "seed", "cold")]
    keys = [key for key in asked if "." in key] or asked
    where = f"differ in {few(keys, _SHOWN)}" if keys else "have different hashes"
    yield Found(
        "question", None, f"the questions {where}" if None not in hashes else "a run did not get to its question"
    )


def _sql(runs: Sequence[Measured]) -> Iterator[Found]:
    """Of one backend: the operations whose SQL differs, or all where that is not known."""
    hashes = {each.run.manifest.get("sql_hash") for each in runs}
    if len({each.run.key.backend for each in runs}) > 1 or len(hashes) == 1:
        return
    reason = "the same backend was sent different SQL, so it is not the engine alone that changed"
    yield from (Found("sql", name, reason) for name in (changed(runs) or (None,)))


def _answers(baseline: Sequence[Measured], candidate: Sequence[Measured]) -> Iterator[Found]:
    unchecked = [each.run.directory.name for each in (*baseline, *candidate) if not each.answers]
    if unchecked:
        yield Found("answers", None, f"the answers of {', '.join(dict.fromkeys(unchecked))} were not checked")
        return
    for operation in dict.fromkeys(name for each in (*baseline, *candidate) for name in each.answers):
        if len({each.answers.get(operation) for each in (*baseline, *candidate)}) > 1:
            yield Found("answers", operation, "the answers differ; answers.parquet holds the first rows of each")


def _data(runs: Sequence[Run]) -> Iterator[Found]:
    if len({run.manifest.get("data_fingerprint") for run in runs}) > 1:
        yield Found("data", None, "the data differ: they have different fingerprints")
    drifted = [run.directory.name for run in runs if any(DRIFTED in text for text in run.manifest.get("warnings", []))]
    if drifted:
        yield Found("data", None, f"the data were changed by the load of {', '.join(drifted)} and not reset")


def _emulated(sides: Mapping[str, Sequence[Measured]]) -> Iterator[Found]:
    for name, side in sides.items():
        if any(each.run.emulated for each in side):
            yield Found("emulated", None, f"{name} came from an emulator, so its times mean nothing")


def _attempts(name: str, side: Sequence[Measured]) -> Iterator[Found]:
    """What the summaries of a side speak of, the worst of its runs for each operation."""
    for operation in dict.fromkeys(operation for each in side for operation in each.rows):
        rows = [each.rows[operation] for each in side if operation in each.rows]
        errors = max(row["errors"] / max(row["count"], 1) for row in rows)
        if errors > ERROR_RATIO:
            yield Found("errors", operation, f"{errors:.1%} of the attempts on {name} failed")
        dropped = max(row["dropped"] / max(row["count"] + row["dropped"], 1) for row in rows)
        if dropped > ERROR_RATIO:
            yield Found("dropped", operation, f"{dropped:.1%} of the arrivals at {name} were never started")
        if any(Doubt.CLIENT_LIMIT in row["warnings"] for row in rows):
            yield Found("client", operation, f"the client may have been the limit on {name}: {Doubt.CLIENT_LIMIT}")
        if any(DRIFTED in row["warnings"] for row in rows):
            yield Found("data", operation, f"the data on {name} were changed by the load and not reset")
