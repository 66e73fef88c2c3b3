"""The real command logs in by every method, and no secret of any turns up in what it wrote, said or started.

It talks to the emulator, and for what is refused to a stub whose refusals repeat what they were sent.
"""

import base64
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import bench
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.backends.emulator_process import EmulatorProcess
from canaries import Canaries, Processes, files
from snowflake_stub import Known, LoginStub, pem

pytestmark = pytest.mark.timeout(1_200)

SECRETS = {
    "BENCH_C_PASSWORD": "canary-password/+=& d4e1",
    "BENCH_C_PASSPHRASE": "canary-passphrase:'b7f2",
    "BENCH_C_OAUTH": "canary-oauth-token.91c6",
    "BENCH_C_ACCESS": "canary-access-token~55aa",
    "BENCH_C_CLIENT": "canary-client-secret%3c8d",
    "BENCH_C_PASSCODE": "canary-passcode-6f70",
    "toml password": "canary-toml-password$0b1c",
    "toml token": "canary-toml-token-e2d3",
    "token file": "canary-token-file-774e",
    "toml passphrase": "canary-toml-passphrase-a9",
}
SWEEP_LIMIT_S = 600
"""For a dozen cells on a machine that has other things to do."""
LINE_BYTES = 48
"""Of a key's DER, in each line of its PEM."""
QUICK = (
    "dataset=tiny",
    "workload=points",
    "load.duration_s=0.3",
    "load.warm_up_s=0",
    "load.clients=1",
    "load.drain_s=5",
    "plans=false",
    "reset=keep",
)
BY_ENVIRONMENT = (
    "{kind:password,password_env:BENCH_C_PASSWORD}",
    "{kind:key_pair,private_key_env:BENCH_C_KEY}",
    "{kind:key_pair,private_key_file:FOLDER/locked.pem,passphrase_env:BENCH_C_PASSPHRASE}",
    "{kind:oauth,token_env:BENCH_C_OAUTH}",
    "{kind:oauth,token_file:FOLDER/token}",
    "{kind:access_token,token_env:BENCH_C_ACCESS}",
    "{kind:client_credentials,client_id:bench,client_secret_env:BENCH_C_CLIENT,"
    "token_request_url:'http://127.0.0.1:STUB/token-request'}",
    "{kind:mfa,password_env:BENCH_C_PASSWORD,passcode_env:BENCH_C_PASSCODE}",
)
BY_FILE = ("by_password", "by_key", "by_token", "by_token_file")
CONNECTIONS = """
[by_password]
password = "{SECRETS[toml password]}"
[by_key]
authenticator = "snowflake_jwt"
private_key_file = "{FOLDER}/locked_too.pem"
private_key_file_pwd = "{SECRETS[toml passphrase]}"
[by_token]
authenticator = "programmatic_access_token"
token = "{SECRETS[toml token]}"
[by_token_file]
authenticator = "oauth"
token_file_path = "{FOLDER}/token"
"""
REFUSED = {
    "a sweep, and one secret is missing": 1,
    "the doctor, refused": 1,
    "refused": 1,
    "a key's wrong passphrase": 1,
}
"""Exit codes of what cannot succeed; all others are 0."""
WHERE_NOBODY = ("backend=snowflake", "backend.account=nobody", "backend.user=me", "backend.database=BENCH")
WHERE = 'account = "emulator"\nuser = "tester"\nhost = "127.0.0.1"\nport = {port}\nprotocol = "http"\n'


@dataclass(kw_only=True)
class Walk:
    """What the commands did, and where."""

    canaries: Canaries
    folder: Path
    inputs: list[Path] = field(default_factory=list)
    done: dict[str, subprocess.CompletedProcess] = field(default_factory=dict)
    processes: Processes | None = None


@pytest.fixture(scope="module")
def keys():
    return {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("plain", "locked")}


@pytest.fixture(scope="module")
def canaries(keys):
    return Canaries(SECRETS | {f"key {name}": piece for name, key in keys.items() for piece in [_middle(key)]})


def _middle(key):
    """A whole line of the PEM, within the private exponent."""
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return der[10 * LINE_BYTES : 11 * LINE_BYTES]


