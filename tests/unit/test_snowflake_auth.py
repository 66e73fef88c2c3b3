"""Descriptions of ways to log in: what the strict builder takes, and what is wrong with a key."""

import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import TypeAdapter, ValidationError

from bench.backends.snowflake_account import Account
from bench.backends.snowflake_auth import AnyAuth, ClientCredentials, KeyPair, Mfa, OAuth, Password
from bench.errors import ConfigError
from snowflake_stub import pem

DESCRIPTIONS = {
    "password": '{"kind": "password", "password_env": "P"}',
    "browser": '{"kind": "browser"}',
    "key_pair": '{"kind": "key_pair", "private_key_file": "~/key.p8", "passphrase_env": "P"}',
    "oauth": '{"kind": "oauth", "token_file": "/run/token"}',
    "client_credentials": '{"kind": "client_credentials", "client_id": "c", "client_secret_env": "S"}',
    "access_token": '{"kind": "access_token", "token_env": "T"}',
    "mfa": '{"kind": "mfa", "password_env": "P", "passcode_env": "C"}',
}


@pytest.fixture(scope="module")
def key_files(tmp_path_factory):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    files = {
        "plain": pem(key),
        "encrypted": pem(key, "right"),
        "older encrypted": pem(key, "right", traditional=True),
        "public": b"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n",
        "text": b"hello",
        "ssh": b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        "cut": pem(key)[:200] + pem(key)[300:],
    }
    directory = tmp_path_factory.mktemp("keys")
    for name, text in files.items():
        (directory / name).write_bytes(text)
    return directory


def built(text):
    return TypeAdapter(AnyAuth).validate_json(text, strict=True)


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_each_kind_is_built_and_travels(kind):
    auth = built(DESCRIPTIONS[kind])
    assert auth.kind == kind
    assert pickle.loads(pickle.dumps(auth)) == auth


def test_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(ValidationError, match="'password', 'browser', 'key_pair'"):
        built('{"kind": "kerberos"}')


@pytest.mark.parametrize("value", ["hunter2", "pass word", "Secret!"])
def test_a_secret_in_place_of_a_variable_is_refused_and_not_repeated(value):
    with pytest.raises(ConfigError, match="the secret itself never stands in the configuration") as caught:
        Password(password_env=value)
    assert value not in str(caught.value)


@pytest.mark.parametrize("make", [KeyPair, OAuth])
def test_exactly_one_source(make):
    names = {KeyPair: ("private_key_file", "private_key_env"), OAuth: ("token_file", "token_env")}[make]
    with pytest.raises(ConfigError, match="give exactly one of"):
        make()
    with pytest.raises(ConfigError, match="give exactly one of"):
        make(**dict.fromkeys(names, "X"))


def test_two_places_for_a_passcode():
    with pytest.raises(ConfigError, match="the passcode is in the password already"):
        Mfa(password_env="P", passcode_env="C", passcode_in_password=True)


@pytest.mark.parametrize("url", ["login.example.org", "ftp://example.org", "https://user:pw@example.org/token"])
def test_an_address_that_is_none(url):
    with pytest.raises(ConfigError, match="is no address such as"):
        ClientCredentials(client_id="c", client_secret_env="S", token_request_url=url)


def test_a_secret_is_not_sent_in_the_clear():
    with pytest.raises(ConfigError, match="without encryption; use https"):
        ClientCredentials(client_id="c", client_secret_env="S", token_request_url="http://login.example.org/token")


@pytest.mark.parametrize(
    ("content", "passphrase", "says"),
    [
        ("encrypted", "wrong", "the passphrase does not open it"),
        ("encrypted", "", "is encrypted; name the variable with its passphrase"),
        ("older encrypted", "wrong", "the passphrase does not open it"),
        ("plain", "any", "is not encrypted; leave its passphrase out"),
        ("public", "", "holds the public key; give the private one"),
        ("text", "", "holds no private key in PEM"),
        ("ssh", "", "holds a key for ssh"),
        ("cut", "", "it is damaged"),
    ],
)
def test_what_is_wrong_with_a_key(key_files, monkeypatch, content, passphrase, says):
    monkeypatch.setenv("PHRASE", passphrase)
    path = str(key_files / content)
    with pytest.raises(ConfigError) as caught:
        KeyPair(private_key_file=path, passphrase_env="PHRASE" if passphrase else "").parameters()
    assert says in str(caught.value)
    assert path in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"auth\.private_key_file: the file .* cannot be read \(No such file"):
        KeyPair(private_key_file=str(tmp_path / "none")).parameters()


def test_an_empty_token_file(tmp_path):
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ConfigError, match=r"the file .*token is empty"):
        OAuth(token_file=str(tmp_path / "token")).parameters()


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"account": "https://acc.snowflakecomputing.com"}, "is an address; give the identifier alone"),
        ({"account": "acc.snowflakecomputing.com"}, "is an address; give the identifier alone"),
        ({"account": "a b"}, "is no account identifier"),
        ({"host": "https://me:hunter2@db.example.org"}, "is the name of a host alone"),
    ],
)
def test_an_account_that_is_none(keys, says):
    with pytest.raises(ConfigError, match=says) as caught:
        Account(**keys)
    assert "hunter2" not in str(caught.value)
