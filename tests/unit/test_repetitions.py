"""Repetitions from the command line to the folders of a sweep, and how a sweep is completed or extended later."""

import shutil
from pathlib import Path

import pytest

from bench.cell import CellOutcome
from bench.commands.repetitions import complete, extend, planned
from bench.commands.resume import recompose
from bench.config import Sources, compose, read_request, run
from bench.errors import ConfigError
from bench.order import Turn
from bench.plan import make_plan
from bench.results import read_ledger, states

SOURCES = Sources(main=Path(__file__).resolve().parents[2] / "conf")
NULL = ["backend=null", "dataset=tiny", "workload=points", "outputs=here"]


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make a sweep whose runs do nothing; gives its directory and the configurations in the order of the runs."""
    monkeypatch.chdir(tmp_path)

    def making(*words, multirun=True):
        ran = []

        def task(config, directory):
            ran.append((directory.name, config))
            return CellOutcome(status="done", message="", run_id="x")

        return run([*NULL, *words], SOURCES, task, check=make_plan, multirun=multirun), ran

    return making


def names_of(sweep):
    return list(states(read_ledger(sweep)))


def test_two_cells_are_run_in_paired_blocks(make):
    sweep, ran = make("load=quick,single", "repetitions=3")
    quick, single = "0_null_tiny_points_quick", "1_null_tiny_points_single"
    assert [name for name, _ in ran] == [
        f"{quick}_r0", f"{single}_r0", f"{single}_r1", f"{quick}_r1", f"{quick}_r2", f"{single}_r2"
    ]  # fmt: skip
    assert names_of(sweep) == [name for name, _ in ran]
    assert [config.turn.position for _, config in ran] == list(range(6))
    assert [config.turn.block for _, config in ran] == [0, 0, 1, 1, 2, 2]
    assert len({config.config_hash for _, config in ran}) == 2


def test_a_single_run_with_repetitions_becomes_a_sweep(make):
    sweep, ran = make("load=quick", "repetitions=2", multirun=False)
    assert [name for name, _ in ran] == [f"0_null_tiny_points_quick_r{number}" for number in (0, 1)]
    assert planned(sweep) == 2


def test_a_sweep_without_repetitions_is_as_it_was(make):
    _, ran = make("load=quick,single")
    assert [name for name, _ in ran] == ["0_null_tiny_points_quick", "1_null_tiny_points_single"]
    assert [config.turn for _, config in ran] == [
        Turn(cell=0, repetition=0, position=0), Turn(cell=1, repetition=0, position=1)
    ]  # fmt: skip


def test_the_order_can_be_chosen(make):
    _, ran = make("load=quick,single", "repetitions=2", "order=sequential")
    assert [config.turn.cell for _, config in ran] == [0, 0, 1, 1]
    _, ran = make("load=quick,single,closed", "repetitions=4", "order=shuffled", "seed=3")
    assert [sorted(config.turn.cell for _, config in ran[at : at + 3]) for at in range(0, 12, 3)] == [[0, 1, 2]] * 4


def test_repetitions_change_no_question():
    (once,), (often,) = compose(NULL, SOURCES), compose([*NULL, "repetitions=5", "order=shuffled"], SOURCES)
    assert once.config_hash == often.config_hash
    assert compose([*NULL, "reset=keep"], SOURCES)[0].config_hash != once.config_hash


@pytest.mark.parametrize(
    ("words", "multirun", "reason"),
    [
        (["repetitions=0"], False, "repetitions: 0 is too small"),
        (["repetitions=2.5"], False, "repetitions: "),
        (["repetitions=1,2"], True, "repetitions: takes one value for the whole sweep, not 1 and 2"),
        (["order=random"], False, "order: "),
        (["order=shuffled,interleaved", "repetitions=2"], True, "order: takes one value for the whole sweep"),
        (["reset=never"], False, "reset: "),
        (["repetitions=2", "load=quick,single"], False, "-m"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_run(words, multirun, reason):
    with pytest.raises(ConfigError) as raised:
        compose([*NULL, *words], SOURCES, multirun=multirun)
    assert reason in str(raised.value)


def test_existing_data_that_change_are_not_ours_to_reload():
    words = ["backend=duckdb", "dataset=existing", "dataset.allow_writes=true", "workload=points", "repetitions=2"]
    (config,) = compose(words, SOURCES)
    with pytest.raises(ConfigError, match="reset: 'points' changes data that are not ours to load anew"):
        make_plan(config)
    (kept,) = compose([*words, "reset=keep"], SOURCES)
    assert kept.keeps
    assert not make_plan(kept).read_only


def test_more_repetitions_are_planned_behind_those_that_there_are(make):
    sweep, _ = make("load=quick,single", "repetitions=2")
    before = names_of(sweep)
    extend(sweep, 4)
    quick, single = "0_null_tiny_points_quick", "1_null_tiny_points_single"
    assert names_of(sweep) == [*before, f"{quick}_r2", f"{single}_r2", f"{single}_r3", f"{quick}_r3"]
    assert planned(sweep) == 4
    config, _ = recompose(sweep / f"{single}_r3")
    assert config.turn == Turn(cell=1, repetition=3, position=6)
    extend(sweep, 4)
    assert len(names_of(sweep)) == 8
    with pytest.raises(ConfigError, match="repetitions: 3 is less than the 4 of this sweep"):
        extend(sweep, 3)


def test_a_sweep_of_single_runs_can_be_repeated_later(make):
    sweep, _ = make("load=quick,single", "order=shuffled")
    extend(sweep, 2)
    assert planned(sweep) == 2
    assert {name.rpartition("_")[2] for name in names_of(sweep)[2:]} == {"r1"}


def test_a_run_whose_folder_was_removed_is_laid_down_again(make):
    sweep, _ = make("load=quick,single", "repetitions=2")
    gone = sweep / "1_null_tiny_points_single_r1"
    kept = read_request(gone)
    shutil.rmtree(gone)
    complete(sweep)
    assert read_request(gone) == kept
