"""Rows into Snowflake: Parquet files, uploaded while the next ones are written, then one COPY for all of them.

Source: Snowflake documentation, "Preparing your data files" (100 to 250 MB compressed a file), "COPY INTO <table>".
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from bench.errors import BackendError

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.connector import SnowflakeConnection

FILE_BYTES = 128 * 2**20
"""Size in memory after which a new file is begun; compressed they come to a half or a third."""
FILES_AHEAD = 2
"""Files that wait for their upload at the same time, so that a slow line does not fill the disk."""


def copy_batches(
    connection: SnowflakeConnection, table: str, batches: Iterator[pa.RecordBatch], *, parallel: int
) -> int:
    """Append the rows to an empty table; gives how many the service says it loaded.

    Args:
        connection: Not shared with anybody for as long as this lasts.
        table: Qualified name of the table; its columns are found by the names of the batches' columns.
        batches: All of one schema.
        parallel: Parts of a file that are uploaded at the same time.

    Raises:
        BackendError: A file did not arrive, or a row was left out.
    """
    first = next(batches, None)
    if first is None:
        return 0
    with (
        tempfile.TemporaryDirectory(prefix="bench-snowflake-") as folder,
        closing(connection.cursor()) as cursor,
        ThreadPoolExecutor(1, thread_name_prefix="upload") as pool,
    ):
        stage = f"bench_{secrets.token_hex(8)}"
        cursor.execute(f"CREATE TEMPORARY STAGE {stage}")  # gone with the session
        uploads: list[Future[None]] = []
        for path in _files(Path(folder), first, batches):
            uploads.append(pool.submit(_upload, connection, stage, path, parallel))
            for upload in uploads[: -FILES_AHEAD or None]:
                upload.result()
        for upload in uploads:
            upload.result()
        return _copy(connection, stage, table)


def _files(folder: Path, first: pa.RecordBatch, batches: Iterator[pa.RecordBatch]) -> Iterator[Path]:
    """The rows as files, each given away when it is whole."""
    number, batch = 0, first
    while batch is not None:
        path = folder / f"part-{number:05d}.parquet"
        written = 0
        with pq.ParquetWriter(path, first.schema, compression="snappy") as writer:
            while batch is not None and written < FILE_BYTES:
                writer.write_batch(batch)
                written += batch.nbytes
                batch = next(batches, None)
        yield path
        number += 1


def _upload(connection: SnowflakeConnection, stage: str, path: Path, parallel: int) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"PUT 'file://{path.as_posix()}' @{stage} PARALLEL = {parallel} AUTO_COMPRESS = FALSE")
        states = [str(row[6]) for row in cursor.fetchall()]
    path.unlink()
    if states != ["UPLOADED"]:
        raise BackendError(f"{path.name} was not uploaded: {', '.join(states) or 'no answer'}")


def _copy(connection: SnowflakeConnection, stage: str, table: str) -> int:
    with closing(connection.cursor()) as cursor:
        cursor.execute(
            f"COPY INTO {table} FROM @{stage} FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) "
            "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT"
        )
        names = [column.name.lower() for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    bad = [row for row in rows if str(row.get("status")).upper() != "LOADED"]
    if bad or not rows:
        raise BackendError(f"{table}: {bad[0].get('first_error') or bad[0] if bad else 'no file was copied'}")
    return sum(int(str(row["rows_loaded"])) for row in rows)
