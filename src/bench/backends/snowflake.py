"""Snowflake through its Python connector: an account of the user's own, or the emulator on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeAlias

from annotated_types import Ge, Le

from bench.backends import snowflake_ddl
from bench.backends.base import Backend, Capabilities, Say
from bench.backends.snowflake_auth import Anybody
from bench.backends.snowflake_errors import refused
from bench.backends.snowflake_login import Account, Login, find_connection, make_login
from bench.backends.snowflake_warehouse import WORDS_OF_SIZE, Found, Warehouse, WarehouseSize, held
from bench.errors import ConfigError
from bench.model import ComputeFacts, ComputeKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.backends.snowflake_session import SnowflakeDatabase
    from bench.model import Namespace, Table

Parameters: TypeAlias = Mapping[str, str | int | bool]
"""Snowflake's session parameters by their names."""

MANAGED_PARAMETERS = ("QUERY_TAG", "USE_CACHED_RESULT", "TIMEZONE", "STATEMENT_TIMEOUT_IN_SECONDS")
"""What a fair measurement needs as it is, or what has a key of its own."""
EMULATOR_ACCOUNT = "emulator"
EMULATOR_DATABASE = "BENCH"
EMULATOR_WAREHOUSE = "COMPUTE_WH"
EMULATOR_SESSIONS = 64


