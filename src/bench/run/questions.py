"""What one client asks: which operation, with which values, in which steps. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from bench import streams
from bench.model import Value
from bench.workload import Steps

if TYPE_CHECKING:
    from bench.model import RenderedOperation, Statement
    from bench.run.assignment import Assignment
    from bench.workload import Params

T = TypeVar("T")
Step: TypeAlias = tuple[int, Sequence[Value]]
Encode: TypeAlias = "Callable[[Statement, Sequence[Value]], Sequence[Value]]"
Script: TypeAlias = Callable[[], Steps]
"""Gives the steps of one attempt anew each time, so that a retry asks the same."""

BEGIN, COMMIT = -1, -2
"""Steps of a transaction, in the place of a statement's position: they stand at the end of a list of calls."""


class Questions:
    """The streams of one client; the first block of each is drawn when this is made."""

    def __init__(self, assignment: Assignment, client: int) -> None:
        workload, seed, lanes = assignment.workload, assignment.seed, assignment.load.clients
        self._workload = workload
        self._operations = assignment.operations
        self._params: list[Iterator[Params]] = [
            _primed(streams.parameters(operation, seed, lane=client, lanes=lanes)) for operation in workload.asked
        ]
        self._order = _primed(streams.order(workload, seed, lane=client))

    def next_operation(self) -> int:
        """Position of the next operation in the client's own order."""
        return next(self._order)

    def next_script(self, position: int, encode: Encode) -> Script:
        """The next run of an operation.

        Where its steps do not depend on what is answered they are worked out and encoded here, so that nothing is left
        to do while it is timed.
        """
        operation, params = self._operations[position], next(self._params[position])
        if not self._workload.scripted:
            return lambda: _thinking(self._workload.steps(operation, params), operation, encode)
        statements = operation.statements
        steps: list[Step] = [
            (at, encode(statements[at], values)) for at, values in self._workload.steps(operation, params)
        ]
        if operation.transactional:
            steps = [(BEGIN, ()), *steps, (COMMIT, ())]
        return lambda: _replayed(steps)


def _replayed(steps: Sequence[Step]) -> Steps:
    for step in steps:  # noqa: UP028  # `yield from` would send the answers on to a list's iterator, which takes none
        yield step


def _thinking(steps: Steps, operation: RenderedOperation, encode: Encode) -> Steps:
    """The steps of a workload with logic of its own, each encoded when it is known."""
    if operation.transactional:
        yield BEGIN, ()
    try:
        at, values = next(steps)
        while True:
            rows = yield at, encode(operation.statements[at], values)
            at, values = steps.send(rows)
    except StopIteration:
        pass
    if operation.transactional:
        yield COMMIT, ()


def _primed(stream: Iterator[T]) -> Iterator[T]:
    """The same stream with its first item already drawn."""
    return chain([next(stream)], stream)
