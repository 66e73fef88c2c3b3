"""The engines under contract, what each is asked in words of its own, and the table of their declared gaps."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
from omegaconf import OmegaConf

import live_account
from bench.backends.base import Backend, Database, Session
from bench.backends.snowflake_auth import Password
from bench.config.build import build as build_object
from bench.errors import ConfigError
from bench.model import Column, Index, LogicalType, Namespace, Statement, Table
from live_account import ACCOUNT

FOLDERS = (Path(__file__).parents[2] / "conf" / "backend", Path(__file__).parent)
SECRET_VARIABLE = "BENCH_TEST_SECRET"


def as_it_is(value: object) -> object:
    return value


def as_sqlite_keeps_it(value: object) -> object:
    """SQLite has no types for these; what comes back is what the session bound."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True, kw_only=True)
class Case:
    """One engine under contract."""

    option: str = ""
    """Name of the file in `conf/backend`, or here, where it is not the id."""
    server: str = ""
    """Whose server is used, where the backend has none of its own."""
    overrides: Mapping[str, object] = field(default_factory=dict)
    """On top of that file."""
    slow_sql: str = ""
    """Runs for minutes unless it is cancelled."""
    session_number_sql: str = ""
    """Gives the server's number of the session, where there is a server."""
    knows_its_number: bool = False
    """`Session.number` gives it without asking."""
    kill_sql: str = ""
    """Ends the session with the number `{number}`; without, closing the database does."""
    comes_back: Callable[[object], object] = as_it_is
    """What becomes of a value that was stored."""
    with_secret: Callable[[Backend], Backend] | None = None
    """The same description, with a secret from the environment variable `SECRET_VARIABLE`."""
    schema: str = "contract"
    """Where the tables of the tests lie; the names of further schemas begin with it."""
    cancel_limit_s: float = 2.0
    """How long a cancelled statement may take to end."""


POSTGRES = Case(
    option="postgres",
    slow_sql="SELECT count(*) FROM generate_series(1, 3000000000)",
    session_number_sql="SELECT pg_backend_pid()",
    knows_its_number=True,
    kill_sql="SELECT pg_terminate_backend({number})",
    with_secret=lambda backend: replace(backend, password_env=SECRET_VARIABLE),
)


def sqlite_with_secret(backend: Backend) -> Backend:
    others = {key: value for key, value in backend.connect.items() if key != "database"}
    return replace(backend, connect=others, connect_env={"database": SECRET_VARIABLE})


def psycopg_with_secret(backend: Backend) -> Backend:
    return replace(backend, connect_env={"password": SECRET_VARIABLE})


SQLITE = Case(
    option="sqlite",
    overrides={"connect": {"timeout": 0.2}},
    slow_sql="WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
    comes_back=as_sqlite_keeps_it,
    with_secret=sqlite_with_secret,
)

SNOWFLAKE = Case(
    option="snowflake_emulated",
    slow_sql="SELECT SYSTEM$WAIT(300)",
    session_number_sql="SELECT CURRENT_SESSION()",
    kill_sql="SELECT SYSTEM$ABORT_SESSION({number})",
    knows_its_number=True,
    with_secret=lambda backend: replace(backend, auth=Password(password_env=SECRET_VARIABLE)),
)

CASES = {
    "postgres": POSTGRES,
    "postgres_libpq": replace(POSTGRES, overrides={"driver": "libpq"}),
    "postgres_cursor": replace(POSTGRES, overrides={"driver": "cursor"}),
    "postgres_pool": replace(POSTGRES, overrides={"driver": "pool"}, knows_its_number=False),
    "psycopg": replace(
        POSTGRES, option="psycopg", server="postgres", knows_its_number=False, with_secret=psycopg_with_secret
    ),
    "duckdb": Case(slow_sql="SELECT count(*) FROM range(10000000000) a, range(1000) b WHERE a.range % 7 = b.range"),
    "sqlite": SQLITE,
    "sqlite_named": replace(SQLITE, overrides={**SQLITE.overrides, "paramstyle": "named"}),
    "null": Case(),
    "snowflake": SNOWFLAKE,
    "snowflake_hybrid": replace(SNOWFLAKE, overrides={"tables": "hybrid"}),
    "snowflake_pool": replace(SNOWFLAKE, overrides={"driver": "pool", "pool_size": 5}, knows_its_number=False),
    "snowpark": replace(SNOWFLAKE, option="snowpark_emulated"),
}
ANSWERING = [name for name in CASES if name != "null"]


