"""`bench plan`: what would be sent, word for word, and what it would take.

Touches no data, and without `--check` no database.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from bench.commands.shell import Shell, composing_parser, say, show

if TYPE_CHECKING:
    from bench.backends.base import Session
    from bench.budget import Spending
    from bench.estimate import Estimate
    from bench.model import Statement
    from bench.order import Turn
    from bench.plan import Plan, RunConfig
    from bench.render import AuditRow

FAILED = 1
SHOWN_RUNS = 40


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Print the plan of each cell, and what it is estimated to take."""
    from bench.config import compose
    from bench.estimate import estimate, past_runs
    from bench.plan import make_plan

    parser = composing_parser("plan", "Print the exact SQL of any choice and what it would take; touches no data.")
    parser.add_argument("--json", action="store_true", help="print one JSON document for another program")
    parser.add_argument(
        "--check", action="store_true", help="have the engine EXPLAIN each statement, without running it"
    )
    parsed = parser.parse_intermixed_args(arguments)
    configs = compose(shell.words(parsed.overrides), shell.sources(parsed.config_dir), multirun=parsed.multirun)
    past = past_runs(configs[0].outputs)
    cells = [(config, make_plan(config), estimate(config, past)) for config in configs]
    if parsed.json:
        show(json.dumps(document(cells), indent=2, ensure_ascii=False))
    else:
        show("\n\n".join("\n".join(describe(*cell)) for cell in cells))
        if len(cells) > 1 or configs[0].repetitions > 1:
            show("\n" + "\n".join(_total(cells)))
    return max(check(config, plan) for config, plan, _ in cells) if parsed.check else 0


def document(cells: Sequence[tuple[RunConfig, Plan, Estimate]]) -> dict[str, object]:
    """The plans for another program: exact statements and estimates of each cell, and the estimate of all."""
    found = [
        {
            "backend": config.backend.name,
            "dataset": config.dataset.name,
            "workload": config.workload.name,
            "load": config.load.name,
            "price": config.price.name,
            "config_hash": config.config_hash,
            "sql_hash": plan.sql_hash,
            "operations": {each.name: [statement.sql for statement in each.statements] for each in plan.operations},
            **guess.document(),
        }
        for config, plan, guess in cells
    ]
    return {
        "cells": found,
        "repetitions": cells[0][0].repetitions,
        "order": cells[0][0].order,
        "runs": [{"cell": turn.cell, "repetition": turn.repetition} for turn in _turns([one for one, _, _ in cells])],
        "total": {"estimate": True, **asdict(_sum(cells))},
    }


def describe(config: RunConfig, plan: Plan, guess: Estimate) -> Iterator[str]:
    """The plan as SQL with comments, and what it would take."""
    from bench.workload import Workload

    yield f"-- {config.backend.name} · {config.dataset.name} · {config.workload.name} · {config.load.name}"
    yield f"-- load: {config.load.describe()}"
    yield f"-- sql hash: {plan.sql_hash}"
    yield f"-- estimate: {_amount(guess.spending)}; and at most {guess.drain_s:g} s for what is under way at the end"
    yield from (f"--   {text}" for text in guess.basis)
    yield from _data(config, plan)
    workload: Workload = config.workload
    total = sum(workload.weight(operation.name) for operation in workload.asked)
    audits: dict[str, list[AuditRow]] = {}
    for row in plan.audit:
        audits.setdefault(row.operation, []).append(row)
    for operation in plan.operations:
        rows = audits.get(operation.name, [])
        share = workload.weight(operation.name) / total
        yield ""
        yield f"-- {operation.name}: {share:.1%} of the operations, {_origin(rows)}{_manner(operation.transactional)}"
        yield from (f"-- audit, statement {row.statement + 1}: {row.verdict}" for row in rows if row.verdict != "ok")
        if operation.pipeline:
            yield "-- the pipeline is run; it answers the same as this SQL:"
        for statement in operation.statements:
            yield statement.sql.rstrip().rstrip(";") + ";"


