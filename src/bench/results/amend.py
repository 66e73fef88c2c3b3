"""What is added to the directory of a run that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.results.manifest import plain_mapping, read_manifest, write_manifest
from bench.results.run import write_parquet
from bench.results.schemas import from_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bench.results.run import Run


def add_rows(run: Run, name: str, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write the published table `name` whole; the run's key and `emulated` are filled in.

    Raises:
        ResultError: The rows do not fit the published schema, or cannot be written.
    """
    path = run.directory / f"{name}.parquet"
    write_parquet(path, from_rows(name, rows, run.key.columns() | {"emulated": run.emulated}))
    return path


def add_entry(directory: Path, name: str, entry: Mapping[str, object]) -> None:
    """Put `entry` into the mapping `name` of the manifest, beside what stands there already.

    Raises:
        ResultError: The directory holds no readable run, or cannot be written.
    """
    content = read_manifest(directory)
    write_manifest(directory, {**content, name: {**content.get(name, {}), **plain_mapping(entry)}})
