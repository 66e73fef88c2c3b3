"""What may be spent, what was, and stopping in time."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.budget import Budget, Spending
from bench.cell import CellOutcome
from bench.errors import ConfigError
from bench.price import HourlyPrice
from bench.results import RunStatus, RunWriter, read_ledger, spent, states
from bench.results.manifest import FILE_NAME, RunKey
from bench.sweep import Cell, run_cells

KEY = RunKey(run_id="r", backend="b", dataset="d", workload="w", load="l")


def test_unknown_amounts_count_as_nothing_but_stay_unknown():
    assert Spending(seconds=1) + Spending(seconds=2) == Spending(seconds=3)
    assert Spending(usd=1) + Spending(credits=2) == Spending(usd=1, credits=2)


@pytest.mark.parametrize(
    ("budget", "spent_so_far", "estimate", "sentence"),
    [
        (Budget(), Spending(seconds=1e9, usd=1e9), Spending(seconds=1e9), ""),
        (Budget(max_usd=2), Spending(usd=1.5), Spending(usd=0.5), ""),
        (Budget(max_usd=2), Spending(usd=1.5), Spending(usd=0.6), "budget.max_usd=2 would be exceeded: 1.5 USD spent"),
        (Budget(max_credits=1), Spending(), Spending(credits=1.25), "exceeded: nothing spent so far, 1.25 credits"),
        (
            Budget(max_credits=1),
            Spending(seconds=3),
            Spending(credits=1.25),
            "exceeded: what was spent in credits is not known, 1.25 credits",
        ),
        (Budget(max_s=10, max_usd=1), Spending(seconds=9), Spending(seconds=2), "budget.max_s=10"),
        (Budget(max_usd=1), Spending(usd=1.1), Spending(), "1.1 USD spent, and what is next has no estimate in USD"),
    ],
)
def test_which_limit_would_be_exceeded(budget, spent_so_far, estimate, sentence):
    found = budget.excess(spent_so_far, estimate)
    assert sentence in found
    assert bool(found) == bool(sentence)


@settings(deadline=None)
@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_what_does_not_exceed_one_budget_does_not_exceed_a_larger_one(limit, before, after):
    amounts = Spending(seconds=before), Spending(seconds=after)
    assert bool(Budget(max_s=limit).excess(*amounts)) == (before + after > limit)
    if not Budget(max_s=limit).excess(*amounts):
        assert not Budget(max_s=limit * 2).excess(*amounts)


def test_a_limit_that_could_never_be_kept_is_refused():
    with pytest.raises(ConfigError, match=r"budget.max_usd: price 'none' gives no cost in USD"):
        Budget(max_usd=1).demand_price(HourlyPrice(name="none"))
    with pytest.raises(ConfigError, match=r"budget.max_credits: price 'mine' is not in credits"):
        Budget(max_credits=1).demand_price(HourlyPrice(name="mine", usd_per_hour=1))
    Budget(max_usd=1, max_s=1).demand_price(HourlyPrice(name="mine", usd_per_hour=1))


def write_run(directory, *, seconds, usd=None, status="done"):
    """A run that took so many seconds, written by the real writer; only its times are set by hand."""
    writer = RunWriter(directory, KEY, {"cost": {"usd": usd, "credits": None}}, replace=True)
    writer.finish(RunStatus(status))
    path = directory / FILE_NAME
    content = json.loads(path.read_text(encoding="utf-8"))
    content["times"] |= {"started_at": "2026-11-24T10:00:00+00:00"}
    content["times"]["finished_at"] = f"2026-11-24T10:{seconds // 60:02}:{seconds % 60:02}+00:00"
    path.write_text(json.dumps(content), encoding="utf-8")


def test_what_a_run_took_is_in_its_manifest(tmp_path):
    write_run(tmp_path / "run", seconds=90, usd=0.25)
    assert spent(tmp_path / "run") == Spending(seconds=90, usd=0.25)
    assert spent(tmp_path / "nowhere") == Spending()


def test_earlier_attempts_count_too(tmp_path):
    write_run(tmp_path / "run", seconds=90, usd=0.25, status="failed")
    write_run(tmp_path / "run", seconds=30, usd=0.5, status="failed")
    write_run(tmp_path / "run", seconds=60)
    assert spent(tmp_path / "run") == Spending(seconds=180, usd=0.75)


def test_a_killed_run_counts_until_it_was_heard_of_last(tmp_path):
    RunWriter(tmp_path / "run", KEY)
    path = tmp_path / "run" / FILE_NAME
    later = path.stat().st_mtime + 40
    os.utime(path, (later, later))
    assert spent(tmp_path / "run").seconds == pytest.approx(40, abs=2)


def sweep_of(tmp_path, ran, *, names=("0_a", "1_b", "2_c"), seconds=60, estimate=50):
    def run(name):
        ran.append(name)
        write_run(tmp_path / name, seconds=seconds)
        return CellOutcome(status="done", message="", run_id=name)

    for name in names:
        (tmp_path / name).mkdir(exist_ok=True)
    return [
        Cell(name=name, config_hash=name, run=lambda name=name: run(name), estimate=Spending(seconds=estimate))
        for name in names
    ]


def test_a_sweep_stops_before_the_cell_that_would_exceed_it_and_goes_on_later(tmp_path):
    ran, said = [], []
    cells = sweep_of(tmp_path, ran)
    ended = run_cells(cells, tmp_path, fail_fast=False, say=said.append, budget=Budget(max_s=120))
    assert ran == ["0_a", "1_b"]
    assert ended == {"0_a": "done", "1_b": "done", "2_c": "planned"}
    message = states(read_ledger(tmp_path))["2_c"].message
    assert message == "budget.max_s=120 would be exceeded: 120 s spent, 50 s estimated for what is next"
    assert message in said[-2]
    assert f"bench resume {tmp_path} budget.max_s=…" in said[-1]

    run_cells(cells[2:], tmp_path, fail_fast=False, say=said.append, budget=Budget(max_s=169))
    assert ran == ["0_a", "1_b"]
    run_cells(cells[2:], tmp_path, fail_fast=False, say=said.append, budget=Budget(max_s=170))
    assert ran == ["0_a", "1_b", "2_c"]


def test_the_first_cell_may_be_too_much_already(tmp_path):
    ran, said = [], []
    ended = run_cells(sweep_of(tmp_path, ran), tmp_path, fail_fast=False, say=said.append, budget=Budget(max_s=10))
    assert ran == []
    assert set(ended.values()) == {"planned"}
    assert "the remaining 3 cells are left planned" in said[-2]
