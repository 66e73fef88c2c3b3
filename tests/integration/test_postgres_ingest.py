"""Arrow into a real PostgreSQL: every type, both forms of COPY, and what happens when it goes wrong."""

import threading
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

import pyarrow as pa
import pytest

from bench.backends import postgres_copy
from bench.backends.postgres import PostgresBackend
from bench.errors import BackendError
from bench.model import Column, LogicalType, Table

FORMS = ["binary", "csv"]
TEXTS = [
    "",
    " ",
    "NULL",
    r"\N",
    r"\.",
    'a"b',
    "'",
    ",",
    "a\nb",
    "a\r\nb",
    "\t",
    "100 %",
    "%s",
    r"c:\d",
    "Grüße 東京 🚀",
    None,
]
DECIMALS = ["0", "0.01", "-0.01", "99999.99", "-99999.99", "10000", "0.10", "1.00", "-1234.56", None]
LONG = ["9" * 28 + "." + "9" * 10, "-" + "9" * 28 + "." + "9" * 10, "0.0000000001", "-0.0000000001", "0", "10000", None]
LONGEST = Decimal("9" * 48 + ".99")
DATES = [
    date(1, 1, 1),
    date(1969, 12, 31),
    date(1970, 1, 1),
    date(1999, 12, 31),
    date(2000, 1, 1),
    date(9999, 12, 31),
    None,
]
MOMENTS = [
    datetime(1, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1, 0, 0, 0, 1),
    datetime(1999, 12, 31, 23, 59, 59, 999_999),
    datetime(2000, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59, 999_999),
    None,
]
DOUBLES = [0.0, -0.0, 1.5, -1e308, 5e-324, 0.1, float("inf"), float("-inf"), None]


def decimals(texts):
    return [None if text is None else Decimal(text) for text in texts]


def kind(name, **more):
    return LogicalType(name=name, **more)


