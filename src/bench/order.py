"""In which order the runs of a sweep are made, and what data each finds.

A block holds each cell once, so runs of one block lie close together in time and are pairs: what slows the machine for
a while slows them alike. Reversing every second block (A B B A) also cancels what grows or falls steadily, which plain
A B A B does not (Box, Hunter and Hunter, *Statistics for Experimenters*, 2nd ed. 2005, sections 3.2 and 4.1: block what
you can, randomise what you cannot; Kalibera and Jones, *Rigorous Benchmarking in Reasonable Time*, ISMM 2013).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Order: TypeAlias = Literal["interleaved", "shuffled", "sequential"]
"""`interleaved`: block after block, every second one in reverse; `shuffled`: block after block, each in an order of its
own; `sequential`: all repetitions of a cell, then those of the next, so what slows the machine falls on one cell."""

Reset: TypeAlias = Literal["reload", "keep"]
"""`reload`: data that a run has changed are loaded anew for the next that needs them; `keep`: they stay as they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Where one run stands in its sweep."""

    cell: int
    """Number of its cell in the order in which cells were declared, from 0."""
    repetition: int
    """Of its cell, from 0."""
    position: int
    """Running number among all runs of the sweep, from 0."""

    @property
    def block(self) -> int:
        """Runs of one block are pairs; each cell has one run in it."""
        return self.repetition


def turns(cells: int, *, repetitions: int, order: Order, seed: int) -> Iterator[Turn]:
    """The runs of a sweep, in the order in which they are to be made.

    Fewer repetitions give the beginning of the same blocks, so that some can be added later.

    Args:
        cells: How many there are.
        repetitions: Runs of each cell.
        order: See `Order`.
        seed: Decides how blocks are shuffled.

    Example:
        >>> [turn.cell for turn in turns(2, repetitions=3, order="interleaved", seed=42)]
        [0, 1, 1, 0, 0, 1]
        >>> [turn.cell for turn in turns(2, repetitions=2, order="sequential", seed=42)]
        [0, 0, 1, 1]
    """
    if order == "sequential":
        runs = [(cell, repetition) for cell in range(cells) for repetition in range(repetitions)]
    else:
        blocks = [(repetition, _block(cells, repetition, order, seed)) for repetition in range(repetitions)]
        runs = [(cell, repetition) for repetition, block in blocks for cell in block]
    for position, (cell, repetition) in enumerate(runs):
        yield Turn(cell=cell, repetition=repetition, position=position)


def folder_of(cell: str, repetition: int, repetitions: int) -> str:
    """The folder of a run below the sweep's directory; `repetitions` is how many its cell has."""
    return cell if repetitions == 1 else f"{cell}_r{repetition}"


def cell_of(folder: str, repetition: int) -> str:
    """The cell to which the run in a folder belongs."""
    return folder.removesuffix(f"_r{repetition}")


def _block(cells: int, number: int, order: Order, seed: int) -> Sequence[int]:
    if order == "interleaved":
        return range(cells)[::-1] if number % 2 else range(cells)
    from bench.randomness import generator

    return [int(cell) for cell in generator(seed, "order", number).permutation(cells)]
