"""How one statement is carried out, from its text to its result and its line in the history."""

from __future__ import annotations

import datetime
import threading
import time
from typing import TYPE_CHECKING

from fakesnow.expr import key_command
from fakesnow.statement_type import statement_type_id
from sqlglot import exp

from bench.emulator import databases, errors, explain, functions, indexes, parameters, privileges, stages, tables
from bench.emulator import warehouse_statements as warehouses
from bench.emulator.describe import describe
from bench.emulator.history import KEPT_TEXT_LENGTH, Entry, parameterized_hash, text_hash
from bench.emulator.results import SELECT, Result, inserted, status
from bench.emulator.statement import Statement
from bench.emulator.transactions import around, settle
from bench.emulator.views import Views
from bench.emulator.warehouses import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from bench.emulator.engine import Cursor
    from bench.emulator.sessions import Execution, Session
    from bench.emulator.values import Value
    from bench.emulator.warehouses import Warehouse

QUEUE_INTERVAL_S = 0.05
WITHOUT_TIMEOUT_S = 86_400
"""A limit of a day or more is none here."""
CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


def carry_out(execution: Execution, statement: Statement | errors.SqlError, *, logged: bool = True) -> Result:
    """Run a statement when its session is free, and write down what became of it.

    Raises:
        SqlError: It was refused, failed, or was ended from outside.
    """
    session = execution.session
    start, clock_ns = now(), time.perf_counter_ns()
    result: Result | None = None
    refusal: errors.SqlError | None = None
    try:
        if isinstance(statement, errors.SqlError):
            raise statement
        result = _alone(execution, statement)
        return result
    except BaseException as error:
        refusal = _refusal(execution, statement, error)
        raise refusal from error
    finally:
        execution.ended.set()
        session.waiting.pop(execution.request, None)
        session.last_query_id = execution.query_id
        if logged and isinstance(statement, Statement):
            elapsed_ms = (time.perf_counter_ns() - clock_ns) // 1_000_000
            session.account.history.add(
                _entry(execution, statement, result=result, refusal=refusal, start=start, elapsed_ms=elapsed_ms)
            )


def _refusal(execution: Execution, statement: Statement | errors.SqlError, error: BaseException) -> errors.SqlError:
    found = errors.translate(error)
    if isinstance(statement, Statement) and isinstance(statement.tree, exp.Use) and found.errno == 2003:
        found = errors.cannot_operate()
    return execution.refusal if execution.refusal is not None and found.errno == 604 else found


def _alone(execution: Execution, statement: Statement) -> Result:
    session = execution.session
    while not session.lock.acquire(timeout=QUEUE_INTERVAL_S):
        execution.check()
    limit_s = _limit_s(session, statement)
    timer = threading.Timer(limit_s, execution.stop, [errors.timed_out(limit_s)]) if limit_s else None
    try:
        session.current = execution
        execution.check()
        if timer:
            timer.daemon = True
            timer.start()
        return _answer(execution, statement)
    finally:
        session.current = None
        if timer:
            timer.cancel()
        execution.ended.set()
        session.lock.release()


def _limit_s(session: Session, statement: Statement) -> float:
    name = "STATEMENT_TIMEOUT_IN_SECONDS"
    limit_s = float(statement.parameters.get(name) or session.parameters.get(name) or 0)
    return limit_s if limit_s < WITHOUT_TIMEOUT_S else 0.0


def _answer(execution: Execution, statement: Statement) -> Result:
    session, tree = execution.session, statement.tree
    _demand(session, tree)
    if isinstance(tree, exp.Insert) and tree.args.get("overwrite"):
        raise errors.not_emulated("INSERT OVERWRITE; TRUNCATE and INSERT do it")
    if statement.describe_only:
        described = describe(execution, statement)
        if described is not None:
            return described
    result = _beside_the_engine(execution, statement)
    if result is None:
        result = _on_the_engine(execution, statement)
    if session.account.engine.kept(execution.query_id) is None:
        session.account.engine.keep(execution.query_id, result.table)
    return result


def _demand(session: Session, tree: exp.Expr) -> None:
    if isinstance(tree, exp.Create | exp.Drop):
        privileges.demand(session.role, key_command(tree))


def _beside_the_engine(execution: Execution, statement: Statement) -> Result | None:
    """The result of what concerns the service and not the data, None for the rest."""
    session, tree = execution.session, statement.tree
    if isinstance(tree, (exp.Query, *CHANGES)):
        return None
    if isinstance(tree, exp.Set):
        raise errors.not_emulated("session variables")
    if isinstance(tree, exp.Use):
        kind = getattr(tree.args.get("kind"), "name", tree.args.get("kind"))
        if kind == "ROLE":
            session.role = tables.written(tree.this.this)
            return status()
        if kind == "SECONDARY ROLES":
            return status()
    for answer in (warehouses.answer, parameters.answer, indexes.answer, stages.answer, databases.answer):
        result = answer(session, statement)
        if result is not None:
            return result
    if isinstance(tree, exp.Alter):
        return tables.alter(session, tree)
    return explain.answer(execution, statement)


