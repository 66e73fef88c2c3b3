"""Parameters that draw from the values of a column, resolved to the values that are really there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from bench import generate
from bench.dataset import GeneratedDataset
from bench.errors import ConfigError
from bench.sampling import Column, Sampler

if TYPE_CHECKING:
    from bench.model import Value
    from bench.prepare.state import Preparation
    from bench.sampling import AnySampler
    from bench.workload import Operation, Workload

COLUMN_VALUES = 10_000
"""Greatest number of values from which a `column` parameter draws."""


def resolve(workload: Workload, preparation: Preparation) -> Workload:
    """The workload with each `column` parameter drawing from the values that are really there.

    Raises:
        ConfigError: A parameter names a table or column that the dataset does not have.
    """
    return replace(workload, operations=tuple(_resolved(operation, preparation) for operation in workload.operations))


def _resolved(operation: Operation, preparation: Preparation) -> Operation:
    params: dict[str, Sampler] = {}
    for name, sampler in operation.params.items():
        if isinstance(sampler, Column):
            values = _column_values(preparation, sampler, f"workload.{operation.name}.params.{name}")
            params[name] = sampler.resolve(values)
        else:
            params[name] = sampler
    return replace(
        operation, params=cast("Mapping[str, AnySampler]", params)
    )  # what a column resolves to is no YAML form


def _column_values(preparation: Preparation, sampler: Column, key: str) -> list[Value]:
    dataset = preparation.dataset
    if isinstance(dataset, GeneratedDataset):
        return generate.column_values(dataset, sampler.table, sampler.column, COLUMN_VALUES)
    name, column = preparation.namespace.qualified(sampler.table), sampler.column
    rows = preparation.database.execute(
        f"SELECT DISTINCT {column} FROM {name} WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {COLUMN_VALUES}"
    )
    if not rows:
        raise ConfigError(f"{sampler.table}.{sampler.column} holds no values to draw from", key=key)
    return [row[0] for row in rows]  # type: ignore[misc]  # a driver gives plain values
