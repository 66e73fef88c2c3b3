"""Why a login came to nothing, in one sentence that names the remedy.

Codes are Snowflake's own unless said otherwise. Where one was read is noted beside it: `driver` is the source of
snowflake-connector-python 4.8.1, `docs` is docs.snowflake.com, `seen` is an issue of a Snowflake driver that shows it,
`memory` means that nobody here saw it. An unknown code still gives a sentence, with the server's own words.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.backends.snowflake_auth import Parameters, secrets_in
from bench.backends.snowflake_errors import SUSPENDED
from bench.redact import redact_text

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.errors import Error

KEY_REMEDY = "set it with ALTER USER … SET RSA_PUBLIC_KEY='…', and compare the fingerprints with DESC USER"
OBJECTS = ("warehouse", "database", "schema", "role")

REFUSALS: Mapping[int, str] = {
    # Of the driver itself (errorcode.py), on the way to an identity provider.
    250003: "the identity provider does not answer; check auth.token_request_url and the network",
    250006: "the identity provider gives no token; check auth.client_id, the variable that holds the secret, and "
    "auth.token_request_url",
    250008: "no browser could be opened; choose another kind in backend.auth",
    # Of Snowflake.
    666: f"the account is suspended; {SUSPENDED}",  # seen with statements
    390100: "user or password is wrong; check backend.user and the variable that holds the password",  # driver
    390101: "the user is disabled; have an administrator run ALTER USER … SET DISABLED = FALSE",  # memory
    390102: "the user is locked for a while after too many wrong logins; wait 15 minutes, or ALTER USER … "  # memory
    "SET MINS_TO_UNLOCK = 0",
    390106: "the password is expired and must be changed in the browser first",  # memory
    390110: "the token kept from the last login is expired; log in again",  # driver
    390113: "the session's token is not known to the server; log in again",  # driver
    390114: "the session's token is expired; log in again",  # driver
    390115: "the session's token is not valid; log in again",  # driver
    390127: "the second factor was denied; check the passcode, each serves once",  # memory
    390139: "the account does not accept this method; choose another kind in backend.auth",  # docs, errors-saml
    390140: "the password is expired and must be changed in the browser first",  # docs, errors-saml
    390144: f"the public key is not registered for this user; {KEY_REMEDY}",  # driver
    390189: "the role does not exist or is not granted to this user; check backend.role",  # memory
    390191: "somebody else is logged in at the identity provider; log out there first",  # docs, errors-saml
    390192: "single sign-on is not allowed for this user; choose another kind in backend.auth",  # docs, errors-saml
    390195: "the token kept from the last single sign-on is not valid; log in again",  # driver
    390201: "warehouse, database or schema does not exist, or the role may not use it; check their names, "  # seen
    "and GRANT USAGE ON … TO ROLE …",
    390303: "the OAuth token is not valid for this account; fetch a new one",  # driver
    390318: "the OAuth token is expired; fetch a new one",  # driver
    390400: "the server cannot read the login; check backend.account and backend.host",  # driver
    390422: "the network policy does not allow this address; have an administrator add it",  # memory
    390432: "a programmatic access token needs a network policy for its user; have an administrator set one",  # seen
    394300: f"the key's signature is not accepted; {KEY_REMEDY}",  # driver
    394301: "the login's signature is expired; check this machine's clock",  # driver
    394302: "the login's signature is not valid yet; check this machine's clock",  # driver
    394303: "the login's signature lasts too long; unset JWT_LIFETIME_IN_SECONDS",  # driver
    394304: f"another public key is registered for this user; {KEY_REMEDY}",  # driver
    394305: "the key's algorithm is not accepted; make an RSA key of 2048 bits",  # driver
    394306: "the login's signature is malformed; check backend.user and backend.account",  # driver
    394400: "the programmatic access token is not valid, expired or of another user; make a new one",  # memory
}
NOT_FOUND = 290404
"""The driver's 290000 and the HTTP status."""
PASSING = frozenset({250001, 250003, 251011, 251012})
"""Of the driver: failed to connect, failed to request, time over, to be repeated (errorcode.py)."""


