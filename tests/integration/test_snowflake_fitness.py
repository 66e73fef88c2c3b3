"""What `bench doctor` says of an account, through the real driver; the emulator knows a role that may make nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bench.backends import snowflake_fitness
from bench.backends.snowflake import SnowflakeBackend
from bench.backends.snowflake_auth import Anybody
from bench.model import Namespace


@pytest.fixture
def backend(emulator):
    return SnowflakeBackend(
        name="emulated",
        emulated=True,
        account="emulator",
        user="tester",
        host="127.0.0.1",
        port=emulator.port,
        protocol="http",
        database="BENCH",
        warehouse="COMPUTE_WH",
        auth=Anybody(),
    )


def found(backend, **keys):
    with replace(backend, **keys).open(Namespace(schema="")) as database:
        return [(finding.level, finding.text) for finding in database.findings()]


def the_one(findings, words):
    (one,) = [finding for finding in findings if words in finding[1]]
    return one


@pytest.mark.parametrize("tables", ["standard", "transient", "hybrid"])
def test_everything_is_well(backend, tables):
    findings = found(backend, tables=tables)
    assert {level for level, _ in findings} == {"ok"}
    assert the_one(findings, f"may make schemas, {tables} tables and stages (tried, and dropped)")
    assert the_one(findings, "warehouse COMPUTE_WH (size XSMALL, started)")
    assert the_one(findings, "the result cache is off")


def test_what_is_tried_leaves_nothing(backend):
    shown = ("SHOW SCHEMAS", "SHOW WAREHOUSES", "SELECT CURRENT_SCHEMA()")
    with replace(backend, warehouse_size="LARGE").open(Namespace(schema="")) as database:
        before = [[list(row)[:4] for row in database.execute(sql)] for sql in shown]
        assert len(list(database.findings())) >= 5
        assert [[list(row)[:4] for row in database.execute(sql)] for sql in shown] == before


def test_a_role_that_may_nothing_is_told_what_to_grant(backend):
    findings = found(backend, role="RESTRICTED", warehouse_size="LARGE")
    level, text = the_one(findings, "may not CREATE SCHEMA …")
    assert level == "fail"
    assert text.endswith("GRANT CREATE SCHEMA ON DATABASE BENCH TO ROLE RESTRICTED")
    level, text = the_one(findings, "may not change the warehouse")
    assert level == "fail"
    assert text.endswith("GRANT MODIFY ON WAREHOUSE COMPUTE_WH TO ROLE RESTRICTED")


def test_a_warehouse_that_nobody_chose(backend):
    level, text = the_one(found(backend, warehouse=""), "no warehouse is chosen")
    assert level == "fail"
    assert "backend.warehouse" in text


@pytest.mark.parametrize(
    ("setting", "words"),
    [(0, "never suspends itself"), (3_600, "suspends itself after 3,600 idle seconds, all of them billed")],
)
def test_an_idle_tail_that_costs(backend, ask, setting, words):
    ask(f"CREATE OR REPLACE WAREHOUSE IDLE_{setting} WITH WAREHOUSE_SIZE = 'XSMALL' AUTO_SUSPEND = {setting}")
    level, text = the_one(found(backend, warehouse=f"IDLE_{setting}"), words)
    assert level == "warn"
    assert "billed" in text


def test_a_warehouse_that_sleeps(backend, ask):
    ask("CREATE OR REPLACE WAREHOUSE SLEEPING WITH WAREHOUSE_SIZE = 'SMALL' INITIALLY_SUSPENDED = TRUE")
    assert the_one(found(backend, warehouse="SLEEPING"), "at least 60 s are billed")[0] == "ok"


@pytest.mark.parametrize(
    ("apart_s", "level", "words"),
    [(1, "ok", "1.0"), (20, "warn", "will not fit ours"), (-120, "warn", "logins by key are refused")],
)
def test_clocks_that_are_apart(backend, monkeypatch, apart_s, level, words):
    class Shifted(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(seconds=apart_s)

    assert Shifted.now(UTC) is not None
    monkeypatch.setattr(snowflake_fitness, "datetime", Shifted)
    said = the_one(found(backend), "the service's clock is")
    assert said[0] == level
    assert words in said[1]
