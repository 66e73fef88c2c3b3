"""What speaks for or against measuring in an account: the warehouse, rights that are tried, clocks, views.

Whatever is tried is undone at once. Nothing here changes a warehouse; a suspended one is resumed only by trying to make
a hybrid table, which needs it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import snowflake.connector

from bench.backends.snowflake_errors import sentence
from bench.backends.snowflake_facts import ask, place
from bench.backends.snowflake_warehouse import SUSPENDED, look
from bench.model import Column, Finding, LogicalType, Namespace, Table

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

    from bench.backends.snowflake import SnowflakeBackend
    from bench.backends.snowflake_warehouse import Found

CLOSE_CLOCKS_S = 5.0
"""Further apart, our times and those of the service's history tell different stories."""
LOGIN_CLOCKS_S = 30.0
"""Further apart, a key's signature, which lasts 60 s, may be refused."""
LONG_TAIL_S = 600
"""An idle tail above this costs more than most runs."""
LATE_VIEWS = ("AGGREGATE_QUERY_HISTORY", "WAREHOUSE_METERING_HISTORY")
PROBE = Table(
    name="probe",
    columns=(Column(name="id", type=LogicalType(name="bigint"), nullable=False),),
    primary_key=("id",),
)


def findings(connection: SnowflakeConnection, backend: SnowflakeBackend) -> Iterator[Finding]:
    """One for each thing that can be known cheaply."""
    there = place(connection)
    yield Finding(level="ok", text="the result cache is off for our sessions (read back)")
    yield _clocks(connection)
    yield from _warehouse(connection, backend, there["warehouse"], there["role"])
    yield from _rights(connection, backend, there["database"], there["role"])
    yield _views(connection, there["role"])


def _clocks(connection: SnowflakeConnection) -> Finding:
    """How far this machine's clock is from the service's, by one question."""
    asked, started = datetime.now(UTC), time.monotonic()
    (row,) = ask(connection, "SELECT DATE_PART(EPOCH_MILLISECOND, CURRENT_TIMESTAMP()) AS ms")
    took_s = time.monotonic() - started
    apart_s = int(str(row["ms"])) / 1_000 - asked.timestamp() - took_s / 2
    text = f"the service's clock is {apart_s:+.2f} s from this machine's (± {took_s / 2:.2f} s)"
    if abs(apart_s) > CLOSE_CLOCKS_S + took_s:
        why = "logins by key are refused" if abs(apart_s) > LOGIN_CLOCKS_S else "times of its history will not fit ours"
        return Finding(level="warn", text=f"{text}: {why}; set this machine's clock")
    return Finding(level="ok", text=text)


def _warehouse(connection: SnowflakeConnection, backend: SnowflakeBackend, name: str, role: str) -> Iterator[Finding]:
    if backend.create_warehouse:
        yield Finding(level="ok", text="a warehouse is made for the run, which needs the right CREATE WAREHOUSE")
        return
    if not name:
        yield Finding(
            level="fail",
            text="no warehouse is chosen, so no data can be loaded or asked; give backend.warehouse, and "
            f"GRANT USAGE, OPERATE ON WAREHOUSE … TO ROLE {role}",
        )
        return
    found = look(connection, name)
    yield Finding(level="ok", text=f"warehouse {found.describe()}{_billing(found)}")
    tail_s = found.settings.auto_suspend_s
    if found.exists and not tail_s:
        yield Finding(level="warn", text=f"warehouse {name} never suspends itself, so its idle time is billed as well")
    elif tail_s and tail_s > LONG_TAIL_S:
        yield Finding(
            level="warn",
            text=f"warehouse {name} suspends itself after {tail_s:,} idle seconds, all of them billed; "
            "backend.auto_suspend_s=60 sets less for a run",
        )
    if backend.wanted().properties:
        yield _may_modify(connection, found, role)


def _billing(found: Found) -> str:
    suspended = found.exists and found.state == SUSPENDED
    return ": the first statement resumes it, and at least 60 s are billed" if suspended else ""


def _may_modify(connection: SnowflakeConnection, found: Found, role: str) -> Finding:
    """Tried by setting what is set already."""
    try:
        ask(connection, f"ALTER WAREHOUSE {found.name} SET AUTO_SUSPEND = {found.settings.auto_suspend_s or 0}")
    except snowflake.connector.Error as error:
        grant = f"GRANT MODIFY ON WAREHOUSE {found.name} TO ROLE {role}"
        return Finding(level="fail", text=f"may not change the warehouse: {sentence(error)}: {grant}")
    return Finding(level="ok", text="may change the warehouse (tried, with the value that it has)")


def _rights(connection: SnowflakeConnection, backend: SnowflakeBackend, database: str, role: str) -> Iterator[Finding]:
    """A schema, a table of the chosen kind and a stage, made and dropped again."""
    schema = Namespace(schema=f"bench_doctor_{secrets.token_hex(4)}")
    here = ask(connection, "SELECT CURRENT_SCHEMA() AS name")[0]["name"]
    statements = {
        f"CREATE SCHEMA {schema.schema}": f"GRANT CREATE SCHEMA ON DATABASE {database} TO ROLE {role}",
        backend.create_table(PROBE, schema): _remedy(backend.tables),
        f"CREATE TEMPORARY STAGE {schema.qualified('files')}": "the owner of a schema may make stages in it",
    }
    try:
        for sql, remedy in statements.items():
            try:
                ask(connection, sql)
            except snowflake.connector.Error as error:
                what = " ".join(sql.split("(")[0].split()).replace(schema.schema, "…")
                yield Finding(level="fail", text=f"may not {what}: {sentence(error)}: {remedy}")
                return
        yield Finding(level="ok", text=f"may make schemas, {backend.tables} tables and stages (tried, and dropped)")
    finally:
        with suppress(snowflake.connector.Error):  # where it was refused there is none
            ask(connection, f"DROP SCHEMA IF EXISTS {schema.schema}")
        with suppress(snowflake.connector.Error):  # making a schema enters it
            ask(connection, f"USE SCHEMA {here}" if here else f"USE DATABASE {database}")


def _remedy(tables: Literal["standard", "transient", "hybrid"]) -> str:
    if tables != "hybrid":
        return "the owner of a schema may make tables in it"
    return (
        "hybrid tables need a warehouse that runs, an account that is no trial, and a region of AWS or Azure that has "
        "them; backend.tables=standard needs none of that"
    )


def _views(connection: SnowflakeConnection, role: str) -> Finding:
    """Compiled only, which needs no warehouse."""
    for view in LATE_VIEWS:
        try:
            ask(connection, f"EXPLAIN SELECT * FROM SNOWFLAKE.ACCOUNT_USAGE.{view}")
        except snowflake.connector.Error:
            return Finding(
                level="warn",
                text=f"may not read SNOWFLAKE.ACCOUNT_USAGE.{view}, so `bench enrich` will add nothing: "
                f"GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE {role}",
            )
    return Finding(level="ok", text="may read the views of the account that `bench enrich` asks")