def check(config: RunConfig, plan: Plan) -> int:
    """Have the engine plan each statement with NULL for every value; gives the exit code.

    Tables that are not there yet are made, empty, in a transaction that is rolled back, where the engine has such.
    """
    explain = config.backend.capabilities.explain
    if not explain:
        say(f"check: {config.backend.name} cannot plan a statement without running it")
        return 0
    refused = 0
    with (
        config.backend.visit(config.data_name, config.home, say) as backend,
        backend.open(plan.namespace) as database,
        database.session() as session,
    ):
        there = database.table_names(plan.namespace)
        missing = config.dataset.generated and any(table.name not in there for table in config.dataset.shape)
        ddl = _schema(config, plan) if missing and backend.capabilities.transactional_ddl else ()
        for operation in plan.operations:
            for position, statement in enumerate(operation.statements, start=1):
                explained = replace(statement, sql=f"{explain} {statement.sql}", returns_rows=True, pipeline="")
                reason = _refusal(session, ddl, explained)
                refused += bool(reason)
                say(f"check: {operation.name}, statement {position}: {reason or 'ok'}")
    return FAILED if refused else 0


def _refusal(session: Session, ddl: Sequence[str], statement: Statement) -> str:
    """Why the engine refuses to plan a statement; empty when it does not."""
    from bench.model import Statement

    try:
        if ddl:
            session.begin()
        for text in ddl:
            session.prepare(Statement(sql=text, returns_rows=False))(())
        session.prepare(statement)([None] * len(statement.parameters))
    except Exception as error:  # noqa: BLE001  # each driver raises its own; all of them are the answer here
        return " ".join(str(error).split()) or type(error).__name__
    finally:
        session.rollback()
    return ""


def _schema(config: RunConfig, plan: Plan) -> tuple[str, ...]:
    """The DDL of the tables, without what only makes them faster."""
    namespace = plan.namespace
    schema = (f"CREATE SCHEMA IF NOT EXISTS {namespace.schema}",) if namespace.schema else ()
    tables = plan.schema_ddl or tuple(config.backend.create_table(table, namespace) for table in config.dataset.shape)
    return schema + tables


def _data(config: RunConfig, plan: Plan) -> Iterator[str]:
    dataset, namespace = config.dataset, plan.namespace
    known = [dataset.rows(table.name) for table in dataset.shape]
    yield f"-- data: {dataset.name}, {sum(rows or 0 for rows in known):,} rows" + (
        f" in {len(known)} tables" if dataset.generated else " declared; the rest is as the database has it"
    )
    for table, rows in zip(dataset.shape, known, strict=True):
        yield f"--   {table.name:<16} {f'{rows:,}' if rows is not None else 'as it is':>14}"
    if not dataset.generated:
        return
    yield ""
    if plan.schema_ddl:
        yield from (text.rstrip().rstrip(";") + ";" for text in plan.schema_ddl)
        return
    for table in dataset.shape:
        for text in (config.backend.create_table(table, namespace), *config.backend.after_load(table, namespace)):
            yield text.rstrip().rstrip(";") + ";"


def _total(cells: Sequence[tuple[RunConfig, Plan, Estimate]]) -> Iterator[str]:
    configs = [config for config, _, _ in cells]
    repetitions = configs[0].repetitions
    each = f", each run {repetitions} times" if repetitions > 1 else ""
    yield f"-- all {len(cells)} cells{each}, estimated: {_amount(_sum(cells))}"
    unknown = sum(guess.spending.usd is None for _, _, guess in cells)
    if 0 < unknown < len(cells):
        yield f"-- the cost of {unknown} of them is not known, and not in the sum"
    if repetitions > 1:
        order = [str(turn.cell) for turn in _turns(configs)]
        shown = " ".join(order[:SHOWN_RUNS]) + (" …" if len(order) > SHOWN_RUNS else "")
        yield f"-- order: {configs[0].order}; by number of the cell: {shown}"


def _turns(configs: Sequence[RunConfig]) -> Iterator[Turn]:
    """The runs of the sweep in their order."""
    from bench.order import turns

    first = configs[0]
    return turns(len(configs), repetitions=first.repetitions, order=first.order, seed=first.seed)


def _sum(cells: Sequence[tuple[RunConfig, Plan, Estimate]]) -> Spending:
    from bench.budget import Spending

    runs = [guess.spending for config, _, guess in cells for _ in range(config.repetitions)]
    return sum(runs, Spending())


def _amount(spending: Spending) -> str:
    from bench.costs import amount

    parts = [f"about {spending.seconds:,.0f} s"]
    parts += [f"{amount(spending.credits)} credits"] if spending.credits is not None else []
    parts += [f"{amount(spending.usd)} USD"] if spending.usd is not None else []
    return ", ".join(parts)


def _origin(rows: Sequence[AuditRow]) -> str:
    origins = dict.fromkeys(row.origin for row in rows)
    return f"{' and '.join(origins)} from {rows[0].template}" if rows else "no audit"


def _manner(transactional: bool) -> str:
    return ", in one transaction" if transactional else ""
