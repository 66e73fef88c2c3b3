"""Logging in to Snowflake through its Python driver (4.8), within a deadline of our own.

The driver's `login_timeout` does not bound the search for a host's name: with a dead name server 5 s became 30 s. So
each login runs in a thread that is given up, and that closes what it still gets, once its time is over.
"""

from __future__ import annotations

import contextlib
import copy
import os
import queue
import re
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from bench.backends import snowflake_refusals as refusals
from bench.backends.snowflake_account import Account, Connection, find_connection
from bench.backends.snowflake_auth import (
    LOOPBACK_HOSTS,
    OWN_KEYS,
    Parameters,
    check_browser,
    from_file,
)
from bench.backends.snowflake_key import decrypted_key
from bench.errors import ConfigError, ConnectError, MissingDriverError

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

__all__ = ["Account", "Connection", "Login", "find_connection", "make_login"]

SessionParameters: TypeAlias = Mapping[str, str | int | bool]

BROWSER_WAIT_S = 120
"""How long somebody has to act in a browser or on a telephone; the driver's own default."""
SOCKET_TIMEOUT_S = 60
"""Longest silence of the server; it answers a long query with 'in progress' after 45 s, so less would cut it off."""
NETWORK_TIMEOUT_S = 300
"""How long the driver repeats a request that met a fault of the network or the service."""
PAUSE_S = 1.0
"""Between two logins that met a fault of the service."""
HTTPS_PORT = 443


@dataclass(frozen=True, kw_only=True)
class Login:
    """How to connect. Holds secrets, so that it is neither shown nor sent to another process."""

    where: str
    """Connection, account, user and method, for messages."""
    deadline_s: float
    interactive: bool
    parameters: Parameters = field(repr=False)
    """The driver's keyword arguments."""
    notes: tuple[str, ...] = ()
    """What the user should know of connections.toml, one sentence each."""

    def connect(self) -> SnowflakeConnection:
        """A new connection, on which each statement commits by itself.

        Raises:
            ConnectError: Nobody answers in time, the login is refused, or the session lacks what was asked for. No
                secret stands in its text, and no other error hangs on it.
        """
        _spare_proxy(str(self.parameters["host"]))
        attempt = _Attempt(self.parameters)
        with contextlib.redirect_stdout(sys.stderr) if self.interactive else contextlib.nullcontext():
            connection = attempt.run(self.deadline_s)
        if connection is None:
            raise ConnectError(attempt.refusal(self.where, self.deadline_s))
        if missing := refusals.missing(connection, self.parameters):
            connection.close(retry=False)
            raise ConnectError(f"{self.where}: {missing}")
        return connection

    @property
    def server(self) -> str:
        """Host, and port where one is given, fit for a file's name."""
        parts = (self.parameters["host"], self.parameters.get("port"))
        return re.sub(r"[^A-Za-z0-9_.-]", "_", "_".join(str(part) for part in parts if part))

    def __reduce__(self) -> str:
        raise TypeError("a login holds secrets and stays in its process; pass the account on instead")


def make_login(account: Account, *, session_parameters: SessionParameters, paramstyle: str = "qmark") -> Login:
    """Everything that the driver needs, secrets included, checked as far as it can be without a server.

    Args:
        account: Where to log in.
        session_parameters: Snowflake's own, such as QUERY_TAG; they go before those of the connection's TOML.
        paramstyle: `qmark` has the server bind values, so that it can keep the plan of a repeated statement.

    Raises:
        ConfigError: A connection, a secret or a key is missing or cannot be used.
        MissingDriverError: The driver is not installed.
    """
    try:
        connection = find_connection(account)
    except ModuleNotFoundError as error:
        raise MissingDriverError(
            "this backend needs the module snowflake.connector; add it with `uv add 'snowflake-connector-python<5'`"
        ) from error
    known = dict(connection.parameters)
    if account.auth:
        known = {key: value for key, value in known.items() if key not in OWN_KEYS} | account.auth.parameters()
    else:
        known |= _own_secrets(known, connection.name)
    if account.account:
        # They say where the connection's own account is.
        known = {key: value for key, value in known.items() if key not in ("host", "region")}
    known |= account.given
    _complete(known, account)
    known["session_parameters"] = _session(known.get("session_parameters"), session_parameters)
    interactive = account.auth.interactive if account.auth else _waits_for_somebody(known)
    return Login(
        where=_where(connection.name, known, account),
        deadline_s=max(account.connect_timeout_s, BROWSER_WAIT_S if interactive else 0),
        interactive=interactive,
        parameters=_bounds(account.connect_timeout_s) | known | _house_rules(paramstyle),
        notes=connection.notes,
    )