def in_an_account(name: str) -> Case:
    """A case of the emulator's, for the account that the environment names."""
    case = CASES[name]
    return replace(
        case,
        option=(case.option or name).removesuffix("_emulated"),
        overrides={**case.overrides, **ACCOUNT.overrides(name)},
        schema=ACCOUNT.schema,
        cancel_limit_s=20.0,
        with_secret=None,  # an account does not let a made-up password in
    )


LIVE = {f"{live_account.PREFIX}{name}": in_an_account(name) for name in live_account.CASES} if ACCOUNT else {}


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that an engine cannot do. Strict: the day it can, the suite turns red and the line goes."""

    engines: tuple[str, ...]
    test: str
    raises: type[BaseException]
    reason: str
    where: Literal["", "emulator", "account"] = ""
    """`emulator`: the service itself can; `account`: the emulator can; empty: neither."""
    verified: bool = True
    """False: nobody saw it, it is what the documentation leads to expect; so it may also not be so."""

    def holds(self, engine: str, test: str) -> bool:
        """Whether a test of a case is expected to fail."""
        live = engine.startswith(live_account.PREFIX) and not ACCOUNT.emulated
        here = self.where in ("", "account" if live else "emulator")
        return here and engine.removeprefix(live_account.PREFIX) in self.engines and test == self.test

    @property
    def mark(self) -> pytest.MarkDecorator:
        """With which the test is marked."""
        reason = self.reason if self.verified else f"{self.reason} (expected, not verified)"
        return pytest.mark.xfail(raises=self.raises, reason=reason, strict=self.verified)


EVERY_SNOWFLAKE = ("snowflake", "snowflake_hybrid", "snowflake_pool", "snowpark")
UNENFORCED = ("snowflake", "snowflake_pool", "snowpark")

GAPS = [
    Gap(
        engines=UNENFORCED,
        test="test_the_key_holds_after_the_load",
        raises=pytest.fail.Exception,
        reason="standard tables of Snowflake enforce no key",
    ),
    Gap(
        engines=UNENFORCED,
        test="test_a_violated_constraint_is_refused_and_the_session_lives_on",
        raises=pytest.fail.Exception,
        reason="standard tables of Snowflake enforce no key",
    ),
    Gap(
        engines=EVERY_SNOWFLAKE,
        test="test_several_changes_are_made_together_or_not_at_all",
        raises=AssertionError,
        reason="each DDL statement of Snowflake commits by itself",
    ),
    Gap(
        engines=EVERY_SNOWFLAKE,
        test="test_a_change_may_return_rows",
        raises=Exception,
        reason="Snowflake has no RETURNING",
    ),
    Gap(
        engines=EVERY_SNOWFLAKE,
        test="test_a_percent_sign_in_a_literal_is_left_alone",
        raises=Exception,
        reason="a backslash in a literal is an escape in Snowflake, so ESCAPE '\\' does not end",
    ),
    Gap(
        engines=("snowflake_hybrid",),
        test="test_two_threads_load_parts_of_one_table",
        raises=ConfigError,
        reason="the table of this test has no key, and a hybrid table needs one",
    ),
    Gap(
        engines=("snowflake_pool",),
        test="test_a_dead_connection_is_known_as_such",
        raises=pytest.fail.Exception,
        reason="the next statement gets another connection of the pool",
    ),
    Gap(
        engines=("snowflake_pool",),
        test="test_a_closed_session_says_so",
        raises=pytest.fail.Exception,
        reason="a session on a pool holds nothing between statements that could be closed",
    ),
    Gap(
        engines=EVERY_SNOWFLAKE,
        test="test_a_write_conflict_may_be_tried_again",
        raises=pytest.fail.Exception,
        reason="at READ COMMITTED an update waits for a lock, sees what was committed meanwhile, and succeeds",
        where="account",
        verified=False,
    ),
    Gap(
        engines=EVERY_SNOWFLAKE,
        test="test_a_plan_is_given_without_running_the_statement",
        raises=Exception,
        reason="EXPLAIN may refuse bound values",
        where="account",
        verified=False,
    ),
    Gap(
        engines=EVERY_SNOWFLAKE,
        test="test_bound_values_of_every_type_are_stored",
        raises=Exception,
        reason="doubles at the end of their range, and days before 1582, may come back otherwise",
        where="account",
        verified=False,
    ),
    Gap(
        engines=EVERY_SNOWFLAKE,
        test="test_every_logical_type_comes_back_as_it_was_loaded",
        raises=Exception,
        reason="doubles at the end of their range, and days before 1582, may come back otherwise from Parquet",
        where="account",
        verified=False,
    ),
    Gap(
        engines=("sqlite", "sqlite_named"),
        test="test_long_decimals_come_back_exactly",
        raises=AssertionError,
        reason="SQLite keeps decimals as doubles: 15 digits",
    ),
    Gap(
        engines=("sqlite", "sqlite_named"),
        test="test_a_key_cannot_be_null",
        raises=pytest.fail.Exception,
        reason="SQLite gives a row without an integer key the next number",
    ),
    Gap(
        engines=("postgres_pool",),
        test="test_a_dead_connection_is_known_as_such",
        raises=pytest.fail.Exception,
        reason="the next statement gets another connection of the pool",
    ),
    Gap(
        engines=("postgres_pool",),
        test="test_a_closed_session_says_so",
        raises=pytest.fail.Exception,
        reason="a session on a pool holds nothing between statements that could be closed",
    ),
]


def pytest_generate_tests(metafunc):
    if "provisioned" in metafunc.fixturenames:
        names = list(CASES) if "any_engine" in metafunc.fixturenames else ANSWERING
        asked = live_account.asked(metafunc.config.getoption("markexpr"))
        live = [pytest.param(name, marks=pytest.mark.live) for name in LIVE] if asked else []
        metafunc.parametrize("provisioned", [*names, *live], indirect=True, scope="session")


def pytest_collection_modifyitems(items):
    for item in items:
        engine = item.callspec.params.get("provisioned") if hasattr(item, "callspec") else None
        for gap in GAPS if engine else ():
            if gap.holds(engine, item.originalname):
                item.add_marker(gap.mark)


def build_backend(option: str, overrides: Mapping[str, object]) -> Backend:
    path = next(folder / f"{option}.yaml" for folder in FOLDERS if (folder / f"{option}.yaml").exists())
    declared = OmegaConf.merge(_composed(path), OmegaConf.create(dict(overrides)))
    return build_object(Backend, OmegaConf.to_container(declared, resolve=True), "backend")


def _composed(path: Path):
    """A YAML over the one that it names in its defaults."""
    own = OmegaConf.load(path)
    base, *_ = [*own.pop("defaults", []), None]
    return OmegaConf.merge(_composed(path.with_stem(base)), own) if base else own


@pytest.fixture(scope="session")
def build():
    """Builds a backend from its YAML and overrides, as the command does."""
    return build_backend


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def provisioned(request, home):
    """(id, description by which the engine can be opened); the server is up for as long as the tests."""
    case = {**CASES, **LIVE}[request.param]
    backend = build_backend(case.option or request.param, case.overrides)
    said = []
    with ExitStack() as stack:
        if request.param in LIVE:
            stack.callback(ACCOUNT.clear, backend)
        if case.server:
            server = stack.enter_context(build_backend(case.server, {}).provision("contract_data", home, said.append))
            backend = replace(backend, connect={**backend.connect, "conninfo": server.dsn})
        yield request.param, stack.enter_context(backend.provision("contract_data", home, said.append))
    assert all(isinstance(line, str) and "\n" not in line for line in said)


@dataclass(kw_only=True)
class Engine:
    """An open engine, and what tests ask of it."""

    case: Case
    backend: Backend
    namespace: Namespace
    database: Database

    def another_namespace(self, name: str) -> Namespace:
        """Beside that of the tests; nothing is made."""
        return self.backend.namespace(f"{self.case.schema}_{name}")

    def bare(self, name: str) -> str:
        """A table's name as a session may write it without its schema."""
        return f"{self.namespace.prefix}{name}"

    def statement(self, sql: str, *names: str, rows: bool = True) -> Statement:
        """A statement from text with a `{name}` for each of `names`, in the backend's own paramstyle."""
        style = self.backend.capabilities.paramstyle
        if style in ("format", "pyformat") and names:
            sql = sql.replace("%", "%%")
        markers = {name: marker(style, position, name) for position, name in enumerate(names, 1)}
        bound = list(names)
        if style in ("qmark", "format"):
            places = sorted((at, name) for name in names for at in occurrences(sql, f"{{{name}}}"))
            bound = [name for _, name in places]
        for name, text in markers.items():
            sql = sql.replace(f"{{{name}}}", text)
        return Statement(sql=sql, parameters=tuple(bound), returns_rows=rows)

    def call(self, session: Session, sql: str, rows: bool = True, **values: object):
        """Prepare a statement, send it once with these values, and give its result."""
        statement = self.statement(sql, *values, rows=rows)
        return session.prepare(statement)([values[name] for name in statement.parameters])

    def change(self, session: Session, sql: str, **values: object) -> int:
        """Send a statement that returns no rows; gives how many it changed."""
        return len(self.call(session, sql, rows=False, **values))

    def make(self, table: Table, rows: list[tuple] | None = None) -> str:
        """Create a table anew, with rows, key and indexes; gives its bare name."""
        self.database.apply([f"DROP TABLE IF EXISTS {self.namespace.qualified(table.name)}"])
        self.database.apply([self.backend.create_table(table, self.namespace)])
        if rows:
            assert self.database.ingest(table, self.namespace, iter([batch(table, rows)])) == len(rows)
        self.database.apply(self.backend.after_load(table, self.namespace))
        return self.bare(table.name)

    def failure(self, session: Session, sql: str, rows: bool = True, **values: object):
        """How the session classifies the error that a statement raises, while it is prepared or sent."""
        with pytest.raises(Exception) as caught:  # noqa: PT011  # any driver's own class
            self.call(session, sql, rows=rows, **values)
        assert session.sqlstate(caught.value) is None or isinstance(session.sqlstate(caught.value), str)
        return session.classify(caught.value)