@pytest.fixture(scope="module")
def walk(tmp_path_factory, keys, canaries):
    """Every command of the tool that logs in, by every method, once."""
    folder = tmp_path_factory.mktemp("walk")
    given = folder / "given"
    given.mkdir(mode=0o700)
    known = Known(client_id="bench", client_secret=SECRETS["BENCH_C_CLIENT"])
    with EmulatorProcess() as emulator, LoginStub(known=known) as stub:
        files_given = _give(given, keys, emulator.port)
        walked = Walk(canaries=canaries, folder=folder, inputs=files_given)
        environ = _environment(folder, given, keys)
        with Processes(canaries) as walked.processes:
            for name, words in _commands(given, emulator.port, stub).items():
                less = {"BENCH_C_OAUTH": ""} if name == "a sweep, and one secret is missing" else {}
                directory = next((folder / "outputs").glob("*/*")) if "DIR" in words else ""
                asked = [str(directory) if word == "DIR" else word for word in words]
                walked.done[name] = bench(
                    *asked, home=folder / "home", cwd=folder, environ=environ | less, timeout_s=SWEEP_LIMIT_S
                )
    return walked


def _give(given, keys, port):
    """The files that hold secrets, because the user put them there."""
    text = CONNECTIONS.format(SECRETS=SECRETS, FOLDER=given)
    text = text.replace("]\n", "]\n" + WHERE.format(port=port) + 'database = "BENCH"\nwarehouse = "COMPUTE_WH"\n')
    content = {
        "connections.toml": text.encode(),
        "locked.pem": pem(keys["locked"], SECRETS["BENCH_C_PASSPHRASE"]),
        "locked_too.pem": pem(keys["locked"], SECRETS["toml passphrase"]),
        "token": f"{SECRETS['token file']}\n".encode(),
    }
    for name, held in content.items():
        path = given / name
        path.touch(mode=0o600)
        path.write_bytes(held)
    return [given / name for name in content]


def _environment(folder, given, keys):
    (folder / "tmp").mkdir()
    return {
        **{name: secret for name, secret in SECRETS.items() if name.startswith("BENCH_C_")},
        "BENCH_C_KEY": pem(keys["plain"]).decode(),
        "SNOWFLAKE_HOME": str(given),
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "TMPDIR": str(folder / "tmp"),
    }


def _commands(given, port, stub):
    """By name, what is asked of the command; DIR stands for the directory of the sweep before it."""
    here = ["backend.host=127.0.0.1", "backend.protocol=http", "backend.user=tester", "backend.database=BENCH"]
    emulated = [*here, "backend=snowflake_emulated", f"backend.port={port}", "backend.account=emulator"]
    emulated += ["backend.warehouse=COMPUTE_WH", *QUICK]
    methods = ",".join(BY_ENVIRONMENT).replace("FOLDER", str(given)).replace("STUB", str(stub.port))
    by_file = ["backend=snowflake_emulated", "backend.auth=null", *QUICK]
    refused = [*here, "backend=snowflake", f"backend.port={stub.port}", "backend.account=org-acc", *QUICK]
    password = f"backend.auth={BY_ENVIRONMENT[0]}"
    return {
        "a sweep, and one secret is missing": [*emulated, f"backend.auth={methods}", "-m"],
        "the rest of it": ["resume", "DIR"],
        "the report": ["report", "DIR"],
        "what the engine tells later": ["enrich", "DIR"],
        "a sweep over connections": [*by_file, f"backend.connection={','.join(BY_FILE)}", "-m"],
        "through Snowpark": [*emulated, "backend=snowpark_emulated", password],
        "the configuration": [*emulated, password, "--cfg", "job", "--resolve"],
        "the plan": ["plan", *emulated, password],
        "the plan, checked": ["plan", "--check", *by_file, "backend.connection=by_key"],
        "the doctor": ["doctor", *by_file, "backend.connection=by_password"],
        "the doctor, refused": ["doctor", *refused, password],
        "refused": [*refused, password],
        "a key's wrong passphrase": ["doctor", *emulated, f"backend.auth={_wrong(given)}"],
        "loudly": [*emulated, password, "hydra.verbose=true"],
    }


def _wrong(given):
    return f"{{kind:key_pair,private_key_file:{given}/locked.pem,passphrase_env:BENCH_C_PASSCODE}}"


def test_every_way_was_walked(walk):
    """Otherwise the search below would find nothing because nothing was there."""
    codes = {name: done.returncode for name, done in walk.done.items()}
    assert codes == dict.fromkeys(codes, 0) | REFUSED, "\n".join(done.stderr for done in walk.done.values())
    summaries = [pq.read_table(path) for path in walk.folder.glob("outputs/*/*/cells.parquet")]
    assert {status for table in summaries for status in table["status"].to_pylist()} == {"done"}
    cells = {cell for table in summaries for cell in table["run_id"].to_pylist()}
    assert len(cells) == len(BY_ENVIRONMENT) + len(BY_FILE)


