"""Any engine whose driver keeps to PEP 249, described by YAML alone: see `conf/backend/sqlite.yaml`."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, get_args

from annotated_types import Ge, MinLen

from bench.backends import ddl
from bench.backends.base import Backend, Capabilities
from bench.errors import BackendError, ConfigError, ConnectError, MissingDriverError
from bench.model import ErrorClass, Namespace, Paramstyle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from bench.backends.base import Say
    from bench.backends.dbapi_session import DbapiDatabase
    from bench.model import Table

ConnectValue: TypeAlias = str | int | float | bool | None
ConnectArguments: TypeAlias = Mapping[str, ConnectValue]
ErrorClasses: TypeAlias = Mapping[str, ErrorClass]
BoundType: TypeAlias = Literal["boolean", "decimal", "date", "timestamp"]
BoundAs: TypeAlias = Literal["text", "float", "integer"]

FITTING: Mapping[BoundType, tuple[BoundAs, ...]] = {
    "boolean": ("integer", "text"),
    "decimal": ("float", "text"),
    "date": ("text",),
    "timestamp": ("text",),
}
STYLES: tuple[Paramstyle, ...] = get_args(Paramstyle)
LOOKS_SECRET = re.compile("pass(word|wd|phrase|code)|pwd|secret|token|(private|api|access)_?key$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class DbapiBackend(Backend):
    """An engine behind a PEP 249 driver.

    Connections are used in one of two ways. With `begin_sql` they must come in autocommit mode, which `connect` asks
    of the driver in the driver's own words, and transactions are opened, committed and undone by SQL. Without it the
    driver opens transactions by itself, as PEP 249 has it, and a session commits after each statement that stands
    alone.

    In all SQL below `{schema}` is the dataset's schema, `{table}` a table's full name, `{name}` its name without the
    schema.
    """

    module: Annotated[str, MinLen(1)]
    """The driver, as Python imports it."""
    dialect: Annotated[str, MinLen(1)]
    """sqlglot's name of the SQL dialect."""
    paramstyle: Paramstyle | None = None
    """How bound values are written; null: what the driver says. With a value, a plan needs no driver."""

    connect: ConnectArguments = field(default_factory=dict)
    """Keyword arguments of the driver's `connect`. In texts `{home}` is the directory for what is kept between runs
    and `{data}` the name of the data; directories on the way are made."""
    connect_env: Mapping[str, str] = field(default_factory=dict)
    """Further arguments, from environment variables: the way for secrets."""
    session_sql: tuple[str, ...] = ()
    """Statements for each new session."""
    use_schema_sql: str = ""
    """Makes a schema the default one of a session; not an error while the schema is missing."""

    schemas: bool = False
    """Tables live in a named schema."""
    prefixed: bool = True
    """Without schemas, the dataset's schema and `_` stand before each table's name; false finds tables of your own."""
    transactions: bool = True
    transactional_ddl: bool = False
    begin_sql: str = "BEGIN"
    isolation_sql: Mapping[str, str] = field(default_factory=dict)
    """What opens a transaction at an isolation level, by the level's name in words of the SQL standard."""
    max_processes: Annotated[int, Ge(1)] | None = None
    max_sessions: Annotated[int, Ge(1)] | None = None
    single_writer: bool = False
    """Only one session can write at a time, so loads take turns."""
    cancel_method: str = ""
    """Method of the driver's connection that ends a running statement when another thread calls it."""
    explain: str = ""

    type_names: Mapping[str, str] = field(default_factory=dict)
    """The engine's name for each logical type that differs from the SQL standard's."""
    bind: Mapping[BoundType, BoundAs] = field(default_factory=dict)
    """What the driver is given for values of types that it does not take as they are."""
    keys_at_creation: bool = False
    """The engine takes keys only in `CREATE TABLE`, not after the data."""
    foreign_keys: bool = False
    insert_rows: Annotated[int, Ge(1)] = 10_000
    """How many rows one `executemany` gets."""
    tables_sql: str = "SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'"
    """Lists the names of the tables."""
    columns_sql: str = (
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = '{schema}' AND table_name = '{name}' ORDER BY ordinal_position"
    )
    """Lists names and types of a table's columns, in their order."""
    analyze_sql: str = ""
    """Brings the optimizer's statistics of a table up to date."""
    facts_sql: Mapping[str, str] = field(default_factory=dict)
    """Queries for one value each that says how the server is set up."""

    error_classes: ErrorClasses = field(default_factory=dict)
    """What errors mean, by regular expressions that are searched for in `ExceptionClass: message`; the first that is
    found decides, before the SQLSTATE and PEP 249's own classes do."""
    sqlstate_attribute: str = "sqlstate"
    """Where the driver's exceptions keep the SQLSTATE or the engine's own code."""

    def __post_init__(self) -> None:
        for keyword in self.connect:
            if LOOKS_SECRET.search(keyword):
                raise ConfigError(
                    f"'{keyword}' would be recorded with the results; "
                    "name an environment variable for it in connect_env",
                    key="connect",
                )
        twice = sorted(self.connect.keys() & self.connect_env.keys())
        if twice:
            raise ConfigError(f"'{twice[0]}' stands in connect too; give it once", key="connect_env")
        for kind, way in self.bind.items():
            if way not in FITTING[kind]:
                raise ConfigError(f"a {kind} cannot be bound as {way}; use {' or '.join(FITTING[kind])}", key="bind")
        for pattern in self.error_classes:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(f"'{pattern}' is no regular expression: {error}", key="error_classes") from error
        if self.isolation_sql and not self.begin_sql:
            raise ConfigError("isolation levels need begin_sql, and a driver in autocommit mode", key="isolation_sql")

    @property
    def capabilities(self) -> Capabilities:
        """What the description says.

        Raises:
            MissingDriverError: `paramstyle` is left to a driver that is not installed.
        """
        return Capabilities(
            dialect=self.dialect,
            paramstyle=self.paramstyle or _own_paramstyle(self.driver()),
            schemas=self.schemas,
            transactions=self.transactions,
            transactional_ddl=self.transactional_ddl,
            foreign_keys=self.foreign_keys,
            isolation_levels=tuple(self.isolation_sql),
            max_processes=self.max_processes,
            max_sessions=self.max_sessions,
            cancel=bool(self.cancel_method),
            explain=self.explain,
            arrow_ingest=False,
        )

    @property
    def local_server(self) -> bool:
        """Unless its data lie in our own directory, as those of an engine within this process do, nobody can tell."""
        return not any("{home}" in value for value in self.connect.values() if isinstance(value, str))

    def driver(self) -> ModuleType:
        """The driver's module.

        Raises:
            MissingDriverError: It is not installed.
            ConfigError: It is not a PEP 249 driver.
        """
        try:
            module = importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{self.module}.".startswith(f"{error.name}."):
                raise BackendError(
                    f"the driver '{self.module}' of '{self.name}' cannot be imported: {error}"
                ) from error
            package = self.module.partition(".")[0]
            raise MissingDriverError(
                f"the backend '{self.name}' needs the Python module '{self.module}', which is not installed; "
                f"add it with `uv add {package}`, or once with `uv run --with {package} bench …`"
            ) from error
        except ImportError as error:
            raise BackendError(f"the driver '{self.module}' of '{self.name}' cannot be imported: {error}") from error
        missing = [word for word in ("connect", "paramstyle", "Error") if not hasattr(module, word)]
        if missing:
            raise ConfigError(
                f"'{self.module}' is no PEP 249 driver: it lacks {', '.join(missing)}; name the module with `connect`",
                key="module",
            )
        return module

    @contextmanager
    def provision(self, data: str, home: Path, say: Say) -> Iterator[DbapiBackend]:
        """Fill `{home}` and `{data}` in; the engine is expected to be there."""
        filled: dict[str, ConnectValue] = {}
        for keyword, value in self.connect.items():
            filled[keyword] = value
            if isinstance(value, str):
                filled[keyword] = value.replace("{home}", str(home.absolute())).replace("{data}", data)
                if "{home}" in value:
                    Path(str(filled[keyword])).parent.mkdir(parents=True, exist_ok=True)
        yield replace(self, connect=filled)

    def open(self, namespace: Namespace) -> DbapiDatabase:
        """Import the driver and open a first connection, to know that it can be done.

        Raises:
            ConnectError: The engine does not answer, or a variable of `connect_env` is not set.
        """
        from bench.backends.dbapi_session import DbapiDatabase

        return DbapiDatabase(self, self.driver(), namespace, self._secrets())

    def _secrets(self) -> Mapping[str, str]:
        unset = [variable for variable in self.connect_env.values() if variable not in os.environ]
        if unset:
            raise ConnectError(f"'{self.name}' connects with the environment variable {unset[0]}, which is not set")
        return {keyword: os.environ[variable] for keyword, variable in self.connect_env.items()}

    def namespace(self, schema: str) -> Namespace:
        """The schema, or the prefix that stands for it."""
        return super().namespace(schema) if self.schemas or self.prefixed else Namespace(schema="")

    def create_table(self, table: Table, namespace: Namespace) -> str:
        """The bare table, or with its keys where they cannot come later."""
        if not self.foreign_keys:
            table = replace(table, foreign_keys=())
        return ddl.create_table(table, namespace, self.type_names, keys=self.keys_at_creation)

    def after_load(self, table: Table, namespace: Namespace) -> tuple[str, ...]:
        """Primary key, unless it is there already, and secondary indexes."""
        return super().after_load(replace(table, primary_key=()) if self.keys_at_creation else table, namespace)


def _own_paramstyle(module: ModuleType) -> Paramstyle:
    for style in STYLES:
        if module.paramstyle == style:
            return style
    raise ConfigError(
        f"'{module.__name__}' says paramstyle '{module.paramstyle}', which PEP 249 does not know; give paramstyle",
        key="paramstyle",
    )
