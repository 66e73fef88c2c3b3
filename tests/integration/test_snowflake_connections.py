"""connections.toml as the driver finds and reads it. One process for each case: the driver reads the files once."""

import json
import os
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from snowflake_stub import Known, LoginStub, pem

CANARY = "canary-5f0c"
SCRIPT = """
import json, pickle, sys, warnings
warnings.simplefilter("error")
from pydantic import TypeAdapter
from bench.backends.snowflake_login import Account, find_connection, make_login
from bench.errors import ConfigError

account = TypeAdapter(Account).validate_json(sys.argv[1], strict=True)
try:
    found = find_connection(account)
    login = make_login(account, session_parameters={"QUERY_TAG": "bench"})
except ConfigError as error:
    print(json.dumps({"error": str(error), "chained": bool(error.__cause__ or error.__context__)}))
else:
    secret = ("password", "token", "passcode", "private_key", "private_key_file_pwd")
    shown = {key: value for key, value in login.parameters.items() if key not in secret}
    sent = {key: len(value) for key, value in login.parameters.items() if key in secret and value}
    described = repr((found, login))
    print(json.dumps(dict(where=login.where, shown=shown, secrets=sent, notes=found.notes, described=described)))
"""
WORK = f"""
[work]
account = "org-work"
user = "worker"
password = "{CANARY}"
warehouse = "WH_TOML"
role = "ROLE_TOML"
client_prefetch_threads = 7
[work.session_parameters]
TIMEZONE = "Europe/Berlin"
QUERY_TAG = "theirs"
"""
DEFAULT = f'[default]\naccount = "org-default"\nuser = "someone"\npassword = "{CANARY}"\n'


@pytest.fixture
def home(tmp_path):
    """SNOWFLAKE_HOME, into which a test puts its files."""
    directory = tmp_path / "snowflake"
    directory.mkdir(mode=0o700)
    return directory


def put(home, text, name="connections.toml", mode=0o600):
    (home / name).write_text(text)
    (home / name).chmod(mode)