def marker(style: str, position: int, name: str) -> str:
    """How a bound value is written in a paramstyle."""
    by_style = {"dollar": f"${position}", "numeric": f":{position}", "named": f":{name}", "pyformat": f"%({name})s"}
    return by_style.get(style, "?" if style == "qmark" else "%s")


def occurrences(text: str, part: str) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(part, at)]


ARROW = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "text": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


def batch(table: Table, rows: list[tuple]) -> pa.RecordBatch:
    """Rows as Arrow, in the types of the table's columns."""
    types = [
        pa.decimal128(column.type.precision, column.type.scale)
        if column.type.name == "decimal"
        else ARROW[column.type.name]
        for column in table.columns
    ]
    arrays = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), types, strict=True)]
    fields = [
        pa.field(column.name, kind, nullable=column.nullable) for column, kind in zip(table.columns, types, strict=True)
    ]
    return pa.record_batch(arrays, schema=pa.schema(fields))


@pytest.fixture(scope="session")
def as_batch():
    """Makes Arrow of rows."""
    return batch


def opened(provisioned: tuple[str, Backend]) -> Engine:
    name, backend = provisioned
    case = {**CASES, **LIVE}[name]
    namespace = backend.namespace(case.schema)
    database = backend.open(namespace)
    if backend.capabilities.schemas:
        database.apply([f"CREATE SCHEMA IF NOT EXISTS {namespace.schema}"])
    return Engine(case=case, backend=backend, namespace=namespace, database=database)


