"""Of which operations the SQL differs, and whether nothing else of the question does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.compare.configuration import ABSENT
from bench.compare.model import Difference

if TYPE_CHECKING:
    from bench.compare.facing import Facing
    from bench.compare.measured import Measured
    from bench.results import Run

_ASKED = ("dataset", "load", "seed", "cold", "reset")
"""Keys of the configuration that are part of the question, beside the workload."""
_NAMES = ("name", "description")
_TEXTS = ("template", "description")
_DIGITS = 8


def sent(run: Run) -> Mapping[str, str]:
    """By operation, the SQL that a run sent, as its audit has it; empty where it has none.

    Raises:
        ResultError: A file of it is not whole.
    """
    if not run.has("audit"):
        return {}
    texts: dict[str, list[str]] = {}
    for row in run.table("audit").select(["operation", "sql"]).to_pylist():
        texts.setdefault(row["operation"], []).append(row["sql"])
    return {operation: ";\n".join(statements) for operation, statements in texts.items()}


def changed(runs: Sequence[Measured]) -> tuple[str, ...]:
    """The operations of which runs on one backend sent different SQL.

    None where that is not known, where operations are asked on one side only, and where the backends differ, which may
    be sent different texts for one question.
    """
    known = all(each.sent and each.sent.keys() == runs[0].sent.keys() for each in runs)
    if not known or len({each.run.key.backend for each in runs}) > 1:
        return ()
    return tuple(name for name in runs[0].sent if len({each.sent[name] for each in runs}) > 1)


def alike_otherwise(runs: Sequence[Measured]) -> bool:
    """Data, parameters, mix and load are the same, so that a question can differ in SQL alone."""
    data = {each.run.manifest.get("data_fingerprint") for each in runs}
    return len(data) == 1 and None not in data and len({_asked(each.run) for each in runs}) == 1


def differences(names: Sequence[str], found: Mapping[str, Mapping[str, Facing]]) -> Iterator[Difference]:
    """A line for each operation whose SQL differs between two sides of a cell: the beginning of the hash of its text.

    Args:
        names: What all sides are called, the baseline first.
        found: By cell and candidate, the runs that face each other.
    """
    workloads = {_workload(faced) for faced in found.values()}
    lines: dict[str, dict[str, dict[str, None]]] = {}
    for faced in found.values():
        place = f"{_workload(faced)}/" if len(workloads) > 1 else ""
        sides = {each.baseline_name: each.baseline for each in faced.values()}
        sides |= {name: each.candidate for name, each in faced.items()}
        for operation in _changed_between(faced.values()):
            hashes = lines.setdefault(f"sql of {place}{operation}", {name: {} for name in names})
            for name, runs in sides.items():
                hashes[name] |= dict.fromkeys(_hash(each.sent[operation]) for each in runs if operation in each.sent)
    for key, hashes in lines.items():
        yield Difference(key=key, values=tuple((name, ", ".join(each) or ABSENT) for name, each in hashes.items()))


def _changed_between(faced: Iterable[Facing]) -> dict[str, None]:
    """The operations whose SQL one of several candidates was sent otherwise than the baseline."""
    return {name: None for each in faced for name in changed([*each.baseline, *each.candidate])}


def _workload(faced: Mapping[str, Facing]) -> str:
    """The baseline's, in one cell."""
    return next(iter(faced.values())).baseline[0].run.key.workload


def _asked(run: Run) -> str:
    """All of the question but the SQL and the names of its parts."""
    config = run.manifest.get("config") or {}
    workload = dict(config.get("workload") or {})
    operations = workload.get("operations")
    if isinstance(operations, list):
        workload["operations"] = [_without(each, _TEXTS) for each in operations]
    return json.dumps(
        [_without(workload, _NAMES), {key: config.get(key) for key in _ASKED}], sort_keys=True, default=str
    )


def _without(value: Any, keys: Sequence[str]) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: inner for key, inner in value.items() if key not in keys}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