def _bounds(connect_timeout_s: int) -> Parameters:
    """Times that a connection in the TOML may set otherwise."""
    return {
        "login_timeout": connect_timeout_s,
        "network_timeout": NETWORK_TIMEOUT_S,
        "socket_timeout": SOCKET_TIMEOUT_S,
    }


def _house_rules(paramstyle: str) -> Parameters:
    """What a measurement needs, whatever a connection in the TOML says. TLS and its checks are left as they are."""
    return {
        "application": "bench",
        "autocommit": True,
        "paramstyle": paramstyle,
        "arrow_number_to_decimal": True,
        "client_session_keep_alive": True,
        # Asking the metadata services of three clouds where we run takes up to 10 s for each connection.
        "platform_detection_timeout_seconds": 0.0,
        "log_imported_packages_in_telemetry": False,
    }


def _session(own: object, wanted: SessionParameters) -> Parameters:
    """Session parameters: those of the TOML, those of the backend, and no telemetry.

    CLIENT_VALIDATE_DEFAULT_PARAMETERS has the server refuse a login whose warehouse, database or schema is not there.
    It is what the driver's `validate_default_parameters` sends, without its warnings about keys of the TOML.
    """
    return {
        "CLIENT_VALIDATE_DEFAULT_PARAMETERS": True,
        **({str(name).upper(): value for name, value in own.items()} if isinstance(own, Mapping) else {}),
        **wanted,
        "CLIENT_TELEMETRY_ENABLED": False,
        "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
    }


def _own_secrets(known: Mapping[str, object], name: str) -> Parameters:
    """Key and token that a connection names by their files, read here.

    The driver keeps the line feed of a token's file, and its words about a key that cannot be read help nobody.
    """
    method = str(known.get("authenticator", "")).lower()
    if method == "externalbrowser":
        check_browser()
        return {"client_store_temporary_credential": True}
    found: Parameters = {}
    if path := known.get("token_file_path"):
        found |= {"token": from_file(str(path), "token_file_path"), "token_file_path": None}
    if path := known.get("private_key_file"):
        pem = from_file(str(path), "private_key_file").encode()
        passphrase = known.get("private_key_file_pwd") or ""
        found |= {
            "private_key": decrypted_key(pem, str(passphrase), f"{path} (connection '{name}')"),
            "private_key_file": None,
            "private_key_file_pwd": None,
        }
    return found


def _complete(known: Parameters, account: Account) -> None:
    """Fill in the address, and see that nothing is missing with which the driver would send a request in vain.

    Raises:
        ConfigError: Account, user or method is missing; or a secret would travel without encryption.
    """
    if not known.get("account"):
        raise ConfigError("neither backend.account nor the connection names an account", key="account")
    methods = ("authenticator", "password", "token", "private_key")
    if not any(known.get(key) for key in methods):
        raise ConfigError(
            "nothing says how to log in; give backend.auth, as {kind: key_pair, private_key_file: …}", key="auth"
        )
    without_user = ("oauth", "programmatic_access_token", "oauth_client_credentials", "workload_identity")
    if not known.get("user") and not str(known.get("authenticator", "")).lower().startswith(without_user):
        raise ConfigError("neither backend.user nor the connection names a user", key="user")
    from snowflake.connector.util_text import construct_hostname

    region = known.get("region")
    known.setdefault("host", construct_hostname(str(region) if region else None, str(known["account"])))
    if known.get("protocol") == "http" and known["host"] not in LOOPBACK_HOSTS:
        raise ConfigError(f"http would send secrets to {known['host']} without encryption; use https", key="protocol")


