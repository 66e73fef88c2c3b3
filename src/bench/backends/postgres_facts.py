"""What a PostgreSQL server says of itself: its tables, its settings, its counters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from psycopg import errors, sql
from psycopg.rows import class_row

from bench.model import Namespace, TableFacts

if TYPE_CHECKING:
    from bench.backends.postgres_session import Connection

REPORTED_SETTINGS = (
    "autovacuum",
    "checkpoint_timeout",
    "effective_cache_size",
    "fsync",
    "full_page_writes",
    "huge_pages_status",
    "io_method",
    "jit",
    "max_connections",
    "max_parallel_workers_per_gather",
    "max_wal_size",
    "random_page_cost",
    "shared_buffers",
    "shared_preload_libraries",
    "synchronous_commit",
    "wal_compression",
    "wal_level",
    "work_mem",
)
"""Recorded even where they are PostgreSQL's default."""
# Where the server lies and what it runs there is nobody's business, and a connection string may hold a password.
UNREPORTED = re.compile(r"conninfo|command|passphrase|password|_file$|director|^port$|listen|^log_|^application_name$")
OURS = "/* bench counters */"
"""Marks what reads the counters, which is not what is measured."""
LACKING = (
    errors.InsufficientPrivilege,
    errors.ObjectNotInPrerequisiteState,
    errors.UndefinedColumn,
    errors.UndefinedTable,
)
"""How a server says that it has not what another version, or another installation, has."""
COUNTERS = (
    "xact_commit",
    "xact_rollback",
    "blks_read",
    "blks_hit",
    "tup_returned",
    "tup_fetched",
    "tup_inserted",
    "tup_updated",
    "tup_deleted",
    "temp_files",
    "temp_bytes",
    "deadlocks",
)
OF_THE_WHOLE_SERVER = {
    "wal_bytes": f"SELECT {OURS} wal_bytes FROM pg_stat_wal",
    "wal_full_page_images": f"SELECT {OURS} wal_fpi FROM pg_stat_wal",
    "checkpoints_timed": f"SELECT {OURS} num_timed FROM pg_stat_checkpointer",
    "checkpoints_requested": f"SELECT {OURS} num_requested FROM pg_stat_checkpointer",
}
"""Counters of all databases together; the checkpoints are counted there from version 17 on."""


def table_names(connection: Connection, namespace: Namespace) -> frozenset[str]:
    """Every table of the namespace, partitions and views left out."""
    return frozenset(_bare(relation, namespace) for relation in _relations(connection, namespace))


def tables(connection: Connection, namespace: Namespace) -> dict[str, TableFacts]:
    """Counts, column types and bytes on disk, indexes included."""
    found = {}
    for relation in _relations(connection, namespace):
        name = sql.Identifier(relation.schema, relation.name)
        ((rows,),) = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchall()
        kinds = dict(zip(relation.columns, relation.types, strict=True))
        found[_bare(relation, namespace)] = TableFacts(rows=int(str(rows)), columns=kinds, bytes=relation.bytes)
    return found


def facts(connection: Connection) -> dict[str, str]:
    """Version, build, place, and the settings that are not PostgreSQL's default or that matter anyhow."""
    row = connection.execute(
        "SELECT current_setting('server_version'), version(), current_database(), current_user, pg_is_in_recovery(), "
        "current_setting('cluster_name'), pg_jit_available(), datcollate, pg_encoding_to_char(encoding), "
        "coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) "
        "FROM pg_database WHERE datname = current_database()"
    ).fetchall()[0]
    names = (
        "version",
        "build",
        "database",
        "user",
        "standby",
        "cluster_name",
        "jit_available",
        "collation",
        "encoding",
        "tls",
    )
    known = {name: _text(value) for name, value in zip(names, row, strict=True)}
    cluster = known.pop("cluster_name")
    known["embedded"] = cluster.removeprefix("bench ") if cluster.startswith("bench ") else "no"
    known["host"] = "Unix socket" if connection.info.host.startswith("/") else connection.info.host or "Unix socket"
    changed = connection.execute(
        "SELECT name FROM pg_settings WHERE source NOT IN ('default', 'override', 'client') ORDER BY name"
    ).fetchall()
    sent = connection.execute("SELECT name FROM pg_settings WHERE source = 'client' ORDER BY name").fetchall()
    shown = {*REPORTED_SETTINGS, *(str(name) for (name,) in changed + sent)}
    return known | {
        f"setting.{name}": text
        for name, text in current_settings(connection, sorted(shown)).items()
        if not UNREPORTED.search(name)
    }