def sentence(error: Exception, where: str, parameters: Parameters) -> str:
    """One sentence for what was raised while logging in."""
    return f"{where}: {_of_network(error) or _of_driver(error, parameters)}"


def is_passing(error: Exception) -> bool:
    """A fault of network or service, so that the same login may succeed later; never a refusal."""
    from snowflake.connector.errors import NonRetryableTlsError, OperationalError

    return (
        isinstance(error, OperationalError) and not isinstance(error, NonRetryableTlsError) and error.errno in PASSING
    )


def missing(connection: SnowflakeConnection, parameters: Parameters) -> str:
    """Says which object was asked for and is not in the session; nothing when all are.

    A server that does not check them lets a login pass and leaves them out.
    """
    for kind in OBJECTS:
        wanted = parameters.get(kind)
        if wanted and not getattr(connection, kind):
            return (
                f"the session has no {kind} '{wanted}': it does not exist, or the role may not use it; "
                f"check backend.{kind}, and GRANT USAGE ON {kind.upper()} {wanted} TO ROLE …"
            )
    return ""


def _of_network(error: Exception) -> str:
    """For what our own look at the address met before the driver."""
    if isinstance(error, socket.gaierror):
        return "the host is unknown; check backend.account, backend.host and the network"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens at this address; check backend.host and backend.port"
    if isinstance(error, TimeoutError):
        return "the host does not answer; check backend.host and the firewall"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError | FileNotFoundError | PermissionError):
        return f"the host cannot be reached ({error.strerror or type(error).__name__}); check the network"
    return ""


def _of_driver(error: Exception, parameters: Parameters) -> str:
    from snowflake.connector.errors import Error, ForbiddenError, NonRetryableTlsError
    from snowflake.connector.network import ReauthenticationRequest

    if isinstance(error, ReauthenticationRequest):
        error = error.cause  # a token was refused, and the driver has no other way to get one
    if not isinstance(error, Error):
        # Its text is not repeated: it may hold an argument.
        return f"the driver failed with {type(error).__name__}; check backend.auth and the connection's keys"
    said = _said(error, parameters)
    if isinstance(error, NonRetryableTlsError):
        reason = re.search(r"\('SSL routines', '\w*', '([^']*)'\)", said)
        why = f" ({reason[1]})" if reason else ""
        return f"TLS finds the server not to be trusted{why}; check backend.host, and a proxy that opens TLS"
    if isinstance(error, ForbiddenError):
        return "the service answers 403; check backend.account, or ask whether a network policy forbids this address"
    if error.errno == NOT_FOUND:
        return "no such account at this address (404); check backend.account"
    if is_passing(error):
        return "the service does not answer a login; it is down, or something between drops the request"
    return f"{_known(error.errno, said, parameters)} ({error.errno})"


def _known(code: int, said: str, parameters: Parameters) -> str:
    asked = ", ".join(f"{kind} {parameters[kind]}" for kind in OBJECTS if parameters.get(kind))
    if code in (390189, 390201):
        return f"{REFUSALS[code]} [asked for: {asked or 'the defaults of the user'}; Snowflake: {_short(said)}]"
    if code in REFUSALS:
        return REFUSALS[code]
    return f"the login is refused: {_short(said)}"


def _said(error: Error, parameters: Parameters) -> str:
    """The words of server and driver in one line, without a secret that they may repeat."""
    text = str(error.raw_msg or "")
    for secret in secrets_in(parameters):
        text = text.replace(secret, "***")
    return " ".join(redact_text(text).split())


def _short(said: str) -> str:
    """The server's words without the driver's preface about host and port."""
    return re.sub(r"^.*?Failed to connect to DB[^ ]* \S+?:\d+\. ?", "", said)
