"""The live suite itself, tried on an emulator that stands in for the account."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import live_account
from bench.backends.emulator_process import EmulatorProcess
from live_account import LiveAccount

ROOT = Path(__file__).parents[2]
CONNECTION = """
[mine]
account = "emulator"
host = "127.0.0.1"
port = {port}
protocol = "http"
user = "tester"
password = "any"
database = "BENCH"
warehouse = "COMPUTE_WH"
"""
CHOSEN = "whole or namespace or run_in_an_account"


@pytest.fixture(scope="module")
def emulator():
    with EmulatorProcess() as process:
        yield process


@pytest.fixture
def folder(tmp_path, emulator):
    tmp_path.chmod(0o700)
    path = tmp_path / "connections.toml"
    path.touch(mode=0o600)
    path.write_text(CONNECTION.format(port=emulator.port), encoding="utf-8")
    return tmp_path


def suite(*words, **environ):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_SNOWFLAKE_")}
    command = [sys.executable, "-m", "pytest", "tests/contract", "-m", "live", "-p", "no:cacheprovider", "-v", *words]
    return subprocess.run(
        command, cwd=ROOT, env=kept | environ, capture_output=True, text=True, timeout=280, check=False
    )


def test_without_an_account_the_cases_are_skipped_and_say_what_they_need():
    done = suite()
    assert done.returncode == 0, done.stdout
    assert f"{len(live_account.CASES)} skipped" in done.stdout
    assert "BENCH_SNOWFLAKE_CONNECTION=name" in done.stdout


def test_with_an_account_the_contract_is_run_in_schemas_that_are_dropped(folder, emulator, connect):
    connection = connect(port=emulator.port)
    connection.cursor().execute("CREATE SCHEMA somebody_elses")
    done = suite(
        "-k", CHOSEN, SNOWFLAKE_HOME=str(folder), BENCH_SNOWFLAKE_CONNECTION="mine", BENCH_SNOWFLAKE_EMULATED="1"
    )
    assert done.returncode == 0, done.stdout
    for name in live_account.CASES:
        assert f"test_a_result_is_whole[live_{name}] PASSED" in done.stdout
        assert f"test_the_contract_is_run_in_an_account[{name}] PASSED" in done.stdout
    names = [str(row[1]).lower() for row in connection.cursor().execute("SHOW SCHEMAS").fetchall()]
    assert "somebody_elses" in names
    assert not [name for name in names if name.startswith("bench_live_")]


def test_an_emulator_that_nobody_calls_one_is_refused(folder):
    done = suite(
        "-k", "result_is_whole and live_snowpark", SNOWFLAKE_HOME=str(folder), BENCH_SNOWFLAKE_CONNECTION="mine"
    )
    assert done.returncode == 1, done.stdout
    assert "is the emulator; choose backend=snowflake_emulated" in done.stdout


@pytest.mark.parametrize(
    ("environ", "markexpr", "asked"),
    [
        ({}, "live", False),
        ({"BENCH_SNOWFLAKE_CONNECTION": ""}, "live", False),
        ({"BENCH_SNOWFLAKE_WAREHOUSE": "WH"}, "live", False),
        ({"BENCH_SNOWFLAKE_CONNECTION": "mine"}, "", False),
        ({"BENCH_SNOWFLAKE_CONNECTION": "mine"}, "live", True),
    ],
)
def test_it_takes_both_a_connection_and_the_mark(environ, markexpr, asked):
    assert live_account.asked(markexpr, LiveAccount.of(environ)) is asked


def test_what_the_environment_names_goes_into_the_description():
    environ = {f"BENCH_SNOWFLAKE_{name}": name.lower() for name in ("CONNECTION", "WAREHOUSE", "DATABASE", "ROLE")}
    account = LiveAccount.of(environ)
    assert account.overrides("snowflake") == {key: key for key in ("connection", "warehouse", "database", "role")}
    assert account.overrides("snowflake_hybrid")["tables"] == "hybrid"
    assert LiveAccount.of(environ).schema != account.schema
