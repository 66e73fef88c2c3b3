"""Logins that are refused, slow, cut off or sent to nobody: one sentence each, and never longer than the deadline."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.backends.snowflake_auth import Password
from bench.backends.snowflake_login import Account, make_login
from bench.backends.snowflake_refusals import REFUSALS
from bench.errors import ConnectError
from faulty_proxy import FaultyProxy
from snowflake_stub import Known, LoginStub, pem

DEADLINE_S = 20
NOTHING_HEARD = "spent waiting for"


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setenv("BENCH_T_PASSWORD", "right")
    with LoginStub(known=Known(password="right")) as stub:
        yield stub


@pytest.fixture
def proxy(stub):
    with FaultyProxy(port=stub.port) as proxy:
        yield proxy


def account(port, **keys):
    return Account(
        account="org-acc",
        user="tester",
        host="127.0.0.1",
        protocol="http",
        port=port,
        auth=Password(password_env="BENCH_T_PASSWORD"),
        connect_timeout_s=keys.pop("connect_timeout_s", DEADLINE_S),
        **keys,
    )


def refusal(described):
    """Text of the refusal and the seconds it took."""
    login = make_login(described, session_parameters={})
    start = time.monotonic()
    with pytest.raises(ConnectError) as caught:
        login.connect()
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("Snowflake (account org-acc at ")
    return str(caught.value), time.monotonic() - start


@pytest.mark.parametrize("code", sorted(REFUSALS.keys() - {390195}))
def test_a_refusal_is_one_sentence_with_a_remedy_and_is_not_repeated(stub, code):
    stub.refuse = (code, "No.")
    text, took_s = refusal(account(stub.port, role="R", warehouse="W"))
    assert REFUSALS[code] in text
    assert f"({code})" in text
    assert "user tester, password" in text
    assert len(stub.logins) == 1, "a refused login that is repeated locks the user out"
    assert took_s < DEADLINE_S / 2


def test_a_kept_token_that_is_refused_is_given_up_after_the_drivers_second_try(stub):
    """The driver forgets the token of an earlier single sign-on, and logs in once more."""
    stub.refuse = (390195, "No.")
    text, _ = refusal(account(stub.port))
    assert REFUSALS[390195] in text
    assert len(stub.logins) == 2


@pytest.mark.parametrize("code", [390189, 390201])
def test_a_missing_object_is_named_with_what_was_asked_for(stub, code):
    stub.refuse = (code, "The requested warehouse does not exist or not authorized.")
    text, _ = refusal(account(stub.port, role="ANALYST", warehouse="WH"))
    assert "asked for: warehouse WH, role ANALYST; Snowflake: The requested warehouse does not exist" in text


def test_an_unknown_code_keeps_the_servers_words(stub):
    stub.refuse = (399999, "Something\nnew.")
    text, _ = refusal(account(stub.port))
    assert text.endswith("the login is refused: Something new. (399999)")


@pytest.mark.parametrize(
    ("status", "says"), [(404, "no such account at this address"), (403, "the service answers 403")]
)
def test_an_answer_that_is_not_snowflakes(stub, status, says):
    stub.status = status
    text, _ = refusal(account(stub.port))
    assert says in text


def test_a_slow_login_is_waited_for(stub):
    stub.delay_s = 2
    make_login(account(stub.port), session_parameters={}).connect().close()


def test_the_deadline_ends_a_login_that_stalls(stub):
    stub.delay_s = 8
    text, took_s = refusal(account(stub.port, connect_timeout_s=1))
    assert "no login within 1 s, spent waiting for the answer to the login" in text
    assert took_s < 4


def test_what_a_late_login_still_gets_is_closed(stub):
    stub.delay_s = 2
    refusal(account(stub.port, connect_timeout_s=1))
    until = time.monotonic() + 30
    while not stub.sessions_closed and time.monotonic() < until:
        time.sleep(0.05)
    assert stub.sessions_closed == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_service_that_is_away_for_a_moment(stub, proxy, status):
    """The driver alone repeats a login once."""
    proxy.answer(status, times=3, path="login-request")
    make_login(account(proxy.port, connect_timeout_s=60), session_parameters={}).connect().close()
    assert len(stub.logins) == 1
    assert len([path for path in proxy.seen if "login-request" in path]) == 4


def test_a_service_that_stays_away(stub, proxy):
    proxy.answer(503, times=1000)
    text, took_s = refusal(account(proxy.port, connect_timeout_s=4))
    assert "the service does not answer a login" in text or NOTHING_HEARD in text
    assert took_s < 8
    assert not stub.logins


def test_a_dropped_connection_is_tried_again(stub, proxy):
    proxy.drop(times=2, path="login-request")
    make_login(account(proxy.port, connect_timeout_s=60), session_parameters={}).connect().close()
    assert len(stub.logins) == 1


def test_an_answer_that_is_cut_off_is_asked_for_again(stub, proxy):
    proxy.cut(path="login-request")
    make_login(account(proxy.port, connect_timeout_s=60), session_parameters={}).connect().close()
    assert len(stub.logins) == 2


def test_a_stall_on_the_way(stub, proxy):
    proxy.stall(2, path="login-request")
    make_login(account(proxy.port), session_parameters={}).connect().close()
    assert len(stub.logins) == 1


def test_nobody_listens(stub):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text, took_s = refusal(account(port))
    assert text.endswith("nobody listens at this address; check backend.host and backend.port")
    assert took_s < 5


def test_an_unknown_host(stub):
    text, _ = refusal(replace(account(443), host="no-such-host.invalid", protocol="https"))
    assert "the host is unknown" in text or NOTHING_HEARD in text


def test_a_name_server_that_does_not_answer(stub, monkeypatch):
    """A dead name server cannot be had here; what the driver would meet is the same call that does not return."""
    released = threading.Event()

    def silent(*_, **__):
        released.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    text, took_s = refusal(account(stub.port, connect_timeout_s=1))
    released.set()
    assert "no login within 1 s, spent waiting for the name of the host" in text
    assert took_s < 4


def test_a_host_that_takes_no_connection(stub):
    """Its queue is full, so that the kernel leaves every further greeting unanswered."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        text, took_s = refusal(account(full.getsockname()[1], connect_timeout_s=1))
        for one in waiting:
            one.close()
    assert "to answer" in text or "the host does not answer" in text
    assert took_s < 4


def test_a_certificate_that_nobody_vouches_for(stub, tmp_path):
    with TlsServer(tmp_path) as server:
        text, _ = refusal(replace(account(server.port), protocol="https"))
    assert "TLS finds the server not to be trusted (certificate verify failed)" in text


class TlsServer:
    """Shakes hands with a certificate that it has signed itself."""

    def __init__(self, directory):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
        from cryptography.hazmat.primitives.serialization import Encoding

        (directory / "tls.pem").write_bytes(certificate.public_bytes(Encoding.PEM) + pem(key))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(directory / "tls.pem")

    def __enter__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(client, server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                client.close()
