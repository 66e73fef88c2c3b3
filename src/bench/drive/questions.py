"""What one client asks: which operation, with which values, in which steps. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from bench import streams
from bench.model import ColumnRows, RenderedOperation, Row, Statement, Value

if TYPE_CHECKING:
    from bench.backends.in_flight import Messages
    from bench.drive.assignment import Assignment
    from bench.workload import Operation, Params, Workload

T = TypeVar("T")
Step: TypeAlias = tuple[int, Sequence[Value]]
Script: TypeAlias = Iterable[Step]
"""The steps of one run of an operation; a retry goes through them again."""
Encode: TypeAlias = Callable[[Statement, Sequence[Sequence[Value]]], Iterable[Sequence[Value]]]

Slice: TypeAlias = Sequence[Iterable[Sequence[Value]]]
"""The encoded values of some runs of an operation, statement by statement."""

BEGIN, COMMIT = -1, -2
"""Steps of a transaction, in the place of a statement's position: they stand at the end of a list of calls."""
SENT = -3
"""In that place: the step was sent already."""
SLICE = 512
"""Runs that are encoded at once: many enough to be cheap, few enough not to keep other clients of a loop waiting."""

PART = 32
"""The same, of runs whose values have to be encoded one by one."""


@dataclass(frozen=True, kw_only=True)
class Answering:
    """What the questions need of a session; it is asked anew each time, since sessions are replaced."""

    encode: Encode
    rows: Callable[[], Sequence[Row]]
    """The result of the last step, for workloads that look at it."""


class Questions:
    """The streams of one client; the first values of each are drawn and encoded when this is made."""

    def __init__(self, assignment: Assignment, client: int, answering: Answering, *, stocked: bool = False) -> None:
        workload, seed, lanes = assignment.workload, assignment.seed, assignment.load.clients

        def scripts(operation: Operation, rendered: RenderedOperation) -> Iterator[Script]:
            if workload.scripted:
                return chain.from_iterable(_scripts(rendered, one) for one in slices(operation, rendered))
            params = streams.parameters(operation, seed, lane=client, lanes=lanes)
            return (Thinking(workload, rendered, one, answering) for one in params)

        def slices(operation: Operation, rendered: RenderedOperation) -> Iterator[Slice]:
            drawn = streams.columns(operation, seed, lane=client, lanes=lanes)
            return _slices(drawn, rendered, answering.encode)

        order: Iterator[int] = repeat(0)
        if len(workload.asked) > 1:
            order = _primed(streams.order(workload, seed, lane=client, changes=assignment.load.mix(client, workload)))
        pairs = list(zip(workload.asked, assignment.operations, strict=True))
        self.stocks: Sequence[Stock] = []
        """By the position of the operation, if whole slices are asked for: its runs, written ahead."""
        if stocked:
            self.stocks = [Stock(rendered, slices(operation, rendered)) for operation, rendered in pairs]
            self.order = Order(order)
            self.next_operation = self.order.next_operation
        else:
            self.next_operation = order.__next__
        """Gives the position of the next operation in the client's own order."""
        given: Sequence[Iterator[Script]] = self.stocks or [
            _primed(scripts(operation, rendered)) for operation, rendered in pairs
        ]
        self.next_script: Sequence[Callable[[], Script]] = [stream.__next__ for stream in given]
        """By the position of the operation: gives its next run."""


class Order:
    """The order of a client's operations, so many at a time."""

    def __init__(self, order: Iterator[int]) -> None:
        self._order = order
        self.positions: Sequence[int] = ()
        self.at = 0
        """Which of them is next; may be set by whoever went on from there."""

    def renew(self) -> None:
        """Draw the next ones."""
        self.positions, self.at = list(islice(self._order, SLICE)), 0

    def next_operation(self) -> int:
        """Position of the next operation."""
        if self.at == len(self.positions):
            self.renew()
        self.at += 1
        return self.positions[self.at - 1]


class Stock(Iterator[Script]):
    """One client's runs of one operation, a slice of them written ahead at a time."""

    def __init__(self, operation: RenderedOperation, slices: Iterator[Slice]) -> None:
        self.operation = operation
        self._parts = chain.from_iterable(map(_parts, slices))
        self.renew()

    def renew(self) -> None:
        """Write the next ones."""
        self.values = next(self._parts)
        """Encoded, statement by statement."""
        self.row, self.rows = 0, len(self.values[0])
        """Which run is next, which may be set by whoever went on from there, and how many there are."""
        self._scripts: Sequence[Script] = ()
        self.written: Sequence[Messages] | None = None
        """The messages of each step, once somebody has had them written."""

    def script(self, row: int) -> Script:
        """The steps of one of the runs that are there."""
        self._scripts = self._scripts or list(_scripts(self.operation, self.values))
        return self._scripts[row]

    def __next__(self) -> Script:
        if self.row == self.rows:
            self.renew()
        self.row += 1
        return self.script(self.row - 1)


def _slices(
    blocks: Iterable[Mapping[str, Sequence[Value]]], operation: RenderedOperation, encode: Encode
) -> Iterator[Slice]:
    """Runs whose values follow from no answer: all is worked out, so that nothing is left while timed."""
    for drawn in blocks:
        rows = [
            ColumnRows([drawn[name] for name in statement.parameters], streams.BLOCK)
            for statement in operation.statements
        ]
        for first in range(0, streams.BLOCK, SLICE):
            yield [
                encode(statement, given[first : first + SLICE])
                for statement, given in zip(operation.statements, rows, strict=True)
            ]


def _parts(encoded: Slice) -> Iterator[Sequence[Sequence[Sequence[Value]]]]:
    """A slice as a whole, where all of it is there, or else a part at a time, since each run of it takes a while."""
    whole = [values for values in encoded if isinstance(values, Sequence)]
    if len(whole) == len(encoded):
        yield whole
        return
    given = [iter(values) for values in encoded]
    while (part := [list(islice(values, PART)) for values in given])[0]:
        yield part


def _scripts(operation: RenderedOperation, encoded: Slice) -> Iterator[Script]:
    """The runs of a slice, step by step."""
    steps: list[Iterable[Step]] = [zip(repeat(at), values, strict=False) for at, values in enumerate(encoded)]
    if operation.transactional:
        steps = [repeat((BEGIN, ())), *steps, repeat((COMMIT, ()))]
    return zip(*steps, strict=False)


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
