"""`bench compare` and `bench history` as a user calls them."""

import json

import pyarrow.parquet as pq
import pytest
from written_runs import write_run, write_sweep

from bench.cli import dispatch
from bench.commands.shell import Shell
from bench.compare import parse_gate
from bench.errors import ConfigError, NoResultsError


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A sweep in which the second cell is slower in one operation, and runs of a fortnight with a step."""
    root = tmp_path_factory.mktemp("results")
    write_sweep(root / "sweep", ("old", {}), ("new", {"slower": {"join": 1.2}}), size=150, between_runs=0.003)
    for day in range(14):
        options = {"slower": {"join": 1.3}} if day >= 9 else {}
        started_at = f"2026-11-{day + 1:02}T06:00:00.000000+00:00"
        write_run(
            root / "nightly" / f"{day:02}",
            seed=300 + day,
            size=40,
            started_at=started_at,
            git_commit=f"c{day:02}",
            **options,
        )
    write_run(root / "nightly" / "unfinished", seed=99, size=40, status="running")
    return root


@pytest.fixture
def bench(capsys):
    def run(*words):
        code = dispatch(list(map(str, words)), Shell(environ={}))
        return code, capsys.readouterr().out

    return run


def test_it_prints_what_differs_before_the_verdicts(bench, results):
    code, out = bench("compare", results / "sweep", "--by", "cell", "--measure", "p50")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "1_new against 0_old"
    assert [line.split()[2] for line in lines if line.split()[:2] == ["join", "p50"]] == ["slower"]
    assert "By operation, " in lines[2]
    assert "slower: join" in lines[2]


def test_the_configuration_that_differs_comes_first(bench, results):
    _, out = bench("compare", results / "nightly" / "00", results / "nightly" / "12", "--measure", "p50")
    assert out.index("What differs") < out.index("git_commit") < out.index("Verdicts")


@pytest.mark.parametrize(
    ("gates", "code"),
    [
        (["p50 < 1.5"], 0),
        (["p50 < 1.05"], 1),
        (["throughput > 0.5", "errors < 1%"], 0),
        (["throughput > 1.5"], 1),
        (["p50 < 1.2"], 0),  # it cannot be told
        (["p50 < 1.2", "--strict"], 1),
    ],
)
def test_a_gate_decides_the_exit_code(bench, results, gates, code):
    words = [word for gate in gates for word in ([gate] if gate.startswith("--") else ["--gate", gate])]
    found, out = bench("compare", results / "sweep", "--by", "cell", "--markdown", *words)
    assert found == code
    assert "### Gates" in out
    assert ("| missed |" in out) == (code == 1 and "--strict" not in gates)


def test_a_refused_comparison_has_the_exit_code_of_a_failure(bench, results, tmp_path):
    other = write_run(tmp_path / "other", seed=5, size=40, question="other", config={"load": {"clients": 2}})
    code, out = bench("compare", results / "nightly" / "00", other)
    assert code == 1
    assert "Warning: lookup, join, report p50, p99: not comparable" in out
    assert "not comparable; the questions differ in load.clients (question)" in out
    code, out = bench("compare", results / "nightly" / "00", other, "--allow", "question")
    assert code == 0
    assert "(overlooked: question)" in out.splitlines()[0]


def test_json_and_parquet_hold_the_same(bench, results, tmp_path):
    code, out = bench(
        "compare", results / "sweep", "--json", "--parquet", tmp_path / "v.parquet", "--gate", "p50 < 1.05"
    )
    document, rows = json.loads(out), pq.read_table(tmp_path / "v.parquet").to_pylist()
    assert code == 1
    assert document["baseline"] == "0_old"
    assert [row["verdict"] for row in rows] == [each["verdict"] for each in document["verdicts"]]
    assert {(gate["operation"], gate["outcome"]) for gate in document["gates"]} >= {
        ("join", "missed"),
        ("report", "met"),
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--measure", "p98"], "--measure: there is no 'p98'.*did you mean 'p99'"),
        (["--margin", "five"], "--margin: 'five' is no part above 0 and below 1; write 5% or 0.05"),
        (["--gate", "p42 < 1"], "--gate: 'p42 < 1' is no condition"),
        (["--gate", "p50 < 5%"], "--gate: .* a ratio is a number"),
        (["--parquet", "/nowhere/x.parquet"], "--parquet: /nowhere/x.parquet cannot be written"),
        (["--alow", "x"], "there is no flag '--alow'"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(bench, results, words, message):
    with pytest.raises(ConfigError, match=message):
        bench("compare", results / "sweep", *words)


def test_a_gate_is_read():
    gate = parse_gate(" p99<1.05 ")
    assert (gate.measure, gate.upper, gate.limit, gate.claims) == ("p99", True, 1.05, ("p99",))
    errors = parse_gate("errors <= 1 %")
    assert (errors.limit, errors.claims) == (0.01, ())


# ---- history --------------------------------------------------------------------------------------------------------


def test_a_history_shows_the_step_of_that_operation_only(bench, results):
    code, out = bench("history", results / "nightly", "--json")
    assert code == 0
    document = json.loads(out)
    steps = {series["operation"]: series["steps"] for series in document["series"]}
    assert [step["at"] for step in steps["join"]] == [9]
    assert steps["join"][0]["ratio"] == pytest.approx(1.3, rel=0.05)
    assert not steps["lookup"]
    assert not steps["report"]
    (left_out,) = document["left_out"]
    assert "unfinished: running" in left_out


def test_a_history_as_a_table(bench, results):
    _, out = bench("history", results / "nightly", "--operation", "join")
    lines = out.splitlines()
    assert lines[0] == "History of 1 operation in 14 runs"
    assert lines[1].startswith("join on engine_a: p50 went to 1.")
    assert "at 2026-11-10 06:00:00 c09" in lines[1]
    (step,) = [line for line in lines if "step 1." in line]
    assert step.split()[:3] == ["2026-11-10", "06:00:00", "c09"]
    _, quiet = bench("history", results / "nightly", "--operation", "lookup", "--markdown")
    assert "No level changed" in quiet


def test_an_unknown_operation_is_refused(bench, results):
    with pytest.raises(ConfigError, match="--operation: no run has an operation 'joint'; did you mean 'join'"):
        bench("history", results / "nightly", "--operation", "joint")


def test_a_foreign_directory_cannot_be_resumed_and_stays_as_it_is(bench, tmp_path):
    foreign = tmp_path / "docs"
    foreign.mkdir()
    with pytest.raises(NoResultsError, match="docs is not a results directory") as caught:
        bench("resume", foreign)
    assert caught.value.exit_code == 2
    assert not list(foreign.iterdir())


def test_series_are_told_apart_and_short_ones_share_a_table(bench, tmp_path):
    for number, clients in enumerate((1, 1, 1, 1, 8, 8)):
        write_run(
            tmp_path / str(number),
            seed=number,
            size=30,
            started_at=f"2026-11-0{number + 1}T06:00:00.000000+00:00",
            question=f"q{clients}",
            load_description=f"{clients} clients",
            label="tuned" if number == 3 else "",
            git_commit=f"c{number}",
        )
    _, out = bench("history", tmp_path, "--operation", "join")
    assert "join · engine_a · tiny · points · closed · 1 clients" in out
    (long,) = [line for line in out.splitlines() if line.startswith("started") or " started " in line[:12]]
    assert long.split()[:3] == ["started", "label", "version"]
    assert "tuned  c3" in out
    assert out.count("Fewer than 4 results") == 1
    (short,) = [line for line in out.splitlines() if "closed · 8 clients" in line]
    assert short.split("8 clients")[1].split()[0] == "2"