@dataclass(frozen=True, kw_only=True)
class SnowflakeBackend(Account, Backend):
    """Snowflake, one long-lived connection per client, each result fetched whole as Arrow.

    Where to log in is said by a named connection of the connector's own files, by the keys here, or by both: a key
    that is given here wins. `schema` is where the tables lie, instead of the schema that the dataset names.
    """

    name: str = "snowflake"

    warehouse_size: WarehouseSize | None = None
    """Size for the length of the run; null: as it is found."""
    create_warehouse: bool = False
    """Make the warehouse for the run and drop it afterwards; refused where there is one of that name."""
    generation: Literal[1, 2] | None = None
    min_clusters: Annotated[int, Ge(1)] | None = None
    max_clusters: Annotated[int, Ge(1)] | None = None
    scaling_policy: Literal["standard", "economy"] | None = None
    auto_suspend_s: Annotated[int, Ge(0)] | None = None
    """Idle seconds after which the warehouse suspends itself, for the length of the run; 0: never."""

    tables: Literal["standard", "transient", "hybrid"] = "standard"
    foreign_keys: bool = True
    """Hybrid tables are made with their foreign keys, which Snowflake then enforces; not those to the same table."""
    driver: Literal["connection", "pool"] = "connection"
    """`connection`: one for each client; `pool`: one is checked out for each operation."""
    pool_size: Annotated[int, Ge(1)] = 10
    """Connections in the pool of one worker process."""
    statement_timeout_s: Annotated[int, Ge(1)] = 3_600
    """After this the service itself ends a statement."""
    session_parameters: Parameters = field(default_factory=dict)
    ingest_connections: Annotated[int, Ge(1)] = 2
    put_parallel: Annotated[int, Ge(1), Le(99)] = 8
    """Parts of a file that are uploaded at the same time."""
    emulated: bool = False
    """The server is the emulator: the one that `host` or `connection` names, else one that is started for the run."""

    run: str = ""
    """Filled in by the tool, for the query tag."""
    cell: str = ""
    """Filled in by the tool, for the query tag."""
    found: Found | None = None
    """Filled in by the tool: how the warehouse was found before the run."""

    types: ClassVar[Mapping[str, str]] = snowflake_ddl.TYPES

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.emulated and "emulated" not in self.name:
            raise ConfigError("what an emulator says must not look like Snowflake; put 'emulated' into it", key="name")
        if isinstance(self.auth, Anybody) and not self.emulated:
            raise ConfigError(
                "only the emulator lets anybody in; choose how to log in, as {kind: key_pair, …}", key="auth"
            )
        for name in self.session_parameters:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ConfigError(f"'{name}' is no name of a session parameter", key="session_parameters")
            if name.upper() in MANAGED_PARAMETERS:
                raise ConfigError(f"'{name}' is set for every run; leave it out", key="session_parameters")
        if self.create_warehouse and not self.warehouse:
            raise ConfigError("a warehouse that is to be made needs a name; give backend.warehouse", key="warehouse")
        if (self.max_clusters or 1) < (self.min_clusters or 1):
            raise ConfigError(
                f"{self.max_clusters or 1} is less than min_clusters ({self.min_clusters}); raise it",
                key="max_clusters",
            )

    @property
    def capabilities(self) -> Capabilities:
        """DDL commits by itself; one isolation level; the history tells times by query."""
        return Capabilities(
            dialect="snowflake",
            paramstyle="qmark",
            isolation_levels=("read committed",),
            foreign_keys=self.tables == "hybrid" and self.foreign_keys,
            ingest_sessions=self.ingest_connections,
            parallel_connects=8,
            max_sessions=EMULATOR_SESSIONS if self.emulated else None,
            cancel=True,
            cold=True,
            explain="EXPLAIN USING TEXT ",
            server_timing=True,
            enrich=True,
            pooled=self.driver == "pool",
            emulated=self.emulated,
        )

    @property
    def compute(self) -> ComputeFacts:
        """A warehouse; of what size, only as far as the description asks for one."""
        return ComputeFacts(
            kind=ComputeKind.WAREHOUSE,
            size=WORDS_OF_SIZE[self.warehouse_size] if self.warehouse_size else None,
            generation=f"gen{self.generation}" if self.generation else None,
            clusters=self.max_clusters,
            auto_suspend_s=self.auto_suspend_s,
        )

    def wanted(self) -> Warehouse:
        """What the run asks of its warehouse; None in what it does not care about."""
        return Warehouse(
            size=self.warehouse_size,
            generation=self.generation,
            min_clusters=self.min_clusters,
            max_clusters=self.max_clusters,
            scaling_policy=self.scaling_policy,
            auto_suspend_s=self.auto_suspend_s,
        )

    def check(self) -> None:
        """Look the named connection up, or whether an emulator can be started.

        Raises:
            ConfigError: It is not there, or its file may be changed by others; no account is named at all.
            MissingDriverError: The connector, or what the emulator is built on, is not installed.
        """
        if not self.emulated or self.connection:
            with _own_keys():
                find_connection(self)
        elif not self.host:
            from bench.backends.emulator_process import demand_installed

            demand_installed()

    def for_run(self, run_id: str, cell: str) -> Self:
        """With what the query tag says."""
        return replace(self, run=run_id, cell=cell)

    @contextmanager
    def provision(self, data: str, home: Path, say: Say) -> Iterator[Self]:
        """Start the emulator where it is asked for; bring the warehouse to the wanted state, and back at the end.

        Raises:
            ConfigError: The server is an emulator and the description does not say so, or the other way round.
            ConnectError: The login is refused, or the emulator cannot be started.
            BackendError: The warehouse is not there, or may not be changed.
        """
        own = self._own_data(data, home)
        with self._server(own) as backend:
            warehouse = backend.greet(say)
            login = backend.login(warehouse="")
            # What an emulator of our own has goes with it, so that a killed run leaves nothing to others.
            notes = home / "snowflake" / login.server if backend is self else own
            with held(login, warehouse, backend.wanted(), notes, say, create=self.create_warehouse) as found:
                yield replace(backend, found=found)

    @contextmanager
    def visit(self, data: str, home: Path, say: Say) -> Iterator[Self]:
        """As `provision`, but the warehouse is neither made nor changed."""
        with self._server(self._own_data(data, home)) as backend:
            backend.greet(say)
            yield backend

    def _own_data(self, data: str, home: Path) -> Path:
        """Directory of an emulator of our own."""
        return home / "emulator" / f"{data}_{self.tables}"

    def greet(self, say: Say) -> str:
        """Say where we are; gives the name of the warehouse, empty where there is none.

        Raises:
            ConfigError: The server is an emulator and the description does not say so, or the other way round; or no
                database is chosen.
        """
        from bench.backends.snowflake_facts import EMULATOR_REGION, place

        # Without the warehouse, which may not be there yet; if it never will, we know better words than the service.
        with closing(self.login(warehouse="").connect()) as connection, refused("to say where we are"):
            there = place(connection)
        if (there["region"] == EMULATOR_REGION) != self.emulated:
            what = (
                "is no emulator; choose backend=snowflake"
                if self.emulated
                else ("is the emulator; choose backend=snowflake_emulated")
            )
            raise ConfigError(f"the server at {self.host or there['account']} {what}", key="backend.emulated")
        if not there["database"]:
            raise ConfigError(
                "no database is chosen; name one that is there, in which the schema of the tables can be made",
                key="backend.database",
            )
        where = f"Snowflake {there['version']} in {there['region']}, account {there['account']}"
        say(
            f"{'an emulator of Snowflake' if self.emulated else where}, role {there['role']}, "
            f"database {there['database']}, warehouse {self.warehouse or there['warehouse'] or 'none'}"
        )
        return self.warehouse or there["warehouse"]

    @contextmanager
    def _server(self, data: Path) -> Iterator[Self]:
        """This description, or one that leads to an emulator of its own, which keeps its tables in `data`."""
        if not self.emulated or self.host or self.connection:
            yield self
            return
        from bench.backends.emulator_process import EmulatorProcess

        with EmulatorProcess(data=data) as emulator:
            yield replace(
                self,
                connection="",
                account=EMULATOR_ACCOUNT,
                user=self.user or "bench",
                host="127.0.0.1",
                port=emulator.port,
                protocol="http",
                warehouse=self.warehouse or EMULATOR_WAREHOUSE,
                database=self.database or EMULATOR_DATABASE,
            )

    def login(self, *, phase: str = "setup", warehouse: str | None = None) -> Login:
        """How to connect, with the session parameters of a fair measurement.

        Args:
            phase: For the query tag.
            warehouse: Another than that of the description; empty: the user's default one, if any. A warehouse that is
                there only for a run is left out before and after it, since the service would refuse the login.

        Raises:
            ConfigError: A variable or a file that holds a secret is not there.
        """
        parameters: dict[str, str | int | bool] = {
            **{name.upper(): value for name, value in self.session_parameters.items()},
            "QUERY_TAG": self.query_tag(phase),
            "USE_CACHED_RESULT": False,
            "TIMEZONE": "UTC",
            "STATEMENT_TIMEOUT_IN_SECONDS": self.statement_timeout_s,
            "ABORT_DETACHED_QUERY": True,
        }
        # A schema is not there before the first load, and the service would refuse the login.
        mine = {spec.name: getattr(self, spec.name) for spec in fields(Account)} | {"schema": ""}
        if warehouse is None:
            warehouse = "" if self.create_warehouse and self.found is None else self.warehouse
        with _own_keys():
            return make_login(Account(**mine | {"warehouse": warehouse}), session_parameters=parameters)

    def query_tag(self, phase: str) -> str:
        """What the service keeps with each query, as JSON."""
        return json.dumps({"tool": "bench", "run": self.run, "cell": self.cell, "phase": phase}, separators=(",", ":"))

    def open(self, namespace: Namespace) -> SnowflakeDatabase:
        """Connect; sessions look for tables in the namespace's schema.

        Raises:
            ConfigError: A variable or a file that holds a secret is not there.
            ConnectError: The login is refused, nobody answers, or the service keeps its result cache on.
        """
        from bench.backends.snowflake_session import SnowflakeDatabase

        return SnowflakeDatabase(self, namespace)

    def namespace(self, schema: str) -> Namespace:
        """The schema of the description, else that of the dataset."""
        return super().namespace(self.schema.lower() or schema)

    def create_table(self, table: Table, namespace: Namespace) -> str:
        """The table in its kind; a hybrid one with all its keys and indexes, which it cannot get later."""
        return snowflake_ddl.create_table(table, namespace, self.tables, foreign_keys=self.foreign_keys)

    def copy_table(self, table: Table, namespace: Namespace, source: str) -> str:
        """The copy in its kind; a hybrid one with its primary key, and without foreign keys, which CTAS cannot give."""
        return snowflake_ddl.copy_table(table, namespace, self.tables, source)

    def after_load(self, table: Table, namespace: Namespace) -> tuple[str, ...]:
        """The primary key of a standard table, which tells the optimizer something and enforces nothing."""
        return snowflake_ddl.after_load(table, namespace, self.tables)

    def describe(self) -> str:
        """Which connection, tables and driver; no secret."""
        where = "emulator" if self.emulated else f"connection '{self.connection}'" if self.connection else self.account
        size = f", warehouse size {self.warehouse_size}" if self.warehouse_size else ""
        return f"{self.name}: {where or 'default connection'}, {self.tables} tables, driver {self.driver}{size}"


@contextmanager
def _own_keys() -> Iterator[None]:
    """Have an error name the key as the user writes it; while a description is built, the builder does so."""
    try:
        yield
    except ConfigError as error:
        if not error.key or error.key.startswith("backend."):
            raise
        raise ConfigError(str(error.args[0]), key=f"backend.{error.key}") from None
