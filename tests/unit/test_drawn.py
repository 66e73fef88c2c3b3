import json
import shlex

import numpy as np
import pytest
from made_runs import make_run, make_sweep

from bench.report.html import drawing
from bench.report.html.cells import cells_of
from bench.report.html.load_curve import Curve, Point, sentence
from bench.report.html.money import Offer, frontier
from bench.report.html.plans import plans_section
from bench.report.html.reproduce import reproduce_section
from bench.report.html.scaling import scalings
from bench.report.html.tally import MAX_SLOTS, PRECISION_RATIO, percentile_ns, tally
from bench.results import open_results, open_run
from bench.results.manifest import FILE_NAME


def counted(directory, operations=("read", "write"), arriving=()):
    return tally(open_run(directory), operations, arriving)


# ---- samples into histograms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("open_loop", [False, True])
def test_percentiles_of_a_histogram_are_those_of_the_summary(tmp_path, open_loop):
    run = open_run(make_run(tmp_path / "run", open_loop=open_loop, samples=40_000).directory)
    found = counted(run.directory, arriving=("read", "write") if open_loop else ())
    kind = "response_time" if open_loop else "service_time"
    for at, row in enumerate(run.table("summary").to_pylist()):
        assert found.times[at].sum() == row["count"]
        for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)):
            exact = row[f"{kind}_{name}_ns"]
            estimate = percentile_ns(found.times[at], q)
            assert (exact is None) == (estimate is None)
            assert exact is None or estimate == pytest.approx(exact, rel=PRECISION_RATIO * 1.01)


def test_slots_count_every_attempt_that_ended_in_the_window(tmp_path):
    run = open_run(make_run(tmp_path / "run", failed=50).directory)
    samples = run.samples(["end_ns", "status"])
    window = run.manifest["window"]
    inside = samples["end_ns"].to_numpy() < window["end_ns"]
    failed = np.array(samples["status"].to_pylist()) == "error"
    found = counted(run.directory)
    assert found.completed.sum() == inside.sum()
    assert found.failed.sum() == (inside & failed).sum() > 0
    assert found.edges_s.tolist() == [-1, 0, 1, 2, 3]


def test_a_long_run_has_no_more_slots_than_fit_into_a_chart(tmp_path):
    directory = make_run(tmp_path / "run").directory
    path = directory / FILE_NAME
    manifest = json.loads(path.read_text())
    manifest["window"] |= {"end_ns": manifest["window"]["measure_ns"] + 86_400 * 10**9}
    path.write_text(json.dumps(manifest))
    found = counted(directory)
    assert len(found.completed) <= MAX_SLOTS
    assert found.completed.sum() == 6_000


def test_an_interrupted_run_is_drawn_to_its_last_answer(tmp_path):
    directory = make_run(tmp_path / "run").directory
    path = directory / FILE_NAME
    manifest = json.loads(path.read_text())
    manifest["window"] |= {"end_ns": manifest["window"]["measure_ns"] + 60 * 10**9}
    path.write_text(json.dumps(manifest))
    assert counted(directory).edges_s[-1] == pytest.approx(3, abs=0.1)


# ---- what follows from the points -----------------------------------------------------------------------------------


def point(asked, got, mean_ms):
    return Point(asked_per_s=asked, got_per_s=got, mean_ms=mean_ms, p50_ms=mean_ms, p99_ms=5 * mean_ms)


def test_the_knee_of_a_single_server_queue_lies_at_half_of_its_capacity():
    """Response time 1 / (capacity - rate) of M/M/1 makes power rate * (capacity - rate): greatest in the middle."""
    capacity = 1_000
    points = tuple(point(rate, rate, 1e3 / (capacity - rate)) for rate in range(100, 1_000, 100))
    curve = Curve(label="mm1", points=points)
    assert curve.knee.asked_per_s == capacity / 2
    assert sentence(curve) == "The knee of mm1 lies at 500 arrivals per s with p99 10.0 ms."


def test_a_curve_that_does_not_bend_says_so_and_one_that_breaks_too():
    flat = Curve(label="a", points=(point(100, 100, 2), point(200, 200, 2)))
    assert sentence(flat) == "Up to 200 arrivals per s, a shows no knee."
    broken = Curve(label="a", points=(point(100, 100, 2), point(200, 120, 900)))
    assert sentence(broken).endswith("; from 200 per s on less ends than arrives.")


