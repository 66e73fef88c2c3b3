"""What a report says of costs: the assumptions, and the break-even between cells on disk."""

import json

import pytest

from bench.metering import EMULATED, cost_entry
from bench.model import ComputeFacts, ComputeKind
from bench.price import HourlyPrice, Usage, WarehousePrice
from bench.report import render
from bench.results import CellStatus, Ledger, RunStatus, RunWriter, open_run, open_sweep
from bench.results.manifest import RunKey, Stage
from bench.results.summary import summary_rows
from bench.stats import OperationSummary

SERVER = HourlyPrice(name="server list", usd_per_hour=1.0, source="my provider", as_of="2026-11-01")
WAREHOUSE = WarehousePrice(
    name="warehouse list", cloud="aws", edition="plain", usd_per_credit_by_edition={"plain": 3.0},
    credits_per_hour={"X-Small": 1}, generation_ratio={"gen1": {"aws": 1}},
)  # fmt: skip
XSMALL = ComputeFacts(kind=ComputeKind.WAREHOUSE, size="X-Small", generation="gen1", clusters=1, auto_suspend_s=60)


def make_cell(sweep, backend, price=None, compute=XSMALL, *, per_s=10.0, emulated=False, asked="q", status="done"):
    """A cell with one operation, of which so many were served per second."""
    cell = f"{backend}_cell"
    Ledger(sweep).append(cell=cell, config_hash=cell, status=CellStatus(status), directory=cell)
    cost = price.cost(Usage(data_s=30, run_s=90, compute=compute)) if price and not emulated else None
    key = RunKey(run_id=cell, backend=backend, dataset="tiny", workload="points", load="closed")
    facts = {"question_hash": asked, "capabilities": {"emulated": emulated}, "cost": cost and cost_entry(price, cost)}
    writer = RunWriter(sweep / cell, key, facts, emulated=emulated)
    if emulated:
        writer.warn(EMULATED)
    writer.enter(Stage.SUMMARY)
    found = OperationSummary(operation="read", count=9, throughput_per_s=per_s, goodput_per_s=per_s, busy_ratio=1.0)
    writer.write_rows("summary", summary_rows([found], repetition=0, cost=cost))
    writer.finish(RunStatus(status))
    return sweep / cell


def text_of(sweep):
    return render(open_sweep(sweep))


def break_even_of(sweep):
    return json.loads(render(open_sweep(sweep), "json"))["break_even"]


def test_a_run_lists_what_its_cost_rests_on(tmp_path):
    text = render(open_run(make_cell(tmp_path, "w", WAREHOUSE)))
    assert "Cost (estimate): 0.15 USD or 0.05 credits for the whole run, of which 0.025 USD" in text
    assert "Price list: warehouse list." in text
    assert "Cost assumes: A credit costs 3 USD, the list price of plain on aws." in text
    assert "Cost assumes: After the last answer 60 s pass until it is suspended, and are billed." in text


def test_a_run_without_a_price_says_nothing_of_costs(tmp_path):
    text = render(open_run(make_cell(tmp_path, "w")))
    assert "cost" not in text.lower()
    assert "USD" not in text


def test_a_server_and_a_warehouse(tmp_path):
    """The server costs 1 USD an hour; an operation on the warehouse 3 USD / 36,000: they meet at 12,000 an hour."""
    make_cell(tmp_path, "server", SERVER, per_s=100)
    make_cell(tmp_path, "warehouse", WAREHOUSE, per_s=10)
    text = text_of(tmp_path)
    assert (
        "Break-even of server and warehouse on tiny · points · closed (estimate): 12,000 operations per hour, "
        "where each costs 1 USD per hour; below that warehouse is cheaper, above it server." in text
    )
    assert "A break-even takes the measured mix of operations" in text
    assert "warehouse, when never suspended, costs 3 USD per hour at any rate" in text
    assert "Cost (server): Price list: server list (my provider; as of 2026-11-01)." in text
    (found,) = break_even_of(tmp_path)
    assert found["cells"] == ["server_cell", "warehouse_cell"]
    assert found["estimate"] is True
    assert found["break_even"]["operations_per_hour"] == pytest.approx(12_000)


def test_a_warehouse_that_is_always_cheaper(tmp_path):
    make_cell(tmp_path, "server", HourlyPrice(name="dear", usd_per_hour=9))
    make_cell(tmp_path, "warehouse", WAREHOUSE, per_s=10)
    assert "warehouse is cheaper at any rate that both can serve, up to 36,000 operations per hour." in text_of(
        tmp_path
    )


def test_nothing_is_reckoned_from_an_emulator(tmp_path):
    make_cell(tmp_path, "server", SERVER)
    make_cell(tmp_path, "warehouse", WAREHOUSE, emulated=True)
    text = text_of(tmp_path)
    assert (
        "No break-even of server and warehouse on tiny · points · closed: warehouse is emulated, so neither its times "
        "nor a cost mean anything." in text
    )
    assert f"Warning: warehouse: {EMULATED}" in text
    assert "operations per hour" not in text
    assert break_even_of(tmp_path)[0]["break_even"] is None


def test_a_cell_without_a_cost_is_named(tmp_path):
    make_cell(tmp_path, "server", SERVER)
    make_cell(tmp_path, "other")
    assert "No break-even of server and other on tiny · points · closed: other has no cost." in text_of(tmp_path)


@pytest.mark.parametrize("second", [{"asked": "another"}, {"status": "failed"}])
def test_other_questions_and_failed_cells_are_not_compared(tmp_path, second):
    make_cell(tmp_path, "server", SERVER)
    make_cell(tmp_path, "warehouse", WAREHOUSE, **second)
    assert "reak-even" not in text_of(tmp_path)


def test_a_cell_that_served_nothing(tmp_path):
    make_cell(tmp_path, "server", SERVER)
    make_cell(tmp_path, "warehouse", WAREHOUSE, per_s=0.0)
    assert "warehouse served nothing" in text_of(tmp_path)
