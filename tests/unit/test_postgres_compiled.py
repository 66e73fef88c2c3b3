"""What compiled code makes of answers, in pieces of any size: the same as the interpreter, or it leaves them to it."""

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_postgres_messages import BOUND, NOTICE, READY, REFUSED, done, message, row

from bench.backends import postgres_messages as messages
from bench.backends.in_flight import LANE, Found, Messages
from bench.backends.postgres_compiled import FINE, MORE, ODD, compiled, take
from bench.backends.postgres_wire_line import WireLine

TAGS = st.sampled_from(
    [b"SELECT 1", b"SELECT 0", b"INSERT 0 3", b"UPDATE 12", b"BEGIN", b"COMMIT", b"EXPLAIN", b"SHOW"]
)
BODIES = st.lists(st.binary(max_size=40), max_size=3)
BESIDE = st.sampled_from([b"", NOTICE, message(b"S", b"TimeZone\0UTC\0"), message(b"A", b"\0\0\0\1channel\0said\0")])


def received(pieces, *, committing=False):
    """(lane, what each piece has led to, the piece after which the answer is odd and how far that was read)."""
    lane = np.zeros(1, list(LANE.items()))[0]
    lane["fresh"] = 1
    found, led_to = np.zeros(len(Found), np.int64), []
    for piece in pieces:
        data = np.zeros(64, np.uint8) if len(piece) < 64 else np.zeros(len(piece), np.uint8)
        data[: len(piece)] = np.frombuffer(piece, np.uint8)
        led_to.append(take(lane, data, len(piece), committing, found))
        if led_to[-1] == ODD:
            break
    return lane, led_to, int(found[Found.AT])


def cut(data, places):
    edges = [0, *sorted({place % len(data) for place in places} - {0}), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


@settings(deadline=None)
@given(BODIES, TAGS, BESIDE, st.lists(st.integers(1, 10_000), max_size=6))
def test_rows_are_those_that_the_interpreter_counts(bodies, tag, beside, places):
    answer = BOUND + b"".join(row(body) for body in bodies) + beside + done(tag) + READY
    lane, led_to, _ = received(cut(answer, places))
    assert led_to[-1] == FINE
    assert set(led_to[:-1]) <= {MORE}
    assert (lane["returned"] or lane["number"]) == messages.Incoming().take(answer).rows


@settings(deadline=None)
@given(BODIES, st.lists(st.integers(1, 10_000), max_size=6))
def test_an_error_is_left_to_the_interpreter_from_the_head_of_its_message_on(bodies, places):
    before = BOUND + b"".join(row(body) for body in bodies)
    pieces = cut(before + REFUSED + READY, places)
    lane, led_to, at = received(pieces)
    assert led_to[-1] == ODD
    assert sum(map(len, pieces[: len(led_to) - 1])) + at == len(before) + 5
    assert lane["returned"] == len(bodies)
    assert lane["kind"] == ord("E")
    assert lane["length"] == len(REFUSED) - 5
    assert lane["fresh"] == (len(led_to) == 1)


def test_a_commit_that_the_server_makes_a_rollback_is_left_to_the_interpreter():
    assert received([done(b"COMMIT") + READY], committing=True)[1] == [FINE]
    assert received([done(b"ROLLBACK") + READY], committing=True)[1] == [ODD]
    assert received([done(b"ROLLBACK") + READY])[1] == [FINE]


@pytest.mark.parametrize("kind", [b"G", b"H", b"W", b"I", b"1"])
def test_what_is_not_usual_is_left_to_the_interpreter(kind):
    assert received([BOUND + message(kind, b"\0\0\0")])[1] == [ODD]


def test_messages_of_any_size_stand_one_after_another():
    for given_ in ([b"one", b"", b"three"], [b"x"]):
        joined = Messages.joined(given_)
        assert [joined.message(at) for at in range(len(given_))] == given_
    assert Messages.of_one_size(np.frombuffer(b"aabbcc", np.uint8), 3).message(1) == b"bb"


def test_code_that_cannot_be_kept_is_compiled_each_time():
    space = {}
    exec(compile("def double(x):\n    return 2 * x\n", "<nowhere>", "exec"), space)
    assert compiled(space["double"])(21) == 42


def test_without_the_compiler_the_interpreter_does_all(monkeypatch):
    monkeypatch.setitem(sys.modules, "bench.backends.postgres_compiled", None)
    assert WireLine.serve.func(None) is None
