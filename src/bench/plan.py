"""From a configuration to what exactly will be sent: statements, seeds, hashes. Touches no database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import streams
from bench.backends.base import Backend
from bench.budget import Budget
from bench.dataset import Dataset
from bench.errors import ConfigError, nearest
from bench.load import LoadProfile
from bench.model import Namespace, RenderedOperation, Statement
from bench.order import Order, Reset, Turn
from bench.price import Price
from bench.render import AuditRow, Renderer
from bench.sampling import Column
from bench.workload import Workload


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One cell, checked and frozen: backend x dataset x workload x load, and how to run it."""

    backend: Backend
    dataset: Dataset
    workload: Workload
    load: LoadProfile
    price: Price
    seed: int
    home: Path
    """Directory of what is kept between runs: generated files, embedded servers, database files."""
    outputs: Path
    """Directory of results, of earlier runs too."""
    budget: Budget
    """What the run, or the sweep to which it belongs, may take."""
    verify: bool
    cold: bool
    """Empty the engine's caches between the check of the answers and the load."""
    plans: bool
    """Take the engine's plan of each operation before the load is run."""
    ceiling_s: float
    """How long the harness alone is measured after a load that is at least ten times as long; 0: not at all."""
    answering: Backend
    """The engine that answers at once, against which it is measured."""
    label: str
    """The user's own words for this run."""
    choices: Mapping[str, str]
    """The chosen option of each group."""
    sql_dirs: tuple[Path, ...]
    """Folders of templates, searched in this order."""
    resolved: Mapping[str, object]
    """The whole configuration as plain values, without secrets."""
    config_hash: str
    """Of `resolved` without what does not change the measurement: equal hashes, equal cells."""
    repetitions: int
    """How often each cell of the sweep is run."""
    order: Order
    """In which order the runs of the sweep are made."""
    reset: Reset
    """What becomes of data that an earlier run has changed."""
    turn: Turn | None = None
    """Where this run stands in its sweep; None: it is no part of one."""

    def worker_processes(self, cores: int) -> int:
        """How many worker processes drive the clients on a machine with so many cores for us."""
        known = self.backend.capabilities
        return self.load.worker_processes(cores=cores, limit=known.processes_by_default, lone=known.best_alone)

    @property
    def repetition(self) -> int:
        """Which repetition of its cell this is, from 0."""
        return self.turn.repetition if self.turn else 0

    @property
    def keeps(self) -> bool:
        """What a workload has changed stays so: as it is asked for, or because the data are the user's own."""
        return self.reset == "keep" or not self.dataset.made

    @property
    def data_name(self) -> str:
        """A name for the data, unique to their fingerprint; what `Backend.provision` takes."""
        return f"{self.dataset.name}_{self.dataset.fingerprint[:12]}" if self.dataset.generated else "bench"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be sent to one backend."""

    namespace: Namespace
    operations: tuple[RenderedOperation, ...]
    """In the order of `workload.asked`."""
    schema_ddl: tuple[str, ...]
    audit: tuple[AuditRow, ...]
    canonical: Mapping[str, str]
    """The canonical text of each operation, by which questions are told apart, whatever is sent in the end."""
    sql_hash: str
    """Of the exact texts, pipelines among them: equal where the same statements are sent."""

    @property
    def read_only(self) -> bool:
        """No operation changes data."""
        return all(operation.read_only for operation in self.operations)


def make_plan(config: RunConfig) -> Plan:
    """Render every operation for the configured backend and check that the parts fit together.

    Raises:
        RenderError: A template cannot become SQL for the backend's dialect.
        ConfigError: The backend cannot do what workload or load ask for.
    """
    backend = config.backend
    namespace = backend.namespace(config.dataset.schema)
    renderer = Renderer(
        sql_dirs=config.sql_dirs,
        tables=config.dataset.shape,
        namespace=namespace,
        capabilities=backend.capabilities,
        complete=config.dataset.generated,
    )
    rendered = [renderer.render_operation(operation) for operation in config.workload.asked]
    plan = Plan(
        namespace=namespace,
        operations=tuple(operation for operation, _ in rendered),
        schema_ddl=_schema_ddl(config, renderer),
        audit=tuple(row for _, rows in rendered for row in rows),
        canonical={operation.name: renderer.canonical_text(operation) for operation in config.workload.asked},
        sql_hash=_hash([[_sent(statement) for statement in operation.statements] for operation, _ in rendered]),
    )
    _check_fit(config, plan)
    return plan


def question_hash(config: RunConfig, plan: Plan, workload: Workload, fingerprint: str) -> str:
    """Hash of all that is asked: data, canonical texts, mix, isolation, bound values, load.

    Two results may be compared only when their question hashes are equal.

    Args:
        config: The cell.
        plan: Its plan.
        workload: The workload with every parameter resolved to values.
        fingerprint: Of the data that are in the database.
    """
    asked = config.workload.asked
    return _hash(
        ({"cold": True} if config.cold else {})
        | ({"reset": "keep"} if config.reset == "keep" and not plan.read_only else {})
        | {
            "data": fingerprint,
            "canonical": dict(plan.canonical),
            "mix": {operation.name: config.workload.weight(operation.name) for operation in asked},
            "transactions": {operation.name: [operation.transactional, operation.isolation] for operation in asked},
            "values": streams.digest(workload, config.seed, config.load.clients),
            "load": config.load.question(),
        }
    )


def _schema_ddl(config: RunConfig, renderer: Renderer) -> tuple[str, ...]:
    """DDL of the dataset's own, from the folder of its schema or of its name."""
    if not config.dataset.generated:
        return ()
    folders = dict.fromkeys((config.dataset.schema, config.dataset.name))
    found = (renderer.render_schema(folder, config.backend.name) for folder in folders)
    return next(filter(None, found), ())


