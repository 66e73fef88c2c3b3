"""PostgreSQL's messages sent and received by compiled code: whole operations of many clients without the interpreter.

Compiled by numba when it is first used on a machine, and kept beside this file, or where `NUMBA_CACHE_DIR` says. It
does what `WireLine` does with usual answers, and leaves all others to it, without the lock of the interpreter.
Linux only: `epoll` and the names of the C library are its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import carray, njit, types
from numba.core.types import ExternalFunction
from numba.extending import intrinsic

from bench.backends.in_flight import EVENT_BYTES, EVENT_DATA_AT, Found, Reason, State

F = TypeVar("F", bound=Callable[..., object])

AWAY, FREE, UNDER_WAY = int(State.AWAY), int(State.FREE), int(State.UNDER_WAY)
LOOK, OTHER, FULL, ORDER = int(Reason.LOOK), int(Reason.OTHER), int(Reason.FULL), int(Reason.ORDER)
SLICE, UNPREPARED, OVER = int(Reason.SLICE), int(Reason.UNPREPARED), int(Reason.OVER)
ODD, UNSENT, CLOSED = int(Reason.ODD), int(Reason.UNSENT), int(Reason.CLOSED)
LANE, OPERATION, AT = int(Found.LANE), int(Found.OPERATION), int(Found.AT)
SIZE, SAMPLES = int(Found.SIZE), int(Found.SAMPLES)
EVENT, EVENTS, OTHERS = int(Found.EVENT), int(Found.EVENTS), int(Found.OTHERS)

FINE, MORE = 0, -1
"""Nothing to say, and: the answer is not here to its end."""
EAGAIN, EINTR = 11, 4
CLOCK_MONOTONIC = 1
NS_PER_MS, NS_PER_S = 1_000_000, 1_000_000_000
HEAD_BYTES, COMMIT_BYTES = 5, 7
BIND_COMPLETE, COMMAND_COMPLETE, DATA_ROW, READY = ord("2"), ord("C"), ord("D"), ord("Z")
NOTICE, PARAMETER_STATUS, NOTIFICATION, ROW_DESCRIPTION = ord("N"), ord("S"), ord("A"), ord("T")
ZERO, NINE = ord("0"), ord("9")

_write: Any = ExternalFunction("write", types.int64(types.int32, types.intp, types.int64))
_read: Any = ExternalFunction("read", types.int64(types.int32, types.intp, types.int64))
_epoll_wait: Any = ExternalFunction("epoll_wait", types.int32(types.int32, types.intp, types.int32, types.int32))
_clock_gettime: Any = ExternalFunction("clock_gettime", types.int32(types.int32, types.intp))
_errno_location: Any = ExternalFunction("__errno_location", types.intp())


def compiled(function: F) -> F:
    """The function in machine code, compiled when it is first called, and kept for later where that is possible."""
    try:
        return cast("F", njit(nogil=True, cache=True)(function))
    except RuntimeError:  # there is no directory where it could be kept
        return cast("F", njit(nogil=True)(function))


@intrinsic
def _pointer(_, address):  # type: ignore[no-untyped-def]  # called by the compiler only
    """An address as a pointer."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # as above
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.intp), generate


@compiled
def _now_ns(clock: np.ndarray) -> int:
    _clock_gettime(CLOCK_MONOTONIC, clock.ctypes.data)
    now_ns: int = clock[0] * NS_PER_S + clock[1]
    return now_ns


@compiled
def _errno() -> int:
    number: int = carray(_pointer(_errno_location()), (1,), np.int32)[0]
    return number


@compiled
def _head(lane: Any, committing: bool) -> int:
    """The head of a message is here; gives ODD when somebody else has to look at it."""
    lane.length -= 4
    kind = lane.kind
    if kind == DATA_ROW:
        lane.returned += 1
    elif kind == COMMAND_COMPLETE:
        lane.number = 0
        if committing and lane.length != COMMIT_BYTES:
            return ODD
    elif kind == READY:
        lane.complete = 1
    elif kind not in (BIND_COMPLETE, NOTICE, PARAMETER_STATUS, NOTIFICATION, ROW_DESCRIPTION):
        return ODD
    return FINE


@compiled
def _number(lane: Any, tag: np.ndarray) -> None:
    """The number at the end of a tag, of which this is a part."""
    for byte in tag:
        if ZERO <= byte <= NINE:
            lane.number = lane.number * 10 + np.int64(byte) - ZERO
        elif byte != 0:
            lane.number = 0


@compiled
def take(lane: Any, data: np.ndarray, size: int, committing: bool, found: np.ndarray) -> int:
    """Go through `size` bytes of an answer; gives FINE at its end, MORE, or ODD.

    Rows that are returned are counted; what a command says that it changed is the number at the end of its tag.
    """
    at = 0
    while at < size:
        if lane.head < HEAD_BYTES:
            byte = np.int64(data[at])
            at += 1
            if lane.head == 0:
                lane.kind, lane.length = byte, 0
            else:
                lane.length = (lane.length << 8) | byte
            lane.head += 1
            if lane.head < HEAD_BYTES:
                continue
            if _head(lane, committing) != FINE:
                found[AT] = at
                return ODD
        left = min(lane.length, size - at)
        if lane.kind == COMMAND_COMPLETE:
            _number(lane, data[at : at + left])
        at += left
        lane.length -= left
        if lane.length == 0:
            lane.head = 0
    lane.fresh = 0
    return FINE if lane.complete and lane.head == 0 else MORE


