"""Data that are there already: looked at, never touched."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bench.errors import PrepareError, nearest
from bench.prepare.marker import MARKER
from bench.prepare.state import DataState, TableLoad

if TYPE_CHECKING:
    from bench.prepare.state import Preparation


def look(preparation: Preparation) -> DataState:
    """Every table of the namespace, with the fingerprint that its counts and columns give.

    Raises:
        PrepareError: There is none, or a declared one is missing.
    """
    found = preparation.database.tables(preparation.namespace)
    tables = {name: facts for name, facts in found.items() if name != MARKER}
    if not tables and preparation.backend.capabilities.answers:
        raise PrepareError(
            f"no tables in the schema '{preparation.dataset.schema}'; name the one to measure with dataset.schema=…"
        )
    missing = [table.name for table in preparation.dataset.shape if table.name not in tables]
    if missing and preparation.backend.capabilities.answers:
        raise PrepareError(f"the dataset declares {missing[0]}, which is not there{nearest(missing[0], tables)}")
    seen = hashlib.sha256()
    for name in sorted(tables):
        seen.update(repr((name, tables[name].rows, sorted(tables[name].columns))).encode())
    loads = [TableLoad(table=name, rows=facts.rows, bytes=facts.bytes, reused=True) for name, facts in tables.items()]
    types = {f"{name}.{column}": kind for name, facts in tables.items() for column, kind in facts.columns.items()}
    preparation.say(f"data: {len(tables)} existing tables, {sum(facts.rows for facts in tables.values()):,} rows")
    return DataState(fingerprint=seen.hexdigest(), loads=tuple(loads), facts=types)
