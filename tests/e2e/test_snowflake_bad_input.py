"""The real command against a service that refuses: one sentence with its remedy, exit code 2 or a failed cell."""

from contextlib import ExitStack

import pytest
from command import bench, only_run
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.results import open_sweep
from snowflake_stub import Known, LoginStub, pem

CANARY = "canary-77ab"
WORDS = ("backend=snowflake", "dataset=tiny", "workload=points", "load=quick")
DEFAULT = f'[work]\naccount = "org-acc"\nuser = "tester"\npassword = "{CANARY}"\n'


@pytest.fixture
def environ(tmp_path):
    """An environment with a connections.toml of its own."""
    directory = tmp_path / "snowflake"
    directory.mkdir(mode=0o700)
    put(tmp_path, DEFAULT)
    return {"SNOWFLAKE_HOME": str(directory), "HOME": str(tmp_path), "BENCH_T_TOKEN": CANARY}


def put(tmp_path, text, mode=0o600):
    path = tmp_path / "snowflake" / "connections.toml"
    path.write_text(text)
    path.chmod(mode)


def refused(environ, tmp_path, *words, code=2):
    """What the command says."""
    done = bench(*WORDS, *words, home=tmp_path / "home", cwd=tmp_path, environ=environ)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert CANARY not in done.stdout + done.stderr
    if code == 2:
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "outputs").exists()
    return done.stderr


def test_an_unknown_connection_lists_the_known_ones(environ, tmp_path):
    said = refused(environ, tmp_path, "backend.connection=wrok")
    assert "backend.connection: connections.toml has no connection 'wrok', only: work; did you mean 'work'?" in said


def test_a_file_that_others_may_write(environ, tmp_path):
    put(tmp_path, DEFAULT, mode=0o666)
    said = refused(environ, tmp_path, "backend.connection=work")
    assert "may be written by others (0666); run: chmod 0600" in said


def test_a_wrong_passphrase(environ, tmp_path):
    """The key is read when it is used, so that the cell fails; nothing has been sent by then."""
    key = tmp_path / "key.p8"
    key.write_bytes(pem(rsa.generate_private_key(public_exponent=65537, key_size=2048), "right"))
    auth = f"backend.auth={{kind: key_pair, private_key_file: {key}, passphrase_env: BENCH_T_TOKEN}}"
    said = refused(environ, tmp_path, "backend.connection=work", auth, code=1)
    assert f"the private key of {key} cannot be read: the passphrase does not open it" in said


REFUSALS = {
    "a suspended account": (666, "the account is suspended; an administrator must raise the limit"),
    "an expired token": (390318, "fetch a new one"),
    "a missing database": (390201, "GRANT USAGE ON … TO ROLE … [asked for: database DB; Snowflake: "),
    "a role that is not granted": (390189, "role"),
}


def test_logins_that_are_refused(environ, tmp_path):
    """One cell for each; what a cell says names the account, the method and the remedy, and no secret."""
    with ExitStack() as stack:
        stubs = [
            stack.enter_context(
                LoginStub(known=Known(oauth_token=CANARY), refuse=(code, f"No, and repeats what it got: {CANARY}."))
            )
            for code, _ in REFUSALS.values()
        ]
        words = ["backend.account=org-acc", "backend.user=tester", "backend.host=127.0.0.1", "backend.protocol=http"]
        words += [f"backend.port={','.join(str(stub.port) for stub in stubs)}", "backend.database=DB", "-m"]
        words += ["backend.auth={kind: oauth, token_env: BENCH_T_TOKEN}", "backend.connect_timeout_s=60"]
        said = refused(environ, tmp_path, *words, code=1)
        logins = [len(stub.logins) for stub in stubs]
    assert logins == [1] * len(stubs), "a refused login that is repeated locks the user out"
    for code, says in REFUSALS.values():
        (line,) = [line for line in said.splitlines() if f"({code})" in line]
        assert "Snowflake (account org-acc at 127.0.0.1, user tester, OAuth token): " in line
        assert says in line
    written = [path for path in (tmp_path / "outputs").rglob("*") if path.is_file()]
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]
    assert {run.status for run in open_sweep(only_run(tmp_path)).runs.values()} == {"failed"}
