"""Comparisons of written runs: sides, objections, verdicts, the number in all."""

import json
import math
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from judged_runs import judge, said, two
from written_runs import OPERATIONS, write_run, write_sweep

from bench.compare import KINDS, compare, open_sides
from bench.compare.documents import document, table
from bench.compare.overall import PENALTY, SHIFT_NS
from bench.compare.reasons import whole
from bench.doubt import Doubt
from bench.errors import ConfigError
from bench.report.html.answer import by_operation
from bench.report.verdicts import comparison_page
from bench.results import open_run, open_sweep
from bench.results.manifest import RunStatus
from bench.stats.histogram import RELATIVE_ERROR

BOTH = {"lookup": 1.3, "join": 1.3}


@pytest.fixture(scope="module")
def slowed(tmp_path_factory):
    """Five interleaved repetitions of a build and of another that is 10 % slower in one operation."""
    cells = ("before", {}), ("after", {"slower": {"join": 1.1}, "config": {"build": {"commit": "b"}}})
    return write_sweep(tmp_path_factory.mktemp("results") / "sweep", *cells, size=1_200, between_runs=0.008)


@pytest.fixture(scope="module")
def judged(slowed):
    return judge(open_sides([slowed]))


# ---- verdicts -------------------------------------------------------------------------------------------------------


def test_an_injected_10_percent_is_found_in_that_operation_only(judged):
    assert said(judged)["join"] == "slower"
    assert {name: verdict for name, verdict in said(judged).items() if name != "join"} == {
        "lookup": "equivalent",
        "report": "equivalent",
    }
    (join,) = [each for each in judged.verdicts if (each.operation, each.measure) == ("join", "p50")]
    assert join.low < 1.1 < join.high
    assert (join.runs, join.paired, join.candidate) == (5, True, "1_after")
    assert join.level == pytest.approx(1 - 0.05 / 6)  # the first of six claims
    assert "from 5 pairs of runs" in join.reason


def test_the_ratio_is_that_of_the_summaries(slowed, judged):
    sweep = open_sweep(slowed).groups()

    def logs(cell):
        rows = [run.table("summary").to_pylist() for run in sweep[cell]]
        return np.log([row["service_time_p50_ns"] for each in rows for row in each if row["operation"] == "join"])

    (join,) = [each for each in judged.verdicts if (each.operation, each.measure) == ("join", "p50")]
    assert join.ratio == pytest.approx(math.exp((logs("1_after") - logs("0_before")).mean()))
    assert join.baseline_value == pytest.approx(math.exp(logs("0_before").mean()))
    assert join.baseline_low < join.baseline_value < join.baseline_high


def test_the_effect_size_is_that_of_all_attempts(slowed, judged):
    (join,) = [each for each in judged.verdicts if (each.operation, each.measure) == ("join", "p50")]
    sweep, times = open_sweep(slowed).groups(), []
    for cell in ("0_before", "1_after"):
        parts = [run.samples().to_pandas() for run in sweep[cell]]
        times.append(np.concatenate([(each.end_ns - each.start_ns)[each.operation == "join"] for each in parts]))
    below = np.searchsorted(np.sort(times[1]), times[0], side="left").mean() / len(times[1])
    assert join.superiority_ratio == pytest.approx(below, abs=2 * RELATIVE_ERROR)
    assert (join.baseline_outliers, join.candidate_outliers) == (0, 0)


def test_a_sweep_against_itself_is_equivalent(slowed):
    sides = open_sides([slowed, slowed])
    found = judge(sides)
    assert set(said(found).values()) == {"equivalent"}
    assert {each.ratio for each in found.verdicts} == {1}
    assert all("the same runs stand on both sides" in each.reason for each in found.verdicts)


def test_a_run_against_itself_cannot_be_told(tmp_path):
    run = write_run(tmp_path / "run", size=1_000)
    found = judge(open_sides([run, run]))
    assert {each.verdict for each in found.verdicts} == {"cannot tell"}
    assert all(each.low < 1 < each.high and "one run on each side" in each.reason for each in found.verdicts)


def test_one_run_on_each_side_tells_only_what_no_run_would_do_by_chance(tmp_path):
    found = two(tmp_path, second={"slower": {"join": 1.12, "report": 2}}, measures=["p50"])
    assert said(found) == {"lookup": "cannot tell", "join": "cannot tell", "report": "slower"}


