"""What each method of logging in really sends: the real driver, over loopback, to a stub that checks the proof."""

import dataclasses
import logging
import pickle
import traceback

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.backends.snowflake_auth import (
    AccessToken,
    Browser,
    ClientCredentials,
    KeyPair,
    Mfa,
    OAuth,
    Password,
)
from bench.backends.snowflake_login import Account, make_login
from bench.errors import ConfigError, ConnectError
from snowflake_stub import FETCHED_TOKEN, Known, LoginStub, pem

CANARY = "canary-5f0c"
PASSWORD, PASSCODE, PASSPHRASE = f"{CANARY}-password", f"{CANARY}-passcode", f"{CANARY}-passphrase"
OAUTH_TOKEN, ACCESS_TOKEN, CLIENT_SECRET = f"{CANARY}-oauth", f"{CANARY}-access", f"{CANARY}-secret"
VARIABLES = {
    "BENCH_T_PASSWORD": PASSWORD,
    "BENCH_T_PASSWORD_AND_CODE": PASSWORD + PASSCODE,
    "BENCH_T_PASSCODE": PASSCODE,
    "BENCH_T_PASSPHRASE": PASSPHRASE,
    "BENCH_T_OAUTH": OAUTH_TOKEN,
    "BENCH_T_ACCESS": ACCESS_TOKEN,
    "BENCH_T_SECRET": CLIENT_SECRET,
}


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(autouse=True)
def variables(monkeypatch, tmp_path, key):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BENCH_T_KEY", pem(key).decode())
    monkeypatch.setenv("BENCH_T_KEY_IN_ONE_LINE", pem(key).decode().replace("\n", "\\n"))
    monkeypatch.setenv("SF_TEMPORARY_CREDENTIAL_CACHE_DIR", str(tmp_path))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stub(key):
    known = Known(
        password=PASSWORD,
        public_key=key.public_key(),
        oauth_token=OAUTH_TOKEN,
        access_token=ACCESS_TOKEN,
        client_id="bench-client",
        client_secret=CLIENT_SECRET,
    )
    with LoginStub(known=known) as stub:
        yield stub


@pytest.fixture
def account(stub):
    def make(auth, **keys):
        given = {"account": "org-acc", "user": "tester", "host": "127.0.0.1", "protocol": "http", "port": stub.port}
        return Account(**{**given, "auth": auth, "connect_timeout_s": 20, **keys})

    return make


def log_in(account, **session_parameters):
    with make_login(account, session_parameters=session_parameters).connect() as connection:
        return connection


@pytest.fixture
def key_files(key, tmp_path):
    files = {
        "plain": pem(key),
        "encrypted": pem(key, PASSPHRASE),
        "older": pem(key, traditional=True),
        "older encrypted": pem(key, PASSPHRASE, traditional=True),
    }
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)
    return tmp_path


def test_a_password(stub, account):
    log_in(account(Password(password_env="BENCH_T_PASSWORD")))
    assert stub.logins[0]["PASSWORD"] == PASSWORD
    assert stub.logins[0]["LOGIN_NAME"] == "tester"
    assert stub.logins[0]["ACCOUNT_NAME"] == "org-acc"
    assert "AUTHENTICATOR" not in stub.logins[0]


@pytest.mark.parametrize("name", ["plain", "older"])
def test_a_plain_key(stub, account, key_files, name):
    """The stub checks signature, fingerprint, names in capitals, time and lifetime."""
    log_in(account(KeyPair(private_key_file=str(key_files / name))))
    assert stub.logins[0]["AUTHENTICATOR"] == "SNOWFLAKE_JWT"


@pytest.mark.parametrize("name", ["encrypted", "older encrypted"])
def test_an_encrypted_key(stub, account, key_files, name):
    log_in(account(KeyPair(private_key_file=str(key_files / name), passphrase_env="BENCH_T_PASSPHRASE")))
    assert stub.logins[0]["AUTHENTICATOR"] == "SNOWFLAKE_JWT"


@pytest.mark.parametrize("variable", ["BENCH_T_KEY", "BENCH_T_KEY_IN_ONE_LINE"])
def test_a_key_from_the_environment(stub, account, variable):
    log_in(account(KeyPair(private_key_env=variable)))
    assert stub.logins[0]["AUTHENTICATOR"] == "SNOWFLAKE_JWT"