def test_nothing_that_was_said_holds_a_secret(walk):
    said = {name: walk.canaries.within((done.stdout + done.stderr).encode()) for name, done in walk.done.items()}
    assert {name: secrets for name, secrets in said.items() if secrets} == {}


def test_no_file_holds_a_secret(walk):
    """Results, what .hydra keeps, logs, the home of the tool, caches of the driver, and what it left in TMPDIR."""
    written = [path for path in files(walk.folder) if path not in walk.inputs]
    assert walk.canaries.in_files(walk.folder, walk.inputs) == []
    names = {path.name for path in written}
    assert {"manifest.json", "config.yaml", "overrides.yaml", "ledger.jsonl", "queries.parquet"} <= names


def test_no_process_was_started_with_a_secret(walk):
    lines = walk.processes.looked_at
    assert any(" -m bench " in line for line in lines)
    assert any("multiprocessing" in line or "spawn_main" in line for line in lines)
    assert walk.processes.seen == set()


def test_a_secret_where_the_name_of_its_variable_should_be_is_not_repeated(tmp_path):
    secret = "canary-misplaced-2b6d"
    done = bench(f"backend.auth={{kind:password,password_env:{secret}}}", *WHERE_NOBODY, home=tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "is the name of an environment variable in capitals" in done.stderr
    known = Canaries({"misplaced": secret})
    assert known.within((done.stdout + done.stderr).encode()) == []
    assert known.in_files(tmp_path) == []


# ---- the search can find something ----------------------------------------------------------------------------------

PLANTED = SECRETS["BENCH_C_PASSWORD"]


def _in_a_table(path):
    """Compressed so that the bytes of the file do not show it."""
    texts = [f"{number * 7919:x} said {PLANTED}" for number in range(1_000)]
    table = pa.table({"text": [["x", text] for text in texts]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    assert PLANTED.encode() not in path.read_bytes()


PLANTS = {
    "as it is": lambda path: path.write_text(f"a {PLANTED} b"),
    "in a URL": lambda path: path.write_text(f"http://u:{quote(PLANTED, safe='')}@h/"),
    "in a form": lambda path: path.write_text(f"p={quote_plus(PLANTED)}"),
    "in JSON": lambda path: path.write_text(json.dumps({"p": PLANTED})),
    "in base64": lambda path: path.write_bytes(base64.b64encode(PLANTED.encode())),
    "in base64, not at its begin": lambda path: path.write_bytes(base64.b64encode(f"me:{PLANTED}!".encode())),
    "in base64 for URLs": lambda path: path.write_bytes(base64.urlsafe_b64encode(f"m:{PLANTED}".encode())),
    "in hexadecimal": lambda path: path.write_text(PLANTED.encode().hex()),
    "in a table": _in_a_table,
    "in a table's metadata": lambda path: pq.write_table(
        pa.table({"n": [1]}).replace_schema_metadata({"said": PLANTED}), path
    ),
}


@pytest.mark.parametrize("how", PLANTS)
def test_a_planted_secret_is_found(tmp_path, canaries, how):
    (tmp_path / "deep").mkdir()
    PLANTS[how](tmp_path / "deep" / "file")
    assert canaries.in_files(tmp_path) == [("deep/file", "BENCH_C_PASSWORD")]


def test_a_planted_name_of_a_file_is_found(tmp_path, canaries):
    (tmp_path / SECRETS["BENCH_C_PASSCODE"]).touch()
    assert [name for _, name in canaries.in_files(tmp_path)] == ["BENCH_C_PASSCODE"]


def test_a_planted_key_is_found_in_every_form(tmp_path, canaries, keys):
    (tmp_path / "pem").write_bytes(pem(keys["plain"]))
    (tmp_path / "one line").write_bytes(pem(keys["locked"]).replace(b"\n", b"\\n"))
    (tmp_path / "encrypted").write_bytes(pem(keys["locked"], "passphrase"))
    assert canaries.in_files(tmp_path) == [("one line", "key locked"), ("pem", "key plain")]


def test_a_planted_command_line_is_found(canaries):
    with Processes(canaries) as processes:
        planted = [sys.executable, "-c", "import time; time.sleep(1)", PLANTED]
        subprocess.run(planted, check=True)
    assert {name for _, name in processes.seen} == {"BENCH_C_PASSWORD"}


def test_the_files_that_were_given_are_found_where_they_are_not_left_out(walk):
    found = {name for _, name in walk.canaries.in_files(walk.folder)}
    assert found == {"toml password", "toml token", "toml passphrase", "token file"}