def test_runs_of_other_sweeps_are_not_paired(tmp_path):
    cell = ("cell", {})
    base = write_sweep(tmp_path / "monday", cell, size=60)
    cand = write_sweep(tmp_path / "tuesday", ("cell", {"slower": {"report": 1.5}}), size=60, seed=50)
    found = judge(open_sides([base, cand]), measures=["p50"])
    assert not any(each.paired for each in found.verdicts)
    assert said(found)["report"] == "slower"
    assert "not made in turn" in found.verdicts[0].reason
    assert {side.name for side in (found.baseline, *found.candidates)} == {"monday", "tuesday"}


def test_runs_of_a_block_that_were_far_apart_are_not_paired(tmp_path):
    cells = ("before", {}), ("after", {})
    sweep = write_sweep(tmp_path / "sweep", *cells, repetitions=3, size=60, order_kind="sequential")
    found = judge(open_sides([sweep], by="cell"), measures=["p50"])
    assert not any(each.paired for each in found.verdicts)
    assert "not made in turn" in found.verdicts[0].reason


def test_a_run_without_its_partner_is_left_out_and_counted(tmp_path):
    sweep = write_sweep(tmp_path / "sweep", ("before", {}), ("after", {}), repetitions=4, size=60)
    sides = open_sides([sweep], by="cell")
    (name, runs), *_ = sides.candidates.items()
    found = compare(sides.runs[sides.baseline], {name: runs[1:]}, measures=["p50"])
    assert {each.runs for each in found.verdicts} == {3}
    assert all("1 run without a partner" in each.reason for each in found.verdicts)


def test_a_small_difference_that_is_sure_carries_its_warning(tmp_path):
    cells = ("before", {}), ("after", {"slower": dict.fromkeys(OPERATIONS, 1.02)})
    sweep = write_sweep(tmp_path / "sweep", *cells, size=1_000, between_runs=0.0005)
    found = judge(open_sides([sweep], by="cell"), measures=["mean"], margin=0.1)
    assert {each.verdict for each in found.verdicts} == {"equivalent"}
    assert any(Doubt.SMALL_EFFECT in each.warnings for each in found.verdicts)
    assert "margin" in Doubt.SMALL_EFFECT.remedy


def test_of_the_throughput_more_is_better(tmp_path):
    found = two(tmp_path, second={"slower": dict.fromkeys(OPERATIONS, 0.5)}, measures=["mean", "throughput"])
    assert set(said(found, "throughput").values()) == set(said(found, "mean").values()) == {"faster"}
    throughput = [each for each in found.verdicts if each.measure == "throughput"]
    assert all(1 < each.low < each.ratio < each.high for each in throughput)
    assert [each.verdict for each in found.overall] == ["faster", "faster"]


def test_too_few_attempts_are_a_reason(tmp_path):
    found = two(tmp_path)
    p99 = [each for each in found.verdicts if each.measure == "p99"]
    assert all(each.verdict == "cannot tell" and "fewer than 1,000" in each.reason for each in p99)
    assert all(each.ratio is None for each in p99)


def test_without_samples_two_single_runs_cannot_be_told(tmp_path):
    first, second = (write_run(tmp_path / name, seed=seed, size=60) for seed, name in enumerate("ab"))
    shutil.rmtree(second / "samples")
    found = judge(open_sides([first, second]), measures=["p50"])
    assert all(each.verdict == "cannot tell" and "without the samples" in each.reason for each in found.verdicts)
    assert found.overall[0].ratio is None


