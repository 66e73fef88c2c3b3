"""Functions that ask or tell the service something: CURRENT_… and SYSTEM$…."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlglot import exp

from bench.emulator import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.emulator.sessions import Execution, Session

VERSION = "9.99.0 emulator"
REGION = "EMULATOR"
ACCOUNT = "EMULATOR"
ABORT_INTERVAL_S = 0.05
"""How often a statement that waits for the end of another session sees whether it is to end itself."""
CURRENT: dict[str, Callable[[Session], str | None]] = {
    "CURRENT_WAREHOUSE": lambda session: (
        session.warehouse if session.account.warehouses.find(session.warehouse) else None
    ),
    "CURRENT_ROLE": lambda session: session.role,
    "CURRENT_USER": lambda session: session.user,
    "CURRENT_SESSION": lambda session: str(session.number),
    "CURRENT_ACCOUNT": lambda _: ACCOUNT,
    "CURRENT_ACCOUNT_NAME": lambda _: ACCOUNT,
    "CURRENT_ORGANIZATION_NAME": lambda _: ACCOUNT,
    "CURRENT_REGION": lambda _: REGION,
    "CURRENT_VERSION": lambda _: VERSION,
    "CURRENT_CLIENT": lambda _: "PythonConnector",
    "CURRENT_SECONDARY_ROLES": lambda _: '{"roles":"","value":""}',
    "CURRENT_DATABASE": lambda session: session.connection.database if session.connection.database_set else None,
    "CURRENT_SCHEMA": lambda session: session.connection.schema if session.connection.schema_set else None,
    "LAST_QUERY_ID": lambda session: session.last_query_id,
}


def rewrite(execution: Execution, tree: exp.Expr) -> exp.Expr:
    """The statement with each such call replaced by what it gives; SYSTEM$ functions are carried out."""
    for node in list(tree.find_all(exp.Func)):
        name = _name(node)
        if name in CURRENT:
            made = exp.convert(CURRENT[name](execution.session))
        elif name in SYSTEM and isinstance(node, exp.Anonymous):
            made = exp.convert(SYSTEM[name](execution, [_argument(each) for each in node.expressions]))
        else:
            continue
        if isinstance(node.parent, exp.Select):
            made = exp.alias_(made, f"{name}()", quoted=True)
        if node is tree:
            return made
        node.replace(made)
    return tree


def _name(node: exp.Func) -> str:
    if isinstance(node, exp.Anonymous):
        return node.name.upper()
    return str(node.sql_name()).upper()


def _argument(node: exp.Expr) -> str:
    if not isinstance(node, exp.Literal):
        raise errors.not_emulated(f"an argument of a SYSTEM$ function that is no literal: {node.sql()}")
    return str(node.this)


def _cancel_all(execution: Execution, arguments: list[str]) -> str:
    found = execution.session.account.sessions.numbered(int(arguments[0]))
    if found is None:
        raise errors.SqlError(90117, "22000", f"Session {arguments[0]} does not exist")
    others = [each for each in found.executions() if each is not execution]
    for each in others:
        each.stop(errors.canceled())
    return f"{len(others)} queries cancelled" if others else "no queries running to cancel"


def _cancel_query(execution: Execution, arguments: list[str]) -> str:
    found = execution.session.account.sessions.cancel_query(arguments[0])
    return f"query [{arguments[0]}] terminated." if found else "Identified SQL statement is not currently executing."


def _abort_session(execution: Execution, arguments: list[str]) -> str:
    found = execution.session.account.sessions.numbered(int(arguments[0]))
    if found is None or found.ended:
        raise errors.SqlError(90117, "22000", f"Session {arguments[0]} does not exist")
    found.ended = True
    found.cancel_all(errors.session_gone())
    # In a thread: it waits until what runs in that session has ended, which may be this statement, or wait for this.
    ending = threading.Thread(target=execution.session.account.sessions.remove, args=[found.token], daemon=True)
    ending.start()
    while ending.is_alive() and found is not execution.session:
        execution.check()
        ending.join(ABORT_INTERVAL_S)
    return "session was aborted"


def _wait(execution: Execution, arguments: list[str]) -> str:
    amount = float(arguments[0])
    unit = (arguments[1] if len(arguments) > 1 else "SECONDS").upper()
    execution.stopped.wait(amount * {"MILLISECONDS": 0.001, "SECONDS": 1.0, "MINUTES": 60.0}.get(unit, 1.0))
    execution.check()
    return f"waited {amount:g} {unit.lower()}"


SYSTEM: dict[str, Callable[[Execution, list[str]], str]] = {
    "SYSTEM$CANCEL_ALL_QUERIES": _cancel_all,
    "SYSTEM$CANCEL_QUERY": _cancel_query,
    "SYSTEM$ABORT_SESSION": _abort_session,
    "SYSTEM$WAIT": _wait,
}
