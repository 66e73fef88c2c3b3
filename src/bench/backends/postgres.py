"""PostgreSQL through psycopg 3: a server that is started here, or one of the user's own."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

from annotated_types import Ge

from bench.backends import ddl
from bench.backends.base import Backend, Capabilities, Say
from bench.errors import BackendError, ConfigError, ConnectError, MissingDriverError
from bench.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.backends.embedded import EmbeddedServer
    from bench.backends.postgres_session import PostgresDatabase
    from bench.model import Namespace, Table

Settings: TypeAlias = Mapping[str, str | int | float | bool]
"""PostgreSQL's own settings by their names."""

DSN_VARIABLE = "BENCH_POSTGRES_DSN"
MANAGED_SETTINGS = ("cluster_name", "listen_addresses", "port", "unix_socket_directories")
"""How the embedded server is found, so not the user's to give."""
ISOLATION_LEVELS = ("read uncommitted", "read committed", "repeatable read", "serializable")
NAME_LIMIT_BYTES = 63
"""PostgreSQL cuts longer names off."""
HOME_HOSTS = ("", "localhost", "::1")
"""With no host libpq takes a socket of this machine, or what the environment says."""
NO_PASSWORD = "name the environment variable that holds it with backend.password_env, or use PGPASSWORD or ~/.pgpass"


