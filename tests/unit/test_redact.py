import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.redact import MASK, redact, redact_text

SECRET = "hunter2"


@pytest.mark.parametrize(
    "key",
    ["password", "PGPASSWORD", "user_password", "token", "access_token", "secret", "client_secret", "private_key",
     "privateKey", "private_key_passphrase", "passphrase", "api-key", "credentials", "pwd", "Authorization"],
)  # fmt: skip
@pytest.mark.parametrize("value", [SECRET, 4711, [SECRET], {"a": SECRET}])
def test_secret_by_its_name(key, value):
    assert redact({key: value}) == {key: MASK}
    assert redact({"backend": [{"login": {key: value}}]}) == {"backend": [{"login": {key: MASK}}]}


def test_what_only_sounds_like_a_secret_is_kept():
    harmless = {
        "password_env": "BENCH_POSTGRES_PASSWORD",
        "private_key_file": "~/.ssh/key.p8",
        "primary_key": ["order_id"],
        "password": None,
        "token": "",
        "keeps_secret": False,
        "seed": 42,
        "ratio": 0.5,
        "dsn": "postgresql://bench@localhost:5432/bench?sslmode=require",
        "note": "password authentication failed for user bench",
    }
    assert redact(harmless) == harmless


def test_a_secret_where_the_name_of_a_variable_belongs():
    assert redact({"password_env": "hunter2!"}) == {"password_env": MASK}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://bench:hunter2@db:5432/x", "postgresql://bench:***@db:5432/x"),
        ("postgresql://bench:hun@ter2@db/x", "postgresql://bench:***@db/x"),
        ("postgresql://:hun/ter2@db/x", "postgresql://:***@db/x"),
        ("host=db password=hunter2 user=bench", "host=db password=*** user=bench"),
        ("host=db password='hun ter\\'2' user=bench", "host=db password=*** user=bench"),
        ('password = "hun ter2" user=bench', "password = *** user=bench"),
        ("postgresql://db/x?user=bench&password=hunter2", "postgresql://db/x?user=bench&password=***"),
        ("backend.password=hunter2", "backend.password=***"),
        ('{"private_key_passphrase": "hunter2", "user": "bench"}', '{"private_key_passphrase": ***, "user": "bench"}'),
        ("PWD=hunter2;TrustServerCertificate=yes", "PWD=***"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----***\n"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2", "-----BEGIN ENCRYPTED PRIVATE KEY-----***"),
    ],
)
def test_secret_within_a_text(text, expected):
    assert redact_text(text) == expected
    assert redact({"args": [text]}) == {"args": [expected]}


@given(st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters="'\""), min_size=8, max_size=40))
def test_no_password_survives_in_a_connection_string(password):
    url = redact_text(f"cannot connect to postgresql://bench:{password}@db.example/x")
    pair = redact_text(f"host=db password={password} user=bench")
    assert url == "cannot connect to postgresql://bench:***@db.example/x"
    assert pair == "host=db password=*** user=bench"


def test_a_long_text_takes_no_time():
    assert redact_text("x" * 2_000_000 + " password=hunter2").endswith("password=***")