def _on_the_engine(execution: Execution, statement: Statement) -> Result:
    session = execution.session
    if isinstance(statement.tree, exp.Command):
        raise errors.syntax(f"unexpected '{statement.tree.this}'")
    tree = tables.prepare(statement) if tables.is_create_table(statement.tree) else statement.tree.copy()
    tree = stages.simplify_copy(functions.rewrite(execution, tree))
    if _is_void_truncate(session, tree):
        return status()
    kept = tables.is_kept(session, statement.tree)
    if needs_compute(statement):
        session.account.warehouses.use(session.warehouse)
    views = Views(session=session, query_id=execution.query_id)
    try:
        tree, values = views.rewrite(tree, statement.values)
        execution.check()
        with around(session, tree, batch=bool(statement.batch)) as skipped:
            result = status() if skipped else _run(execution, statement, tree, values)
    finally:
        views.drop()
    settle(session, tree)
    databases.enter(session, statement.tree)
    if tables.is_create_table(statement.tree) and not kept:
        tables.remember(session, statement)
    tables.renamed(session, statement.tree)
    stages.note_temporary(session, statement.tree)
    return result


def _is_void_truncate(session: Session, tree: exp.Expr) -> bool:
    """Whether it is TRUNCATE TABLE IF EXISTS of a table that is not there; else IF EXISTS is taken away."""
    if not isinstance(tree, exp.TruncateTable) or not tree.args.get("exists"):
        return False
    tree.set("exists", False)
    return not session.account.catalogue.exists(tables.name_of(session, tree.expressions[0]))


def needs_compute(statement: Statement) -> bool:
    """Whether the real service would need a running warehouse."""
    tree = statement.tree
    if isinstance(tree, exp.Query):
        return tree.find(exp.Table, exp.TableFromRows) is not None
    if tables.is_create_table(tree):
        return statement.hybrid or tree.args.get("expression") is not None
    return isinstance(tree, (*CHANGES, exp.Copy))


def _run(execution: Execution, statement: Statement, tree: exp.Expr, values: Sequence[Value]) -> Result:
    cursor = execution.session.cursor(execution.query_id)
    kind = SELECT if isinstance(tree, exp.Query) else statement_type_id(tree)
    if statement.batch:
        changed = cursor.run_batch(tree, statement.batch)
        return inserted(changed, statement_type=kind)
    filled = tables.filled_afterwards(statement, tree)
    table = cursor.run(tree, values) if filled is None else _fill(execution, cursor, tree, filled, values)
    return Result(
        table=table,
        columns=cursor.columns,
        statement_type=kind,
        arrow=isinstance(tree, exp.Query),
        rows_affected=cursor.rows_affected if isinstance(tree, CHANGES) else None,
        upload=stages.upload(cursor, statement.tree) if isinstance(statement.tree, exp.Put) else None,
    )


def _fill(
    execution: Execution, cursor: Cursor, create: exp.Expr, insert: exp.Insert, values: Sequence[Value]
) -> pa.Table:
    """Make a table and fill it; it is dropped again if that fails.

    One transaction would not do: fakesnow notes the lengths of columns in a database of its own.
    """
    made = cursor.run(create)
    columns = cursor.columns
    try:
        cursor.run(insert, values)
    except BaseException:  # an interrupt too must not leave a table without its rows
        session = execution.session
        session.account.engine.drop_table(*tables.name_of(session, insert.this).parts)
        raise
    cursor.columns = columns
    return made


def _entry(
    execution: Execution,
    statement: Statement,
    *,
    result: Result | None,
    refusal: errors.SqlError | None,
    start: datetime.datetime,
    elapsed_ms: int,
) -> Entry:
    session = execution.session
    used: Warehouse | None = session.account.warehouses.find(session.warehouse) if needs_compute(statement) else None
    changed = result.rows_affected if result else None
    tree = statement.tree
    return Entry(
        query_id=execution.query_id,
        query_text=statement.text[:KEPT_TEXT_LENGTH],
        database_name=session.connection.database,
        schema_name=session.connection.schema,
        query_type=_kind(tree),
        session_id=session.number,
        user_name=session.user,
        role_name=session.role,
        warehouse_name=session.warehouse,
        warehouse_size=used.size if used else None,
        warehouse_type=used.kind if used else None,
        query_tag=statement.parameters.get("QUERY_TAG") or session.parameters.get("QUERY_TAG", ""),
        execution_status="FAIL" if refusal else "SUCCESS",
        error_code=refusal.errno if refusal else None,
        error_message=refusal.message[:KEPT_TEXT_LENGTH] if refusal else None,
        start_time=start,
        end_time=start + datetime.timedelta(milliseconds=elapsed_ms),
        total_elapsed_time=elapsed_ms,
        compilation_time=0,
        execution_time=elapsed_ms,
        rows_produced=changed if changed is not None else result.rows if result else None,
        rows_inserted=changed if isinstance(tree, exp.Insert) else None,
        rows_updated=changed if isinstance(tree, exp.Update) else None,
        rows_deleted=changed if isinstance(tree, exp.Delete) else None,
        query_hash=text_hash(statement.text),
        query_parameterized_hash=parameterized_hash(statement.text),
    )


def _kind(tree: exp.Expr) -> str:
    if isinstance(tree, exp.Query):
        return "SELECT"
    if tables.is_create_table(tree) and tree.args.get("expression") is not None:
        return "CREATE_TABLE_AS_SELECT"
    return key_command(tree).replace(" ", "_")
