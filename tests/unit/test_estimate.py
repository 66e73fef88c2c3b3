"""What a cell is estimated to take, before any database is touched."""

from dataclasses import replace
from pathlib import Path

import pytest
from known_backend import KnownBackend

from bench.config import Sources, compose
from bench.estimate import CHECK_S, START_S, estimate, past_runs
from bench.model import ComputeFacts, ComputeKind
from bench.price import HourlyPrice, WarehousePrice
from bench.results import RunStatus, RunWriter
from bench.results.manifest import RunKey

SOURCES = Sources(main=Path(__file__).resolve().parents[2] / "conf")
LIST = WarehousePrice(
    name="list", cloud="aws", edition="plain", usd_per_credit_by_edition={"plain": 3.0},
    credits_per_hour={"X-Small": 1}, generation_ratio={"gen1": {"aws": 1}},
)  # fmt: skip
XSMALL = ComputeFacts(kind=ComputeKind.WAREHOUSE, size="X-Small", generation="gen1", clusters=1, auto_suspend_s=60)


def cell(*words, backend="duckdb", **parts):
    (config,) = compose([f"backend={backend}", "dataset=tiny", "workload=points", *words], SOURCES)
    return replace(config, **parts)


def test_first_guesses_are_stated():
    config = cell("load=closed")
    found = estimate(config, {})
    assert found.rows == 50_000
    assert found.data_s == pytest.approx(50_000 / config.backend.ingest_rows_per_s)
    assert found.run_s == pytest.approx(6 * CHECK_S + 2 + 10)
    assert found.spending.seconds == pytest.approx(START_S + found.data_s + found.run_s)
    assert (found.spending.usd, found.spending.credits) == (None, None)
    assert found.drain_s == config.load.drain_s
    assert any("no earlier run" in text for text in found.basis)


def test_without_checks_and_with_a_bound_of_the_time():
    assert estimate(cell("load=quick", "verify=false"), {}).run_s == 1
    words = ("load=quick", "verify=false", "load.iterations=5")
    assert "longer where its iterations" in " ".join(estimate(cell(*words), {}).basis)
    assert estimate(cell(*words, "load.max_duration_s=30"), {}).run_s == 30


def test_the_price_of_an_hour():
    found = estimate(cell("load=closed", price=HourlyPrice(name="h", usd_per_hour=3600)), {})
    assert found.spending.usd == pytest.approx(found.data_s + found.run_s)


def test_a_price_that_does_not_fit_gives_no_cost_and_the_reason():
    found = estimate(cell("load=closed", price=LIST), {})
    assert found.spending.usd is None
    assert any("no cost: 'list' prices warehouses" in text for text in found.basis)


def test_credits_of_a_warehouse():
    config = replace(cell("load=closed"), backend=KnownBackend(runs_on=XSMALL), price=LIST)
    found = estimate(config, {})
    billed_s = found.data_s + found.run_s + 60
    assert found.spending.credits == pytest.approx(billed_s / 3600)
    assert found.spending.usd == pytest.approx(3 * billed_s / 3600)


def test_an_emulator_costs_nothing():
    config = replace(cell("load=closed"), backend=KnownBackend(runs_on=XSMALL, emulated=True), price=LIST)
    found = estimate(config, {})
    assert (found.spending.usd, found.spending.credits) == (0, 0)
    assert any("an emulator answers" in text for text in found.basis)


def write_run(directory, config, run_s, started, status=RunStatus.DONE):
    usage = {"data_s": 1.0, "run_s": run_s, "starts": 1, "compute": {**vars_of(XSMALL), "new_fact": 1}}
    key = RunKey(run_id="r", backend="b", dataset="d", workload="w", load="l")
    facts = {"config_hash": config.config_hash, "usage": usage}
    writer = RunWriter(directory, key, facts)
    writer._content["times"]["started_at"] = f"2026-11-24T{started}:00:00+00:00"
    writer.finish(status)


def vars_of(compute):
    return {name: getattr(compute, name) for name in compute.__dataclass_fields__}


def test_the_last_run_of_the_same_cell_is_the_better_guess(tmp_path):
    config, other = cell("load=closed", price=LIST), cell("load=single")
    write_run(tmp_path / "a/1", config, 40.0, "09")
    write_run(tmp_path / "b/2", config, 50.0, "11")
    write_run(tmp_path / "c/3", config, 60.0, "12", RunStatus.FAILED)
    write_run(tmp_path / "d/4", other, 70.0, "13")
    (tmp_path / "e").mkdir()
    (tmp_path / "e/manifest.json").write_text("{", encoding="utf-8")
    found = estimate(config, past_runs(tmp_path))
    assert (found.data_s, found.run_s) == (1.0, 50.0)
    assert found.spending.credits == pytest.approx((51 + 60) / 3600)
    assert "2026-11-24T11:00:00" in found.basis[0]


def test_no_outputs_no_past(tmp_path):
    assert past_runs(tmp_path / "nowhere") == {}