# ---- objections -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "second", "reason"),
    [
        ("question", {"question": "other", "config": {"load": {"clients": 4}}}, "the questions differ in load.clients"),
        ("answers", {"digest": "other"}, "the answers differ"),
        ("answers", {"digest": None}, "were not checked"),
        ("data", {"fingerprint": "other"}, "different fingerprints"),
        ("data", {"run_warnings": ["data_drifted: 5 rows more"]}, "changed by the load"),
        ("data", {"warnings": ["data_drifted"]}, "changed by the load"),
        ("emulated", {"emulated": True}, "came from an emulator"),
        ("sql", {"sql": "other"}, "different SQL"),
        ("errors", {"failing": 0.1}, "of the attempts on the candidate failed"),
        ("client", {"warnings": [Doubt.CLIENT_LIMIT]}, "the client may have been the limit"),
        ("unfinished", {"status": RunStatus.FAILED}, "is failed: the engine went away"),
        ("unfinished", {"status": RunStatus.RUNNING}, "in progress, or was killed"),
    ],
)
def test_unlike_questions_are_refused_and_can_be_overlooked(tmp_path, kind, second, reason):
    assert kind in KINDS
    found = two(tmp_path / "refused", second=second, measures=["p50"])
    assert not found.whole
    assert {each.verdict for each in found.verdicts} == {"not comparable"}
    assert all(reason in each.reason and each.ratio is None for each in found.verdicts)
    assert [each.verdict for each in found.overall] == ["not comparable"]
    allowed = two(tmp_path / "allowed", second=second, measures=["p50"], allow=[kind])
    assert allowed.whole
    assert {each.verdict for each in allowed.verdicts} == {"cannot tell"}
    assert all("overlooked: " in whole(each) and f"({kind})" in whole(each) for each in allowed.verdicts)
    assert all(each.allowed for each in allowed.objections)


def test_other_backends_may_be_sent_other_sql(tmp_path):
    assert two(tmp_path, second={"backend": "engine_b", "sql": "other"}).whole


def test_an_unknown_kind_of_objection_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing is called 'questions'.*did you mean 'question'"):
        two(tmp_path, allow=["questions"])


# ---- in all ---------------------------------------------------------------------------------------------------------


def test_in_all_it_is_the_geometric_mean_of_shifted_ratios(tmp_path):
    found = two(tmp_path, second={"slower": BOTH}, measures=["p50"])
    ratios = [(each.candidate_value + SHIFT_NS) / (each.baseline_value + SHIFT_NS) for each in found.verdicts]
    (overall,) = found.overall
    assert overall.ratio == pytest.approx(math.prod(ratios) ** (1 / 3))
    assert (overall.operations, overall.shift_ns, overall.penalty_ratio) == (3, SHIFT_NS, None)


def test_where_all_can_be_told_and_no_operation_alone_it_is_said_why(tmp_path):
    """Three noisy pairs: three claims together need intervals 1.8 times as wide as one, and noise cancels in a mean."""
    cells = ("before", {}), ("after", {"slower": dict.fromkeys(OPERATIONS, 1.5), "config": {"build": "b"}})
    found = judge(open_sides([write_sweep(tmp_path, *cells, repetitions=3, between_runs=0.15)]), measures=["p50"])
    assert set(said(found).values()) == {"cannot tell"}
    (overall,) = found.overall
    assert overall.verdict == "slower"
    assert overall.remark.startswith("In all it is slower although no single operation can be told: that is one claim")
    assert "the 3 claims on single operations" in overall.remark
    assert overall.remark in comparison_page(found).lines
    assert any(overall.remark in text for text in by_operation({"points": found}))


def test_where_an_operation_is_told_nothing_is_remarked(judged):
    assert [each.remark for each in judged.overall] == ["", ""]


def test_what_was_not_answered_counts_with_a_penalty(tmp_path):
    base = open_run(write_run(tmp_path / "base", size=60))
    cand = open_run(write_run(tmp_path / "cand", seed=1, size=60, operations={"lookup": 2e5, "join": 3e6}))
    gone = open_run(write_run(tmp_path / "gone", seed=2, size=60, failing=1.0))
    (refused,) = compare([base], {"gone": [gone]}, measures=["p50"]).overall
    assert (refused.failed, refused.verdict) == (tuple(OPERATIONS), "not comparable")
    less = compare([base], {"cand": [cand]}, measures=["p50"], allow=["answers"])
    assert less.overall[0].left_out == ("report",)
    assert less.overall[0].penalty_ratio is None
    half = _half_failing(tmp_path / "half")
    found = compare([base], {"half": [half]}, measures=["p50"], allow=["errors"])
    (overall,) = found.overall
    worst = max(1.0, *(each.ratio for each in found.verdicts if each.ratio))
    assert overall.failed == ("join",)
    assert overall.penalty_ratio == pytest.approx(PENALTY * worst)
    ratios = [
        (each.candidate_value + SHIFT_NS) / (each.baseline_value + SHIFT_NS) for each in found.verdicts if each.ratio
    ]
    assert overall.ratio == pytest.approx((math.prod(ratios) * overall.penalty_ratio) ** (1 / 3))
    assert said(found)["join"] == "not comparable"


