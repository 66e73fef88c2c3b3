"""What preparing starts from and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.dataset import Dataset

if TYPE_CHECKING:
    from bench.backends.base import Backend, Database, Say
    from bench.model import Namespace


@dataclass(kw_only=True)
class TableLoad:
    """How one table came into the database; durations in s, None for what was not done this time."""

    table: str
    rows: int
    bytes: int | None = None
    generate_s: float | None = None
    ingest_s: float | None = None
    index_s: float | None = None
    analyze_s: float | None = None
    reused: bool = False


@dataclass(frozen=True, kw_only=True)
class DataState:
    """What the operations are going to see."""

    fingerprint: str
    """Of the declaration where the data are generated, else of row counts and names of columns: what engines that
    hold the same data agree upon."""
    loads: tuple[TableLoad, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """The engine's type of each column, where nothing was declared."""
    changed: bool = False
    """An earlier workload has changed them, and they were kept."""

    @property
    def reused(self) -> bool:
        """Everything was there already."""
        return all(load.reused for load in self.loads)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Everything needed to bring one dataset into one open database."""

    database: Database
    backend: Backend
    dataset: Dataset
    namespace: Namespace
    home: Path
    say: Say
    advance: Callable[[str, int, int], None]
    """Takes (what is going on, rows done, rows in all)."""
    schema_ddl: tuple[str, ...] = ()
    """The dataset's own DDL from `sql/<schema>/schema.sql.j2`; empty: made from the declared tables."""
    keep: bool = False
    """Data that an earlier workload has changed are taken as they are."""
