"""The resolved configurations of runs as flat keys, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.compare.model import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.results import Run

NOUNS = ("dataset", "workload", "load", "backend")
"""Key columns by which cells are told apart before any other key."""
ABSENT = "–"
_ELSEWHERE = ("home", "outputs", "budget", "fail_fast", "repetitions", "order")
"""Keys of the configuration that change nothing of what is measured."""
_MOST_KEYS = 3
"""So many are named of two descriptions that differ in more."""
_HOST = ("system", "machine", "processor", "logical_cores", "memory_bytes", "python")


def flat(run: Run) -> dict[str, str]:
    """The configuration by dotted key, values as text; what changes nothing of what is measured is left out."""
    config = run.manifest.get("config") or {}
    return dict(_flat({key: value for key, value in config.items() if key not in _ELSEWHERE}))


def differences(sides: Mapping[str, Sequence[Run]]) -> tuple[Difference, ...]:
    """The keys in which the sides differ: configuration first, then versions, server and host."""
    values = {name: _values(runs) for name, runs in sides.items()}
    keys = dict.fromkeys(key for each in values.values() for key in each)
    return tuple(
        Difference(key=key, values=tuple((name, each.get(key, ABSENT)) for name, each in values.items()))
        for key in keys
        if len({each.get(key, ABSENT) for each in values.values()}) > 1
    )


def varying(runs: Sequence[Run]) -> list[str]:
    """The configuration keys that do not have one value in all of the runs, in their order."""
    configs = [flat(run) for run in runs]
    keys = dict.fromkeys(key for config in configs for key in config)
    return [key for key in keys if len({config.get(key, ABSENT) for config in configs}) > 1]


def value_of(run: Run, key: str) -> str:
    """The value of a noun (its option's name) or of a dotted key."""
    return str(run.manifest[key]) if key in NOUNS else flat(run).get(key, ABSENT)


def told_apart(described: Sequence[tuple[str, Mapping[str, str]]]) -> list[str]:
    """What to call each of several things, in few words; two that cannot be told apart by few keys have one text.

    Args:
        described: Of each its name, and all that is known of it by dotted key.

    Example:
        >>> told_apart([("a", {"x.y": "1"}), ("a", {"x.y": "2"}), ("b", {"x.y": "1"})])
        ['a · y=1', 'a · y=2', 'b']
    """
    texts = []
    for name, keys in described:
        namesakes = [theirs for other, theirs in described if other == name]
        own = [key for key in keys if any(theirs.get(key) != keys[key] for theirs in namesakes)]
        told = [f"{key.rpartition('.')[2]}={keys[key]}" for key in own[:_MOST_KEYS]]
        texts.append(" · ".join(filter(None, (name, *told))))
    return texts


def _values(runs: Sequence[Run]) -> dict[str, str]:
    """By key the value, or the values, of one side."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for key, value in (_nouns(run) | flat(run) | _facts(run)).items():
            found.setdefault(key, {})[value] = None
    return {key: ", ".join(values) for key, values in found.items()}


def _nouns(run: Run) -> dict[str, str]:
    return {noun: str(run.manifest[noun]) for noun in NOUNS}


def _facts(run: Run) -> dict[str, str]:
    manifest = run.manifest
    host = {key: value for key, value in (manifest.get("host") or {}).items() if key in _HOST}
    server = {key: value for key, value in (manifest.get("server") or {}).items() if key == "version"}
    facts = {"versions": manifest.get("versions") or {}, "server": server, "host": host}
    commit = manifest.get("git_commit")
    return dict(_flat({**facts, **({"git_commit": commit} if commit else {})}))


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    elif prefix:
        yield prefix, "null" if value is None else str(value)
