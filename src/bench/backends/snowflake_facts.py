"""What Snowflake says of itself: where we are, its tables, the parameters that it really uses."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import snowflake.connector

from bench.errors import BackendError
from bench.model import ComputeFacts, ComputeKind, Namespace, TableFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake.connector import SnowflakeConnection

    from bench.backends.snowflake_warehouse import Found

NOT_THERE = (2003, 2043)
"""Object does not exist or not authorized; object does not exist, or operation cannot be performed."""
REPORTED_PARAMETERS = (
    "ABORT_DETACHED_QUERY",
    "AUTOCOMMIT",
    "QUERY_TAG",
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS",
    "STATEMENT_TIMEOUT_IN_SECONDS",
    "TIMEZONE",
    "TRANSACTION_ABORT_ON_ERROR",
    "USE_CACHED_RESULT",
)
EMULATOR_REGION = "EMULATOR"
PLACE = {
    "version": "CURRENT_VERSION()",
    "region": "CURRENT_REGION()",
    "account": "CURRENT_ACCOUNT()",
    "user": "CURRENT_USER()",
    "role": "CURRENT_ROLE()",
    "warehouse": "CURRENT_WAREHOUSE()",
    "database": "CURRENT_DATABASE()",
    "schema": "CURRENT_SCHEMA()",
}


def ask(connection: SnowflakeConnection, sql: str) -> list[dict[str, object]]:
    """The result of a statement, each row by lower-case column names."""
    with closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        names = [column.name.lower() for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def place(connection: SnowflakeConnection) -> dict[str, str]:
    """Where this session is; needs no warehouse. What is not set is empty."""
    columns = ", ".join(f"{call} AS {name}" for name, call in PLACE.items())
    (row,) = ask(connection, f"SELECT {columns}")
    return {name: "" if row[name] is None else str(row[name]) for name in PLACE}


def demand_no_result_cache(connection: SnowflakeConnection) -> None:
    """Read back that answers are computed anew each time.

    Raises:
        BackendError: The service would answer from its result cache.
    """
    (value,) = (row["value"] for row in _parameters(connection, "USE_CACHED_RESULT"))
    if str(value).lower() != "false":
        raise BackendError(
            f"the service keeps USE_CACHED_RESULT = {value}, so it would answer from a cache instead of measuring; "
            "ask an administrator for the right to set it for a session"
        )


def facts(connection: SnowflakeConnection, found: Found | None) -> dict[str, str]:
    """Place, warehouse now and before the run, and parameters as the service reads them back."""
    from bench.backends.snowflake_warehouse import look

    known = place(connection)
    if known["warehouse"]:
        now = look(connection, known["warehouse"])
        known["warehouse_state"] = now.state
        known |= {f"warehouse.{name}": text for name, text in _texts(vars(now.settings)).items()}
    if found is not None:
        known["warehouse_found"] = found.describe()
        known |= {f"warehouse_found.{name}": text for name, text in _texts(vars(found.settings)).items()}
    read_back = {name: row["value"] for name in REPORTED_PARAMETERS for row in _parameters(connection, name)}
    return known | {f"setting.{name}": text for name, text in _texts(read_back).items()}


def compute_facts(connection: SnowflakeConnection, namespace: Namespace) -> ComputeFacts:
    """The warehouse of this session, and the bytes of the namespace's tables by kind of storage."""
    from bench.backends.snowflake_warehouse import WORDS_OF_SIZE, Warehouse, look

    name = place(connection)["warehouse"]
    settings = look(connection, name).settings if name else Warehouse()
    rows = _shown(connection, namespace) if namespace.schema else []
    stored = dict.fromkeys((False, True), 0)
    for row in rows:
        stored[str(row.get("is_hybrid")).upper() in ("Y", "TRUE")] += int(str(row.get("bytes") or 0))
    return ComputeFacts(
        kind=ComputeKind.WAREHOUSE,
        size=WORDS_OF_SIZE[settings.size] if settings.size else None,
        generation=f"gen{settings.generation}" if settings.generation else None,
        clusters=settings.max_clusters,
        auto_suspend_s=settings.auto_suspend_s,
        stored_bytes=stored[False],
        row_stored_bytes=stored[True],
    )


def has_schema(connection: SnowflakeConnection, schema: str) -> bool:
    """Whether the session's database has a schema of this name; needs no warehouse."""
    rows = ask(connection, f"SHOW SCHEMAS LIKE '{schema}'")  # _ stands for any character there
    return any(str(row["name"]).upper() == schema.upper() for row in rows)


def table_names(connection: SnowflakeConnection, namespace: Namespace) -> frozenset[str]:
    """Names of the schema's tables, hybrid ones included; none where there is no such schema."""
    return frozenset(str(row["name"]).lower() for row in _shown(connection, namespace))


def tables(connection: SnowflakeConnection, namespace: Namespace) -> dict[str, TableFacts]:
    """Exact counts, the columns' types in their order, and bytes where they are shown."""
    found = {}
    for row in _shown(connection, namespace):
        name = str(row["name"]).lower()
        (counted,) = ask(connection, f"SELECT COUNT(*) AS n FROM {namespace.qualified(name)}")
        described = ask(connection, f"DESCRIBE TABLE {namespace.qualified(name)}")
        size = row.get("bytes")
        found[name] = TableFacts(
            rows=int(str(counted["n"])),
            columns={str(column["name"]).lower(): str(column["type"]) for column in described},
            bytes=None if size is None else int(str(size)),
        )
    return found


def _shown(connection: SnowflakeConnection, namespace: Namespace) -> list[dict[str, object]]:
    try:
        return ask(connection, f"SHOW TABLES IN SCHEMA {namespace.schema}")
    except snowflake.connector.ProgrammingError as error:
        if error.errno in NOT_THERE:
            return []
        raise


def _parameters(connection: SnowflakeConnection, name: str) -> list[dict[str, object]]:
    return ask(connection, f"SHOW PARAMETERS LIKE '{name}' IN SESSION")


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}
