"""One emulator for all tests that speak to it through the real drivers."""

import itertools

import pytest

from bench.backends.emulator_process import EmulatorProcess


@pytest.fixture(scope="session")
def emulator():
    with EmulatorProcess() as process:
        yield process


@pytest.fixture
def connect(emulator):
    """Open connections of the real driver; they are closed after the test."""
    import snowflake.connector

    opened = []

    def open_one(**options):
        settings = {
            "host": "127.0.0.1",
            "port": emulator.port,
            "protocol": "http",
            "account": "emulator",
            "user": "tester",
            "password": "any",
            "database": "bench",
            "schema": "public",
            "warehouse": "compute_wh",
            "paramstyle": "qmark",
            "arrow_number_to_decimal": True,
            "platform_detection_timeout_seconds": 0.0,
            "login_timeout": 20,
        }
        connection = snowflake.connector.connect(**settings | options)
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.close()


_schemas = itertools.count(1)


@pytest.fixture
def ask(connect):
    """Ask one statement in a schema of the test's own; gives all rows."""
    connection = connect()
    schema = f"test_{next(_schemas)}"
    connection.cursor().execute(f"create schema {schema}")

    def asked(sql, *values, timeout=None):
        return connection.cursor().execute(sql, values or None, timeout=timeout).fetchall()

    asked.connection, asked.schema = connection, schema
    return asked
