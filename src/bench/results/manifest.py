"""`manifest.json`: what a run was, what it ran on, and how far it came. Read and written whole, without secrets."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.errors import NoResultsError, ResultError
from bench.redact import redact

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "manifest.json"
SCHEMA_VERSION = 1
"""Of the whole results directory: manifest, file names and Arrow schemas."""
DEPTH = 3
"""How far below `outputs` a run lies: date, time, cell."""
KINDS: Mapping[str, type] = MappingProxyType(
    {
        **dict.fromkeys(("times", "config", "capabilities", "choices", "versions"), dict),
        **dict.fromkeys(("warnings", "errors"), list),
        "repetition": int,
    }
)
"""What other modules take entries of the manifest for, where they are there."""
NULLABLE = ("host", "server", "window", "order", "search", "cost", "machine")
"""Entries that hold an object, or null."""


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    """Still under way, or killed so that nobody could write more."""
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Ended by the user; what was measured is kept."""


class Stage(StrEnum):
    """How far a run came, in this order."""

    PREPARE = "prepare"
    VERIFY = "verify"
    WARM_UP = "warm_up"
    MEASUREMENT = "measurement"
    SUMMARY = "summary"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunKey:
    """What stands in the key columns of every row of a run."""

    run_id: str
    backend: str
    dataset: str
    workload: str
    load: str

    def columns(self) -> dict[str, object]:
        """The key as column values."""
        return asdict(self)


def clock_anchor() -> dict[str, int]:
    """One instant on both clocks, in ns: `wall_ns` since 1970-01-01 UTC, `monotonic_ns` as in the samples."""
    before_ns = time.monotonic_ns()
    wall_ns = time.time_ns()
    return {"wall_ns": wall_ns, "monotonic_ns": (before_ns + time.monotonic_ns()) // 2}


def utc_now() -> str:
    """The wall clock as ISO 8601 in UTC, to the microsecond, so that texts sort as times do."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its place, whole, when the block ends without an error.

    Raises:
        ResultError: The file cannot be written.
    """
    beside = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with beside.open("rb+") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    except BaseException as error:  # an interrupt too must not leave half a file
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ResultError(f"cannot write {path}: {error.strerror or error}") from error
        raise


def write_manifest(directory: Path, content: Mapping[str, object]) -> None:
    """Replace the manifest in `directory` by `content`, with secrets masked."""
    plain = redact(plain_mapping(content))
    with replacing(directory / FILE_NAME) as beside:
        beside.write_text(json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest in `directory`.

    Raises:
        NoResultsError: There is none.
        ResultError: It is broken, or was written by a newer version.
    """
    path = directory / FILE_NAME
    if not directory.is_dir():
        raise NoResultsError(
            f"{directory} is not a directory; give the directory of a run, as `bench` prints it at its end"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoResultsError(
            f"{directory} is not a results directory: it has no {FILE_NAME}{_others_below(directory)}"
        ) from None
    except (OSError, ValueError) as error:
        raise ResultError(f"{path} cannot be read: {error}; run the cell again") from error
    _check(path, content)
    return dict(content)


def _others_below(directory: Path) -> str:
    """A hint at results that lie below; no deeper than `outputs` is, for the directory may be anybody's."""
    for depth in range(1, DEPTH + 1):
        for found in sorted(directory.glob("*/" * depth + FILE_NAME)):
            return f"; there are results below, such as {found.parent}"
    return ""


def _check(path: Path, content: object) -> None:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(version, int) or version < 1:
        raise ResultError(f"{path} is no manifest: 'schema_version' is missing; run the cell again")
    if version > SCHEMA_VERSION:
        by = content.get("versions", {}).get("bench") if isinstance(content.get("versions"), dict) else None
        raise ResultError(
            f"{path} has schema version {version}, this bench reads up to {SCHEMA_VERSION}; "
            f"read it with bench {by or 'of the version that wrote it'} or later"
        )
    missing = [
        name for name in ("status", "stage", *RunKey.__dataclass_fields__) if not isinstance(content.get(name), str)
    ]
    if missing:
        raise ResultError(f"{path} is no whole manifest: {', '.join(missing)} missing; run the cell again")
    wrong = [name for name, kind in KINDS.items() if not isinstance(content.get(name, kind()), kind)]
    wrong += [name for name in NULLABLE if not isinstance(content.get(name), dict | None)]
    wrong = wrong or list(_unusable(content))
    if wrong:
        raise ResultError(f"{path} is no manifest of this tool: {', '.join(wrong)} of another kind; run the cell again")
    if content["status"] not in set(RunStatus):
        raise ResultError(f"{path} has the unknown status '{content['status']}'; known are {', '.join(RunStatus)}")


def _unusable(content: Mapping[str, Any]) -> Iterator[str]:
    """Entries that are of the right kind, and hold what nobody can use."""
    window = content.get("window")
    if window is not None and not all(isinstance(window.get(name), int) for name in ("measure_ns", "end_ns")):
        yield "window"
    if not all(_is_instant(content.get("times", {}).get(name)) for name in ("started_at", "finished_at")):
        yield "times"
    yield from (
        name for name in ("warnings", "errors") if not all(isinstance(text, str) for text in content.get(name, []))
    )


def _is_instant(text: object) -> bool:
    """ISO 8601, or not known."""
    try:
        return text is None or bool(datetime.fromisoformat(str(text)))
    except ValueError:
        return False


def plain_mapping(value: Mapping[str, object]) -> dict[str, object]:
    """`value` as JSON knows it: mappings, lists, texts, numbers, booleans and null."""
    return {str(key): _plain(item) for key, item in value.items()}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return plain_mapping(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=str)
    return _plain_scalar(value)


def _plain_scalar(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):  # numpy's integers too
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value.isoformat() if isinstance(value, date) else str(value)
