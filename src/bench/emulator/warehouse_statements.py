"""CREATE, ALTER, DROP, SHOW and USE WAREHOUSE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.emulator import errors
from bench.emulator.privileges import demand
from bench.emulator.results import Result, listing, status
from bench.emulator.words import Words, like

if TYPE_CHECKING:
    from bench.emulator.sessions import Session
    from bench.emulator.statement import Statement
    from bench.emulator.warehouses import Warehouse

COLUMNS = (
    "name",
    "state",
    "type",
    "size",
    "min_cluster_count",
    "max_cluster_count",
    "started_clusters",
    "running",
    "queued",
    "is_default",
    "is_current",
    "auto_suspend",
    "auto_resume",
    "available",
    "provisioning",
    "quiescing",
    "other",
    "created_on",
    "resumed_on",
    "updated_on",
    "owner",
    "comment",
    "enable_query_acceleration",
    "query_acceleration_max_scale_factor",
    "resource_monitor",
    "actives",
    "pendings",
    "failed",
    "suspended",
    "uuid",
    "scaling_policy",
    "budget",
    "owner_role_type",
    "resource_constraint",
    "generation",
)


def answer(session: Session, statement: Statement) -> Result | None:
    """The result of a statement about warehouses, None for any other."""
    words = Words(statement.text)
    if words.take("CREATE"):
        return _create(session, words)
    if words.take("ALTER", "WAREHOUSE"):
        return _alter(session, words)
    if words.take("DROP", "WAREHOUSE"):
        return _drop(session, words)
    if words.take("USE", "WAREHOUSE"):
        return _use(session, words)
    if words.take("SHOW", "WAREHOUSES"):
        return _show(session, words)
    return None


def _create(session: Session, words: Words) -> Result | None:
    replace = words.take("OR", "REPLACE")
    if not words.take("WAREHOUSE"):
        return None
    demand(session.role, "CREATE WAREHOUSE")
    keep = words.take("IF", "NOT", "EXISTS")
    name = words.name()
    words.take("WITH")
    made = session.account.warehouses.create(name, words.settings(), replace=replace, keep=keep, owner=session.role)
    if made:
        session.warehouse = name
    return status(f"Warehouse {name} successfully created." if made else f"{name} already exists, statement succeeded.")


def _alter(session: Session, words: Words) -> Result:
    demand(session.role, "ALTER WAREHOUSE")
    warehouses = session.account.warehouses
    lenient = words.take("IF", "EXISTS")
    name = session.warehouse or "" if words.upper() in ("SET", "SUSPEND", "RESUME") else words.name()
    if lenient and warehouses.find(name) is None:
        return status()
    if words.take("SUSPEND"):
        warehouses.suspend(name)
    elif words.take("RESUME"):
        warehouses.resume(name, only_if_suspended=words.take("IF", "SUSPENDED"))
    elif words.take("SET"):
        warehouses.change(name, words.settings())
    elif words.take("RENAME", "TO"):
        warehouses.rename(name, words.name())
    elif words.take("ABORT", "ALL", "QUERIES"):
        session.account.sessions.cancel_on(name)
    elif words.take("UNSET"):
        return status()
    if not words.at_end:
        raise words.unexpected()
    return status()


def _drop(session: Session, words: Words) -> Result:
    demand(session.role, "DROP WAREHOUSE")
    lenient = words.take("IF", "EXISTS")
    name = words.name()
    if session.account.warehouses.find(name) is None and lenient:
        return status(f"Drop statement executed successfully ({name} already dropped).")
    session.account.warehouses.drop(name)
    return status(f"{name} successfully dropped.")


def _use(session: Session, words: Words) -> Result:
    name = words.name()
    if session.account.warehouses.find(name) is None:
        raise errors.cannot_operate()
    session.warehouse = name
    return status()


def _show(session: Session, words: Words) -> Result:
    wanted = like(words.value() if words.take("LIKE") else None)
    rows = [_row(session, each) for each in session.account.warehouses.all() if wanted.fullmatch(each.name)]
    return listing(COLUMNS, rows)


def _row(session: Session, each: Warehouse) -> list[object]:
    running = session.account.sessions.running_on(each.name, besides=session)
    values: dict[str, object] = {
        "name": each.name,
        "state": each.state,
        "type": each.kind,
        "size": each.size,
        "min_cluster_count": each.min_cluster_count,
        "max_cluster_count": each.max_cluster_count,
        "started_clusters": each.min_cluster_count if each.started else 0,
        "running": running,
        "queued": 0,
        "is_default": "N",
        "is_current": "Y" if each.name == session.warehouse else "N",
        "auto_suspend": each.auto_suspend_s or None,
        "auto_resume": each.auto_resume,
        "available": 100 if each.started else "",
        "provisioning": 0 if each.started else "",
        "quiescing": 0 if each.started else "",
        "other": 0 if each.started else "",
        "created_on": each.created_on,
        "resumed_on": each.resumed_on,
        "updated_on": each.updated_on,
        "owner": each.owner,
        "comment": each.comment,
        "enable_query_acceleration": each.query_acceleration,
        "query_acceleration_max_scale_factor": each.query_acceleration_max_scale_factor,
        "resource_monitor": "null",
        "actives": 0,
        "pendings": 0,
        "failed": 0,
        "suspended": 0 if each.started else 1,
        "uuid": "0",
        "scaling_policy": each.scaling_policy,
        "owner_role_type": "ROLE",
        "resource_constraint": each.resource_constraint,
        "generation": each.generation,
    }
    return [values.get(column) for column in COLUMNS]
