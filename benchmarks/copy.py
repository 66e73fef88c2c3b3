"""Ingest against server-side `COPY FROM` of a CSV file: `uv run python -m benchmarks.copy [--smoke]`.

The rows have the columns, types and lengths of TPC-H's lineitem, with values drawn at random; Parquet and CSV lie on
the same disk.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.backends.postgres import PostgresBackend
from bench.model import Column, LogicalType, Namespace, Table
from benchmarks.pairs import machine
from benchmarks.server import Server, started

PUBLIC = Namespace(schema="public")
BATCH_ROWS = 65_536
ROWS_OF_SCALE_1 = 6_001_215
ROWS = """
SELECT
    i // 4 + 1 AS l_orderkey, hash(i) % 200000 + 1 AS l_partkey, hash(i + 1) % 10000 + 1 AS l_suppkey,
    i % 4 + 1 AS l_linenumber,
    (hash(i + 2) % 50 + 1)::DECIMAL(15, 2) AS l_quantity,
    ((hash(i + 3) % 10000000) / 100)::DECIMAL(15, 2) AS l_extendedprice,
    ((hash(i + 4) % 11) / 100)::DECIMAL(15, 2) AS l_discount, ((hash(i + 5) % 9) / 100)::DECIMAL(15, 2) AS l_tax,
    ['A', 'N', 'R'][(hash(i + 6) % 3)::INT + 1] AS l_returnflag, ['F', 'O'][(hash(i + 7) % 2)::INT + 1] AS l_linestatus,
    DATE '1992-01-01' + (hash(i + 8) % 2500)::INT AS l_shipdate,
    DATE '1992-01-01' + (hash(i + 9) % 2500)::INT AS l_commitdate,
    DATE '1992-01-01' + (hash(i + 10) % 2500)::INT AS l_receiptdate,
    ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'][(hash(i + 11) % 4)::INT + 1] AS l_shipinstruct,
    ['AIR', 'FOB', 'MAIL', 'RAIL', 'SHIP', 'TRUCK', 'REG AIR'][(hash(i + 12) % 7)::INT + 1] AS l_shipmode,
    substr(md5(i::TEXT) || md5((i + 1)::TEXT), 1, (10 + hash(i + 13) % 34)::INT) AS l_comment
FROM range({rows}) numbers(i)
"""
KINDS = {"l_orderkey": "bigint", "l_partkey": "bigint", "l_suppkey": "bigint", "l_linenumber": "bigint"}


def lineitem(name: str) -> Table:
    """The table as it is declared to the tool."""
    decimal = LogicalType(name="decimal", precision=15, scale=2)
    decimals = ("l_quantity", "l_extendedprice", "l_discount", "l_tax")
    dates = ("l_shipdate", "l_commitdate", "l_receiptdate")
    texts = ("l_returnflag", "l_linestatus", "l_shipinstruct", "l_shipmode", "l_comment")
    columns = [
        *(Column(name=key, type=LogicalType(name="bigint")) for key in KINDS),
        *(Column(name=key, type=decimal) for key in decimals),
        *(Column(name=key, type=LogicalType(name="text")) for key in texts[:2]),
        *(Column(name=key, type=LogicalType(name="date")) for key in dates),
        *(Column(name=key, type=LogicalType(name="text")) for key in texts[2:]),
    ]
    return Table(name=name, columns=tuple(columns))


def generate(folder: Path, scale: float) -> int:
    """Write `lineitem.parquet` and `lineitem.csv`; gives the number of rows."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE lineitem AS {ROWS.format(rows=int(ROWS_OF_SCALE_1 * scale))}")
        connection.execute(f"COPY lineitem TO '{folder}/lineitem.parquet' (FORMAT parquet)")
        connection.execute(f"COPY lineitem TO '{folder}/lineitem.csv' (FORMAT csv, HEADER false)")
        ((rows,),) = connection.execute("SELECT count(*) FROM lineitem").fetchall()
    os.chmod(folder, 0o755)  # noqa: PTH101  # the server reads the file under an account of its own
    return int(rows)


def server_side(server: Server, path: Path) -> float:
    """Seconds of `COPY FROM` by the server itself."""
    table = lineitem("theirs")
    server.sql("DROP TABLE IF EXISTS theirs", PostgresBackend().create_table(table, PUBLIC), "CHECKPOINT")
    began = time.perf_counter()
    server.sql(f"COPY theirs FROM '{path}' (FORMAT csv)")
    return time.perf_counter() - began


def by_tool(server: Server, path: Path, connections: int) -> float:
    """Seconds of the tool's ingest from Parquet, each connection with its share of the row groups."""
    table = lineitem("ours")
    server.sql("DROP TABLE IF EXISTS ours", PostgresBackend().create_table(table, PUBLIC), "CHECKPOINT")
    backend = PostgresBackend(dsn=server.dsn, ingest_connections=connections)
    groups = pq.ParquetFile(path).num_row_groups

    def batches(share: int) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH_ROWS, row_groups=list(range(share, groups, connections)))

    with backend.open(PUBLIC) as database:
        began = time.perf_counter()
        with ThreadPoolExecutor(connections) as threads:
            list(threads.map(lambda share: database.ingest(table, PUBLIC, batches(share)), range(connections)))
        return time.perf_counter() - began


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H's scale factor")
    parser.add_argument("--smoke", action="store_true", help="one pair of a hundredth, to see that it works")
    asked = parser.parse_args(arguments)
    if asked.smoke:
        asked.pairs, asked.scale = 1, 0.01
    with TemporaryDirectory() as name, started() as server:
        folder = Path(name)
        rows = generate(folder, asked.scale)
        print(machine())
        print("| connections | speed / COPY FROM | seconds | COPY FROM, seconds |\n|--:|--:|--:|--:|")
        for connections in (1, 2):
            pairs = [
                (
                    by_tool(server, folder / "lineitem.parquet", connections),
                    server_side(server, folder / "lineitem.csv"),
                )
                for _ in range(asked.pairs)
            ]
            ratios = [theirs / ours for ours, theirs in pairs]
            ours_s, theirs_s = (statistics.median(side) for side in zip(*pairs, strict=True))
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
            print(f"| {connections} | {spread} | {ours_s:.2f} | {theirs_s:.2f} |", flush=True)
        print(f"{rows:,} rows of lineitem")


if __name__ == "__main__":
    main()
