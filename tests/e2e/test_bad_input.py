"""The command with bad input: exit code 2, one clear sentence, no traceback, nothing started, nothing written.

Each is asked of the command's function; that its process says and returns the same is shown by one of each kind.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import called

COMMAND = Path(sys.executable).with_name("bench")

BAD = {
    "a mistyped verb": (["reprt"], "did you mean 'report'?"),
    "an unknown flag": (["--multirn"], "did you mean '--multirun'?"),
    "a flag without its value": (["--config-dir"], "expected one argument"),
    "an unknown group": (["backnd=postgres"], "did you mean 'backend'?"),
    "an unknown option": (["backend=oracle"], "backend: there is no option 'oracle'; choose from"),
    "an option with a typo": (["load=clozed"], "did you mean 'closed'?"),
    "an unknown key": (["load.clientz=4"], "did you mean 'clients'?"),
    "a key below nothing": (["lod.clients=4"], "did you mean 'load'?"),
    "a wrong type": (["load.clients=abc"], "load.clients: 'abc' is not allowed here; allowed is a whole number"),
    "a value out of range": (["load.clients=0"], "load.clients: 0 is too small; allowed is 1 or more"),
    "values that contradict each other": (["load.processes=9"], "load.processes: 9 processes for 4 clients"),
    "an unknown operation in the mix": (["workload.mix.nosuch=1"], "workload.mix: no operation 'nosuch'"),
    "an unknown setting": (["sed=1"], "did you mean 'seed'?"),
    "no override at all": (["backend=duckdb", "dataset"], "'dataset' sets nothing"),
    "bad syntax": (["load.clients=[1,2"], "cannot be read as an override"),
    "several values without -m": (["backend=duckdb,null"], "add -m to run all of them"),
    "one bad cell in a sweep": (["backend=duckdb", "load.clients=1,0", "-m"], "load.clients: 0 is too small"),
    "a class that is not there": (["load._target_=bench.load.Nope"], "cannot be imported"),
    "a class of another kind": (["load._target_=bench.price.Price"], "is no LoadProfile"),
    "a reference to nothing": (["label=${nowhere}"], "label: refers to something that is not there"),
    "a variable that is not set": (["label=${oc.env:BENCH_NOT_SET}"], "BENCH_NOT_SET"),
    "a value that is left to the user": (["price=hourly"], "price.usd_per_hour: needs a value"),
    "a password on the command line": (["backend.password=hunter2"], "password_env=NAME"),
    "a password in a connection string": (["backend.dsn=postgresql://u:hunter2@h/db"], "backend.dsn"),
    "a folder that is not there": (["--config-dir", "nowhere"], "there is no directory 'nowhere'"),
    "results that are not there": (["report", "nowhere"], "there is no directory 'nowhere'"),
    "nothing to resume": (["resume", "nowhere"], "there is no directory 'nowhere'"),
    "nothing of that name to list": (["list", "lod"], "did you mean 'load'?"),
    "more processes than the engine can have": (
        ["backend=duckdb", "load.processes=2"], "load.processes"),
    "a typo in what is only planned": (["plan", "backend=duckdb", "dataset=tinny"], "did you mean 'tiny'?"),
}  # fmt: skip


def bench(directory, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_")}
    return subprocess.run(
        [COMMAND, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


IN_A_PROCESS = ("a mistyped verb", "an unknown flag", "a value out of range", "a password on the command line")


def refused(done, said):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("bench: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("what", BAD)
def test_refused(tmp_path, what):
    arguments, said = BAD[what]
    refused(called(*arguments, home=tmp_path / "home", cwd=tmp_path), said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", IN_A_PROCESS)
def test_refused_by_a_process(tmp_path, what):
    arguments, said = BAD[what]
    refused(bench(tmp_path, *arguments), said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("yaml", "template", "said"),
    [
        ("operations: [\n", "SELECT 1", "mine.yaml, line 2"),
        ("operations:\n  - {name: q, template: mine/q.sql.j2}\n", None, "mine/q.sql.j2"),
        ("operations:\n  - {name: q, template: mine/q.sql.j2}\n", "SELEC 1 FROM", "mine/q.sql.j2"),
        ("operations:\n  - {name: q, template: mine/q.sql.j2}\n", "SELECT {{ tables.nosuch }}", "nosuch"),
        (
            "operations:\n  - {name: q, template: mine/q.sql.j2, params: {n: {kind: unifrm, low: 1, high: 2}}}\n",
            "SELECT 1",
            "did you mean 'uniform'?",
        ),
        ("operations: []\n", "SELECT 1", "workload.operations"),
    ],
    ids=["broken YAML", "no template", "no SQL", "no such table", "no such kind", "no operations"],
)
def test_a_users_own_files_are_refused_by_name(tmp_path, yaml, template, said):
    (tmp_path / "conf" / "workload").mkdir(parents=True)
    (tmp_path / "sql" / "mine").mkdir(parents=True)
    (tmp_path / "conf" / "workload" / "mine.yaml").write_text(yaml, encoding="utf-8")
    if template is not None:
        (tmp_path / "sql" / "mine" / "q.sql.j2").write_text(template, encoding="utf-8")
    words = ("--config-dir", "conf", "workload=mine", "backend=duckdb", "dataset=tiny")
    refused(called(*words, home=tmp_path / "home", cwd=tmp_path), said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conf", "sql"]
