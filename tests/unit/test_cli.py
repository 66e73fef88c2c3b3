"""Verbs, flags, exit codes: the command as a function."""

import subprocess
import sys

import pytest

from bench.cli import VERBS, dispatch, main, sentence
from bench.commands.shell import Shell
from bench.errors import BenchError, ConfigError


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Runs `bench ARGUMENTS` in an empty directory; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_help_names_every_verb(command):
    code, out, err = command("--help")
    assert (code, err) == (0, "")
    assert all(f"  {verb} " in out for verb in VERBS)


def test_version(command):
    code, out, _ = command("--version")
    assert code == 0
    assert out.startswith("bench ")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_helps(command, verb):
    code, out, _ = command(verb, "--help")
    assert code == 0
    assert "bench" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["reprt"],
            "enrich, report, compare, history, query; did you mean 'report'?",
        ),
        (["--multirn"], "there is no flag '--multirn'"),
        (["plan", "--chek"], "did you mean '--check'?"),
        (["report", "--format", "xml"], "'xml'"),
        (["resume"], "DIR"),
        (["resume", "nowhere"], "there is no directory 'nowhere'"),
        (["report", "nowhere"], "there is no directory 'nowhere'"),
        (["report", "."], ". is not a results directory: it has no manifest.json"),
        (["query"], "SQL"),
        (["query", "select 1", "nowhere"], "nowhere is not a directory; give the directory of a run"),
        (["query", "select 1", "."], ". is not a results directory: it has no manifest.json"),
        (["query", "select 1", ".", "--format", "xml"], "'xml'"),
        (["query", "select 1", ".", "--output", "no/such.csv"], "there is no directory 'no'"),
        (["list", "lod"], "did you mean 'load'?"),
        (["list", "load", "clozed"], "did you mean 'closed'?"),
        (["--config-dir", "nowhere"], "there is no directory 'nowhere'"),
        (["--cfg", "everything"], "'everything'"),
        (["--cfg", "job", "--package", "lod"], "there is no part 'lod'"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(command, arguments, said, tmp_path):
    code, out, err = command(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("bench: ")
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_list_describes_every_option(command):
    code, out, _ = command("list", "load")
    assert code == 0
    assert "closed" in out
    assert "closed loop" in out


@pytest.mark.parametrize("group", [[], ["backend"]])
def test_list_aligns_what_it_describes(command, group):
    _, out, _ = command("list", *group)
    rows = [line for line in out.splitlines() if line.startswith("  ")]
    starts = {len(line) - len(line[2:].split(maxsplit=1)[1]) for line in rows if len(line.split()) > 1}
    assert len(starts) == 1
    assert "snowflake_emulated" in out


def test_list_prints_the_yaml_of_an_option(command):
    _, out, _ = command("list", "load", "single")
    assert "clients: 1" in out


def test_flags_may_stand_between_overrides(command):
    code, out, _ = command("plan", "backend=duckdb,null", "-m", "workload=points", "dataset=tiny")
    assert code == 0
    assert "-- duckdb · " in out
    assert "-- null · " in out


def test_plan_needs_no_database_and_writes_nothing(command, tmp_path):
    code, out, _ = command("plan", "backend=postgres", "workload=joins", "dataset=tiny")
    assert code == 0
    assert "SELECT" in out
    assert list(tmp_path.iterdir()) == []


def test_plan_checks_with_the_live_engine(command):
    code, _, err = command("plan", "backend=duckdb", "workload=joins", "dataset=tiny", "--check", "home=kept")
    assert code == 0
    lines = [line for line in err.splitlines() if line.startswith("check: ")]
    assert len(lines) >= 14
    assert all(line.endswith(": ok") for line in lines)


def test_plan_check_says_what_the_engine_refuses(command, tmp_path):
    (tmp_path / "conf" / "workload").mkdir(parents=True)
    (tmp_path / "sql" / "bad").mkdir(parents=True)
    (tmp_path / "conf" / "workload" / "bad.yaml").write_text(
        "operations:\n  - {name: bad, template: bad/bad.sql.j2}\n", encoding="utf-8"
    )
    (tmp_path / "sql" / "bad" / "bad.duckdb.sql.j2").write_text(
        "SELECT no_such_function(company_id) AS x FROM {{ tables.companies }}\n", encoding="utf-8"
    )
    words = ("backend=duckdb", "workload=bad", "dataset=tiny", "--check", "home=kept", "--config-dir", "conf")
    code, _, err = command("plan", *words)
    assert code == 1
    assert "no_such_function" in err


def test_doctor_examines_duckdb(command):
    code, out, _ = command("doctor", "backend=duckdb", "dataset=tiny", "home=kept")
    assert code == 0, out
    found = {line.split()[1]: line.split()[0] for line in out.splitlines()}
    assert {"python", "packages", "clock", "cores", "memory", "disk", "duckdb"} <= set(found)


def test_doctor_fails_where_nobody_answers(command):
    code, out, _ = command("doctor", "backend=postgres", "backend.dsn=host=127.0.0.1 port=1", "dataset=tiny")
    assert code == 1
    assert any(line.startswith("fail  postgres") for line in out.splitlines())


def test_the_home_of_the_environment_gives_way_to_the_command_line(tmp_path):
    shell = Shell(environ={"BENCH_HOME": "/elsewhere"})
    assert shell.words(["load=closed", "home=here"]) == ["home='/elsewhere'", "load=closed", "home=here"]
    assert Shell(environ={}).words(["load=closed"]) == ["load=closed"]


@pytest.mark.parametrize(
    ("environ", "command"),
    [({}, "bench"), ({"UV": "/bin/uv"}, "bench"), ({"UV": "/bin/uv", "UV_RUN_RECURSION_DEPTH": "1"}, "uv run bench")],
)
def test_what_is_typed_next_is_what_was_typed(environ, command):
    """`uvx` sets the first of them too, and what it runs is in no project."""
    assert Shell(environ=environ).command == command


def test_configuration_directory_of_the_environment(tmp_path):
    assert Shell(environ={"BENCH_CONF_DIR": str(tmp_path)}).sources().main == tmp_path


def test_a_secret_in_an_error_is_not_shown():
    said = sentence(BenchError("no connection to postgresql://me:hunter2@host/db\n  at all"))
    assert "hunter2" not in said
    assert "\n" not in said


def test_dispatch_raises_what_main_prints():
    with pytest.raises(ConfigError, match="there is no verb"):
        dispatch(["nonsense"], Shell(environ={}))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["report", "--help"]])
def test_quick_verbs_do_not_import_hydra(arguments):
    code = (
        "import sys; sys.argv = ['bench', *sys.argv[1:]]\nfrom bench.cli import main\nmain()\n"
        "sys.exit(any(name in sys.modules for name in ('hydra', 'omegaconf', 'duckdb', 'psycopg', 'sqlglot')))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
