"""What a run has taken so far, read from its directory, so that a budget holds over interruptions too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench.budget import Spending
from bench.errors import ResultError
from bench.results.manifest import FILE_NAME, read_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def spent(directory: Path) -> Spending:
    """Time and money that went into the run in `directory`, earlier attempts at it included.

    A run that was killed counts until its manifest was written last. Nothing where there is no run that can be read.
    """
    try:
        content = read_manifest(directory)
        ended = datetime.fromtimestamp((directory / FILE_NAME).stat().st_mtime, UTC)
        return _own(content, ended) + _before(content)
    except (ResultError, OSError, ValueError, KeyError, TypeError):
        return Spending()


def _own(content: Mapping[str, Any], ended: datetime) -> Spending:
    times, cost = content["times"], content.get("cost") or {}
    end = datetime.fromisoformat(times["finished_at"]) if times.get("finished_at") else ended
    seconds = (end - datetime.fromisoformat(times["started_at"])).total_seconds()
    return Spending(seconds=max(seconds, 0.0), usd=cost.get("usd"), credits=cost.get("credits"))


def _before(content: Mapping[str, Any]) -> Spending:
    return Spending(**(content.get("spent_before") or {}))
