"""The meter of a run, with a clock that is set by hand, and the real stages around an engine of known behaviour."""

from dataclasses import replace

import pytest
from known_backend import KnownBackend

from bench.cell import run_cell
from bench.config import Sources, compose, own_directory
from bench.metering import Meter
from bench.model import ComputeFacts, ComputeKind
from bench.plan import make_plan
from bench.price import HourlyPrice, WarehousePrice
from bench.progress import QuietProgress
from bench.results import RunWriter, open_run
from bench.results.manifest import RunKey

TOLD = ComputeFacts(kind=ComputeKind.WAREHOUSE, size="Small", generation="gen1", clusters=1, auto_suspend_s=60)
LIST = WarehousePrice(
    name="list", cloud="aws", edition="plain", usd_per_credit_by_edition={"plain": 3.0},
    credits_per_hour={"X-Small": 1, "Small": 2}, generation_ratio={"gen1": {"aws": 1}}, version="7", source="me",
)  # fmt: skip


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def meter(tmp_path, clock):
    def made(price=LIST, *, emulated=False):
        key = RunKey(run_id="r", backend="b", dataset="d", workload="w", load="l")
        return Meter(price=price, emulated=emulated, writer=RunWriter(tmp_path / "run", key), clock_s=clock)

    return made


def metered(meter, clock, told=TOLD):
    meter.opened(ComputeFacts())
    clock.now_s += 20
    meter.data_ready(told)
    clock.now_s += 100
    cost = meter.stop()
    clock.now_s += 1000
    assert meter.stop() is cost
    return cost, open_run(meter.writer.directory).manifest


def test_a_run_is_metered_from_opening_to_the_last_answer(meter, clock):
    cost, manifest = metered(meter(), clock)
    assert (manifest["usage"]["data_s"], manifest["usage"]["run_s"]) == (20, 100)
    assert manifest["usage"]["compute"]["size"] == "Small"
    assert cost.credits == pytest.approx(2 * 180 / 3600)
    entry = manifest["cost"]
    assert entry["usd"] == pytest.approx(3 * 2 * 180 / 3600)
    assert entry["price"] == {"name": "list", "version": "7", "as_of": "", "source": "me"}
    assert entry["estimate"] is True
    assert entry["assumptions"] == list(cost.assumptions)
    assert manifest["warnings"] == []


def test_what_the_engine_does_not_tell_is_not_guessed(meter, clock):
    cost, manifest = metered(meter(), clock, replace(TOLD, size=None))
    assert (cost, manifest["cost"]) == (None, None)
    assert manifest["warnings"] == [
        "no cost is computed: the engine does not tell the size of its warehouse; say it with price.size=…"
    ]
    assert manifest["usage"]["run_s"] == 100


def test_an_emulated_run_has_no_cost_but_a_sentence(meter, clock):
    cost, manifest = metered(meter(emulated=True), clock)
    assert (cost, manifest["cost"]) == (None, None)
    assert manifest["warnings"] == [
        "no cost is computed: an emulator answered, so neither times nor prices mean anything"
    ]


def test_without_a_price_nothing_is_missed(meter, clock):
    cost, manifest = metered(meter(HourlyPrice(name="none")), clock)
    assert (cost, manifest["cost"], manifest["warnings"]) == (None, None, [])


def test_a_run_that_fails_while_data_are_brought_in_costs_too(meter, clock):
    failed = meter()
    failed.opened(TOLD)
    clock.now_s += 90
    cost = failed.stop()
    assert cost.parts_usd["data"] == pytest.approx(3 * 2 * 90 / 3600)
    assert cost.run_usd == pytest.approx(3 * 2 * 60 / 3600)  # the idle tail


def test_a_run_that_never_opened_anything_costs_nothing(meter):
    never = meter()
    assert never.stop() is None
    assert "cost" not in open_run(never.writer.directory).manifest


@pytest.fixture
def run(tmp_path):
    """The real stages of a cell; its workers are processes of their own."""
    import bench

    def go(price, **settings):
        from pathlib import Path

        main = own_directory(Path(bench.__file__).parent)
        words = ["backend=null", "dataset=tiny", "workload=points", "load=quick", f"home={tmp_path / 'home'}"]
        (config,) = compose(words, Sources(main=main))
        config = replace(config, backend=KnownBackend(service_s=0.001, **settings), price=price)
        outcome = run_cell(config, make_plan(config), tmp_path / "run", QuietProgress())
        return outcome, open_run(tmp_path / "run")

    return go


def test_the_parts_of_the_operations_add_up_to_the_run(run):
    outcome, found = run(LIST, runs_on=ComputeFacts(kind=ComputeKind.WAREHOUSE), told=TOLD)
    assert outcome.status == "done", outcome.message
    cost, rows = found.manifest["cost"], found.table("summary").to_pylist()
    assert sum(row["usd_per_run"] for row in rows) == pytest.approx(cost["usd"] - cost["parts_usd"]["data"])
    per_s = sum(row["usd_per_1000_operations"] / 1000 * row["goodput_per_s"] for row in rows)
    assert per_s == pytest.approx(3 * 2 / 3600)
    assert cost["billed_s"] == pytest.approx(found.manifest["usage"]["data_s"] + found.manifest["usage"]["run_s"] + 60)


def test_an_emulated_cell_has_no_cost_anywhere(run):
    _, found = run(LIST, runs_on=ComputeFacts(kind=ComputeKind.WAREHOUSE), told=TOLD, emulated=True)
    assert found.manifest["cost"] is None
    assert any(text.startswith("no cost is computed: an emulator") for text in found.manifest["warnings"])
    rows = found.table("summary").to_pylist()
    assert {row["usd_per_run"] for row in rows} == {row["usd_per_1000_operations"] for row in rows} == {None}
