"""The readiness loop whose clients start an operation whenever they are free: compiled code runs whole operations.

The interpreter is asked when another answer than the usual comes, when runs that were written ahead are used up, and
fifty times a second to see whether the load is over.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.backends.in_flight import (
    EVENT_BYTES,
    LANE,
    OPERATION,
    STEP,
    STOCK,
    Found,
    InFlight,
    Messages,
    Reason,
    State,
)
from bench.drive.client import IDLE
from bench.drive.lane import COMPILED, Begun
from bench.drive.questions import COMMIT, SENT, SLICE
from bench.drive.readiness import ReadinessLoop
from bench.record import FIELDS, STATUS_OK

if TYPE_CHECKING:
    from bench.backends.in_flight import Serve
    from bench.backends.line import Line
    from bench.drive.lane import Lane, Wait
    from bench.record import Recorder

EVENTS = 256
"""So many are asked for at a time."""
MOST_DESCRIPTORS = 2**20
RECEIVED_BYTES = 65_536
"""Read at a time."""
SAMPLE = np.dtype(list(FIELDS.items()))


class CompiledLoop(ReadinessLoop):
    """Leaves those of its clients to compiled code that have nothing else to do than to ask."""

    def __init__(
        self, lanes: Sequence[Lane], recorder: Recorder, serve: Serve, *, pace: Literal["sleep", "spin"]
    ) -> None:
        super().__init__(lanes, pace=pace)
        self._recorder, self._run = recorder, serve
        self._places = {lane: place for place, lane in enumerate(lanes)}
        self._operations = lanes[0].client.operations
        steps = [len(operation.statements) + 2 * operation.transactional for operation in self._operations]
        self.in_flight = _arrays(len(lanes), steps)
        self._sessions: list[object] = [None] * len(lanes)
        """The line for whose session the client's messages were found prepared."""
        self._transactions: dict[int, tuple[Messages, Messages]] = {}
        """`BEGIN` and `COMMIT` of operations, which are the same for all clients."""
        self._active = 0
        """How many clients it looks after at present."""

    # ---- who comes, and who leaves

    def _arrange(self, lane: Lane, wait: Wait) -> None:
        if wait != COMPILED:
            super()._arrange(lane, wait)
            return
        lane.elsewhere = True
        if lane.unheard:
            self.watch(lane)
        place, client = self._places[lane], lane.client
        row = self.in_flight.lanes[place]
        row["descriptor"], row["client"], row["state"] = lane.descriptor, client.number, State.FREE
        row["until_ns"], row["free_ns"] = client.prompt_until_ns, lane.free_ns
        self.in_flight.lane_of[lane.descriptor] = place
        self._order(place)
        again, self._sessions[place] = self._sessions[place] is client.line, client.line
        for state, stock in zip(self.in_flight.stocks[place], client.questions.stocks, strict=True):
            state["row"], state["rows"] = stock.row, stock.rows
            state["prepared"] = again and stock.written is not None
        self._active += 1

    def _give_back(self, place: int, begun: Begun | None = None, *, at_once: bool = False) -> None:
        """Let a client go on by itself, with an operation that is under way, or none."""
        lane, row = self._lanes[place], self.in_flight.lanes[place]
        row["state"] = State.AWAY
        self.in_flight.lane_of[lane.descriptor] = -1
        self._active -= 1
        questions = lane.client.questions
        questions.order.at, lane.free_ns = int(row["turn"]), int(row["free_ns"])
        for stock, state in zip(questions.stocks, self.in_flight.stocks[place], strict=True):
            stock.row = int(state["row"])
        self._resume(lane, begun)
        if at_once:
            self._resume(lane, None)

    def _begun(self, place: int, *, unsent: bytes = b"", received: bytes = b"") -> Begun:
        """The operation that a client has under way, with what is left of its message, or has come of its answer."""
        lane, row = self._lanes[place], self.in_flight.lanes[place]
        position = int(row["operation"])
        script = list(lane.client.questions.stocks[position].script(int(row["row"])))
        step = int(row["step"] - self.in_flight.operations[position]["first"])
        ends_transaction = script[step][0] == COMMIT
        at = int(self.in_flight.found[Found.AT])
        lane.client.line.take_up(row, ends_transaction=ends_transaction, unsent=unsent, received=received, at=at)
        steps = [(SENT, ()), *script[step + 1 :]]
        return Begun(position, script, steps, int(row["start_ns"]), int(row["rows"]))

    def _unexpected(self, descriptor: int, lane: Lane | None) -> None:
        """A client may have come to compiled code meanwhile, which hears of the event itself."""
        if lane is None or self.in_flight.lanes[self._places[lane]]["state"] == State.AWAY:
            super()._unexpected(descriptor, lane)

    # ---- what compiled code asks for

    def _order(self, place: int, *, renew: bool = False) -> None:
        order, several = self._lanes[place].client.questions.order, len(self._operations) > 1
        if (renew and several) or not order.positions:
            order.renew()
        row = self.in_flight.lanes[place]
        row["turn"], row["turns"] = order.at if several else 0, len(order.positions)
        if several:
            self.in_flight.orders[place, : len(order.positions)] = order.positions

    def _renew(self, place: int, position: int) -> None:
        """Have the client's next runs of an operation written."""
        stock = self._lanes[place].client.questions.stocks[position]
        stock.renew()
        state = self.in_flight.stocks[place, position]
        state["row"], state["rows"], state["prepared"] = stock.row, stock.rows, False
        self._write(place, position)

    def _write(self, place: int, position: int) -> bool:
        """Tell where the messages of an operation's runs are; False: something else has to be sent before."""
        client, operation = self._lanes[place].client, self._operations[position]
        stock = client.questions.stocks[position]
        given = [
            client.line.written(statement, values)
            for statement, values in zip(operation.statements, stock.values, strict=True)
        ]
        steps = [one for one in given if one is not None]
        if len(steps) < len(given):
            return False
        if operation.transactional:
            begin, commit = self._transaction(position, client.line)
            steps = [begin, *steps, commit]
        first = int(self.in_flight.operations[position]["first"])
        for step, messages in enumerate(steps, first):
            self.in_flight.steps[place, step] = (
                messages.data.ctypes.data,
                messages.offsets.ctypes.data,
                len(messages.offsets) > 2,
                operation.transactional and messages is steps[-1],
            )
        stock.written = steps
        self.in_flight.stocks[place, position]["prepared"] = True
        return True

    def _transaction(self, position: int, line: Line) -> tuple[Messages, Messages]:
        if position not in self._transactions:
            begin, commit = line.transaction(self._operations[position].isolation)
            self._transactions[position] = Messages.joined([begin]), Messages.joined([commit])
        return self._transactions[position]

    # ---- the loop

    def _events(self) -> Sequence[tuple[int, int]]:
        """Run compiled code until something else happens, and give what has happened to the other clients."""
        if not self._active:
            return super()._events()
        self._serve_compiled()
        self._start_due(time.monotonic_ns())
        lane_of = self.in_flight.lane_of
        return [event for event in self._epoll.poll(0, len(self._by_descriptor) + 1) if lane_of[event[0]] < 0]

    def _serve_compiled(self) -> None:
        found, recorder, epoll = self.in_flight.found, self._recorder, self._epoll.fileno()
        while self._active:
            until_ns, rounding_ms = self._look_at_ns, 1
            if self._due:
                until_ns, rounding_ms = min(until_ns, self._due[0][0]), 0
            memory, found[Found.SAMPLES] = recorder.memory()
            samples = np.frombuffer(memory, SAMPLE)
            reason = self._run(epoll, samples, STATUS_OK, until_ns, rounding_ms, *self.in_flight)
            recorder.written(int(found[Found.SAMPLES]), time.monotonic_ns())
            if reason in {Reason.LOOK, Reason.OTHER}:
                return
            self._help(Reason(reason), int(found[Found.LANE]))

    def _help(self, reason: Reason, place: int) -> None:
        """Do what compiled code came back for."""
        found = self.in_flight.found
        position = int(found[Found.OPERATION])
        if reason is Reason.ORDER:
            self._order(place, renew=True)
        elif reason is Reason.SLICE:
            self._renew(place, position)
        elif reason is Reason.OVER or (reason is Reason.UNPREPARED and not self._write(place, position)):
            self._give_back(place)
        elif reason is Reason.ODD:
            received = self.in_flight.data[: int(found[Found.SIZE])].tobytes()
            self._give_back(place, self._begun(place, received=received), at_once=True)
        elif reason is Reason.UNSENT:
            self._give_back(place, self._begun(place, unsent=self._unsent(place)))
        elif reason is Reason.CLOSED:
            self._give_back(place, self._begun(place))

    def _unsent(self, place: int) -> bytes:
        """What could not be written."""
        row = self.in_flight.lanes[place]
        position = int(row["operation"])
        written = self._lanes[place].client.questions.stocks[position].written
        assert written is not None  # it was sent
        step = int(row["step"] - self.in_flight.operations[position]["first"])
        stride = int(self.in_flight.steps[place, row["step"]]["stride"])
        return written[step].message(int(row["row"]) * stride)[int(row["written"]) :]

    def _look(self, now_ns: int) -> None:
        """Compiled code gives a client back when that is to stop, or what it had under way was cancelled."""
        for row, lane in zip(self.in_flight.lanes, self._lanes, strict=True):
            if row["state"] == State.UNDER_WAY:
                lane.client.deadline_ns = int(row["start_ns"]) + lane.client.timeouts_ns[row["operation"]]
            elif row["state"] == State.FREE:
                lane.client.deadline_ns = IDLE
        super()._look(now_ns)
        for row, lane in zip(self.in_flight.lanes, self._lanes, strict=True):
            if row["state"] != State.AWAY and (lane.client.stopped or lane.client.cancelled):
                row["until_ns"] = 0


def make_ready(serve: Serve) -> None:
    """Have the code compiled, or read where it was kept, before anything is timed."""
    serve(-1, np.frombuffer(bytearray(SAMPLE.itemsize), SAMPLE), STATUS_OK, 0, 0, *_arrays(1, [1]))


def _arrays(clients: int, steps: Sequence[int]) -> InFlight:
    """All arrays for so many clients, and operations of so many steps."""
    operations = np.zeros(len(steps), list(OPERATION.items()))
    operations["first"], operations["steps"] = np.cumsum([0, *steps])[:-1], steps
    return InFlight(
        lanes=np.zeros(clients, list(LANE.items())),
        operations=operations,
        stocks=np.zeros((clients, len(steps)), list(STOCK.items())),
        steps=np.zeros((clients, sum(steps)), list(STEP.items())),
        orders=np.zeros((clients, SLICE), np.int32),
        lane_of=np.full(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], MOST_DESCRIPTORS), -1, np.int32),
        events=np.zeros(EVENTS * EVENT_BYTES, np.uint8),
        data=np.zeros(RECEIVED_BYTES, np.uint8),
        clock=np.zeros(2, np.int64),
        found=np.zeros(len(Found), np.int64),
    )