def _sent(statement: Statement) -> str | tuple[str, str]:
    """What tells one statement from another: its text, and its pipeline where it has one."""
    return (statement.sql, statement.pipeline) if statement.pipeline else statement.sql


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _check_fit(config: RunConfig, plan: Plan) -> None:
    """Refuse what this backend, dataset and workload cannot do together."""
    can, load = config.backend.capabilities, config.load
    _check_price(config)
    load.check(config.workload)
    if can.max_processes is not None and load.processes is not None and load.processes > can.max_processes:
        raise ConfigError(
            f"{load.processes} processes, but {config.backend.name} lets {can.max_processes} open its database; "
            f"use load.processes={can.max_processes}",
            key="load.processes",
        )
    if can.max_sessions is not None and load.clients > can.max_sessions:
        raise ConfigError(
            f"{load.clients} clients, but {config.backend.name} allows {can.max_sessions}", key="load.clients"
        )
    if config.cold and not can.cold:
        raise ConfigError(f"{config.backend.name} cannot empty its caches; leave it false", key="cold")
    for table in config.dataset.shape if config.dataset.made and not plan.schema_ddl else ():
        config.backend.create_table(table, plan.namespace)  # refuses a table that the engine cannot hold
    _check_columns(config)
    if not plan.read_only and not config.dataset.writable:
        names = ", ".join(operation.name for operation in plan.operations if not operation.read_only)
        raise ConfigError(
            f"'{config.workload.name}' would change existing data ({names}); leave these operations out of the mix, "
            "or allow it with dataset.allow_writes=true",
            key="workload",
        )
    if config.repetitions > 1 and config.reset == "reload" and not plan.read_only and not config.dataset.made:
        raise ConfigError(
            f"'{config.workload.name}' changes data that are not ours to load anew before each of the "
            f"{config.repetitions} repetitions; reset=keep lets them drift, and records by how much",
            key="reset",
        )
    _check_operations(config, plan)


def _check_operations(config: RunConfig, plan: Plan) -> None:
    can = config.backend.capabilities
    for operation, rendered in zip(config.workload.asked, plan.operations, strict=True):
        key = f"workload.operations.{operation.name}"
        if can.pipelined and (len(rendered.statements) > 1 or operation.transactional or operation.retries):
            raise ConfigError(
                "a pipeline takes operations of one statement that are sent once; leave it out of the mix, "
                f"or choose another driver for {config.backend.name}",
                key=key,
            )
        if operation.transactional and not can.transactions:
            raise ConfigError(f"{config.backend.name} has no transactions", key=key)
        if operation.isolation and operation.isolation not in can.isolation_levels:
            known = ", ".join(can.isolation_levels) or "none"
            raise ConfigError(
                f"{config.backend.name} has no isolation level '{operation.isolation}'; it has {known}", key=key
            )


def _check_price(config: RunConfig) -> None:
    """Refuse a price list for something else, and a limit that could not be kept."""
    misfit = config.price.misfit(config.backend.compute.kind)
    if misfit:
        raise ConfigError(misfit, key="price")
    config.budget.demand_price(config.price)
    unknown = "" if config.backend.capabilities.emulated else config.price.refusal(config.backend.compute)
    if config.budget.money_limited and unknown:
        raise ConfigError(f"no cell's cost can be estimated, so the limit could not be kept: {unknown}", key="budget")


def _check_columns(config: RunConfig) -> None:
    """Refuse a parameter that draws from a column which the declared tables do not have, before they are loaded."""
    if not config.dataset.generated:
        return
    tables = {table.name: [column.name for column in table.columns] for table in config.dataset.shape}
    for operation in config.workload.asked:
        for name, sampler in operation.params.items():
            if not isinstance(sampler, Column):
                continue
            key = f"workload.operations.{operation.name}.params.{name}"
            if sampler.table not in tables:
                raise ConfigError(f"no table '{sampler.table}'{nearest(sampler.table, tables)}", key=f"{key}.table")
            columns = tables[sampler.table]
            if sampler.column not in columns:
                raise ConfigError(
                    f"'{sampler.table}' has no column '{sampler.column}'{nearest(sampler.column, columns)}",
                    key=f"{key}.column",
                )
