"""The commerce tables in the emulator, over the real driver, and the same rows in DuckDB as the truth."""

import duckdb
import pyarrow.parquet as pq
from generated_data import whole

from bench.backends import ddl
from bench.backends.snowflake_session import Trail
from bench.model import Namespace

NAMESPACE = Namespace(schema="commerce")


def connected(port):
    import snowflake.connector

    return snowflake.connector.connect(
        user="tester",
        password="of no account",
        account="emulator",
        host="127.0.0.1",
        port=port,
        protocol="http",
        database="BENCH",
        schema="COMMERCE",
        warehouse="COMPUTE_WH",
        paramstyle="qmark",
        arrow_number_to_decimal=True,
        platform_detection_timeout_seconds=0.0,
        login_timeout=30,
        session_parameters={"TIMEZONE": "UTC", "CLIENT_TELEMETRY_ENABLED": False},
    )


def load(connection, dataset, folder):
    """Parquet, PUT, COPY INTO, as an account gets it."""
    cursor = connection.cursor()
    for sql in (
        "CREATE DATABASE IF NOT EXISTS bench",
        "USE DATABASE bench",
        "CREATE SCHEMA IF NOT EXISTS commerce",
        "USE SCHEMA commerce",
        "CREATE OR REPLACE STAGE files",
    ):
        cursor.execute(sql)
    for table in dataset.shape:
        path = folder / f"{table.name}.parquet"
        pq.write_table(whole(dataset, table.name), path)
        cursor.execute(f"DROP TABLE IF EXISTS commerce.{table.name}")
        cursor.execute(ddl.create_table(table, NAMESPACE, {}))
        cursor.execute(f"PUT file://{path} @files/{table.name} AUTO_COMPRESS = FALSE")
        cursor.execute(
            f"COPY INTO commerce.{table.name} FROM @files/{table.name} FILE_FORMAT = (TYPE = PARQUET) "
            "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
        )


def in_duckdb(dataset):
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA commerce")
    for table in dataset.shape:
        connection.execute(ddl.create_table(table, NAMESPACE, {}))
        connection.register("rows", whole(dataset, table.name))
        names = ", ".join(column.name for column in table.columns)
        connection.execute(f"INSERT INTO commerce.{table.name} ({names}) SELECT {names} FROM rows")
        connection.unregister("rows")
    return connection


class Beside:
    """What a session on the connector asks of the database that opened it."""

    def __init__(self, port):
        self.port = port

    def cancel(self, number):
        with connected(self.port) as connection:
            connection.cursor().execute(f"SELECT SYSTEM$CANCEL_ALL_QUERIES({number})")

    def trail(self):
        return Trail("test:{}".format)
