"""How a user proves to Snowflake who they are: one class per `kind` of `backend.auth`.

A description names where a secret lies, an environment variable or a file; the secret itself is read at connect and
stands in no field, so that a description may be shown, pickled and stored. What each method sends is described at
https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-connect
"""

from __future__ import annotations

import os
import re
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

from annotated_types import MinLen
from pydantic import Field

from bench.backends.snowflake_key import decrypted_key
from bench.errors import ConfigError

Parameters: TypeAlias = dict[str, object]
"""The driver's keyword arguments."""

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_SECRET_WORDS = ("password", "passcode", "passphrase", "secret", "token", "private_key")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

OWN_KEYS = frozenset(
    {
        "authenticator",
        "password",
        "passcode",
        "passcode_in_password",
        "private_key",
        "private_key_file",
        "private_key_file_pwd",
        "private_key_passphrase",
        "token",
        "token_file_path",
        "oauth_client_id",
        "oauth_client_secret",
        "oauth_token_request_url",
        "oauth_authorization_url",
        "oauth_redirect_uri",
        "oauth_scope",
        "workload_identity_provider",
        "client_store_temporary_credential",
        "client_request_mfa_token",
    }
)
"""The driver's arguments that choose or feed a method: none of them may stay when another method is chosen."""


@dataclass(frozen=True, kw_only=True)
class Auth(ABC):
    """A way to log in."""

    method: ClassVar[str]
    """In words, for messages."""
    needs_user: ClassVar[bool] = True

    @property
    def interactive(self) -> bool:
        """Somebody has to act, in a browser or on a telephone."""
        return False

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            if key.endswith("_env") and value and not _VARIABLE.fullmatch(value):
                # The value is not repeated: it may be the secret itself.
                raise ConfigError(
                    "is the name of an environment variable in capitals, such as SNOWFLAKE_SECRET; "
                    "the secret itself never stands in the configuration",
                    key=key,
                )

    @abstractmethod
    def parameters(self) -> Parameters:
        """The driver's arguments, secrets included: not to be shown or kept.

        Raises:
            ConfigError: A secret is not where it is said to be, or cannot be used.
        """


@dataclass(frozen=True, kw_only=True)
class Password(Auth):
    """User and password; Snowflake accepts it from accounts and users that need no second factor."""

    method: ClassVar[str] = "password"

    kind: Literal["password"] = "password"
    password_env: Annotated[str, MinLen(1)]

    def parameters(self) -> Parameters:
        """The password."""
        return {"authenticator": "snowflake", "password": from_variable(self.password_env, "password_env")}


@dataclass(frozen=True, kw_only=True)
class Browser(Auth):
    """Single sign-on in a browser on this machine.

    The token is kept by the driver (`client_store_temporary_credential`), so that further connections and worker
    processes do not ask again; the account must allow it: `ALTER ACCOUNT SET ALLOW_ID_TOKEN = TRUE`.
    """

    method: ClassVar[str] = "browser"

    kind: Literal["browser"] = "browser"

    @property
    def interactive(self) -> bool:
        """Always."""
        return True

    def parameters(self) -> Parameters:
        """The method and the wish to keep its token; refused where no browser can open."""
        check_browser()
        return {"authenticator": "externalbrowser", "client_store_temporary_credential": True}


