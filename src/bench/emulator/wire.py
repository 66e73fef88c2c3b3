"""Requests and answers of Snowflake's protocol as dictionaries, and back."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from bench.emulator import errors
from bench.emulator.parameters import written
from bench.emulator.statement import Statement, parse
from bench.emulator.values import from_binding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.emulator.results import Result
    from bench.emulator.sessions import Execution, Session

Answer = dict[str, Any]
IN_PROGRESS = "333333"
DETACHED = "333334"
VALIDITY_S = 3600
MASTER_VALIDITY_S = 14_400


def decoded(body: bytes, encoding: str | None) -> dict[str, Any]:
    """The JSON of a request."""
    text = gzip.decompress(body) if encoding == "gzip" else body
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def plain(data: object = None) -> Answer:
    """That it went well."""
    return {"data": data, "code": None, "message": None, "success": True}


def refused(refusal: errors.SqlError, query_id: str | None = None) -> Answer:
    """That it did not, and why."""
    data = {"errorCode": refusal.code, "sqlState": refusal.sqlstate, "queryId": query_id}
    return {"data": data, "code": refusal.code, "message": refusal.message, "success": False}


def statement_of(body: Mapping[str, Any]) -> Statement:
    """The statement that a query request carries.

    Raises:
        SqlError: The grammar refuses it.
    """
    text = str(body.get("sqlText", ""))
    parsed = parse(text)
    bindings: Mapping[str, Mapping[str, Any]] = body.get("bindings") or {}
    columns = [bindings[str(place)] for place in range(1, len(bindings) + 1) if str(place) in bindings]
    if len(columns) != len(bindings):
        raise errors.not_emulated("bindings by name")
    batch: list[tuple[Any, ...]] = []
    values: tuple[Any, ...] = ()
    if any(isinstance(column["value"], list) for column in columns):
        batch = list(zip(*([from_binding(c["type"], each) for each in c["value"]] for c in columns), strict=True))
    else:
        values = tuple(from_binding(column["type"], column["value"]) for column in columns)
    return Statement(
        text=text,
        tree=parsed.tree,
        hybrid=parsed.hybrid,
        indexes=parsed.indexes,
        values=values,
        batch=batch,
        describe_only=bool(body.get("describeOnly")),
        parameters={name.upper(): written(value) for name, value in (body.get("parameters") or {}).items()},
    )


def answered(execution: Execution, result: Result) -> Answer:
    """The result of a statement."""
    if result.upload is not None:
        return plain(dict(result.upload) | {"queryId": execution.query_id})
    connection = execution.session.connection
    return plain(
        result.body()
        | {
            "parameters": _parameters({"TIMEZONE": "UTC"} | dict(result.parameters)),
            "queryId": execution.query_id,
            "finalDatabaseName": connection.database if connection.database_set else None,
            "finalSchemaName": connection.schema if connection.schema_set else None,
            "finalWarehouseName": execution.session.warehouse,
            "finalRoleName": execution.session.role,
        }
    )


def later(execution: Execution, code: str) -> Answer:
    """That the statement still runs, and where to ask for its result."""
    return {
        "data": {
            "queryId": execution.query_id,
            "getResultUrl": f"/queries/{execution.query_id}/result",
            "progressDesc": None,
            "queryAbortsAfterSecs": 300,
        },
        "code": code,
        "message": "Query execution in progress.",
        "success": True,
    }


def logged_in(session: Session, version: str) -> Answer:
    """What a login gives: tokens and the session as it begins."""
    connection = session.connection
    return plain(
        {
            "token": session.token,
            "masterToken": f"master-{session.token}",
            "validityInSeconds": VALIDITY_S,
            "masterValidityInSeconds": MASTER_VALIDITY_S,
            "displayUserName": session.user,
            "serverVersion": version,
            "sessionId": session.number,
            "parameters": _parameters(
                {
                    "AUTOCOMMIT": "true",
                    "CLIENT_TELEMETRY_ENABLED": "false",
                    "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": "3600",
                    # Rows of an array binding are sent with the statement, and not through a stage.
                    "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": "0",
                }
                | session.parameters
            ),
            "sessionInfo": {
                "databaseName": connection.database if connection.database_set else None,
                "schemaName": connection.schema if connection.schema_set else None,
                "warehouseName": session.warehouse,
                "roleName": session.role,
            },
        }
    )


def _parameters(values: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"name": name, "value": _typed(value)} for name, value in values.items()]


def _typed(value: str) -> object:
    """Numbers and booleans as such: the driver takes the text `false` for true."""
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdecimal() else value
