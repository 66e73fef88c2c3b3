"""How far data that are not loaded anew have gone from what they were: row counts before and after a load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.doubt import Doubt
from bench.prepare.marker import MARKER

if TYPE_CHECKING:
    from bench.backends.base import Database
    from bench.dataset import Dataset
    from bench.model import Namespace


@dataclass(frozen=True, kw_only=True, slots=True)
class TableDrift:
    """Rows of one table."""

    declared: int | None
    """None: only the database can tell."""
    before: int
    after: int | None = None
    """None: it could not be counted, or is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataDrift:
    """Of a run whose workload changes data that stay so."""

    changed: bool
    """An earlier run had changed them."""
    tables: Mapping[str, TableDrift]

    def doubts(self) -> Iterator[Doubt]:
        """Whether the numbers are of other data than those declared."""
        moved = any(
            table.before != table.after or table.declared not in (None, table.before) for table in self.tables.values()
        )
        if self.changed or moved:
            yield Doubt.DATA_DRIFTED


def drift_before(database: Database, namespace: Namespace, dataset: Dataset, *, changed: bool) -> DataDrift:
    """Count the rows before a load; `changed` says that an earlier run has changed some."""
    declared = {table.name: dataset.rows(table.name) for table in dataset.shape}
    tables = {
        name: TableDrift(declared=declared.get(name), before=rows)
        for name, rows in _counts(database, namespace).items()
    }
    return DataDrift(changed=changed, tables=tables)


def drift_after(drift: DataDrift, database: Database, namespace: Namespace) -> DataDrift:
    """The same with the rows that are there now."""
    now = _counts(database, namespace)
    tables = {
        name: TableDrift(declared=table.declared, before=table.before, after=now.get(name))
        for name, table in drift.tables.items()
    }
    return DataDrift(changed=drift.changed, tables=tables)


def _counts(database: Database, namespace: Namespace) -> dict[str, int]:
    return {name: facts.rows for name, facts in database.tables(namespace).items() if name != MARKER}
