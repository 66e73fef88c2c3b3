"""What the drivers do not show: requests sent twice, answers that come later, and that nothing is a status 500."""

import gzip
import http.client
import json
import time

import pytest
import snowflake.connector

from bench.backends.emulator_process import EmulatorProcess


class Client:
    """A login, and requests in the driver's own words."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        query = "/session/v1/login-request?databaseName=bench&schemaName=public&warehouse=compute_wh"
        answer = self.send("POST", query, {"data": {"LOGIN_NAME": "raw", "SESSION_PARAMETERS": {}}})
        self.token = answer["data"]["token"]

    def send(self, method, path, body=None, *, raw=None, headers=None):
        content = raw if raw is not None else gzip.compress(json.dumps(body or {}).encode())
        sent = {"content-encoding": "gzip", "authorization": f'Snowflake Token="{getattr(self, "token", "")}"'}
        self.connection.request(method, path, content, headers if headers is not None else sent)
        response = self.connection.getresponse()
        text = response.read()
        assert response.status == 200
        return json.loads(text)

    def ask(self, sql, request, **more):
        return self.send("POST", f"/queries/v1/query-request?requestId={request}", {"sqlText": sql} | more)


@pytest.fixture
def client(emulator):
    client = Client(emulator.port)
    yield client
    client.connection.close()


def test_a_request_that_is_sent_twice_is_executed_once(client):
    client.ask("create or replace table twice (a int)", "first")
    one = client.ask("insert into twice values (1)", "second")
    assert client.ask("insert into twice values (1)", "second") == one
    assert client.ask("select a from twice", "third")["data"]["total"] == 1


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/queries/v1/query-request?requestId=a", b"no json"),
        ("/queries/v1/query-request?requestId=b", b"[]"),
        (
            "/queries/v1/query-request?requestId=c",
            b'{"sqlText": 7, "bindings": {"1": {"type": "FIXED", "value": "x"}}}',
        ),
        ("/queries/v1/query-request?requestId=d", b'{"sqlText": "select ?", "bindings": {"name": {"type": "TEXT"}}}'),
        ("/session/v1/login-request", b"{"),
        ("/queries/nothing/abort-request", b""),
    ],
)
def test_nonsense_is_refused_in_json(client, path, raw):
    answer = client.send("POST", path, raw=raw, headers={"authorization": f'Snowflake Token="{client.token}"'})
    assert answer["success"] is False
    assert len(answer["code"]) == 6
    assert len(answer["data"]["sqlState"]) == 5


def test_without_a_session_nothing_is_answered(client):
    client.token = "unknown"
    assert client.ask("select 1", "a")["code"] == "390111"
    assert client.send("POST", "/session/heartbeat")["code"] == "390111"
    assert client.send("GET", "/queries/x/result")["code"] == "390111"


def test_a_statement_without_waiting_is_watched_and_aborted(client):
    answer = client.ask("select system$wait(20)", "slow", asyncExec=True)
    query_id = answer["data"]["queryId"]
    assert answer["code"] == "333334"
    assert client.send("GET", f"/monitoring/queries/{query_id}")["data"]["queries"][0]["status"] == "RUNNING"
    client.send("POST", f"/queries/{query_id}/abort-request")
    assert client.send("GET", f"/queries/{query_id}/result")["code"] == "000604"
    state = client.send("GET", f"/monitoring/queries/{query_id}")["data"]["queries"][0]
    assert (state["status"], state["errorCode"]) == ("FAILED_WITH_ERROR", "000604")


def test_a_driver_that_waits_is_told_to_ask_again():
    with EmulatorProcess(patience_s=0.2) as process:
        client = Client(process.port)
        assert client.ask("select system$wait(1)", "slow")["code"] == "333333"
        client.connection.close()
        with snowflake.connector.connect(
            host="127.0.0.1", port=process.port, protocol="http", account="e", user="u", password="p",
            platform_detection_timeout_seconds=0.0,
        ) as connection:  # fmt: skip
            before = time.monotonic()
            assert connection.cursor().execute("select system$wait(1)").fetchall() == [("waited 1 seconds",)]
            assert time.monotonic() - before >= 1
