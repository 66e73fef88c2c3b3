"""A budget on the real command: stopped in time, resumed, refused; and what `plan` says beforehand."""

import json
from pathlib import Path

import pytest
from command import UNHURRIED, bench, called, only_run

SWEEP = ("backend=duckdb", "dataset=tiny", "workload=points", "load=quick,single", "load.duration_s=1",
         "load.warm_up_s=0", UNHURRIED, "price=hourly", "price.usd_per_hour=3600")  # fmt: skip


def states(sweep):
    lines = (sweep / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["cell"].rpartition("_")[2]: entry for entry in map(json.loads, lines)}


def cost_of(sweep, load):
    (path,) = sweep.glob(f"*_{load}/manifest.json")
    return json.loads(path.read_text(encoding="utf-8"))["cost"]["usd"]


@pytest.fixture(scope="module")
def stopped(home, tmp_path_factory):
    """A sweep of two cells whose budget is just enough for one of them: one USD is one second."""
    cwd = tmp_path_factory.mktemp("work")
    planned = bench("plan", *SWEEP, "-m", "--json", home=home, cwd=cwd)
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(planned.stdout)
    limit = max(cell["usd"] for cell in plan["cells"])
    done = bench(*SWEEP, f"budget.max_usd={limit}", "-m", home=home, cwd=cwd)
    return cwd, done, limit, plan


def test_the_plan_says_what_it_would_take(stopped):
    plan = stopped[3]
    assert [cell["load"] for cell in plan["cells"]] == ["quick", "single"]
    assert all(cell["estimate"] and cell["basis"] and cell["rows"] == 50_000 for cell in plan["cells"])
    assert plan["total"]["usd"] == pytest.approx(sum(cell["usd"] for cell in plan["cells"]))
    assert plan["total"]["credits"] is None


def test_the_sweep_stops_before_the_cell_that_would_exceed_it(stopped):
    cwd, done, limit, _ = stopped
    sweep = only_run(cwd)
    assert done.returncode == 1, done.stderr
    found = states(sweep)
    assert (found["quick"]["status"], found["single"]["status"]) == ("done", "planned")
    assert f"budget.max_usd={limit:g} would be exceeded" in found["single"]["message"]
    assert found["single"]["message"] in done.stderr
    assert "bench resume" in done.stderr
    assert "budget.max_usd=…" in done.stderr
    assert (sweep / "cells.parquet").is_file()
    assert list(sweep.glob("*_quick/samples/*.parquet"))
    assert "planned" in done.stdout


def test_what_was_spent_counts_on_when_it_is_resumed(stopped, home):
    cwd, _, limit, _ = stopped
    sweep = only_run(cwd)
    again = bench("resume", str(sweep), f"budget.max_usd={limit}", home=home, cwd=cwd)
    assert again.returncode == 1
    assert states(sweep)["single"]["status"] == "planned"
    assert f"{cost_of(sweep, 'quick'):.3g} USD spent" in again.stderr

    done = bench("resume", str(sweep), f"budget.max_usd={3 * limit}", home=home, cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert states(sweep)["single"]["status"] == "done"
    assert cost_of(sweep, "single") > 1

    planned = bench("plan", *SWEEP, "-m", home=home, cwd=cwd)
    assert planned.stdout.count("times as in the last run of this cell") == 2


def test_without_a_budget_it_goes_on(home, tmp_path):
    stopped = bench(*SWEEP, "budget.max_s=0.5", "-m", home=home, cwd=tmp_path)
    assert stopped.returncode == 1
    sweep = only_run(tmp_path)
    assert {entry["status"] for entry in states(sweep).values()} == {"planned"}
    done = bench("resume", str(sweep), home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {entry["status"] for entry in states(sweep).values()} == {"done"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["backend=duckdb", "load=quick", "budget.max_s=2"], "budget.max_s=2 would be exceeded: 0 s spent"),
        (["backend=duckdb", "budget.max_usd=1"], "budget.max_usd: price 'none' gives no cost in USD"),
        (["backend=duckdb", "price=hourly", "price.usd_per_hour=1", "budget.max_credits=1"], "budget.max_credits: "),
        (["backend=duckdb", "budget.max_usd=-1"], "budget.max_usd: -1 is too small"),
        (["backend=duckdb", "budget.max_eur=1"], "budget.max_eur: there is no such key"),
        (["backend=duckdb", "price=snowflake"], "price: 'snowflake' prices warehouses, and this backend runs on none"),
        (["backend=duckdb", "price=postgres"], "price.usd_per_hour: needs a value"),
        (["resume", ".", "load.clients=3"], "'load.clients=3' cannot be set when a run is resumed"),
    ],
)
def test_bad_input_touches_nothing(words, sentence, home, tmp_path):
    done = called(*words, home=home, cwd=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(Path(tmp_path).iterdir()) == []


def test_a_single_run_that_failed_counts_when_it_is_resumed(home, tmp_path):
    words = ("backend=null", "backend.fail_every=1", UNHURRIED, "dataset=tiny", "workload=points", "load=quick")
    failed = bench(*words, home=home, cwd=tmp_path)
    assert failed.returncode == 1, failed.stderr
    run = only_run(tmp_path)
    before = (run / "manifest.json").read_bytes()
    refused = bench("resume", str(run), "budget.max_s=2", home=home, cwd=tmp_path)
    assert refused.returncode == 2
    assert "budget.max_s=2 would be exceeded" in refused.stderr
    assert (run / "manifest.json").read_bytes() == before
    bench("resume", str(run), "budget.max_s=100", home=home, cwd=tmp_path)
    content = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert content["spent_before"]["seconds"] > 1
