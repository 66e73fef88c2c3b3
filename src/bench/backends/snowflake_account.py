"""Where to log in: what the configuration says, and what the user's own connections.toml says.

The files are found and read by the driver itself (`CONFIG_MANAGER`), so that a connection means here what it means to
every other tool of Snowflake.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Le

from bench.backends.snowflake_auth import AnyAuth, Parameters
from bench.errors import ConfigError, nearest

if TYPE_CHECKING:
    from pathlib import Path

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
DOMAIN = re.compile(r"\.snowflakecomputing\.(com|cn|mil)$")
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_READING = threading.Lock()
"""Sessions are opened side by side, and who catches warnings does so for all threads of the process."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account of Snowflake, a user in it and what the sessions use. No secret stands in it.

    What is given here goes before what the named connection says; what is empty is left to the connection.
    """

    connection: str = ""
    """Name in connections.toml; empty: the default connection of the file, unless account or host is given here."""
    account: str = ""
    """Account identifier, as `myorganisation-myaccount`."""
    user: str = ""
    host: str = ""
    """Where it is not the account's own, such as a private link."""
    port: Annotated[int, Ge(1), Le(65535)] | None = None
    protocol: Literal["https", "http"] = "https"
    """`http` only to this machine."""
    warehouse: str = ""
    role: str = ""
    database: str = ""
    schema: str = ""
    auth: AnyAuth | None = None
    """How to log in; none: as the connection says."""
    connect_timeout_s: Annotated[int, Ge(1)] = 30
    """Greatest time for a login, the driver's own attempts included."""

    def __post_init__(self) -> None:
        if DOMAIN.search(self.account) or "/" in self.account:
            raise ConfigError(
                f"'{self.account}' is an address; give the identifier alone, as myorganisation-myaccount", key="account"
            )
        if self.account and not IDENTIFIER.fullmatch(self.account):
            raise ConfigError(f"'{self.account}' is no account identifier, as myorganisation-myaccount", key="account")
        if "/" in self.host or "@" in self.host:
            # The value is not repeated: an address may hold a password.
            raise ConfigError("is the name of a host alone, without https:// and without a user", key="host")

    @property
    def given(self) -> Parameters:
        """The driver's arguments for what is given here."""
        keys = ("account", "user", "host", "port", "warehouse", "role", "database", "schema")
        known: Parameters = {key: getattr(self, key) for key in keys if getattr(self, key)}
        return known | ({"protocol": self.protocol} if self.protocol != "https" else {})


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What connections.toml says under a name."""

    name: str = ""
    """Empty: the file is not used."""
    parameters: Mapping[str, object] = field(default_factory=dict, repr=False)
    """As the driver takes them, secrets included."""
    notes: tuple[str, ...] = ()
    """What the user should know of the file, one sentence each."""

    def __reduce__(self) -> str:
        raise TypeError("a connection may hold secrets and stays in its process; pass the account on instead")


def find_connection(account: Account) -> Connection:
    """The connection that an account names, after every check that needs no server.

    Raises:
        ConfigError: It is not there, or its file cannot be used; or nothing says where to log in.
    """
    # Also where the files are not used here: the driver reads them with each login, and refuses it with them.
    connections, default, notes = _read()
    if not account.connection and (account.account or account.host):
        # The default connection's secret is not for an account that it does not know.
        return Connection(notes=notes)
    name = account.connection or default
    if name in connections:
        return Connection(name=name, parameters=_plain(connections[name], name), notes=notes)
    known = ", ".join(sorted(connections)) or "none"
    if account.connection:
        raise ConfigError(
            f"connections.toml has no connection '{name}', only: {known}{nearest(name, connections)}", key="connection"
        )
    raise ConfigError(
        f"nothing says where to log in: name one of the connections in {_files()[1]} ({known}) in backend.connection, "
        "or give backend.account, backend.user and backend.auth",
        key="connection",
    )


def _read() -> tuple[Mapping[str, object], str, tuple[str, ...]]:
    """All connections, the name of the default one, and what the driver warns of."""
    from snowflake.connector.config_manager import CONFIG_MANAGER
    from snowflake.connector.errors import Error

    problem = ""
    with _READING, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            connections, default = CONFIG_MANAGER["connections"], CONFIG_MANAGER["default_connection_name"]
        except (Error, ValueError) as error:  # tomlkit's errors, from SNOWFLAKE_CONNECTIONS, are ValueErrors
            problem = _unusable(error)
    if problem:
        # Outside of the handler: the driver's error may hold lines of the file.
        raise ConfigError(problem, key="connection")
    if not isinstance(connections, Mapping):
        raise ConfigError(f"{_files()[1]} holds no tables such as [name]", key="connection")
    # Said once by our caller; the driver would say it with each login.
    warnings.filterwarnings("ignore", message="Bad owner or permissions", category=UserWarning)
    return connections, str(default), _notes() if caught else ()


def _files() -> tuple[Path, Path]:
    """config.toml and connections.toml, as the driver finds them."""
    from snowflake.connector.constants import CONFIG_FILE, CONNECTIONS_FILE

    return CONFIG_FILE, CONNECTIONS_FILE


def _unusable(error: Exception) -> str:
    """Why the driver refuses the files, without their content."""
    for path in _files():
        if not path.exists():
            continue
        mode = path.stat().st_mode
        if os.name == "posix" and mode & OTHERS_MAY_WRITE:
            return f"{path} may be written by others ({stat.S_IMODE(mode):04o}); run: chmod 0600 '{path}'"
        if not os.access(path, os.R_OK):
            return f"{path} may not be read by this user; run: chmod 0600 '{path}', as its owner"
    cause = error.__cause__ or error
    line = getattr(cause, "line", None)
    where = f" at line {line}" if line else ""
    broken = " or ".join(str(path) for path in _files() if path.exists()) or "SNOWFLAKE_CONNECTIONS"
    return f"{broken} is no valid TOML{where}; texts stand in double quotes there"


def _notes() -> tuple[str, ...]:
    """What the driver warns of: secrets that others can read."""
    readable = [path for path in _files() if path.exists() and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)]
    return tuple(f"{path} may be read by others; chmod 0600 '{path}' keeps its secrets" for path in readable)


def _plain(table: object, name: str) -> Mapping[str, object]:
    """A connection as plain values instead of tomlkit's."""
    unwrap = getattr(table, "unwrap", None)
    plain = unwrap() if callable(unwrap) else table
    if not isinstance(plain, Mapping):
        raise ConfigError(f"'{name}' in connections.toml is no table of keys such as account", key="connection")
    return {str(key): value for key, value in plain.items()}
