"""Stages: PUT, LIST, COPY INTO and REMOVE through the real driver."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snowflake.connector.errors import DatabaseError, Error

SCHEMA = pa.schema(
    [
        ("id", pa.int64()), ("n", pa.decimal128(38, 10)), ("small", pa.decimal128(5, 2)), ("d", pa.date32()),
        ("ts", pa.timestamp("us")), ("b", pa.bool_()), ("f", pa.float64()), ("s", pa.string()),
    ]
)  # fmt: skip
FIRST = (1, Decimal("1234567890123456789012345678.0123456789"), Decimal("999.99"), dt.date(1, 1, 1),
         dt.datetime(1, 1, 1, 0, 0, 0, 1), True, 5e-324, "ä")  # fmt: skip
LAST = (2, Decimal("-1"), Decimal("0.01"), dt.date(9999, 12, 31), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), False,
        -1.5, "")  # fmt: skip
EMPTY = (3, None, None, None, None, None, None, None)
DDL = "(id int not null, n number(38, 10), small number(5, 2), d date, ts timestamp_ntz, b boolean, f float, s varchar)"
COPY = (
    "copy into {} from {} file_format = (type = parquet use_logical_type = true) "
    "match_by_column_name = case_insensitive on_error = abort_statement"
)


@pytest.fixture
def files(tmp_path):
    for number, row in enumerate([FIRST, LAST, EMPTY]):
        columns = dict(zip(SCHEMA.names, [[value] for value in row], strict=True))
        pq.write_table(pa.table(columns, schema=SCHEMA), tmp_path / f"part_{number}.parquet")
    return tmp_path


def test_every_type_is_loaded(ask, files):
    ask(f"create table t {DDL}")
    ask("create temporary stage s")
    sent = ask(f"put 'file://{files}/part_*.parquet' @s/run parallel = 8 auto_compress = false")
    assert [(row[0], row[6]) for row in sent] == [(f"part_{number}.parquet", "UPLOADED") for number in range(3)]
    loads = ask(COPY.format("t", "@s/run/"))
    assert [(row[1], row[2], row[3]) for row in loads] == [("LOADED", 1, 1)] * 3
    cursor = ask.connection.cursor().execute("select * from t order by id")
    table = cursor.fetch_arrow_all(force_return_table=True, force_microsecond_precision=True)
    assert [tuple(row.values()) for row in table.to_pylist()] == [FIRST, LAST, EMPTY]


def test_a_file_is_loaded_once_unless_forced(ask, files):
    ask(f"create table t {DDL}")
    ask("create stage s")
    ask(f"put 'file://{files}/part_0.parquet' @s")
    assert ask(COPY.format("t", "@s"))[0][3] == 1
    assert ask(COPY.format("t", "@s") + " force = false")[0][1] == "LOAD_SKIPPED"
    assert ask(COPY.format("t", "@s") + " force = true")[0][3] == 1
    assert ask("select count(*) from t") == [(2,)]


def test_files_are_listed_and_removed(ask, files):
    ask(f"create table t {DDL}")
    ask("create stage s")
    ask(f"put 'file://{files}/*.parquet' @s/a")
    assert [row[0] for row in ask("list @s")] == [f"s/a/part_{number}.parquet" for number in range(3)]
    assert ask("remove @s/a/part_1") == [("s/a/part_1.parquet", "removed")]
    ask(COPY.format("t", "@s/a/") + " purge = true")
    assert ask("list @s") == []
    ask("drop stage s")
    with pytest.raises(DatabaseError) as error:
        ask("list @s")
    assert error.value.errno == 2003


def test_a_table_has_a_stage(ask, files):
    ask(f"create table t {DDL}")
    ask(f"put 'file://{files}/part_2.parquet' @%t")
    assert ask(COPY.format("t", "@%t"))[0][3] == 1


def test_a_load_that_fails_loads_nothing(ask, files):
    bad = pa.table({"id": pa.array([None], pa.int64())})
    pq.write_table(bad, files / "part_9.parquet")
    ask(f"create table t {DDL}")
    ask("create stage s")
    ask(f"put 'file://{files}/*.parquet' @s")
    with pytest.raises(DatabaseError) as error:
        ask(COPY.format("t", "@s"))
    assert error.value.errno == 100072
    assert ask("select count(*) from t") == [(0,)]


def test_a_temporary_stage_goes_with_its_session(ask, connect, files):
    other = connect(schema=ask.schema)
    other.cursor().execute("create temporary stage s")
    other.close()
    with pytest.raises(DatabaseError):
        ask("list @s")


def test_what_is_not_there(ask, files):
    ask(f"create table t {DDL}")
    for sql in (
        "list @nothing",
        COPY.format("t", "@nothing"),
        "remove @nothing",
        f"put 'file://{files}/part_0.parquet' @nothing",
    ):
        with pytest.raises(Error) as error:
            ask(sql)
        assert error.value.errno == 2003