@dataclass(frozen=True, kw_only=True)
class PostgresBackend(Backend):
    """PostgreSQL, one connection per session.

    Without `dsn`, and without `BENCH_POSTGRES_DSN` in the environment, a server is started for the length of the run.
    """

    name: str = "postgres"
    dsn: str = ""
    """How libpq reaches a server of your own, as `host=… dbname=…` or a URL; never with a password in it."""
    password_env: str = ""
    """Name of the environment variable that holds the password."""
    settings: Settings = field(default_factory=dict)
    """What the embedded server is started with. A server of your own keeps its own settings."""
    session_settings: Settings = field(default_factory=dict)
    """Sent with each connection, to any server."""
    logged: bool = True
    """Tables survive a crash of the server; without, they are written with no log (`UNLOGGED`)."""
    driver: Literal["wire", "libpq", "cursor", "pool", "pipeline"] = "wire"
    """How a client uses its connection: see `docs/performance.md`.

    `wire`: by messages that are written ahead of time, in one loop for all clients of a process; `libpq`: the same by
    calls of the C library, and what `wire` becomes on an encrypted connection; `cursor`: by psycopg's cursors in
    threads, as most applications do; `pool`: likewise, a connection is checked out of a pool for each operation;
    `pipeline`: as `libpq`, with several operations of a client under way at a time, so that times include queueing.
    """
    pool_size: Annotated[int, Ge(1)] = 10
    """Connections in the pool of one worker process."""
    pipeline_depth: Annotated[int, Ge(2)] = 8
    """Operations of a client that are under way at a time, with `driver=pipeline`."""
    ingest_connections: Annotated[int, Ge(1)] = 2
    """Connections that load data at the same time."""
    socket: Literal["tcp", "unix"] = "tcp"
    """How the embedded server is reached; TCP is what a server elsewhere has."""
    connect_timeout_s: Annotated[int, Ge(1)] = 10

    types: ClassVar[Mapping[str, str]] = {
        "decimal": "NUMERIC({precision},{scale})",
        "double": "DOUBLE PRECISION",
        "text": "TEXT",
        "timestamp": "TIMESTAMP",
    }

    def __post_init__(self) -> None:
        if redact_text(self.dsn) != self.dsn:
            raise ConfigError(f"a password in it would be written down with the results; {NO_PASSWORD}", key="dsn")
        if self.dsn and _parsed(self.dsn) is None:
            raise ConfigError(
                f"'{self.dsn}' is no connection string; give 'host=… dbname=… user=…' or postgresql://user@host/dbname",
                key="dsn",
            )
        for key in ("settings", "session_settings"):
            for name in getattr(self, key):
                if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name):
                    raise ConfigError(f"'{name}' is no name of a setting, such as work_mem", key=key)
        managed = sorted(self.settings.keys() & set(MANAGED_SETTINGS))
        if managed:
            raise ConfigError(f"'{managed[0]}' is chosen at each start; leave it out", key="settings")

    @property
    def capabilities(self) -> Capabilities:
        """Everything that the interface knows, transactional DDL included."""
        return Capabilities(
            dialect="postgres",
            paramstyle="dollar",
            transactional_ddl=True,
            isolation_levels=ISOLATION_LEVELS,
            ingest_sessions=self.ingest_connections,
            cancel=True,
            explain="EXPLAIN ",
            waits=True,
            nonblocking=self.driver in {"wire", "libpq", "pipeline"},
            pipelined=self.driver == "pipeline",
            transactions=self.driver != "pipeline",
            pooled=self.driver == "pool",
        )

    def check(self) -> None:
        """Ask the program of the embedded server whether it knows its settings.

        Raises:
            ConfigError: It does not, or not with such a value.
        """
        if self.settings and not (self.dsn or os.environ.get(DSN_VARIABLE)):
            from bench.backends.embedded_settings import check_settings

            check_settings(self.settings)

    @property
    def local_server(self) -> bool:
        """A server of the user's own that is not named by an address elsewhere."""
        dsn = self.dsn or os.environ.get(DSN_VARIABLE, "")
        parts = (_parsed(dsn) or {}) if dsn else {}
        hosts = (parts.get("host") or parts.get("hostaddr") or "").split(",")
        return bool(dsn) and any(host.startswith(("/", "127.")) or host in HOME_HOSTS for host in hosts)

    @contextmanager
    def provision(self, data: str, home: Path, say: Say) -> Iterator[PostgresBackend]:
        """Start the embedded server with a database named `data`, or make sure of the user's own.

        Raises:
            ConfigError: `socket` does not go with a server of the user's own.
            ConnectError: The server cannot be started, or does not let us in.
        """
        if self.dsn or os.environ.get(DSN_VARIABLE):
            self._greet(say)
            yield self
            return
        from bench.backends.embedded import EmbeddedServer

        with EmbeddedServer(home=home, settings=self.settings) as server:
            release = f"{server.binaries.version} ({server.binaries.source})"
            state = "reused" if server.reused else "new"
            say(f"PostgreSQL {release} on port {server.port}, data directory {server.data} ({state})")
            if server.left_out:
                say(f"PostgreSQL: {', '.join(server.left_out)} left out, since {server.binaries.directory} lacks it")
            database = _database_name(data)
            _create_database(server, database)
            yield replace(self, dsn=server.conninfo(database, unix=self.socket == "unix"), password_env="")

    def open(self, namespace: Namespace) -> PostgresDatabase:
        """Connect; sessions look for tables in the namespace's schema first.

        Raises:
            ConfigError: `password_env` names a variable that is not set.
            ConnectError: The server does not answer or refuses the login.
            MissingDriverError: psycopg is not installed.
        """
        try:
            from bench.backends.postgres_session import Login, PostgresDatabase
        except ModuleNotFoundError as error:
            raise MissingDriverError(
                "the backend 'postgres' needs the module psycopg; add it with `uv add 'psycopg[binary,pool]'`"
            ) from error
        login = Login(parameters=self._login(namespace.schema))
        return PostgresDatabase(
            login,
            namespace,
            driver=self.driver,
            pool_size=self.pool_size,
            pipeline_depth=self.pipeline_depth,
            ingest_connections=self.ingest_connections,
        )

    def create_table(self, table: Table, namespace: Namespace) -> str:
        """The bare table, logged or not."""
        return ddl.create_table(table, namespace, self.types, kind="TABLE" if self.logged else "UNLOGGED TABLE")

    def copy_table(self, table: Table, namespace: Namespace, source: str) -> str:
        """The copy, logged or not."""
        return ddl.copy_table(table, namespace, source, kind="TABLE" if self.logged else "UNLOGGED TABLE")

    def after_load(self, table: Table, namespace: Namespace) -> tuple[str, ...]:
        """Primary key, then secondary indexes with the columns they carry along."""
        key = (ddl.add_primary_key(table, namespace),) if table.primary_key else ()
        return key + tuple(ddl.create_index(table, index, namespace, include=True) for index in table.indexes)

    def describe(self) -> str:
        """Which server, which driver; no secret."""
        if self.dsn:
            known = _parsed(self.dsn) or {}
            where = f"{known.get('host', 'localhost')}/{known.get('dbname', '')}".rstrip("/")
        else:
            where = f"server of {DSN_VARIABLE}" if DSN_VARIABLE in os.environ else "embedded server"
        return f"{self.name}: {where}, driver {self.driver}{'' if self.logged else ', unlogged tables'}"

    def _login(self, schema: str) -> dict[str, str]:
        """Every connection parameter, secrets included: not to be shown or kept."""
        text = self.dsn or os.environ.get(DSN_VARIABLE, "")
        if not text:
            raise BackendError(
                f"no server was chosen; give backend.dsn, set {DSN_VARIABLE}, or provision the backend first"
            )
        login = _parsed(text)
        if login is None:
            # Its text is not repeated here: it may hold a password.
            raise ConnectError(
                f"{DSN_VARIABLE} is no connection string; give 'host=… dbname=…' or postgresql://host/dbname"
            )
        if self.password_env:
            if not (password := os.environ.get(self.password_env)):
                raise ConfigError(
                    f"the environment variable {self.password_env} is not set or empty", key="password_env"
                )
            login["password"] = password
        chosen = {"search_path": f"{schema},public" if schema else "public", **self.session_settings}
        options = [login.get("options", ""), *(f"-c {name}={_escaped(value)}" for name, value in chosen.items())]
        login.setdefault("connect_timeout", str(self.connect_timeout_s))
        return login | {
            "options": " ".join(option for option in options if option),
            "application_name": "bench",
            "client_encoding": "UTF8",
        }

    def _greet(self, say: Say) -> None:
        """Say which server of the user's own it is, and that it keeps its settings."""
        from bench.model import Namespace

        if self.socket == "unix":
            raise ConfigError(
                "only the embedded server is told by it; name the socket's directory as host in the dsn", key="socket"
            )
        with self.open(Namespace(schema="")) as database:
            facts = database.facts()
            say(f"PostgreSQL {facts['version']} at {facts['host']}, database {facts['database']}, a server of your own")
            kept = database.current_settings(sorted(self.settings))
        if kept:
            own = ", ".join(f"{name}={value}" for name, value in kept.items())
            say(f"PostgreSQL: it keeps its own settings ({own}); backend.session_settings.… reaches each session")


def _parsed(text: str) -> dict[str, str] | None:
    """The parameters in a connection string; None when it is none."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except psycopg.ProgrammingError:
        return None


def _escaped(value: str | int | float | bool) -> str:
    """As libpq's `options` takes it: a space or backslash in a value has a backslash before it."""
    text = ("on" if value else "off") if isinstance(value, bool) else str(value)
    return re.sub(r"([\\\s])", r"\\\1", text)


def _database_name(data: str) -> str:
    if len(data.encode()) <= NAME_LIMIT_BYTES:
        return data
    return f"{data[:40]}_{hashlib.sha256(data.encode()).hexdigest()[:12]}"


def _create_database(server: EmbeddedServer, name: str) -> None:
    """Make the database unless it is there, with the counters that the server can give."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
        available = "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'"
        loaded = "pg_stat_statements" in str(connection.execute("SHOW shared_preload_libraries").fetchall())
        if loaded and connection.execute(available).fetchone():
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
