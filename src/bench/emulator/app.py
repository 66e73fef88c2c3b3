"""The HTTP side: Snowflake's paths, each answered with status 200 and JSON whatever happens."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from fakesnow.expr import normalise_ident
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.emulator import errors, wire
from bench.emulator.execute import carry_out
from bench.emulator.functions import VERSION
from bench.emulator.sessions import Execution

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from starlette.requests import Request

    from bench.emulator.account import Account
    from bench.emulator.sessions import Session
    from bench.emulator.statement import Statement
    from bench.emulator.wire import Answer

STATEMENTS_AT_ONCE = 512
KEPT_ANSWERS = 32
"""Finished statements whose answer can be asked for again, by request or by query id."""
TOKEN_PREFIX = 'Snowflake Token="'


class Service:
    """The handlers, and the statements that they know of.

    Args:
        account: What they work on.
        patience_s: How long a request waits for its result before the driver is told to ask again, as the real service
            does it.
    """

    def __init__(self, account: Account, *, patience_s: float) -> None:
        self.account = account
        self.patience_s = patience_s
        self._threads = ThreadPoolExecutor(STATEMENTS_AT_ONCE, thread_name_prefix="statement")
        self._by_request: OrderedDict[str, tuple[Execution, Future[Answer]]] = OrderedDict()
        self._by_query: OrderedDict[str, tuple[Execution, Future[Answer]]] = OrderedDict()

    def app(self) -> Starlette:
        """The ASGI application."""
        posts = {
            "/session/v1/login-request": self.log_in,
            "/session/token-request": self.renew,
            "/session/heartbeat": self.heartbeat,
            "/session": self.log_out,
            "/queries/v1/query-request": self.query,
            "/queries/v1/abort-request": self.abort,
            "/queries/{query_id}/abort-request": self.abort_query,
            "/telemetry/send": self.ignore,
        }
        gets = {"/queries/{query_id}/result": self.result, "/monitoring/queries/{query_id}": self.monitor}
        routes = [Route(path, _safely(handler), methods=["POST"]) for path, handler in posts.items()]
        routes += [Route(path, _safely(handler), methods=["GET"]) for path, handler in gets.items()]
        return Starlette(routes=routes)

    async def log_in(self, request: Request) -> Answer:
        """A new session for anybody."""
        data = (await _body(request)).get("data") or {}
        asked = {name: normalise_ident(value) for name, value in request.query_params.items() if value}
        parameters = data.get("SESSION_PARAMETERS") or {}
        database, warehouse = asked.get("databaseName"), asked.get("warehouse")
        schema = asked.get("schemaName") or ("PUBLIC" if database else None)
        session = await asyncio.to_thread(
            self.account.log_in,
            user=str(data.get("LOGIN_NAME") or "EMULATOR"),
            role=asked.get("roleName"),
            warehouse=warehouse,
            database=database,
            schema=schema,
            parameters=parameters,
        )
        if parameters.get("CLIENT_VALIDATE_DEFAULT_PARAMETERS"):
            self._validate(session, database=database, schema=asked.get("schemaName"))
        return wire.logged_in(session, VERSION)

    def _validate(self, session: Session, *, database: str | None, schema: str | None) -> None:
        """Refuse a login that names what is not there, where the driver asked for that."""
        wrong = {
            "database": database and not session.connection.database_set,
            "schema": schema and not session.connection.schema_set,
            "warehouse": session.warehouse and not self.account.warehouses.find(session.warehouse),
        }
        for kind, missing in wrong.items():
            if missing:
                self.account.sessions.remove(session.token)
                raise errors.SqlError(390201, "08004", f"The requested {kind} does not exist or not authorized.")

    async def log_out(self, request: Request) -> Answer:
        """The end of a session."""
        if request.query_params.get("delete") == "true":
            await asyncio.to_thread(self.account.sessions.remove, _token(request))
            return wire.plain()
        return await self.heartbeat(request)

    async def heartbeat(self, request: Request) -> Answer:
        """Whether the session still exists."""
        self._session(request)
        return wire.plain()

    async def renew(self, request: Request) -> Answer:
        """Tokens do not expire here, so that the old one is given again."""
        token = _token(request).removeprefix("master-")
        session = self.account.sessions.find(token)
        return wire.plain(
            {"sessionToken": token, "masterToken": f"master-{token}", "sessionId": session.number}
            | {"validityInSecondsST": wire.VALIDITY_S, "validityInSecondsMT": wire.MASTER_VALIDITY_S}
        )

    async def query(self, request: Request) -> Answer:
        """Execute a statement, or give the answer to a request that came before."""
        session = self._session(request)
        name = request.query_params.get("requestId", "")
        known = self._by_request.get(name)
        if known is not None:
            return await self._wait(*known)
        body = await _body(request)
        execution = Execution(session, request=name)
        session.waiting[name] = execution
        future = self._threads.submit(_answer, execution, body)
        _keep(self._by_request, name, (execution, future))
        _keep(self._by_query, execution.query_id, (execution, future))
        if body.get("asyncExec"):
            return wire.later(execution, wire.DETACHED)
        return await self._wait(execution, future)

    async def result(self, request: Request) -> Answer:
        """The answer to a statement that took longer than one request."""
        self._session(request)
        return await self._wait(*self._found(request))

    async def monitor(self, request: Request) -> Answer:
        """What became of a statement."""
        self._session(request)
        query_id = request.path_params["query_id"]
        found = self._by_query.get(query_id)
        if found is None:
            return wire.plain({"queries": []})
        answer = found[1].result() if found[1].done() else None
        state = "RUNNING" if answer is None else "SUCCESS" if answer["success"] else "FAILED_WITH_ERROR"
        return wire.plain({"queries": [{"id": query_id, "status": state} | _failure(answer)]})

    async def abort(self, request: Request) -> Answer:
        """End a statement, named by the request that sent it."""
        name = str((await _body(request)).get("requestId", ""))
        execution = self._session(request).waiting.get(name)
        if execution is not None:
            execution.stop(errors.canceled())
        return wire.plain()

    async def abort_query(self, request: Request) -> Answer:
        """End a statement, named by its query id."""
        self._session(request)
        self._found(request)[0].stop(errors.canceled())
        return wire.plain()

    async def ignore(self, request: Request) -> Answer:
        """Telemetry goes nowhere."""
        await request.body()
        return wire.plain("Log Received")

    def _session(self, request: Request) -> Session:
        return self.account.sessions.find(_token(request))

    def _found(self, request: Request) -> tuple[Execution, Future[Answer]]:
        query_id = request.path_params["query_id"]
        if query_id not in self._by_query:
            raise errors.SqlError(709, "02000", f"Statement {query_id} not found")
        return self._by_query[query_id]

    async def _wait(self, execution: Execution, future: Future[Answer]) -> Answer:
        done, _ = await asyncio.wait([asyncio.wrap_future(future)], timeout=self.patience_s)
        return future.result() if done else wire.later(execution, wire.IN_PROGRESS)


def _answer(execution: Execution, body: dict[str, Any]) -> Answer:
    """Runs in a thread of its own: read the statement, execute it, encode its result."""
    try:
        statement: Statement | errors.SqlError
        try:
            statement = wire.statement_of(body)
        except Exception as error:  # noqa: BLE001  # whatever the grammar raises is a refusal
            statement = errors.translate(error)
        result = carry_out(execution, statement, logged=not body.get("isInternal"))
        return wire.answered(execution, result)
    except Exception as error:  # noqa: BLE001  # a request is always answered, and never with status 500
        return wire.refused(errors.translate(error), execution.query_id)


def _failure(answer: Answer | None) -> dict[str, object]:
    if answer is None or answer["success"]:
        return {}
    return {"errorCode": answer["code"], "errorMessage": answer["message"]}


def _keep(
    kept: OrderedDict[str, tuple[Execution, Future[Answer]]], name: str, entry: tuple[Execution, Future[Answer]]
) -> None:
    kept[name] = entry
    for old in [each for each in kept if kept[each][1].done()][: max(0, len(kept) - KEPT_ANSWERS)]:
        del kept[old]


def _safely(handler: Callable[[Request], Awaitable[Answer]]) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def answer(request: Request) -> JSONResponse:
        try:
            return JSONResponse(await handler(request))
        except Exception as error:  # noqa: BLE001  # the driver retries a status 500 for many seconds
            return JSONResponse(wire.refused(errors.translate(error)))

    return answer


async def _body(request: Request) -> dict[str, Any]:
    return wire.decoded(await request.body(), request.headers.get("content-encoding"))


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix(TOKEN_PREFIX).removesuffix('"')