def test_another_key_than_the_registered_one(stub, account, tmp_path):
    (tmp_path / "other.p8").write_bytes(pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    with pytest.raises(ConnectError, match=r"key pair\): the public key is not registered .* \(390144\)"):
        log_in(account(KeyPair(private_key_file=str(tmp_path / "other.p8"))))


@pytest.mark.parametrize("user", ["tester", ""])
def test_an_oauth_token(stub, account, user):
    log_in(account(OAuth(token_env="BENCH_T_OAUTH"), user=user))
    assert (stub.logins[0]["AUTHENTICATOR"], stub.logins[0]["TOKEN"]) == ("OAUTH", OAUTH_TOKEN)


def test_the_line_feed_of_a_token_file_is_not_sent(stub, account, tmp_path):
    (tmp_path / "token").write_text(OAUTH_TOKEN + "\n")
    log_in(account(OAuth(token_file=str(tmp_path / "token"))))
    (tmp_path / "token").write_text(ACCESS_TOKEN + "\r\n")
    log_in(account(AccessToken(token_file=str(tmp_path / "token"))))
    assert [login["TOKEN"] for login in stub.logins] == [OAUTH_TOKEN, ACCESS_TOKEN]


def test_a_programmatic_access_token(stub, account):
    log_in(account(AccessToken(token_env="BENCH_T_ACCESS")))
    assert (stub.logins[0]["AUTHENTICATOR"], stub.logins[0]["TOKEN"]) == ("PROGRAMMATIC_ACCESS_TOKEN", ACCESS_TOKEN)


def client_credentials(stub, **keys):
    url = f"http://127.0.0.1:{stub.port}/oauth/token-request"
    given = {"client_id": "bench-client", "client_secret_env": "BENCH_T_SECRET", "token_request_url": url}
    return ClientCredentials(**{**given, **keys})


def test_client_credentials_fetch_a_token_first(stub, account):
    log_in(account(client_credentials(stub, scope="session:role:ANALYST"), user=""))
    assert stub.token_requests == [{"grant_type": "client_credentials", "scope": "session:role:ANALYST"}]
    assert (stub.logins[0]["AUTHENTICATOR"], stub.logins[0]["TOKEN"]) == ("OAUTH", FETCHED_TOKEN)


def test_client_credentials_that_the_identity_provider_refuses(stub, account):
    with pytest.raises(ConnectError, match=r"credentials\): the identity provider gives no token; check .* \(250006\)"):
        log_in(account(client_credentials(stub, client_secret_env="BENCH_T_PASSWORD")))
    assert not stub.logins


def test_an_identity_provider_that_does_not_answer(stub, account):
    with pytest.raises(ConnectError, match=r"credentials\): the identity provider does not answer; check"):
        log_in(account(client_credentials(stub, token_request_url="http://127.0.0.1:9/token")))
    assert not stub.logins


@pytest.mark.parametrize("code", [390303, 390318])
def test_a_fetched_token_that_is_refused_is_fetched_once_more(stub, account, code):
    """By the driver; what it raises then is none of its errors."""
    stub.refuse = (code, "No.")
    with pytest.raises(ConnectError, match=rf"the OAuth token is .*; fetch a new one \({code}\)"):
        log_in(account(client_credentials(stub)))
    assert len(stub.token_requests) == 2


def test_a_passcode(stub, account):
    stub.known.passcode = PASSCODE
    log_in(account(Mfa(password_env="BENCH_T_PASSWORD", passcode_env="BENCH_T_PASSCODE")))
    sent = stub.logins[0]
    assert (sent["EXT_AUTHN_DUO_METHOD"], sent["PASSCODE"], sent["PASSWORD"]) == ("passcode", PASSCODE, PASSWORD)
    assert sent["SESSION_PARAMETERS"]["CLIENT_REQUEST_MFA_TOKEN"] is True


def test_a_passcode_at_the_end_of_the_password(stub, account):
    stub.known.passcode = PASSCODE
    log_in(account(Mfa(password_env="BENCH_T_PASSWORD_AND_CODE", passcode_in_password=True)))
    assert stub.logins[0]["EXT_AUTHN_DUO_METHOD"] == "passcode"
    assert "PASSCODE" not in stub.logins[0]


def test_a_wrong_passcode(stub, account):
    stub.known.passcode = "another"
    with pytest.raises(ConnectError, match="the second factor was denied"):
        log_in(account(Mfa(password_env="BENCH_T_PASSWORD", passcode_env="BENCH_T_PASSCODE")))


def test_what_every_session_asks_for(stub, account):
    asked = {"warehouse": "WH", "role": "ANALYST", "database": "DB", "schema": "S"}
    connection = log_in(account(Password(password_env="BENCH_T_PASSWORD"), **asked), QUERY_TAG="bench", LOCK_TIMEOUT=5)
    sent = stub.logins[0]
    assert sent["CLIENT_ENVIRONMENT"]["APPLICATION"] == "bench"
    assert connection._platform_detection_timeout_seconds == 0.0
    assert sent["CLIENT_ENVIRONMENT"]["LOGIN_TIMEOUT"] == 20
    expected = {
        "QUERY_TAG": "bench",
        "LOCK_TIMEOUT": 5,
        "AUTOCOMMIT": True,
        "CLIENT_SESSION_KEEP_ALIVE": True,
        "CLIENT_TELEMETRY_ENABLED": False,
        "CLIENT_VALIDATE_DEFAULT_PARAMETERS": True,
    }
    assert sent["SESSION_PARAMETERS"].items() >= expected.items()
    assert {sent["url"][key] for key in ("warehouse", "roleName", "databaseName", "schemaName")} == set(asked.values())
    assert connection._paramstyle == "qmark"
    assert connection._arrow_number_to_decimal is True


def test_what_the_server_answers_is_not_sent_with_the_next_login(stub, account):
    """The driver writes the server's parameters into the mapping that it was given."""
    login = make_login(account(Password(password_env="BENCH_T_PASSWORD")), session_parameters={})
    for _ in range(2):
        login.connect().close()
    assert stub.logins[0]["SESSION_PARAMETERS"] == stub.logins[1]["SESSION_PARAMETERS"]


def test_a_proxy_of_the_environment_stays_out_of_this_machine(stub, account, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    log_in(account(Password(password_env="BENCH_T_PASSWORD")))
    assert len(stub.logins) == 1


def every_method(stub, key_files):
    return [
        Password(password_env="BENCH_T_PASSWORD"),
        KeyPair(private_key_file=str(key_files / "encrypted"), passphrase_env="BENCH_T_PASSPHRASE"),
        KeyPair(private_key_env="BENCH_T_KEY"),
        OAuth(token_env="BENCH_T_OAUTH"),
        AccessToken(token_env="BENCH_T_ACCESS"),
        client_credentials(stub),
        Mfa(password_env="BENCH_T_PASSWORD", passcode_env="BENCH_T_PASSCODE"),
    ]


@pytest.mark.parametrize("code", [390100, 390201, 390999])
def test_no_secret_is_shown_anywhere(stub, account, key_files, caplog, code):
    """The server's own words repeat what it was sent, which is the worst that a refusal can hold."""
    body = (key_files / "plain").read_text().splitlines()[1]
    for auth in every_method(stub, key_files):
        # A passphrase is used here and never sent.
        sent = [VARIABLES[name] for name in vars(auth).values() if name in VARIABLES and name != "BENCH_T_PASSPHRASE"]
        stub.refuse = (code, f"refused, you sent {sent} as {' '.join(sent)}")
        shown = shown_by(account(auth), caplog)
        for text in shown:
            assert CANARY not in text
            assert body not in text.replace("\n", "")


def shown_by(described, caplog):
    """Every text that describes this account, its login and the login's refusal."""
    login = make_login(described, session_parameters={})
    caplog.clear()
    # All that our own modules say, and the driver at the levels that reach a log of ours.
    with caplog.at_level(logging.WARNING), caplog.at_level(logging.DEBUG, logger="bench"):
        with pytest.raises(ConnectError) as caught:
            login.connect()
        shown = [caplog.text]
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    with pytest.raises(TypeError, match="holds secrets"):
        pickle.dumps(login)
    shown += [repr(described), str(dataclasses.asdict(described)), pickle.dumps(described).decode("latin-1")]
    shown += [repr(login), str(login), login.where]
    return [*shown, str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error))]


