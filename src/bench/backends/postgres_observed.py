"""What PostgreSQL counts beside the measurement: statements in `pg_stat_statements`, waits, plans."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg import sql

from bench.backends.postgres_facts import LACKING, OURS
from bench.errors import BackendError
from bench.model import StatementStats, Value

if TYPE_CHECKING:
    from bench.backends.postgres_session import Connection, Cursor

Columns: TypeAlias = Sequence[str]

NS_PER_MS = 1_000_000
MEASURED: Mapping[str, Columns] = {
    "calls": ("calls",),
    "rows": ("rows",),
    "execution_ns": ("total_exec_time",),
    "blocks_hit": ("shared_blks_hit",),
    "blocks_read": ("shared_blks_read",),
    "blocks_dirtied": ("shared_blks_dirtied",),
    "blocks_written": ("shared_blks_written",),
    "temp_blocks": ("temp_blks_read", "temp_blks_written"),
    "wal_records": ("wal_records",),
    "wal_bytes": ("wal_bytes",),
}
"""Columns of `pg_stat_statements` that add up to each of our counters (PostgreSQL documentation, F.32)."""
PLANNED = {"plan_ns": ("total_plan_time",)}
"""Those that grow only while `pg_stat_statements.track_planning` is on."""
RUNNING = "running"
"""The name of waiting for nothing: on a processor, or in line for one."""
EXPLAIN = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "

TOKEN = re.compile(
    r"(?P<identifier>\"(?:[^\"]|\"\")*\")"
    r"|(?P<comment>/\*.*?\*/|--[^\n]*)"
    r"|\b[eE]'(?:[^'\\]|''|\\.)*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|'(?:[^']|'')*'"  # texts
    r"|\$\d+|(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b",
    re.DOTALL | re.IGNORECASE,
)
"""Where a constant may stand, and what only looks like one."""


def statement_key(text: str) -> str:
    """The text without comments, spare space and anything that PostgreSQL replaces by a placeholder.

    `pg_stat_statements` keeps the text that it met first, with constants as further placeholders after `$1` and so on,
    and from version 18 on a list of constants as one. Two texts have one key where they differ only in that.

    Example:
        >>> statement_key("SELECT a FROM t WHERE b = -5 AND c IN (1, 2)  -- why")
        'SELECT a FROM t WHERE b = ? AND c IN (?)'
        >>> statement_key("SELECT a FROM t WHERE b = $1 AND c IN ($2 /*, ... */)")
        'SELECT a FROM t WHERE b = ? AND c IN (?)'
    """
    erased = TOKEN.sub(lambda found: found["identifier"] or (" " if found["comment"] else "?"), text)
    # The sign belongs to the constant in some places and not in others.
    erased = re.sub(r"(?:[-+]\s*)+\?", "?", " ".join(erased.split()))
    return re.sub(r"\?(?:\s*,\s*\?)+", "?", erased).replace("( ", "(").replace(" )", ")").rstrip("; ")


def statement_stats(connection: Connection) -> tuple[StatementStats, ...]:
    """Every statement of this database and user, as counted since the counters were last reset.

    Raises:
        BackendError: The extension is not there, not loaded, or not shown to us.
    """
    place = connection.execute(
        f"SELECT {OURS} extnamespace::regnamespace::text FROM pg_extension "
        "WHERE extname = 'pg_stat_statements'".encode()
    ).fetchone()
    if place is None:
        raise BackendError(
            "the server does not count by statement: pg_stat_statements is missing; "
            "put it into shared_preload_libraries and send CREATE EXTENSION pg_stat_statements"
        )
    view = sql.SQL(str(place[0]) + ".pg_stat_statements")
    try:
        known = _columns(connection, view)
        measured = dict(MEASURED)
        if _planning_is_tracked(connection):
            measured |= PLANNED
        chosen = {name: columns for name, columns in measured.items() if known.issuperset(columns)}
        return _counted(connection, view, chosen, toplevel="toplevel" in known)
    except LACKING as error:
        raise BackendError(f"the server does not show what it counts by statement: {_line(error)}") from error


def _counted(
    connection: Connection, view: sql.SQL, chosen: Mapping[str, Columns], *, toplevel: bool
) -> tuple[StatementStats, ...]:
    sums = [sql.SQL(" + ").join(map(sql.Identifier, columns)) for columns in chosen.values()]
    rows = connection.execute(
        sql.SQL("SELECT {ours} query, {sums} FROM {view} WHERE {mine}{top} AND query NOT LIKE {marked}").format(
            ours=sql.SQL(OURS),
            sums=sql.SQL(", ").join(sums),
            view=view,
            mine=sql.SQL(
                "dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                "AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
            ),
            top=sql.SQL(" AND toplevel" if toplevel else ""),
            marked=sql.Literal(f"%{OURS}%"),
        )
    ).fetchall()
    return tuple(_stats(str(text), dict(zip(chosen, values, strict=True))) for text, *values in rows)


def _stats(text: str, values: Mapping[str, Any]) -> StatementStats:
    whole = {name: int(value * NS_PER_MS) if name.endswith("_ns") else int(value) for name, value in values.items()}
    return StatementStats(sql=text, **whole)


def _columns(connection: Connection, view: sql.SQL) -> set[str]:
    described = connection.execute(sql.SQL("SELECT {} * FROM {} LIMIT 0").format(sql.SQL(OURS), view)).description
    return {column.name for column in described or ()}


def _planning_is_tracked(connection: Connection) -> bool:
    asked = f"SELECT {OURS} current_setting('pg_stat_statements.track_planning', true)"
    return connection.execute(asked.encode()).fetchall()[0][0] == "on"


def waits(connection: Connection) -> dict[str, int]:
    """By wait event, how many of our other sessions of this database are in the middle of something.

    Sessions are known by `application_name`, so those of another `bench` on the same database are among them. One that
    is idle within a transaction waits for its client (`Client:ClientRead`).
    """
    rows = connection.execute(
        f"SELECT {OURS} coalesce(wait_event_type || ':' || wait_event, '{RUNNING}'), count(*) FROM pg_stat_activity "
        "WHERE application_name = 'bench' AND datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend' AND state <> 'idle' GROUP BY 1".encode()
    ).fetchall()
    return {str(event): int(str(count)) for event, count in rows}


def plan(cursor: Cursor, text: str, values: Sequence[Value]) -> str:
    """The plan of a statement that is executed with these values; empty for a kind of statement that has none.

    Raises:
        psycopg.Error: The statement fails.
    """
    try:
        # Planned with its values, as the first executions of a prepared statement are.
        rows = cursor.execute(EXPLAIN + text.encode(), values, prepare=False).fetchall()
    except psycopg.errors.SyntaxError:
        return ""  # as for CREATE, which EXPLAIN does not take
    return json.dumps(rows[0][0])


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