@compiled
def _send(lane: Any, step: Any) -> int:
    """Send a step of the operation that is under way."""
    row = lane.row * step.stride
    offsets = carray(_pointer(step.offsets), (row + 2,), np.int64)
    begin = offsets[row]
    size = offsets[row + 1] - begin
    lane.returned = lane.number = 0
    lane.head = lane.complete = 0
    lane.fresh = 1
    written = _write(lane.descriptor, step.messages + begin, size)
    if written == size:
        return FINE
    lane.written = max(written, 0)
    return UNSENT


@compiled
def _begin(  # noqa: PLR0917  # as compiled code has it
    lane: Any, operations: np.ndarray, stocks: np.ndarray, steps: np.ndarray, order: np.ndarray, clock: np.ndarray,
    found: np.ndarray,
) -> int:  # fmt: skip
    """Start a client's next operation."""
    if lane.free_ns >= lane.until_ns:
        return OVER
    if lane.turn == lane.turns:
        return ORDER
    position = order[lane.turn]
    stock = stocks[position]
    found[OPERATION] = position
    if stock.row == stock.rows:
        return SLICE
    if not stock.prepared:
        return UNPREPARED
    lane.turn += 1
    lane.operation, lane.row = position, stock.row
    stock.row += 1
    lane.step = operations[position].first
    lane.end = lane.step + operations[position].steps
    lane.rows = 0
    lane.state = UNDER_WAY
    lane.start_ns = _now_ns(clock)
    return _send(lane, steps[lane.step])


@compiled
def _answered(lane: Any) -> int:
    """A step has its answer; gives MORE when the operation has another one."""
    lane.rows += lane.returned if lane.returned else lane.number
    lane.step += 1
    return MORE if lane.step < lane.end else FINE


@compiled
def _keep(sample: Any, lane: Any, ok: int, end_ns: int) -> None:
    """The operation is over: its sample is written, and the client free."""
    sample.client, sample.operation, sample.attempt = lane.client, lane.operation, 0
    sample.status, sample.error, sample.rows = ok, -1, lane.rows
    sample.intended_start_ns, sample.ready_ns = lane.free_ns, lane.free_ns
    sample.start_ns, sample.end_ns = lane.start_ns, end_ns
    lane.free_ns, lane.state = end_ns, FREE


@compiled
def serve(  # noqa: C901, PLR0911, PLR0912, PLR0917  # the loop itself: what it decides belongs together
    epoll: int, samples: np.ndarray, ok: int, until_ns: int, rounding_ms: int,
    lanes: np.ndarray, operations: np.ndarray, stocks: np.ndarray, steps: np.ndarray, orders: np.ndarray,
    lane_of: np.ndarray, events: np.ndarray, data: np.ndarray, clock: np.ndarray, found: np.ndarray,
) -> int:  # fmt: skip
    """See `in_flight.Serve`."""
    for place in range(len(lanes)):
        if lanes[place].state == FREE:
            found[LANE] = place
            reason = _begin(lanes[place], operations, stocks[place], steps[place], orders[place], clock, found)
            if reason != FINE:
                return reason
    capacity, most = len(samples), len(events) // EVENT_BYTES
    now_ns = _now_ns(clock)
    while True:
        handled = False
        while found[EVENT] < found[EVENTS]:
            if found[SAMPLES] == capacity:
                return FULL
            at = EVENT_BYTES * found[EVENT] + EVENT_DATA_AT
            found[EVENT] += 1
            descriptor = np.int64(events[at]) | np.int64(events[at + 1]) << 8 | np.int64(events[at + 2]) << 16
            place = lane_of[descriptor] if descriptor < len(lane_of) else -1
            if place < 0:
                found[OTHERS] += 1
                continue
            lane = lanes[place]
            found[LANE] = place
            size = _read(lane.descriptor, data.ctypes.data, len(data))
            if size <= 0:
                if size < 0 and _errno() in (EAGAIN, EINTR):
                    continue
                return CLOSED
            taken = take(lane, data, size, steps[place, lane.step].ends_transaction != 0, found)
            if taken == MORE:
                continue
            if taken == ODD:
                found[SIZE] = size
                return ODD
            now_ns, handled = _now_ns(clock), True
            if _answered(lane) == FINE:
                _keep(samples[found[SAMPLES]], lane, ok, now_ns)
                found[SAMPLES] += 1
                reason = _begin(lane, operations, stocks[place], steps[place], orders[place], clock, found)
            else:
                reason = _send(lane, steps[place, lane.step])
            if reason != FINE:
                return reason
        others = found[OTHERS]
        found[EVENT] = found[EVENTS] = found[OTHERS] = 0
        if others:
            return OTHER
        if not handled:
            now_ns = _now_ns(clock)
        if now_ns >= until_ns:
            return LOOK
        wait_ms = (until_ns - now_ns) // NS_PER_MS + rounding_ms
        found[EVENTS] = max(0, _epoll_wait(epoll, events.ctypes.data, most, wait_ms))