def test_the_pareto_line_holds_what_nothing_beats():
    offers = [
        Offer(label=name, place=0, usd_per_million=usd, goodput_per_s=rate)
        for name, usd, rate in (
            ("slow", 1, 10),
            ("dear", 5, 40),
            ("beaten", 5, 30),
            ("middle", 2, 20),
            ("worse", 3, 20),
        )
    ]
    assert [offer.label for offer in frontier(offers)] == ["slow", "middle", "dear"]


def test_clients_that_differ_in_nothing_else_make_one_line(tmp_path):
    runs = {
        f"{number}_{backend}": {
            "backend": backend,
            "samples": 1_000 * clients,
            "config": {"load": {"clients": clients}},
        }
        for number, (backend, clients) in enumerate((b, c) for b in ("duckdb", "sqlite") for c in (4, 1))
    }
    cells = cells_of([open_results(make_sweep(tmp_path, runs))])
    ((_, group),) = scalings(cells).items()
    assert [(each.label, [step.clients for step in each.steps]) for each in group] == [
        ("duckdb", [1, 4]),
        ("sqlite", [1, 4]),
    ]
    assert group[0].best.clients == 4


@pytest.mark.parametrize(
    ("seen", "expected"),
    [([0.3, 70], (0.2, 100)), ([1, 1], (0.5, 2)), ([0.01, 4_000], (0.01, 10_000)), ([], (1, 10)), ([42], (40, 50))],
)
def test_bounds_of_a_logarithmic_axis_hold_what_is_seen(seen, expected):
    low, high, ticks = drawing.log_ticks(seen)
    assert (low, high) == expected
    assert all(low <= value <= high for value in seen)
    assert ticks


# ---- plans, commands ------------------------------------------------------------------------------------------------


def test_plans_stand_side_by_side_whatever_the_engine_calls_its_keys(tmp_path):
    folder = make_sweep(tmp_path, {"0_duckdb": {}, "1_sqlite": {"backend": "sqlite"}})
    trees = {
        "0_duckdb": {"operator": [{"type": "HASH_JOIN", "children": [{"type": "SCAN", "timing": 0.25}]}]},
        "1_sqlite": [{"Plan": {"Node Type": "Hash Join", "Plans": [{"Node Type": "Seq Scan", "Filter": "a > 1"}]}}],
    }
    for cell, tree in trees.items():
        (folder / cell / "plans").mkdir()
        (folder / cell / "plans" / "read.json").write_text(json.dumps([{"sql": "SELECT 1", "plan": tree}]))
    ((fold,),) = [plans_section(cells_of([open_results(folder)])).blocks]
    assert [part.content.splitlines()[2:] for part in fold.parts] == [
        ["HASH_JOIN", "  SCAN  timing: 0.25"],
        ["Hash Join", "  Seq Scan  Filter: a > 1"],
    ]


def requested(folder, requests, **given):
    make_sweep(folder, dict.fromkeys(requests, given))
    for cell, words in requests.items():
        (folder / cell / ".hydra").mkdir()
        request = {"overrides": ["++home='/x'", *words], "extra": []}
        (folder / cell / ".hydra" / "request.json").write_text(json.dumps(request))
    (text,) = reproduce_section(cells_of([open_results(folder)])).blocks
    return text.content.splitlines()


def test_a_product_of_choices_is_one_command(tmp_path):
    words = {f"{b}{c}": [f"backend={b}", f"++load.clients={c}", "dataset=tiny"] for b in ("x", "y") for c in (1, 2)}
    assert requested(tmp_path, words) == ["bench backend=x,y load.clients=1,2 dataset=tiny -m"]


def test_texts_stand_without_the_quotes_of_the_grammar(tmp_path):
    words = {"0": ["backend=x", "label='before'", "tag='12'", "note='two words'"]}
    (command,) = requested(tmp_path, words)
    assert command.startswith("bench backend=x label=before ")
    assert shlex.split(command)[3:] == ["tag='12'", "note='two words'"], "a number in quotes is a text, and stays one"


def test_in_a_checkout_the_command_is_started_through_uv_with_what_an_emulator_needs(tmp_path):
    words = {"0": ["backend=x"]}
    assert requested(tmp_path / "plain", words, facts={"git_commit": "abc"}) == ["uv run bench backend=x"]
    emulated = requested(tmp_path / "emulated", words, facts={"git_commit": "abc"}, emulated=True)
    assert emulated == ["uv run --extra emulator bench backend=x"]


def test_what_is_no_product_is_a_command_for_each_cell(tmp_path):
    words = {"0": ["backend=x", "load=open"], "1": ["backend=y", "load.phases=[{a: 1}]"]}
    assert requested(tmp_path, words) == ["bench backend=x load=open", "bench backend=y 'load.phases=[{a: 1}]'"]