@dataclass(frozen=True, kw_only=True)
class KeyPair(Auth):
    """A private key, of which Snowflake knows the public half (`ALTER USER … SET RSA_PUBLIC_KEY`)."""

    method: ClassVar[str] = "key pair"

    kind: Literal["key_pair"] = "key_pair"
    private_key_file: str = ""
    """A PEM file, PKCS#8 or older; `~` is the home directory."""
    private_key_env: str = ""
    """The variable that holds the text of such a file."""
    passphrase_env: str = ""
    """The variable that holds the passphrase of an encrypted key."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _exactly_one(self, "private_key_file", "private_key_env")

    def parameters(self) -> Parameters:
        """The key, decrypted here, so that what is wrong with it is known before anything is sent."""
        if self.private_key_file:
            pem, source = _bytes_of(self.private_key_file, "private_key_file"), self.private_key_file
        else:
            # One line with \n in it is how many services store several lines in one variable.
            text = from_variable(self.private_key_env, "private_key_env").replace("\\n", "\n")
            pem, source = text.encode(), f"the environment variable {self.private_key_env}"
        passphrase = from_variable(self.passphrase_env, "passphrase_env") if self.passphrase_env else ""
        return {"authenticator": "snowflake_jwt", "private_key": decrypted_key(pem, passphrase, source)}


@dataclass(frozen=True, kw_only=True)
class OAuth(Auth):
    """An access token that somebody else fetched."""

    method: ClassVar[str] = "OAuth token"
    needs_user: ClassVar[bool] = False

    kind: Literal["oauth"] = "oauth"
    token_env: str = ""
    token_file: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _exactly_one(self, "token_env", "token_file")

    def parameters(self) -> Parameters:
        """The token."""
        return {"authenticator": "oauth", "token": _token(self.token_env, self.token_file)}


@dataclass(frozen=True, kw_only=True)
class ClientCredentials(Auth):
    """A service's own id and secret, for which an identity provider gives an access token (RFC 6749, 4.4)."""

    method: ClassVar[str] = "OAuth client credentials"
    needs_user: ClassVar[bool] = False

    kind: Literal["client_credentials"] = "client_credentials"
    client_id: Annotated[str, MinLen(1)]
    client_secret_env: Annotated[str, MinLen(1)]
    token_request_url: str = ""
    """Where the token is fetched; empty: from Snowflake itself."""
    scope: str = ""
    """Empty: `session:role:` and the role, where one is given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        url = urlsplit(self.token_request_url)
        if self.token_request_url and (url.scheme not in ("http", "https") or not url.hostname or url.password):
            raise ConfigError("is no address such as https://login.example.org/token", key="token_request_url")
        if url.scheme == "http" and url.hostname not in LOOPBACK_HOSTS:
            raise ConfigError("would send the client's secret without encryption; use https", key="token_request_url")

    def parameters(self) -> Parameters:
        """Id, secret and where to take them."""
        optional = {"oauth_token_request_url": self.token_request_url, "oauth_scope": self.scope}
        return {
            "authenticator": "oauth_client_credentials",
            "oauth_client_id": self.client_id,
            "oauth_client_secret": from_variable(self.client_secret_env, "client_secret_env"),
            **{name: value for name, value in optional.items() if value},
        }


@dataclass(frozen=True, kw_only=True)
class AccessToken(Auth):
    """A programmatic access token (`ALTER USER … ADD PROGRAMMATIC ACCESS TOKEN`)."""

    method: ClassVar[str] = "programmatic access token"
    needs_user: ClassVar[bool] = False

    kind: Literal["access_token"] = "access_token"
    token_env: str = ""
    token_file: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _exactly_one(self, "token_env", "token_file")

    def parameters(self) -> Parameters:
        """The token."""
        return {"authenticator": "programmatic_access_token", "token": _token(self.token_env, self.token_file)}


@dataclass(frozen=True, kw_only=True)
class Mfa(Auth):
    """Password and a second factor: a passcode, or, where none is given, a question on the user's telephone.

    A passcode serves once. Further connections need the token that the driver keeps for them, which the account must
    allow: `ALTER ACCOUNT SET ALLOW_CLIENT_MFA_CACHING = TRUE`.
    """

    method: ClassVar[str] = "password and second factor"

    kind: Literal["mfa"] = "mfa"
    password_env: Annotated[str, MinLen(1)]
    passcode_env: str = ""
    passcode_in_password: bool = False
    """The passcode stands at the end of the password."""

    @property
    def interactive(self) -> bool:
        """Where there is no passcode, the telephone asks."""
        return not (self.passcode_env or self.passcode_in_password)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.passcode_env and self.passcode_in_password:
            raise ConfigError("the passcode is in the password already; give one of the two", key="passcode_env")

    def parameters(self) -> Parameters:
        """Password, passcode and the wish to keep the token that they bring."""
        known: Parameters = {
            "authenticator": "username_password_mfa",
            "password": from_variable(self.password_env, "password_env"),
            "client_request_mfa_token": True,
        }
        if self.passcode_in_password:
            known["passcode_in_password"] = True
        elif self.passcode_env:
            known["passcode"] = from_variable(self.passcode_env, "passcode_env")
        return known


@dataclass(frozen=True, kw_only=True)
class Anybody(Auth):
    """No proof at all: for the emulator, which lets everybody in."""

    method: ClassVar[str] = "no proof"

    kind: Literal["anybody"] = "anybody"

    def parameters(self) -> Parameters:
        """A word where the driver insists on one."""
        return {"authenticator": "snowflake", "password": "anybody"}


AnyAuth: TypeAlias = Annotated[
    Password | Browser | KeyPair | OAuth | ClientCredentials | AccessToken | Mfa | Anybody,
    Field(discriminator="kind"),
]


def check_browser() -> None:
    """Refuse single sign-on where no browser can open, instead of waiting for one.

    Raises:
        ConfigError: There is no display, or no browser.
    """
    import webbrowser

    remedy = "use kind: key_pair or access_token here, or log in on a machine with a browser"
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigError(f"single sign-on opens a browser, and this machine has no display; {remedy}", key="auth")
    try:
        webbrowser.get()
    except webbrowser.Error:
        raise ConfigError(f"single sign-on opens a browser, and none is found; {remedy}", key="auth") from None


def from_variable(name: str, key: str) -> str:
    """The value of an environment variable.

    Raises:
        ConfigError: It is not set, or empty.
    """
    if not (value := os.environ.get(name)):
        raise ConfigError(f"the environment variable {name} is not set or empty", key=f"auth.{key}")
    return value


def from_file(path: str, key: str) -> str:
    """The text of a file without the line feed that editors put at its end: Snowflake would take it for the token's.

    Raises:
        ConfigError: It cannot be read, or is empty.
    """
    try:
        text = _bytes_of(path, key).decode().strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no text file", key=f"auth.{key}") from None
    if not text:
        raise ConfigError(f"the file {path} is empty", key=f"auth.{key}")
    return text


def secrets_in(parameters: Parameters) -> tuple[str, ...]:
    """The texts among the driver's arguments that may never be shown."""
    named = (
        value for name, value in parameters.items() if any(word in name for word in _SECRET_WORDS) and "url" not in name
    )
    return tuple(value for value in named if isinstance(value, str) and value)


def _token(variable: str, path: str) -> str:
    return from_variable(variable, "token_env").strip() if variable else from_file(path, "token_file")


def _bytes_of(path: str, key: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"the file {path} cannot be read ({error.strerror})", key=f"auth.{key}") from None


def _exactly_one(auth: Auth, first: str, second: str) -> None:
    if bool(getattr(auth, first)) == bool(getattr(auth, second)):
        raise ConfigError(f"give exactly one of {first} and {second}", key=first)
