"""What one client asks: which operation, with which values, in which steps. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from bench import streams
from bench.model import RenderedOperation, Row, Statement, Value

if TYPE_CHECKING:
    from bench.drive.assignment import Assignment
    from bench.workload import Operation, Params, Workload

T = TypeVar("T")
Step: TypeAlias = tuple[int, Sequence[Value]]
Script: TypeAlias = Iterable[Step]
"""The steps of one run of an operation; a retry goes through them again."""
Encode: TypeAlias = Callable[[Statement, Sequence[Sequence[Value]]], Iterable[Sequence[Value]]]

BEGIN, COMMIT = -1, -2
"""Steps of a transaction, in the place of a statement's position: they stand at the end of a list of calls."""
SLICE = 512
"""Runs that are encoded at once: many enough to be cheap, few enough not to keep other clients of a loop waiting."""


@dataclass(frozen=True, kw_only=True)
class Answering:
    """What the questions need of a session; it is asked anew each time, since sessions are replaced."""

    encode: Encode
    rows: Callable[[], Sequence[Row]]
    """The result of the last step, for workloads that look at it."""


class Questions:
    """The streams of one client; the first values of each are drawn and encoded when this is made."""

    def __init__(self, assignment: Assignment, client: int, answering: Answering) -> None:
        workload, seed, lanes = assignment.workload, assignment.seed, assignment.load.clients

        def scripts(operation: Operation, rendered: RenderedOperation) -> Iterator[Script]:
            if workload.scripted:
                drawn = streams.columns(operation, seed, lane=client, lanes=lanes)
                return _written(drawn, rendered, answering.encode)
            params = streams.parameters(operation, seed, lane=client, lanes=lanes)
            return (Thinking(workload, rendered, one, answering) for one in params)

        pairs = zip(workload.asked, assignment.operations, strict=True)
        streams_of_scripts = [_primed(scripts(operation, rendered)) for operation, rendered in pairs]
        order: Iterator[int] = repeat(0)
        if len(workload.asked) > 1:
            order = _primed(streams.order(workload, seed, lane=client, changes=assignment.load.mix(client, workload)))
        self.next_operation = order.__next__
        """Gives the position of the next operation in the client's own order."""
        self.next_script: Sequence[Callable[[], Script]] = [stream.__next__ for stream in streams_of_scripts]
        """By the position of the operation: gives its next run."""


def _written(
    blocks: Iterable[Mapping[str, Sequence[Value]]], operation: RenderedOperation, encode: Encode
) -> Iterator[Script]:
    """Runs whose steps follow from their parameters alone: all is worked out, so that nothing is left while timed."""
    for drawn in blocks:
        rows = [_rows(statement, drawn) for statement in operation.statements]
        for first in range(0, len(rows[0]), SLICE):
            steps: list[Iterable[Step]] = [
                zip(repeat(at), encode(statement, rows[at][first : first + SLICE]), strict=False)
                for at, statement in enumerate(operation.statements)
            ]
            if operation.transactional:
                steps = [repeat((BEGIN, ())), *steps, repeat((COMMIT, ()))]
            yield from zip(*steps, strict=False)


def _rows(statement: Statement, drawn: Mapping[str, Sequence[Value]]) -> list[tuple[Value, ...]]:
    """The values of a statement in its driver's order, for each run of a block."""
    if not statement.parameters:
        return [()] * streams.BLOCK
    return list(zip(*(drawn[name] for name in statement.parameters), strict=True))


class Thinking:
    """A run of a workload with logic of its own: each step is known, and encoded, when the last is answered."""

    def __init__(self, workload: Workload, operation: RenderedOperation, params: Params, answering: Answering) -> None:
        self._workload = workload
        self._operation = operation
        self._params = params
        self._answering = answering

    def __iter__(self) -> Iterator[Step]:
        operation, answering = self._operation, self._answering
        if operation.transactional:
            yield BEGIN, ()
        steps = self._workload.steps(operation, self._params)
        try:
            at, values = next(steps)
            while True:
                (encoded,) = answering.encode(operation.statements[at], [values])
                yield at, encoded
                at, values = steps.send(answering.rows())
        except StopIteration:
            pass
        if operation.transactional:
            yield COMMIT, ()


def _primed(stream: Iterator[T]) -> Iterator[T]:
    """The same stream with its first item already drawn."""
    return chain([next(stream)], stream)
