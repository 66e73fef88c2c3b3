"""Session parameters: SET, UNSET and SHOW, and what is known of the usual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from bench.emulator.results import SESSION, Result, listing, status
from bench.emulator.words import Words, like

if TYPE_CHECKING:
    from bench.emulator.sessions import Session
    from bench.emulator.statement import Statement

DEFAULTS = {
    "ABORT_DETACHED_QUERY": ("false", "BOOLEAN"),
    "AUTOCOMMIT": ("true", "BOOLEAN"),
    "CLIENT_SESSION_KEEP_ALIVE": ("false", "BOOLEAN"),
    "CLIENT_TELEMETRY_ENABLED": ("false", "BOOLEAN"),
    "LOCK_TIMEOUT": ("43200", "NUMBER"),
    "QUERY_TAG": ("", "STRING"),
    "READ_LATEST_WRITES": ("false", "BOOLEAN"),
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": ("0", "NUMBER"),
    "STATEMENT_TIMEOUT_IN_SECONDS": ("172800", "NUMBER"),
    "TIMEZONE": ("UTC", "STRING"),
    "TIMESTAMP_TYPE_MAPPING": ("TIMESTAMP_NTZ", "STRING"),
    "TRANSACTION_DEFAULT_ISOLATION_LEVEL": ("READ COMMITTED", "STRING"),
    "USE_CACHED_RESULT": ("true", "BOOLEAN"),
    "WEEK_START": ("0", "NUMBER"),
}
"""Value and type of a parameter that nobody has set."""
SHOWN = ("key", "value", "default", "level", "description", "type")


def answer(session: Session, statement: Statement) -> Result | None:
    """The result of ALTER SESSION or SHOW PARAMETERS, None for any other statement."""
    if isinstance(statement.tree, exp.Alter) and statement.tree.args.get("kind") == "SESSION":
        return _alter(session, statement.tree)
    words = Words(statement.text) if isinstance(statement.tree, exp.Command | exp.Show) else None
    if words and words.take("SHOW", "PARAMETERS"):
        return _show(session, words)
    return None


def written(value: object) -> str:
    """A parameter's value as SHOW writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _alter(session: Session, tree: exp.Alter) -> Result:
    changed: dict[str, str] = {}
    for action in tree.args["actions"]:
        for item in action.expressions:
            target = item.this
            if action.args.get("unset"):
                name = target.name.upper()
                session.parameters.pop(name, None)
                changed[name] = DEFAULTS.get(name, ("", ""))[0]
            else:
                changed[target.this.name.upper()] = _literal(target.expression)
                session.parameters[target.this.name.upper()] = _literal(target.expression)
    if "AUTOCOMMIT" in changed:
        session.set_autocommit(changed["AUTOCOMMIT"] != "false")
    return status(statement_type=SESSION, parameters=changed)


def _literal(expression: exp.Expr) -> str:
    if isinstance(expression, exp.Boolean):
        return written(bool(expression.this))
    if isinstance(expression, exp.Literal):
        return str(expression.this)
    return expression.name or expression.sql(dialect="snowflake")


def _show(session: Session, words: Words) -> Result:
    wanted = like(words.value() if words.take("LIKE") else None)
    names = sorted(name for name in DEFAULTS.keys() | session.parameters.keys() if wanted.fullmatch(name))
    rows = []
    for name in names:
        default, kind = DEFAULTS.get(name, ("", "STRING"))
        value = session.parameters.get(name, default)
        rows.append([name, value, default, "SESSION" if name in session.parameters else "", "", kind])
    return listing(SHOWN, rows)