def in_a_process(home, account=None, script=SCRIPT, **variables):
    """A process of its own that sees the files of `home`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SNOWFLAKE", "SF_"))}
    kept |= {"SNOWFLAKE_HOME": str(home), "HOME": str(home.parent)} | variables
    kept = {key: value for key, value in kept.items() if value is not None}
    argv = [sys.executable, "-c", script, json.dumps(account or {})]
    return subprocess.run(argv, env=kept, capture_output=True, text=True, timeout=120, check=False)


def outcome(home, account=None, **variables):
    """What such a process makes of the account."""
    run = in_a_process(home, account, **variables)
    assert run.returncode == 0, run.stderr
    assert CANARY not in run.stdout + run.stderr
    return json.loads(run.stdout)


def test_a_named_connection(home):
    put(home, WORK)
    found = outcome(home, {"connection": "work"})
    where = "Snowflake connection 'work' (account org-work at org-work.snowflakecomputing.com, user worker, password)"
    assert found["where"] == where
    assert found["shown"]["warehouse"] == "WH_TOML"
    assert found["shown"]["client_prefetch_threads"] == 7
    assert found["secrets"] == {"password": len(CANARY)}
    assert found["notes"] == []


def test_the_configuration_goes_before_the_file_where_it_says_something(home):
    put(home, WORK)
    found = outcome(home, {"connection": "work", "warehouse": "WH_YAML", "database": "DB_YAML"})["shown"]
    assert (found["warehouse"], found["role"], found["database"]) == ("WH_YAML", "ROLE_TOML", "DB_YAML")
    assert found["session_parameters"]["TIMEZONE"] == "Europe/Berlin"
    assert found["session_parameters"]["QUERY_TAG"] == "bench"


def test_another_account_than_the_files_is_at_its_own_host(home):
    put(home, WORK.replace('account = "org-work"', 'account = "org-work"\nhost = "private.example.org"'))
    assert outcome(home, {"connection": "work"})["shown"]["host"] == "private.example.org"
    other = outcome(home, {"connection": "work", "account": "org-other"})["shown"]
    assert other["host"] == "org-other.snowflakecomputing.com"


def test_a_method_of_the_configuration_leaves_nothing_of_the_files(home):
    put(home, WORK)
    auth = {"kind": "access_token", "token_env": "BENCH_T_TOKEN"}
    found = outcome(home, {"connection": "work", "auth": auth}, BENCH_T_TOKEN=CANARY + "-token")
    assert found["secrets"] == {"token": len(CANARY + "-token")}
    assert found["where"].endswith("user worker, programmatic access token)")


@pytest.mark.parametrize("variables", [{}, {"SNOWFLAKE_DEFAULT_CONNECTION_NAME": "work"}])
def test_the_default_connection(home, variables):
    put(home, WORK + DEFAULT)
    expected = variables.get("SNOWFLAKE_DEFAULT_CONNECTION_NAME", "default")
    assert outcome(home, **variables)["shown"]["account"] == f"org-{expected}"


def test_the_default_connection_that_config_toml_names(home):
    put(home, WORK + DEFAULT)
    put(home, 'default_connection_name = "work"\n', "config.toml")
    assert outcome(home)["shown"]["account"] == "org-work"


def test_connections_in_config_toml(home):
    put(home, '[connections.inner]\naccount = "org-inner"\nuser = "u"\npassword = "p"\n', "config.toml")
    assert outcome(home, {"connection": "inner"})["shown"]["account"] == "org-inner"


def test_connections_toml_takes_the_place_of_those_in_config_toml(home):
    put(home, '[connections.inner]\naccount = "org-inner"\nuser = "u"\npassword = "p"\n', "config.toml")
    put(home, WORK)
    error = outcome(home, {"connection": "inner"})["error"]
    assert error == "connection: connections.toml has no connection 'inner', only: work"


def test_connections_in_the_environment(home):
    found = outcome(home, {"connection": "work"}, SNOWFLAKE_CONNECTIONS=WORK)
    assert found["shown"]["account"] == "org-work"


def test_an_account_given_in_full_needs_no_file(home):
    """And takes no secret of the default connection along."""
    put(home, DEFAULT)
    auth = {"kind": "password", "password_env": "BENCH_T_PASSWORD"}
    found = outcome(home, {"account": "org-own", "user": "me", "auth": auth}, BENCH_T_PASSWORD="own")
    assert found["where"] == "Snowflake (account org-own at org-own.snowflakecomputing.com, user me, password)"
    assert found["secrets"] == {"password": 3}


def test_an_account_without_a_method_takes_none_of_the_default_connection(home):
    put(home, DEFAULT)
    assert outcome(home, {"account": "org-own", "user": "me"})["error"].startswith("auth: nothing says how to log in")


def test_an_unknown_name_lists_the_known_ones(home):
    put(home, WORK + DEFAULT)
    error = outcome(home, {"connection": "wrok"})["error"]
    assert error == ("connection: connections.toml has no connection 'wrok', only: default, work; did you mean 'work'?")


@pytest.mark.parametrize("text", [None, "", WORK])
def test_nothing_says_where_to_log_in(home, text):
    if text is not None:
        put(home, text)
    error = outcome(home)["error"]
    known = "work" if text else "none"
    assert f"name one of the connections in {home / 'connections.toml'} ({known}) in backend.connection" in error


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_refused(home, mode):
    put(home, WORK, mode=mode)
    found = outcome(home, {"connection": "work"})
    path = home / "connections.toml"
    expected = f"connection: {path} may be written by others ({mode:04o}); run: chmod 0600 '{path}'"
    assert found == {"error": expected, "chained": False}


def test_a_file_that_others_may_write_is_refused_where_it_is_not_used_too(home):
    """The driver reads it with each login, and refuses that."""
    put(home, WORK, mode=0o666)
    account = {"account": "org-own", "user": "me", "auth": {"kind": "password", "password_env": "BENCH_T_PASSWORD"}}
    assert "may be written by others (0666)" in outcome(home, account, BENCH_T_PASSWORD="own")["error"]


def test_a_file_that_others_may_read_is_mentioned(home):
    put(home, WORK, mode=0o644)
    found = outcome(home, {"connection": "work"})
    path = home / "connections.toml"
    assert found["notes"] == [f"{path} may be read by others; chmod 0600 '{path}' keeps its secrets"]


def test_a_login_with_such_a_file_says_nothing_more(home):
    """The driver would warn with each login; in that process every warning is an error."""
    with LoginStub(known=Known(account="org-work", user="worker", password=CANARY)) as stub:
        put(home, WORK, mode=0o644)
        account = {"connection": "work", "host": "127.0.0.1", "port": stub.port, "protocol": "http"}
        run = in_a_process(home, account, SCRIPT + "    login.connect().close()\n")
    assert (run.returncode, run.stderr) == (0, "")
    assert len(stub.logins) == 1


@pytest.mark.parametrize(
    "text", [f"[work]\npassword = {CANARY}\n", f'[work\npassword = "{CANARY}"\n', f'[work]\npassword = "{CANARY}\n']
)
def test_a_file_that_is_no_toml(home, text):
    put(home, text)
    found = outcome(home, {"connection": "work"})
    assert f"{home / 'connections.toml'} is no valid TOML at line" in found["error"]
    assert not found["chained"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(home):
    put(home, WORK, mode=0o200)
    assert "may not be read by this user" in outcome(home, {"connection": "work"})["error"]


def test_a_connection_that_is_no_table(home):
    put(home, 'work = "x"\n')
    assert "'work' in connections.toml is no table" in outcome(home, {"connection": "work"})["error"]


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_an_encrypted_key_that_a_connection_names(home, key):
    (home / "key.p8").write_bytes(pem(key, CANARY))
    lines = [f'private_key_file = "{home / "key.p8"}"', f'private_key_file_pwd = "{CANARY}"']
    put(home, "\n".join(['[work]\naccount = "org-work"\nuser = "worker"', *lines]))
    found = outcome(home, {"connection": "work"})
    assert found["secrets"].keys() == {"private_key"}
    assert found["where"].endswith("user worker, key pair)")


def test_a_wrong_passphrase_in_a_connection(home, key):
    (home / "key.p8").write_bytes(pem(key, "right"))
    lines = [f'private_key_file = "{home / "key.p8"}"', f'private_key_file_pwd = "{CANARY}"']
    put(home, "\n".join(['[work]\naccount = "org-work"\nuser = "worker"', *lines]))
    found = outcome(home, {"connection": "work"})
    path = home / "key.p8"
    expected = f"the private key of {path} (connection 'work') cannot be read: the passphrase does not open it"
    assert found == {"error": f"auth: {expected}", "chained": False}


def test_the_line_feed_of_a_token_file_that_a_connection_names(home):
    """The driver itself would send it."""
    (home / "token").write_text(CANARY + "\n")
    put(home, f'[work]\naccount = "a"\nauthenticator = "oauth"\ntoken_file_path = "{home / "token"}"\n')
    found = outcome(home, {"connection": "work"})
    assert found["secrets"] == {"token": len(CANARY)}
    assert found["shown"]["token_file_path"] is None


def test_single_sign_on_in_a_connection_is_refused_without_a_display(home):
    put(home, '[work]\naccount = "a"\nuser = "u"\nauthenticator = "externalbrowser"\n')
    error = outcome(home, {"connection": "work"}, DISPLAY="", WAYLAND_DISPLAY="")["error"]
    assert "this machine has no display" in error


def test_the_home_of_the_driver_where_there_is_no_other(tmp_path):
    """~/.snowflake, if it is there."""
    directory = tmp_path / ".snowflake"
    directory.mkdir(mode=0o700)
    put(directory, WORK)
    found = outcome(directory, {"connection": "work"}, SNOWFLAKE_HOME=None)
    assert found["shown"]["account"] == "org-work"
