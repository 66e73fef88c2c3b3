"""What the page says of costs: at the top in one sentence, below with the break-even, or why there is no cost."""

from read_page import Page
from test_costs import SERVER, WAREHOUSE, make_cell

from bench.metering import EMULATED
from bench.report.html import html
from bench.results import open_sweep


def page_of(sweep):
    return Page(html([open_sweep(sweep)]))


def test_the_break_even_of_a_sweep_stands_beside_the_prices(tmp_path):
    make_cell(tmp_path, "server", SERVER, per_s=100)
    make_cell(tmp_path, "warehouse", WAREHOUSE, per_s=10)
    found = page_of(tmp_path)
    assert "price" in found.sections
    assert (
        "Break-even of server and warehouse on tiny · points · closed (estimate): 12,000 operations per hour, "
        "where each costs 1 USD per hour; below that warehouse is cheaper, above it server." in found.text
    )
    assert "warehouse, when never suspended, costs 3 USD per hour at any rate" in found.text


def test_the_cost_of_a_million_operations_stands_at_the_top(tmp_path):
    make_cell(tmp_path, "warehouse", WAREHOUSE, per_s=10)
    make_cell(tmp_path, "server", SERVER, per_s=100)
    text = page_of(tmp_path).text
    told = "Estimated cost of a million operations, in USD: 2.78 on server, 83.3 on warehouse."
    assert text.index(told) < text.index("Price against performance")


def test_that_an_emulator_has_no_cost_is_said_even_where_nothing_has_one(tmp_path):
    make_cell(tmp_path, "warehouse", WAREHOUSE, emulated=True)
    found = page_of(tmp_path)
    assert "price" in found.sections
    assert f"warehouse: {EMULATED}." in found.text
    assert "Pareto" not in found.text
    assert "Estimated cost" not in found.text


def test_where_no_price_was_asked_for_there_is_no_section(tmp_path):
    make_cell(tmp_path, "server")
    assert "price" not in page_of(tmp_path).sections
