"""Numbers as a reader sees them: no exponent, no digits that mean nothing, nouns that fit their counts."""

import math

import pytest
from test_report import READ, line_with, lines_of, make_run

from bench.load import Objective, Tried
from bench.load.find_max import FindMax
from bench.price import HourlyPrice, Usage
from bench.report.texts import NULL, usd, usd_per_million
from bench.search import told


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.00000703, "0.00000703"), (0.27, "0.27"), (3.0, "3"), (12.345, "12.3"), (1_234_567.8, "1,234,568"), (0.0, "0")],
)
def test_amounts_have_no_exponent(value, shown):
    assert usd(value) == shown
    assert math.isclose(float(shown.replace(",", "")), value, rel_tol=0.005)


def test_costs_of_operations_are_those_of_a_million(tmp_path):
    assert (usd_per_million(7e-5), usd_per_million(None)) == ("0.07", NULL)
    cost = HourlyPrice(name="p", usd_per_hour=0.27).cost(Usage(run_s=10))
    lines = lines_of(make_run(tmp_path / "run", READ, cost=cost))
    assert "USD per million" in line_with(lines, "operation")
    assert line_with(lines, "read").split()[-2:] == ["0.0608", "0.00075"]


def test_a_step_of_a_search_is_told_without_an_exponent():
    tried = Tried(rate_per_s=200.0, throughput_per_s=1.0, p99_ms=1_012.3, error_ratio=0.0, client_limited=False)
    assert told(tried) == "200 arrivals/s, p99 1,012 ms, errors 0.00%"


def test_rates_in_between_are_short():
    search = FindMax(name="find_max", objective=Objective(p99_ms=1), clients=1, duration_s=1).search()
    rates = [next(search)]
    for good in (True, True, False, True, False):
        found = Tried(
            rate_per_s=rates[-1], throughput_per_s=1, p99_ms=0.5 if good else 2, error_ratio=0, client_limited=False
        )
        rates.append(search.send(found))
    assert rates[3] == 282.843
    assert all(len(f"{rate:.12g}") <= 7 for rate in rates)
