"""A search on the page and on a terminal: every step with what it says, and no knee at a rate that did not hold."""

import json

import pytest
from made_runs import make_run
from read_page import Page

from bench.report import render
from bench.report.html import html
from bench.report.html.load_curve import Curve, Point, sentence
from bench.results import RunWriter, open_run
from bench.results.manifest import RunKey, RunStatus

REASON = "the client was the limit at 2,000 arrivals/s, so nothing is concluded"


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """Three steps, of which the last missed the objective with the client at its limit: nothing is concluded."""
    folder = tmp_path_factory.mktemp("search") / "run"
    config, steps = {"workload": {"operations": [{"name": "read"}, {"name": "write"}]}}, []
    for at, rate in enumerate((500, 2_000, 1_000)):
        name = f"steps/{at:02d}_{rate}_per_s"
        make_run(folder / name, open_loop=True, samples=4 * rate, config=config)
        steps.append(
            {
                "directory": name, "rate_per_s": rate, "throughput_per_s": float(rate), "met": rate < 2_000,
                "client_limited": rate == 2_000, "p99_ms": 1.0, "error_ratio": 0.0,
            }
        )  # fmt: skip
    found = {"reason": REASON, "rate_per_s": None, "met_per_s": 1_000, "steps": steps, "objective": {"p99_ms": 5}}
    key = RunKey(run_id="r", backend="duckdb", dataset="tiny", workload="points", load="find_max")
    RunWriter(folder, key, {"search": found, "config": config}).finish(RunStatus.DONE)
    return folder


def test_a_terminal_does_not_say_above_the_steps_that_nothing_was_measured(search):
    text = render(open_run(search))
    assert "Nothing was measured" not in text
    assert "No rate is concluded, so there is no summary of one; each step has its own in steps/." in text


def test_the_rates_say_where_the_client_was_at_its_limit_and_why_nothing_is_concluded(search):
    found = Page(html([open_run(search)]))
    rates = next(table for table in found.tables if table["header"][0] == "asked per s")
    notes = {row[0]["text"]: row[-1]["text"] for row in rates["rows"]}
    assert notes["2,000"] == "objective missed, client at its limit"
    assert "client" not in notes["1,000"]
    assert found.text.count(f"{REASON}.") == 2, "at the top, and above the steps"


def test_what_is_drawn_of_one_step_says_of_which(search):
    found = Page(html([open_run(search)]))
    assert found.text.count("duckdb: drawn is steps/02_1000_per_s, at 1,000 arrivals per s.") == 2


def test_captions_of_a_run_without_a_summary_hold_its_percentiles(search):
    text = Page(html([open_run(search)])).text
    assert "read. duckdb: median " in text
    assert "read. ." not in text


def test_the_line_runs_along_the_rates_that_were_asked(search):
    (chart,) = [json.loads(spec) for spec in Page(html([open_run(search)])).specs if "against throughput" in spec]
    titles = {layer["encoding"]["x"].get("title") for layer in chart["layer"] if "x" in layer["encoding"]}
    assert titles - {None} == {"arrivals asked per s"}


def point(asked, mean_ms, *, failed=False):
    return Point(asked_per_s=asked, got_per_s=asked, mean_ms=mean_ms, p50_ms=1, p99_ms=5, failed=failed)


def test_a_knee_rests_on_rates_that_met_the_objective_each_time():
    twice = (point(100, 1), point(200, 1), point(200, 1, failed=True), point(400, 9, failed=True))
    curve = Curve(label="a", points=twice)
    assert [each.asked_per_s for each in curve.held] == [100]
    assert not curve.bends, "200 has more power, and did not hold"
    assert sentence(curve) == "Up to 100 arrivals per s, a shows no knee."
    held = Curve(label="a", points=(point(100, 1), point(200, 1), point(400, 9, failed=True)))
    assert held.bends
    assert held.knee.asked_per_s == 200


def test_where_no_rate_held_there_is_no_knee():
    curve = Curve(label="a", points=(point(100, 1, failed=True),))
    assert (curve.knee, curve.bends) == (None, False)
    assert sentence(curve) == "No rate of a met the objective each time it was tried."
