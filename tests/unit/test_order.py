"""In which order the runs of a sweep are made."""

from collections import Counter
from itertools import groupby

import pytest

from bench.order import cell_of, folder_of, turns


def cells_of(cells, repetitions, order="interleaved", seed=42):
    return [turn.cell for turn in turns(cells, repetitions=repetitions, order=order, seed=seed)]


def test_every_second_block_is_reversed():
    assert cells_of(2, 4) == [0, 1, 1, 0, 0, 1, 1, 0]
    assert cells_of(3, 2) == [0, 1, 2, 2, 1, 0]


def test_a_steady_drift_cancels_over_two_blocks():
    """The mean position of each cell is the same."""
    found = [(turn.cell, turn.position) for turn in turns(5, repetitions=4, order="interleaved", seed=1)]
    assert {sum(position for cell, position in found if cell == one) for one in range(5)} == {4 * 19 / 2}


def test_sequential_ends_one_cell_before_the_next():
    assert cells_of(2, 3, "sequential") == [0, 0, 0, 1, 1, 1]


def test_shuffled_blocks_hold_each_cell_once_and_follow_the_seed():
    found = list(turns(4, repetitions=20, order="shuffled", seed=7))
    blocks = {block: [turn.cell for turn in run] for block, run in groupby(found, key=lambda turn: turn.block)}
    assert list(blocks) == list(range(20))
    assert all(sorted(block) == [0, 1, 2, 3] for block in blocks.values())
    assert len({tuple(block) for block in blocks.values()}) > 5
    assert cells_of(4, 20, "shuffled", 7) == [turn.cell for turn in found]
    assert cells_of(4, 20, "shuffled", 8) != [turn.cell for turn in found]


@pytest.mark.parametrize("order", ["interleaved", "shuffled", "sequential"])
def test_each_cell_is_run_as_often_as_it_is_asked_for(order):
    found = list(turns(3, repetitions=5, order=order, seed=42))
    assert Counter((turn.cell, turn.repetition) for turn in found) == Counter(
        (cell, repetition) for cell in range(3) for repetition in range(5)
    )
    assert [turn.position for turn in found] == list(range(15))


@pytest.mark.parametrize("order", ["interleaved", "shuffled"])
def test_more_repetitions_begin_as_fewer_do(order):
    assert cells_of(3, 5, order)[:6] == cells_of(3, 2, order)


def test_folders():
    assert [folder_of("0_a", repetition, 2) for repetition in (0, 1)] == ["0_a_r0", "0_a_r1"]
    assert folder_of("0_a", 0, 1) == "0_a"
    assert (cell_of("0_a_r1", 1), cell_of("0_a", 0), cell_of("0_a_r0", 0)) == ("0_a", "0_a", "0_a")