def current_settings(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    """The value of each setting that this server knows, with its unit."""
    rows = connection.execute(
        # The view leaves out what we may not see, at which current_setting alone would be refused.
        "SELECT name, current_setting(name) FROM pg_settings WHERE lower(name) = ANY(%s) ORDER BY lower(name)",
        [[name.lower() for name in names]],
    ).fetchall()
    return {str(name): str(value) for name, value in rows if value is not None}


def without_gssapi(connection: Connection) -> bool:
    """The server says that GSSAPI, which libpq chooses silently where a ticket is there, does not encrypt this."""
    try:
        asked = connection.execute(
            b"SELECT encrypted FROM pg_stat_gssapi WHERE pid = pg_backend_pid() " + OURS.encode(), prepare=False
        )
    except LACKING:
        return False
    return asked.fetchall() == [(False,)]


def counters(connection: Connection) -> dict[str, float]:
    """Counters that only grow; those that this server does not have, or does not show us, are left out."""
    wanted = sql.SQL(f"SELECT {OURS} {{}} FROM pg_stat_database WHERE datname = current_database()").format(
        sql.SQL(", ").join(map(sql.Identifier, COUNTERS))
    )
    row = connection.execute(wanted).fetchall()[0]
    found = dict(zip(COUNTERS, (float(str(value)) for value in row), strict=True))
    found |= _optional(connection, OF_THE_WHOLE_SERVER)
    where = f"SELECT {OURS} extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'pg_stat_statements'"
    place = connection.execute(where.encode()).fetchone()
    if place is None:
        return found
    here = "(SELECT oid FROM pg_database WHERE datname = current_database())"
    counted = f"FROM {place[0]}.pg_stat_statements WHERE dbid = {here} AND query NOT LIKE '%{OURS}%'"
    return found | _optional(
        connection,
        {
            "statements_calls": f"SELECT {OURS} sum(calls) {counted}",
            "statements_execution_s": f"SELECT {OURS} sum(total_exec_time) / 1000 {counted}",
        },
    )


def _optional(connection: Connection, queries: Mapping[str, str]) -> dict[str, float]:
    found = {}
    for name, query in queries.items():
        try:
            value = connection.execute(query.encode()).fetchall()[0][0]
        except LACKING:
            continue
        found[name] = float(str(value or 0))
    return found


class _Relation(NamedTuple):
    schema: str
    name: str
    bytes: int
    columns: list[str]
    types: list[str]


def _relations(connection: Connection, namespace: Namespace) -> list[_Relation]:
    with connection.cursor(row_factory=class_row(_Relation)) as cursor:
        cursor.execute(
            "SELECT n.nspname AS schema, c.relname AS name, coalesce((SELECT sum(pg_total_relation_size(relid)) "
            "FROM pg_partition_tree(c.oid)), pg_total_relation_size(c.oid))::bigint AS bytes, "
            "array_agg(lower(a.attname) ORDER BY a.attnum) AS columns, "
            "array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE lower(n.nspname) = lower(%s) AND starts_with(lower(c.relname), lower(%s)) "
            "AND c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped "
            "GROUP BY n.nspname, c.relname, c.oid ORDER BY c.relname",
            [namespace.schema or "public", namespace.prefix],
        )
        return cursor.fetchall()


def _bare(relation: _Relation, namespace: Namespace) -> str:
    return relation.name.lower()[len(namespace.prefix) :]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
