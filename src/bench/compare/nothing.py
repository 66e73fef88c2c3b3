"""Directories that hold nothing to compare, and sweeps that are not whole: said in one sentence, with what to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bench.compare.configuration import NOUNS, value_of, varying
from bench.compare.objections import ended
from bench.compare.stand_in import measured
from bench.errors import ConfigError, ResultError
from bench.results import CellStatus, Run
from bench.wording import few, of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.results import Sweep

_SHOWN = 5
_OBJECTIONS = {"dataset": "question,answers,data", "workload": "question,sql"}
"""What speaks against comparing cells that differ in a key, where it is more than `question`."""
_TO_COME = {CellStatus.PLANNED.value, CellStatus.RUNNING.value}


def standing(results: Run | Sweep) -> str:
    """How far a sweep came that is not whole, and how it is made so; empty of one that is, and of a run."""
    states = Counter([] if isinstance(results, Run) else [each.status for each in results.states().values()])
    done = states.pop(CellStatus.DONE.value, 0)
    if not states:
        return ""
    counts = ", ".join([f"{done} of {of(done + states.total(), 'run')} done", *(f"{n} {s}" for s, n in states.items())])
    wait = "wait for its end, or " if states.keys() & _TO_COME else ""
    return f"{results.directory} is not complete ({counts}): {wait}complete it with `bench resume {results.directory}`"


def one_side(results: Run | Sweep, runs: Sequence[Run], key: str) -> ConfigError:
    """What to say where all runs of a directory are of one side.

    Args:
        results: The directory.
        runs: Its runs.
        key: What the sides were to differ in.
    """
    others = few(_differing(runs), _SHOWN)
    if others:
        return ConfigError(f"all runs of {results.directory} have the same {key}; they differ in {others}", key="--by")
    so_far = standing(results)
    told = f"it has runs of one cell only; {so_far or 'give a second directory to compare it with'}"
    return ConfigError(f"there is nothing to compare in {results.directory}: {told}")


def demand_measured(opened: Sequence[Run | Sweep], sides: Mapping[str, Sequence[Run]]) -> None:
    """Refuse sides of which none came to a summary.

    Raises:
        ResultError: That is so; the text says why, and what to do.
    """
    if measured(sides):
        return
    run = next(iter(sides.values()))[0]
    wait = "wait for its end, or " if run.in_progress else ""
    alone = f"{wait}complete it with `bench resume {opened[0].directory}`"
    raise ResultError(
        f"there is nothing to compare, as no run came to a summary: {run.directory.name} is {ended(run)}; "
        f"{next(filter(None, map(standing, opened)), alone)}"
    )


def demand_like_questions(results: Run | Sweep, cells: Mapping[str, Sequence[Run]]) -> None:
    """Refuse cells of one system of which no two were asked the same.

    Args:
        results: The directory.
        cells: By name, its cells.

    Raises:
        ConfigError: That is so; the text says what they differ in, and what can be compared.
    """
    asked = [{str(run.manifest.get("question_hash")) for run in runs if run.has("summary")} for runs in cells.values()]
    questions = Counter(question for cell in asked for question in cell)
    if sum(map(bool, asked)) < 2 or max(questions.values()) > 1:
        return
    keys = _differing([run for runs in cells.values() for run in runs])
    so_far = standing(results)
    raise ConfigError(
        f"there is nothing to compare in {results.directory}: its {len(cells)} cells are of one system, and each was "
        f"asked something else (they differ in {few(keys, _SHOWN)}); give a second directory to compare it with, cell "
        f"by cell{_all_the_same(keys, cells)}{f'. {so_far}' if so_far else ''}"
    )


def _all_the_same(keys: Sequence[str], cells: Mapping[str, Sequence[Run]]) -> str:
    """How to compare cells that were asked something else; empty where they have no operation in common."""
    operations = [
        set(run.table("summary", ["operation"]).column("operation").to_pylist())
        for runs in cells.values()
        for run in runs
        if run.has("summary")
    ]
    if not set.intersection(*operations):
        return ""
    key = next((key for key in keys if key not in _OBJECTIONS), keys[0] if keys else "cell")
    return f", or compare its cells all the same with --by {key} --allow {_OBJECTIONS.get(key, 'question')}"


def _differing(runs: Sequence[Run]) -> list[str]:
    """Nouns, and further keys, in which runs differ."""
    nouns = [noun for noun in NOUNS if len({value_of(run, noun) for run in runs}) > 1]
    return [*nouns, *(key for key in varying(runs) if key.partition(".")[0] not in nouns)]