# Column's name: its declared type, the Arrow array, and the values that must come back.
COLUMNS = {
    "truth": (kind("boolean"), pa.bool_(), [True, False, None]),
    "tiny": (kind("smallint"), pa.int16(), [0, -32_768, 32_767, None]),
    "whole": (kind("integer"), pa.int32(), [0, -(2**31), 2**31 - 1, None]),
    "big": (kind("bigint"), pa.int64(), [0, -(2**63), 2**63 - 1, None]),
    "near": (kind("double"), pa.float64(), DOUBLES),
    "money": (kind("decimal", precision=7, scale=2), pa.decimal128(7, 2), decimals(DECIMALS)),
    "long": (kind("decimal", precision=38, scale=10), pa.decimal128(38, 10), decimals(LONG)),
    "word": (kind("text"), pa.string(), TEXTS),
    "wide": (kind("text"), pa.large_string(), TEXTS),
    "short": (kind("text", length=40), pa.string(), TEXTS),
    "chosen": (kind("text"), pa.dictionary(pa.int8(), pa.string()), ["a", "", None, 'q"', "a"]),
    "chosen_big": (kind("text"), pa.dictionary(pa.int32(), pa.large_string()), ["a", "", None, 'q"', "a"]),
    "day": (kind("date"), pa.date32(), DATES),
    "moment": (kind("timestamp"), pa.timestamp("us"), MOMENTS),
    "other_width": (kind("bigint"), pa.int32(), [1, -1, None]),
    "coarse": (kind("timestamp"), pa.timestamp("ms"), [datetime(1999, 12, 31, 23, 59, 59, 999_000), None]),
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    backend = PostgresBackend(settings={"fsync": False, "shared_buffers": "64MB"})
    home = tmp_path_factory.mktemp("home")
    with (
        backend.provision("ingest", home, lambda _: None) as provisioned,
        provisioned.open(provisioned.namespace("ingest")) as opened,
    ):
        opened.apply(["CREATE SCHEMA ingest"])
        yield opened


@pytest.fixture
def connection(database):
    with database._login.connect() as opened:
        yield opened


@pytest.fixture
def namespace():
    return PostgresBackend().namespace("ingest")


@pytest.fixture
def make(database, namespace):
    """Makes a table of the given columns; it is gone after the test."""
    made = []

    def create(name, **columns):
        table = Table(name=name, columns=tuple(Column(name=n, type=t, nullable=True) for n, t in columns.items()))
        made.append(table)
        database.apply([PostgresBackend().create_table(table, namespace)])
        return table

    yield create
    database.apply([f"DROP TABLE {namespace.qualified(table.name)}" for table in made])


def exact(value):
    """Tells 1.0 from 1.00 and 0.0 from -0.0."""
    return (type(value), repr(value))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", COLUMNS)
def test_every_type_comes_back_exactly(connection, database, make, name, form):
    logical, arrow, values = COLUMNS[name]
    # A column of numbers beside it keeps the order, and makes a slice begin at an odd position.
    make("kinds", position=kind("integer"), value=logical)
    positions = pa.array(range(len(values)), pa.int32())
    batch = pa.record_batch({"position": positions, "value": pa.array(values, arrow)})
    pieces = [batch.slice(0, 1), batch.slice(1, 2), batch.slice(3)]
    assert postgres_copy.copy_batches(connection, "ingest.kinds", iter(pieces), form=form) == len(values)
    found = [row[0] for row in database.execute("SELECT value FROM ingest.kinds ORDER BY position")]
    scale = logical.scale
    wanted = [v.quantize(Decimal(1).scaleb(-scale)) if isinstance(v, Decimal) and scale == 2 else v for v in values]
    if name == "long":
        assert found == wanted
    else:
        assert [exact(value) for value in found] == [exact(value) for value in wanted]


def test_each_type_that_is_generated_goes_in_binary():
    for name, (logical, arrow, _) in COLUMNS.items():
        oid_name = {
            "boolean": "bool",
            "smallint": "int2",
            "integer": "int4",
            "bigint": "int8",
            "double": "float8",
            "decimal": "numeric",
            "text": "varchar" if logical.length else "text",
        }.get(logical.name, logical.name)
        schema = pa.schema([postgres_copy._wanted(pa.field(name, arrow), oid_name)])
        assert postgres_copy.can_encode(schema, [oid_name]), name


def test_both_forms_fill_equal_tables(connection, database, make):
    rows = 70_001
    batch = pa.record_batch(
        {
            "id": pa.array(range(rows), pa.int64()),
            "word": pa.array([TEXTS[i % len(TEXTS)] for i in range(rows)], pa.string()),
            "money": pa.array(decimals(DECIMALS[i % len(DECIMALS)] for i in range(rows)), pa.decimal128(7, 2)),
            "truth": pa.array([(True, None, False)[i % 3] for i in range(rows)], pa.bool_()),
            "moment": pa.array([MOMENTS[i % len(MOMENTS)] for i in range(rows)], pa.timestamp("us")),
        }
    )
    types = {name: COLUMNS[name][0] for name in ("word", "money", "truth", "moment")}
    for form in FORMS:
        make(f"equal_{form}", id=kind("bigint"), **types)
        counted = postgres_copy.copy_batches(connection, f"ingest.equal_{form}", iter([batch]), form=form)
        assert counted == rows
    assert database.execute("SELECT count(*) FROM ingest.equal_binary") == [(rows,)]
    for one, two in pairwise(["binary", "csv", "binary"]):
        assert database.execute(f"SELECT * FROM ingest.equal_{one} EXCEPT ALL SELECT * FROM ingest.equal_{two}") == []


@pytest.mark.parametrize(
    ("column_type", "sent", "comes_back"),
    [
        ("numeric(50,2)", pa.array([LONGEST, None], pa.decimal256(50, 2)), [LONGEST, None]),
        ("numeric(12,2)", pa.array([5, -5, None], pa.int64()), [Decimal("5.00"), Decimal("-5.00"), None]),
        ("jsonb", pa.array(['{"a": [1, null, "x,y"]}', None]), [{"a": [1, None, "x,y"]}, None]),
        ("char(3)", pa.array(["ab", None]), ["ab ", None]),
    ],
)
def test_what_the_encoder_lacks_goes_as_csv(database, namespace, column_type, sent, comes_back):
    database.apply(["DROP TABLE IF EXISTS ingest.odd", f"CREATE TABLE ingest.odd (value {column_type})"])
    table = Table(name="odd", columns=(Column(name="value", type=kind("text"), nullable=True),))
    assert not postgres_copy.can_encode(pa.schema([("value", sent.type)]), [column_type.split("(")[0]])
    assert database.ingest(table, namespace, iter([pa.record_batch({"value": sent})])) == len(sent)
    assert [row[0] for row in database.execute("SELECT value FROM ingest.odd")] == comes_back


def test_columns_are_found_by_name_and_others_keep_their_default(database, namespace, make):
    table = make("named", first=kind("integer"), second=kind("text"))
    batch = pa.record_batch({"second": ["b"], "first": pa.array([1], pa.int32())})
    database.ingest(table, namespace, iter([batch]))
    assert database.execute("SELECT first, second FROM ingest.named") == [(1, "b")]
    with pytest.raises(BackendError, match="has no column third; it has first, second"):
        database.ingest(table, namespace, iter([pa.record_batch({"third": [1]})]))


@pytest.mark.parametrize("batches", [[], [pa.record_batch({"a": pa.array([], pa.int32())})]])
def test_no_rows_are_no_error(database, namespace, make, batches):
    table = make("empty", a=kind("integer"))
    assert database.ingest(table, namespace, iter(batches)) == 0
    assert database.execute("SELECT count(*) FROM ingest.empty") == [(0,)]


def test_an_error_in_the_source_undoes_the_whole_call(database, namespace, make):
    table = make("broken", a=kind("integer"))

    def source():
        yield pa.record_batch({"a": pa.array(range(100_000), pa.int32())})
        raise ArithmeticError("the source ran dry")

    with pytest.raises(ArithmeticError, match="ran dry"):
        database.ingest(table, namespace, source())
    assert database.execute("SELECT count(*) FROM ingest.broken") == [(0,)]
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("encode")] == []