def _waits_for_somebody(known: Parameters) -> bool:
    method = str(known.get("authenticator", "")).lower()
    return method == "externalbrowser" or (
        method == "username_password_mfa" and not (known.get("passcode") or known.get("passcode_in_password"))
    )


def _where(name: str, known: Parameters, account: Account) -> str:
    method = account.auth.method if account.auth else str(known.get("authenticator") or "password").lower()
    if not account.auth and known.get("private_key"):
        method = "key pair"
    parts = [f"account {known['account']} at {known['host']}"]
    if known.get("user"):
        parts.append(f"user {known['user']}")
    what = f"Snowflake connection '{name}'" if name else "Snowflake"
    return f"{what} ({', '.join([*parts, method])})"


def _spare_proxy(host: str) -> None:
    """Keep a proxy of the environment away from this machine's own addresses.

    The driver has no argument for it: its `no_proxy` counts only beside a proxy that it was given.
    """
    from urllib.request import getproxies, proxy_bypass

    if host in LOOPBACK_HOSTS and getproxies() and not proxy_bypass(host):
        known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        os.environ["no_proxy"] = ",".join(filter(None, [known, *LOOPBACK_HOSTS]))


class _Attempt:
    """One login in a thread of its own, and what it waits for."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._outcome: queue.SimpleQueue[SnowflakeConnection | Exception] = queue.SimpleQueue()
        self._handing_over = threading.Lock()
        self._given_up = False
        self._error: Exception | None = None
        self._waits_for = "the name of the host"

    def run(self, deadline_s: float) -> SnowflakeConnection | None:
        """The connection, or None when it came to nothing."""
        until = time.monotonic() + deadline_s
        threading.Thread(target=self._work, args=(until,), daemon=True, name="login").start()
        outcome = self._wait(deadline_s)
        if isinstance(outcome, Exception):
            self._error = outcome
            return None
        return outcome

    def refusal(self, where: str, deadline_s: float) -> str:
        """Why it came to nothing, in one sentence."""
        if self._error is None:
            return (
                f"{where}: no login within {deadline_s:g} s, spent waiting for {self._waits_for}; "
                "check address and network, or raise backend.connect_timeout_s"
            )
        return refusals.sentence(self._error, where, self._parameters)

    def _wait(self, deadline_s: float) -> SnowflakeConnection | Exception | None:
        with contextlib.suppress(queue.Empty):
            return self._outcome.get(timeout=deadline_s)
        with self._handing_over, contextlib.suppress(queue.Empty):
            self._given_up = True
            return self._outcome.get_nowait()
        return None

    def _work(self, until: float) -> None:
        outcome: SnowflakeConnection | Exception
        try:
            self._greet(until)
            outcome = self._log_in(until)
        except Exception as error:  # noqa: BLE001  # the driver raises far more than its own errors; all are reported
            outcome = error
        with self._handing_over:
            if not self._given_up:
                self._outcome.put(outcome)
                return
        if not isinstance(outcome, Exception):
            outcome.close(retry=False)

    def _greet(self, until: float) -> None:
        """See that somebody listens, which the driver reports with one text for all reasons, after repetitions."""
        from urllib.request import getproxies

        host, port = str(self._parameters["host"]), int(str(self._parameters.get("port") or HTTPS_PORT))
        if host not in LOOPBACK_HOSTS and (getproxies() or self._parameters.get("proxy_host")):
            return  # the proxy knows the way, and this machine perhaps does not
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self._waits_for = f"{host}:{port} to answer"
        socket.create_connection((host, port), timeout=max(0.1, until - time.monotonic())).close()

    def _log_in(self, until: float) -> SnowflakeConnection:
        from snowflake.connector import connect

        self._waits_for = "the answer to the login"
        while True:
            try:
                # A copy, since the driver writes what the server answers into the session parameters it was given.
                return connect(**copy.deepcopy(self._parameters))
            except (
                Exception
            ) as error:  # the driver raises far more than its own errors; what does not pass is raised again
                # The driver repeats a login once only. A refusal is never repeated: that locks users out.
                if not refusals.is_passing(error) or time.monotonic() + PAUSE_S > until or self._given_up:
                    raise
                self._waits_for = "the service, which is not available now"
            time.sleep(PAUSE_S)
