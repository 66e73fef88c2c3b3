"""`bench enrich` after real runs of the real command; the engine that tells something later is made up."""

import json
from pathlib import Path

import duckdb
import pytest
from command import FAST, UNHURRIED, bench, called, only_run

UNIT = Path(__file__).parents[1] / "unit"


@pytest.fixture
def made_up(tmp_path):
    """Words that choose the made-up engine, the environment in which it is found, and the folder of its notes."""
    notes = tmp_path / "notes"
    notes.mkdir()
    folder = tmp_path / "own" / "backend"
    folder.mkdir(parents=True)
    (folder / "telling.yaml").write_text(f"_target_: telling_backend.TellingBackend\nnotes: {notes}\n")
    words = ["--config-dir", str(tmp_path / "own"), "backend=telling", "workload=points", *FAST, UNHURRIED]
    return words, {"PYTHONPATH": str(UNIT)}, notes


def columns(run, name, what):
    return duckdb.sql(f"SELECT {what} FROM '{run}/{name}.parquet'").fetchall()


def asked(notes):
    lines = (notes / "asked").read_text().split()
    return [line for line in lines if line in ("aggregates", "metering")]


def test_what_comes_later_is_added_once_and_only_what_is_missing_is_asked(made_up, tmp_path):
    words, environ, notes = made_up
    ran = bench(*words, home=tmp_path / "home", cwd=tmp_path, environ=environ)
    assert ran.returncode == 0, ran.stderr
    run = only_run(tmp_path)
    run_id = json.loads((run / "manifest.json").read_text())["run_id"]

    def enrich():
        return bench("enrich", str(run), home=tmp_path / "home", cwd=tmp_path, environ=environ)

    early = enrich()
    assert (early.returncode, early.stderr) == (0, "")
    first, second = early.stdout.splitlines()
    assert first.startswith(
        f"{run.name}: aggregates: 0 rows so far; aggregates appear up to 3 hours after the run: ask "
    )
    assert second.endswith(" UTC")
    assert not (run / "aggregates.parquet").exists()

    (notes / "aggregates complete").touch()
    assert "aggregates: 1 row, complete" in enrich().stdout
    assert columns(run, "aggregates", "run_id, tag, calls, emulated") == [(run_id, run_id, 5, False)]
    stamp = (run / "aggregates.parquet").stat().st_mtime_ns

    (notes / "metering complete").touch()
    third = enrich()
    assert [line.partition(": ")[2] for line in third.stdout.splitlines()] == ["metering: 1 row, complete"]
    assert columns(run, "metering", "kind, name, credits") == [("warehouse", "WH", 0.5)]
    assert (run / "aggregates.parquet").stat().st_mtime_ns == stamp
    assert asked(notes) == ["aggregates", "metering"] * 2 + ["metering"]

    fourth = enrich()
    assert fourth.stdout == f"{run.name}: complete already; nothing was asked and nothing replaced\n"
    assert asked(notes) == ["aggregates", "metering"] * 2 + ["metering"]
    entry = json.loads((run / "manifest.json").read_text())["enriched"]
    assert {name: (known["complete"], known["rows"]) for name, known in entry.items()} == {
        "aggregates": (True, 1),
        "metering": (True, 1),
    }


def test_a_run_on_an_emulator_is_enriched_and_marked(made_up, tmp_path):
    words, environ, notes = made_up
    (notes / "aggregates complete").touch()
    ran = bench(*words, "backend.emulated=true", home=tmp_path / "home", cwd=tmp_path, environ=environ)
    assert ran.returncode == 0, ran.stderr
    run = only_run(tmp_path)
    done = bench("enrich", str(run), home=tmp_path / "home", cwd=tmp_path, environ=environ)
    assert done.stdout.startswith(f"{run.name} (emulated): aggregates: 1 row, complete\n")
    for name in ("aggregates", "summary", "load", "intervals", "samples/*", "queries", "waits"):
        if list(run.glob(f"{name}.parquet")):
            assert set(columns(run, name, "DISTINCT emulated")) == {(True,)}, name


def test_a_refusal_is_one_sentence_and_the_next_run_is_asked_all_the_same(made_up, tmp_path):
    words, environ, notes = made_up
    (notes / "aggregates complete").touch()
    (notes / "metering complete").touch()
    ran = bench(*words, "backend.refuses=[],[aggregates]", "-m", home=tmp_path / "home", cwd=tmp_path, environ=environ)
    assert ran.returncode == 0, ran.stderr
    done = bench("enrich", str(only_run(tmp_path)), home=tmp_path / "home", cwd=tmp_path, environ=environ)
    assert done.returncode == 1
    assert done.stdout.count("complete") == 3
    assert done.stderr.count("\n") == 1
    assert "the engine refuses aggregates: no right to see aggregates" in done.stderr


def test_an_engine_with_nothing_to_add_says_so(tmp_path, home):
    ran = bench("backend=duckdb", "workload=points", *FAST, home=home, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    run = only_run(tmp_path)
    done = bench("enrich", str(run), home=home, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{run.name}: this engine has nothing to add later\n")
    assert done.stderr == ""


def test_what_is_no_run_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for words, sentence in (
        (["nowhere"], "there is no directory 'nowhere'"),
        (["empty"], "has no manifest.json"),
        ([], "the following arguments are required: DIR"),
        (["--force", "empty"], "there is no flag '--force'"),
    ):
        done = called("enrich", *words, home=tmp_path / "home", cwd=tmp_path)
        assert done.returncode in (1, 2)
        assert sentence in done.stderr
        assert done.stdout == ""
