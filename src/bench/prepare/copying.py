"""Tables copied within the engine, from a schema that holds them already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import PrepareError, nearest
from bench.model import Namespace

if TYPE_CHECKING:
    from bench.dataset import CopiedDataset
    from bench.model import Table
    from bench.prepare.state import Preparation


def copy_ddl(preparation: Preparation, dataset: CopiedDataset, table: Table) -> str:
    """The statement that makes one table from its source."""
    source = Namespace(schema=dataset.source).qualified(table.name)
    return preparation.backend.copy_table(table, preparation.namespace, source)


def copy(preparation: Preparation, dataset: CopiedDataset) -> None:
    """Make every declared table from its source, with its keys and indexes.

    Raises:
        PrepareError: A table is not there, or a copy has not as many rows as its source.
    """
    database = preparation.database
    source = Namespace(schema=dataset.source)
    there = database.table_names(source)
    for table in dataset.shape:
        if table.name not in there:
            raise PrepareError(
                f"{dataset.source} has no table '{table.name}'{nearest(table.name, there)}, or the role may not see "
                "it; name the schema to copy from with dataset.source=…"
            )
    for number, table in enumerate(dataset.shape):
        preparation.advance("copy", number, len(dataset.shape))
        database.apply([copy_ddl(preparation, dataset, table)])
        database.apply(preparation.backend.after_load(table, preparation.namespace))
        database.analyze(table, preparation.namespace)
        _check_rows(preparation, source, table.name)
    preparation.say(f"data: {len(dataset.shape)} tables copied from {dataset.source}")


def _check_rows(preparation: Preparation, source: Namespace, name: str) -> None:
    counts = [
        int(str(preparation.database.execute(f"SELECT COUNT(*) FROM {place.qualified(name)}")[0][0]))
        for place in (source, preparation.namespace)
    ]
    if counts[0] != counts[1]:
        raise PrepareError(f"{name}: {counts[1]:,} of {counts[0]:,} rows were copied")