@pytest.fixture
def engine(provisioned):
    """An engine that answers, open."""
    engine = opened(provisioned)
    yield engine
    engine.database.close()


@pytest.fixture
def any_engine(provisioned):
    """An engine, open, which may be the one that knows nothing."""
    engine = opened(provisioned)
    yield engine
    engine.database.close()


@pytest.fixture
def session(engine):
    """A session of the engine."""
    with engine.database.session() as session:
        yield session


@pytest.fixture
def other(engine):
    """A second session of the engine."""
    with engine.database.session() as session:
        yield session


def column(name: str, kind: str, *, nullable: bool = True, **size: int) -> Column:
    return Column(name=name, type=LogicalType(name=kind, **size), nullable=nullable)


@pytest.fixture(scope="session")
def accounts() -> Table:
    """A small table for transactions: `id` is its key."""
    return Table(
        name="accounts",
        columns=(column("id", "bigint", nullable=False), column("balance", "integer"), column("label", "text")),
        primary_key=("id",),
        indexes=(Index(columns=("balance",)), Index(columns=("balance", "label"))),
    )


@pytest.fixture(scope="session")
def kinds() -> Table:
    """A table with a column of every logical type."""
    return Table(
        name="kinds",
        columns=(
            column("id", "bigint", nullable=False),
            column("flag", "boolean"),
            column("small", "smallint"),
            column("whole", "integer"),
            column("big", "bigint"),
            column("number", "double"),
            column("money", "decimal", precision=12, scale=2),
            column("exact", "decimal", precision=38, scale=10),
            column("label", "text"),
            column("code", "text", length=40),
            column("day", "date"),
            column("moment", "timestamp"),
        ),
        primary_key=("id",),
        indexes=(Index(columns=("day",)), Index(columns=("code", "whole"), unique=True)),
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def day(text: str) -> date:
    return date.fromisoformat(text)


LONGEST = 1.7976931348623157e308
SPECIAL = 'it\'s "quoted"; 100% of %s, %(x)s, $1 and ?'
SPACED = "tab\t newline\n back\\slash, comma"
SCRIPTS = "žluťoučký 数据 😀"
CENTS, UNIT = Decimal("9999999999.99"), Decimal("0.5")

# Line by line: plain; nothing at all; zero and empty; least; greatest; text beyond ASCII, and old times.
KIND_ROWS = [
    (1, True, 7, 70, 700, 0.5, Decimal("1.10"), UNIT, "plain", "a", day("2024-02-29"), moment("2024-02-29 12:30:00")),
    (2, None, None, None, None, None, None, None, None, None, None, None),
    (3, False, 0, 0, 0, 0.0, Decimal(0), Decimal(0), "", "b", day("1970-01-01"), moment("1970-01-01 00:00:00")),
    (4, False, -(2**15), -(2**31), -(2**63), -LONGEST, -CENTS, -UNIT, SPECIAL, "c", date.min, datetime.min),
    (5, True, 2**15 - 1, 2**31 - 1, 2**63 - 1, 5e-324, CENTS, Decimal(2**40), SPACED, "d", date.max, datetime.max),
    (6, True, 1, -1, 1, 1e15, -UNIT, UNIT, SCRIPTS, "ä" * 40, day("1582-10-15"), moment("1899-12-31 00:00:00.000001")),
]


@pytest.fixture(scope="session")
def kind_rows() -> list[tuple]:
    """Rows for `kinds`: plain, empty, zero, least, greatest, and text in many scripts."""
    return KIND_ROWS
