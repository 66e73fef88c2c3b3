"""The protocol's messages: what is written, and what is made of what comes in, in pieces of any size."""

import struct

import psycopg
import pytest

from bench.backends import postgres_messages as messages


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def row(*values):
    return message(b"D", struct.pack("!h", len(values)) + b"".join(struct.pack("!i", len(one)) + one for one in values))


BOUND, READY = message(b"2"), message(b"Z", b"I")
NOTICE = message(b"N", b"SNOTICE\0Mhear, hear\0\0")
REFUSED = message(b"E", b"SERROR\0VERROR\0C23505\0Mduplicate key\0DKey (id)=(1) already exists.\0\0")


def done(tag):
    return message(b"C", tag + b"\0")


def taken(data, size):
    """What becomes of an answer that comes in pieces of `size` bytes."""
    incoming = messages.Incoming()
    return [incoming.take(data[at : at + size]) for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 5, 7, 64, 10_000])
@pytest.mark.parametrize(
    ("data", "rows", "tag"),
    [
        (BOUND + row(b"1") + row(b"2") + done(b"SELECT 2") + READY, 2, b"SELECT 2"),
        (BOUND + done(b"INSERT 0 3") + READY, 3, b"INSERT 0 3"),
        (BOUND + row(b"1") + done(b"EXPLAIN") + READY, 1, b"EXPLAIN"),
        (NOTICE + done(b"BEGIN") + message(b"Z", b"T"), 0, b"BEGIN"),
        (message(b"I") + READY, 0, b""),
        (BOUND + row(b"Z", b"I", b"C", b"SELECT 1") + done(b"SELECT 1") + READY, 1, b"SELECT 1"),
    ],
)
def test_an_answer_is_whole_when_its_last_byte_is_here(data, rows, tag, size):
    found = taken(data, size)
    assert found[-1] == messages.Answer(tag=tag, rows=rows)
    assert not any(found[:-1])


def test_a_notice_that_follows_belongs_to_nobody():
    whole = done(b"SELECT 1") + READY + NOTICE
    cut = len(whole) - 5
    assert [answer and answer.tag for answer in taken(whole, len(whole))] == [b"SELECT 1"]
    assert [answer and answer.tag for answer in taken(whole, cut)] == [None, b"SELECT 1"]


def test_an_error_after_rows_is_the_error_and_the_statement_is_prepared_all_the_same():
    (answer,) = taken(message(b"1") + BOUND + row(b"1") + REFUSED + READY, 10_000)
    assert answer.parsed
    error = messages.error_of(answer.fields)
    assert isinstance(error, psycopg.errors.UniqueViolation)
    assert error.sqlstate == "23505"
    assert str(error) == "duplicate key\nDETAIL:  Key (id)=(1) already exists."


def test_a_state_that_psycopg_does_not_know_is_kept():
    error = messages.error_of({ord("C"): b"XY123", ord("M"): b"no way"})
    assert (type(error), error.sqlstate) == (psycopg.DatabaseError, "XY123")


def test_what_the_server_says_before_it_hangs_up_is_the_reason():
    incoming = messages.Incoming()
    assert incoming.take(message(b"E", b"SFATAL\0C57P01\0Mterminating\0\0")) is None
    assert incoming.farewell().sqlstate == "57P01"
    assert isinstance(incoming.farewell(), psycopg.OperationalError)


@pytest.mark.parametrize("kind", [b"G", b"W"])
def test_a_server_that_waits_for_rows_is_not_waited_for(kind):
    with pytest.raises(psycopg.NotSupportedError, match="COPY"):
        messages.Incoming().take(BOUND + message(kind, b"\0\0\0"))


@pytest.mark.parametrize(
    ("end", "rows"),
    [
        (done(b"SELECT 1") + READY, 1),
        (done(b"UPDATE 12") + message(b"Z", b"T"), 12),
        (done(b"COMMIT") + READY, 0),
        (done(b"ROLLBACK") + READY, None),
        (done(b"SHOW") + READY, None),
        (done(b"SELECT 1"), None),
        (done(b"SELECT 1")[:-3] + READY, None),
        (done(b"SELECT\0 1") + READY, None),
        (READY, None),
        (b"", None),
    ],
)
def test_the_end_of_an_answer_tells_its_rows(end, rows):
    assert messages.count_in(end) == rows


def test_bind_carries_values_in_order_and_null_as_no_value():
    bound = messages.Bound(b"bench_000007", 3)
    sent = bound.message([b"12", None, b"x" * 300])
    assert sent[6:19] == b"bench_000007\0"
    assert sent.endswith(messages.SYNC)
    kind, length = struct.unpack_from("!ci", sent)
    assert (kind, sent[1 + length : 2 + length]) == (b"B", b"E")
    values = sent[5 + 14 : 1 + length]
    assert values == struct.pack("!hhi2sii300sh", 0, 3, 2, b"12", -1, 300, b"x" * 300, 0)


def test_whole_numbers_are_sent_in_binary_form_all_rows_at_once():
    rows = [(7, -1), (2**31 - 1, -(2**31)), (0, 256)]
    columns = messages.int4_columns(rows)
    sent = messages.Bound(b"bench_000001", 2).int4_messages(columns, len(rows))
    assert [type(each) for each in sent] == [bytes] * 3
    for row, each in zip(rows, sent, strict=True):
        kind, length = struct.unpack_from("!ci", each)
        assert (kind, each[5:19], each[1 + length :]) == (b"B", b"\0bench_000001\0", messages.EXECUTE + messages.SYNC)
        formats_and_values = struct.unpack("!hhhiiiih", each[19 : 1 + length])
        assert formats_and_values == (1, 1, 2, 4, row[0], 4, row[1], 0)


@pytest.mark.parametrize("value", [True, None, "7", 7.0, 2**31, -(2**31) - 1, 2**70])
def test_what_is_no_whole_number_of_four_bytes_is_not_sent_as_one(value):
    assert messages.int4_columns([(1,), (value,)]) is None


def test_a_statement_without_parameters_has_one_message():
    sent = messages.Bound(b"bench_000001", 0).int4_messages(messages.int4_columns([(), ()]), 2)
    assert sent[0] == sent[1]
    assert struct.unpack("!hhhh", sent[0][19 : 1 + struct.unpack_from("!ci", sent[0])[1]]) == (1, 1, 0, 0)
