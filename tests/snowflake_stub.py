"""A server that takes logins as Snowflake's does and checks what each method proves, for the real driver.

It stands for a service that cannot exist here. What it knows of the protocol was read in the source of
snowflake-connector-python 4.8.1; what an account really refuses, and with which code, only an account can show.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

JWT_LIFETIME_S = 60
FETCHED_TOKEN = "token-of-the-identity-provider"


@dataclass(kw_only=True)
class Known:
    """What the stub knows of its only user; empty: that method is refused."""

    account: str = "org-acc"
    user: str = "tester"
    password: str = ""
    passcode: str = ""
    public_key: RSAPublicKey | None = None
    oauth_token: str = ""
    access_token: str = ""
    client_id: str = ""
    client_secret: str = ""


@dataclass(kw_only=True)
class LoginStub:
    """`with LoginStub(known=…) as stub:` listens on `stub.port`; `stub.logins` holds what was sent."""

    known: Known
    refuse: tuple[int, str] | None = None
    """Code and message with which every login is refused, whatever it proves."""
    status: int = 200
    """HTTP status of every answer to a login."""
    delay_s: float = 0.0
    """How long a login waits for its answer."""
    leaves_out: frozenset[str] = frozenset()
    """What the session lacks though it was asked for: a server that does not check lets such a login pass."""
    logins: list[dict[str, object]] = field(default_factory=list)
    """The `data` of each login, with what its URL asks for under `url`."""
    token_requests: list[dict[str, str]] = field(default_factory=list)
    sessions_closed: int = 0

    def __enter__(self) -> Self:
        stub = self

        class Handler(_Handler):
            owner = stub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def answer(self, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> tuple[int, object]:
        """Status and JSON for a request."""
        if path.endswith("/login-request"):
            return self.status, self._login(json.loads(body)["data"] | {"url": query})
        if path.endswith("/token-request"):
            return self._token(headers, {key: values[0] for key, values in parse_qs(body.decode()).items()})
        if path == "/session" and query.get("delete"):
            self.sessions_closed += 1
        return 200, {"data": None, "code": None, "message": None, "success": True}

    def _login(self, data: dict[str, object]) -> object:
        self.logins.append(data)
        time.sleep(self.delay_s)
        refusal = self.refuse or check(data, self.known)
        if refusal:
            return {"data": {}, "code": str(refusal[0]), "message": refusal[1], "success": False}
        asked = data["url"]
        names = {"warehouseName": "warehouse", "databaseName": "databaseName", "schemaName": "schemaName"}
        info = {name: asked.get(key) for name, key in (names | {"roleName": "roleName"}).items()}
        info = {name: None if name.removesuffix("Name") in self.leaves_out else value for name, value in info.items()}
        session = {"token": "t", "masterToken": "m", "validityInSeconds": 3600, "masterValidityInSeconds": 14400}
        session |= {"sessionId": 1, "parameters": [{"name": "TIMEZONE", "value": "UTC"}], "sessionInfo": info}
        return {"data": session, "code": None, "message": None, "success": True}

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, object]:
        """An identity provider's own address, RFC 6749 section 4.4."""
        self.token_requests.append(form)
        expected = base64.b64encode(f"{self.known.client_id}:{self.known.client_secret}".encode()).decode()
        if headers.get("authorization") != f"Basic {expected}" or form.get("grant_type") != "client_credentials":
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": FETCHED_TOKEN, "token_type": "Bearer", "expires_in": 600}


def check(data: dict[str, object], known: Known) -> tuple[int, str] | None:
    """Code and message of the refusal, or None when the login proves who it is."""
    method = str(data.get("AUTHENTICATOR") or "").upper()
    token = str(data.get("TOKEN") or "")
    if method == "SNOWFLAKE_JWT":
        return None if known.public_key and proven(token, known) else (390144, "JWT token is invalid.")
    if method == "OAUTH":
        good = {known.oauth_token, FETCHED_TOKEN if known.client_id else ""} - {""}
        return None if token in good else (390303, "Invalid OAuth access token.")
    if method == "PROGRAMMATIC_ACCESS_TOKEN":
        return None if token and token == known.access_token else (394400, "Programmatic access token is invalid.")
    if method not in ("", "SNOWFLAKE", "USERNAME_PASSWORD_MFA"):
        return 390139, f"The specified authenticator {method} is not accepted."
    return check_password(data, known)


def check_password(data: dict[str, object], known: Known) -> tuple[int, str] | None:
    """The same for a password, and for the passcode of a user who has a second factor."""
    password, passcode = data.get("PASSWORD"), data.get("PASSCODE") or ""
    in_password = data.get("EXT_AUTHN_DUO_METHOD") == "passcode" and not passcode
    expected = known.password + known.passcode if in_password else known.password
    if data.get("LOGIN_NAME") != known.user or not password or password != expected:
        return 390100, "Incorrect username or password was specified."
    if known.passcode and not in_password and passcode != known.passcode:
        return 390127, "Failed to authenticate: passcode is invalid."
    return None


def proven(token: str, known: Known) -> bool:
    """The claims are this user's, and its key has signed them (RFC 7519, RS256)."""
    head, claims, signature = token.split(".")
    said, algorithm = json.loads(_decoded(claims)), json.loads(_decoded(head))["alg"]
    try:
        known.public_key.verify(_decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    subject = f"{known.account}.{known.user}".upper()
    return (
        algorithm == "RS256"
        and said["sub"] == subject
        and said["iss"] == f"{subject}.{fingerprint(known.public_key)}"
        and abs(said["iat"] - time.time()) < JWT_LIFETIME_S
        and said["exp"] - said["iat"] == JWT_LIFETIME_S
    )


def fingerprint(key: RSAPublicKey) -> str:
    """As DESC USER shows it."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def pem(key: RSAPrivateKey, passphrase: str = "", *, traditional: bool = False) -> bytes:
    """The text of a private key, encrypted where there is a passphrase."""
    form = serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, lock)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: LoginStub

    def log_message(self, *_: object) -> None:
        """Nothing: what was sent is kept by the stub."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        headers = {key.lower(): value for key, value in self.headers.items()}
        status, answer = self.owner.answer(parts.path, query, headers, body)
        text = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has given up

    do_GET = do_POST