@pytest.mark.parametrize("kind", ["warehouse", "role", "database", "schema"])
def test_what_the_session_lacks_is_named(stub, account, kind):
    """A server that does not check lets the login pass; the first query would fail."""
    stub.leaves_out = frozenset({kind})
    with pytest.raises(ConnectError, match=f"the session has no {kind} 'MISSING'"):
        log_in(account(Password(password_env="BENCH_T_PASSWORD"), **{kind: "MISSING"}))
    assert stub.sessions_closed == 1


def test_single_sign_on_needs_a_display(account):
    with pytest.raises(ConfigError, match="this machine has no display; use kind: key_pair"):
        make_login(account(Browser()), session_parameters={})


def test_single_sign_on_needs_a_browser(account, monkeypatch):
    import webbrowser

    def none_found(*_):
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "get", none_found)  # a machine with a display and no browser cannot be had here
    with pytest.raises(ConfigError, match="opens a browser, and none is found"):
        make_login(account(Browser()), session_parameters={})


def test_single_sign_on_has_time_for_somebody_to_act(account, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("BROWSER", "true")
    login = make_login(account(Browser(), connect_timeout_s=1), session_parameters={})
    assert login.deadline_s == 120
    assert login.parameters["client_store_temporary_credential"] is True


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(account, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("BENCH_T_PASSWORD")
    else:
        monkeypatch.setenv("BENCH_T_PASSWORD", value)
    with pytest.raises(ConfigError, match="the environment variable BENCH_T_PASSWORD is not set or empty"):
        make_login(account(Password(password_env="BENCH_T_PASSWORD")), session_parameters={})


def test_http_to_another_machine_is_refused(account):
    with pytest.raises(ConfigError, match=r"would send secrets to db\.example\.org without encryption"):
        make_login(account(Password(password_env="BENCH_T_PASSWORD"), host="db.example.org"), session_parameters={})


@pytest.mark.parametrize(
    ("keys", "missing"), [({"user": ""}, "user"), ({"auth": None}, "auth"), ({"account": ""}, "account")]
)
def test_what_is_missing_is_named_before_anything_is_sent(stub, account, keys, missing):
    with pytest.raises(ConfigError) as caught:
        make_login(account(**({"auth": Password(password_env="BENCH_T_PASSWORD")} | keys)), session_parameters={})
    assert caught.value.key == missing
    assert not stub.logins
