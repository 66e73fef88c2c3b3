"""The marker table: which tables are ours, and whether their load came to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.errors import PrepareError

if TYPE_CHECKING:
    from bench.backends.base import Database
    from bench.model import Namespace
    from bench.prepare.state import Preparation

MARKER = "bench_marker"
LOADING, LOADED, CHANGED = "loading", "loaded", "changed"


def mark_changed(database: Database, namespace: Namespace) -> None:
    """Note that a workload is about to change the data; if this tool loaded them, the next run does so anew."""
    if MARKER in database.table_names(namespace):
        database.apply([set_state(namespace, CHANGED)])


class Marker(NamedTuple):
    """What the marker table says."""

    load_key: str
    state: str
    tables: frozenset[str]
    """The tables of that load: what may be dropped."""


def read_marker(preparation: Preparation, there: frozenset[str]) -> Marker | None:
    """What the marker says, where there is one; `there` are the tables' names."""
    if MARKER not in there:
        return None
    rows = preparation.database.execute(f"SELECT * FROM {preparation.namespace.qualified(MARKER)}")
    mine = frozenset(table.name for table in preparation.dataset.shape)
    if not rows:  # the engine was killed between the table and its rows; nothing else was made by then
        return Marker("", LOADING, frozenset())
    named = frozenset(str(row[2]) for row in rows if len(row) > 2)  # older markers name none
    return Marker(str(rows[0][0]), str(rows[0][1]), named or mine)


def set_state(namespace: Namespace, state: str) -> str:
    """The statement that changes the state of all our tables."""
    return f"UPDATE {namespace.qualified(MARKER)} SET state = '{state}'"


def make_room(preparation: Preparation, key: str, there: frozenset[str], found: Marker | None) -> None:
    """Remove what an earlier load of ours left, and put up the marker; refuses tables that are not ours.

    In an order that leaves no table of ours without a marker, also where DDL is not transactional.
    """
    database, namespace = preparation.database, preparation.namespace
    mine = [table.name for table in preparation.dataset.shape]
    ours = found.tables if found else frozenset()
    foreign = sorted((there & set(mine)) - ours)
    if foreign:
        raise PrepareError(
            f"the schema '{preparation.dataset.schema}' holds {', '.join(foreign)}, and not from this tool: "
            "nothing was touched; load into another with dataset.schema=…, or measure these with dataset=existing"
        )
    if preparation.backend.capabilities.schemas:
        database.make_schema(namespace)
    if found:
        database.apply([set_state(namespace, LOADING)])
    marker = namespace.qualified(MARKER)
    database.apply(
        [
            *(f"DROP TABLE IF EXISTS {namespace.qualified(name)}" for name in sorted(ours - set(mine))),
            *(f"DROP TABLE IF EXISTS {namespace.qualified(name)}" for name in reversed(mine)),
            f"DROP TABLE IF EXISTS {marker}",
            f"CREATE TABLE {marker} "
            "(load_key VARCHAR(64) NOT NULL, state VARCHAR(16) NOT NULL, table_name VARCHAR(255) NOT NULL)",
            *(f"INSERT INTO {marker} VALUES ('{key}', '{LOADING}', '{name}')" for name in mine),
        ]
    )