def _half_failing(directory):
    """A run of which one operation has no attempt that succeeded."""
    write_run(directory, seed=3, size=60)
    path = directory / "summary.parquet"
    rows = pq.read_table(path)
    import pyarrow as pa

    lost = [{**row, "errors": row["count"]} if row["operation"] == "join" else row for row in rows.to_pylist()]
    for row in lost:
        if row["operation"] == "join":
            row.update({name: None for name in row if name.startswith("service_time")})
    pq.write_table(pa.Table.from_pylist(lost, schema=rows.schema), path)
    return open_run(directory)


# ---- sides and cells ------------------------------------------------------------------------------------------------


def test_cells_of_one_sweep_are_told_apart_by_what_differs(tmp_path):
    cells = [
        (
            f"{backend}_{clients}",
            {"backend": backend, "config": {"load": {"clients": clients}}, "question": f"q{clients}"},
        )
        for backend in ("engine_a", "engine_b")
        for clients in (1, 8)
    ]
    sweep = write_sweep(tmp_path / "sweep", *cells, repetitions=1, size=30)
    found = judge(open_sides([sweep]), measures=["p50"])
    assert found.baseline.name == "engine_a"
    assert {each.cell for each in found.verdicts} == {"load.clients=1", "load.clients=8"}
    assert found.whole
    other = open_sides([sweep], by="load.clients", baseline="8")
    assert (list(other.candidates), other.by) == (["1"], "load.clients")
    refused = judge(other, measures=["p50"])
    assert {each.cell for each in refused.verdicts} == {"engine_a", "engine_b"}
    assert not refused.whole


def test_cells_of_one_side_only_are_named(tmp_path):
    one = write_sweep(
        tmp_path / "one", ("a", {"workload": "points"}), ("b", {"workload": "joins"}), repetitions=1, size=30
    )
    other = write_sweep(tmp_path / "other", ("a", {"workload": "points"}), repetitions=1, size=30, seed=7)
    found = judge(open_sides([one, other]), measures=["p50"])
    assert any("Left out of one, as other has no run of it: joins" in note for note in found.notes)
    assert {each.cell for each in found.verdicts} == {"points"}


def test_what_differs_is_told(judged, slowed):
    assert [(each.key, dict(each.values)) for each in judged.differences] == [
        ("build.commit", {"0_before": "–", "1_after": "b"})
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"by": "cel"}, "--by: no run has a key 'cel'; did you mean 'cell'"),
        ({"by": "backend"}, "have the same backend; they differ in build.commit"),
        ({"baseline": "1_afte"}, "--baseline: there is no side '1_afte'.*did you mean '1_after'"),
    ],
)
def test_an_unknown_side_is_refused(slowed, words, message):
    with pytest.raises(ConfigError, match=message):
        open_sides([slowed], **words)


def test_there_must_be_two_sides(tmp_path, slowed):
    run = write_run(tmp_path / "run", size=30)
    with pytest.raises(ConfigError, match="is one run; give a second directory"):
        open_sides([run])
    with pytest.raises(ConfigError, match="there is no directory"):
        open_sides([tmp_path / "none"])
    with pytest.raises(ConfigError, match="there are several directories"):
        open_sides([run, slowed], by="load.clients")


# ---- documents ------------------------------------------------------------------------------------------------------


def test_the_document_is_as_the_design_says(judged):
    found = json.loads(json.dumps(document(judged)))
    assert found["baseline"] == "0_before"
    assert len(found["verdicts"]) == 6
    for verdict in found["verdicts"]:
        assert {"operation", "verdict", "ratio", "low", "high", "reason"} <= set(verdict)
        assert verdict["verdict"] in {"faster", "slower", "equivalent", "cannot tell", "not comparable"}


def test_the_table_holds_what_the_document_holds(judged):
    rows, verdicts = table(judged).to_pylist(), json.loads(json.dumps(document(judged)))["verdicts"]
    assert [{key: row[key] for key in verdicts[0]} for row in rows] == verdicts
    assert {(row["baseline"], row["margin"]) for row in rows} == {("0_before", 0.05)}