def test_an_error_of_the_server_ends_the_source_too(database, namespace):
    database.apply(["CREATE TABLE ingest.narrow (a integer CHECK (a < 1000))"])
    table = Table(name="narrow", columns=(Column(name="a", type=kind("integer")),))
    closed = []

    def source():
        try:
            for start in range(0, 2_000_000, 10_000):
                yield pa.record_batch({"a": pa.array(range(start, start + 10_000), pa.int32())})
        finally:
            closed.append(True)

    with pytest.raises(BackendError, match=r"PostgreSQL refused the rows of narrow: .*narrow_a_check"):
        database.ingest(table, namespace, source())
    assert closed == [True]
    assert database.execute("SELECT count(*) FROM ingest.narrow") == [(0,)]


def test_a_value_that_does_not_fit_is_refused_before_it_is_sent(database, namespace, make):
    table = make("small", a=kind("smallint"))
    with pytest.raises(BackendError, match="does not fit its column"):
        database.ingest(table, namespace, iter([pa.record_batch({"a": pa.array([40_000], pa.int32())})]))


def test_a_logged_and_an_unlogged_table(database, namespace):
    table = Table(name="fleeting", columns=(Column(name="a", type=kind("integer")),))
    database.apply([PostgresBackend(logged=False).create_table(table, namespace)])
    assert database.ingest(table, namespace, iter([pa.record_batch({"a": pa.array([1, 2], pa.int32())})])) == 2
    database.analyze(table, namespace)
    kept = database.execute("SELECT relpersistence::text, relallvisible FROM pg_class WHERE relname = 'fleeting'")
    assert kept == [("u", 1)]


def test_parts_of_one_table_from_more_threads_than_connections(database, namespace, make):
    table = make("parts", a=kind("integer"))
    counts = []

    def part(start):
        batch = pa.record_batch({"a": pa.array(range(start, start + 40_000), pa.int32())})
        counts.append(database.ingest(table, namespace, iter([batch])))

    threads = [threading.Thread(target=part, args=(start,)) for start in range(0, 200_000, 40_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [40_000] * 5
    assert database.execute("SELECT count(DISTINCT a), min(a), max(a) FROM ingest.parts") == [(200_000, 0, 199_999)]
