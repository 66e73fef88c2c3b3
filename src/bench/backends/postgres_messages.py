"""Messages of PostgreSQL's protocol, version 3, as far as a load needs them. No I/O.

Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol", sections "Message Flow" and "Message Formats".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING

import psycopg

from bench.model import ColumnRows

if TYPE_CHECKING:
    import numpy as np
    from psycopg.pq.abc import Buffer

    from bench.model import Value

INT32 = Struct("!i").pack
INT16 = Struct("!h").pack
HEAD = Struct("!ci")
NULL = INT32(-1)
WAITING = (b"2\0\0\0\4G", b"2\0\0\0\4W", b"1\0\0\0\0042\0\0\0\4G", b"1\0\0\0\0042\0\0\0\4W")
"""How an answer begins after which the server waits for rows."""
SHORT = tuple(INT32(length) for length in range(256))
"""How long a value is, as it is sent."""

SYNC = b"S" + INT32(4)
EXECUTE = b"E" + INT32(9) + b"\0" + INT32(0)
"""All rows of the unnamed portal."""
AS_TEXT = INT16(0)
"""No formats of columns: all are text."""
ALL_BINARY = INT16(1) + INT16(1)
"""One format for all parameters: the types' own binary form."""
ANSWER = AS_TEXT + EXECUTE + SYNC
"""The end of a `Bind`, and what follows it."""

COMPLETE = b"C\0\0\0"
"""How `CommandComplete` begins: its kind, and three bytes of its length."""
READY_SIZE = 6
WITHOUT_ROWS = frozenset({b"BEGIN", b"COMMIT"})
READY_HEAD = b"Z\0\0\0\5"
NOT_ANSWERED = {
    b"G": "waits for rows to COPY, which a statement of a workload cannot give",
    b"W": "wants to COPY both ways, which a statement of a workload cannot",
}


def int4_columns(rows: Sequence[Sequence[Value]]) -> list[np.ndarray] | None:
    """The values by parameter, as PostgreSQL's binary form has them; None: not all are whole numbers of four bytes."""
    import numpy as np

    found = []
    for column in rows.columns if isinstance(rows, ColumnRows) else zip(*rows, strict=True):
        if set(map(type, column)) != {int}:
            return None
        try:
            found.append(np.array(column, dtype=">i4"))
        except OverflowError:
            return None
    return found


class Int4Messages(Sequence[bytes]):
    """Messages of one size, written at once."""

    def __init__(self, written: np.ndarray) -> None:
        self.written = written
        """uint8, shape (messages, bytes)."""

    def __len__(self) -> int:
        return len(self.written)

    def __getitem__(self, at: int) -> bytes:  # type: ignore[override]  # nobody asks for several
        message: bytes = self.written[at].tobytes()
        return message

    def __iter__(self) -> Iterator[bytes]:
        messages: list[bytes] = self.written.view(f"V{self.written.shape[1]}").ravel().tolist()
        return iter(messages)


class Bound:
    """The `Bind`, `Execute` and `Sync` of one prepared statement, written for many rows of values."""

    def __init__(self, name: bytes, parameters: int) -> None:
        self._prefix = b"\0" + name + b"\0" + INT16(0) + INT16(parameters)
        self._size = 4 + len(self._prefix) + 4 * parameters + len(AS_TEXT)
        self._heads: dict[int, bytes] = {}
        """By the size of the values: what stands before them."""
        int4 = b"\0" + name + b"\0" + ALL_BINARY + INT16(parameters) + (INT32(4) + INT32(0)) * parameters
        self._int4 = b"B" + INT32(4 + len(int4) + len(AS_TEXT)) + int4 + ANSWER
        """The message for zeros in binary form, over which the values are laid."""
        self._values_at = len(self._int4) - len(ANSWER) - 8 * parameters

    def int4_messages(self, columns: Sequence[np.ndarray], rows: int) -> Int4Messages:
        """All that is sent for each row of whole numbers, which go in binary form: all messages are written at once.

        Args:
            columns: As of `int4_columns`, one for each parameter.
            rows: How many messages.
        """
        import numpy as np

        size = len(self._int4)
        written = np.empty((rows, size), dtype=np.uint8)
        written[:] = np.frombuffer(self._int4, dtype=np.uint8)
        for position, column in enumerate(columns):
            at = self._values_at + 8 * position + 4
            written[:, at : at + 4] = column.view(np.uint8).reshape(rows, 4)
        return Int4Messages(written)

    def message(self, values: Sequence[Buffer | None]) -> bytes:
        """All that is sent for a row of values, each as text, or None: NULL."""
        parts: list[Buffer] = [b""]
        size = 0
        for value in values:
            if value is None:
                parts.append(NULL)
                continue
            length = len(value)
            size += length
            parts += (SHORT[length] if length < len(SHORT) else INT32(length), value)
        parts[0] = self._head(size)
        parts.append(ANSWER)
        return b"".join(parts)

    def _head(self, size: int) -> bytes:
        head = self._heads.get(size)
        if head is None:
            head = self._heads[size] = b"B" + INT32(self._size + size) + self._prefix
        return head


def parse(name: bytes, sql: bytes, types: Sequence[int]) -> bytes:
    """Prepare a statement under a name, for parameters of these types; a `Sync` has to follow."""
    body = name + b"\0" + sql + b"\0" + INT16(len(types)) + b"".join(map(INT32, _unsigned(types)))
    return b"P" + INT32(4 + len(body)) + body


def query(text: bytes) -> bytes:
    """One statement without parameters."""
    return b"Q" + INT32(5 + len(text)) + text + b"\0"


def _unsigned(types: Sequence[int]) -> list[int]:
    """Object identifiers have 32 bits without a sign."""
    return [oid - 2**32 if oid >= 2**31 else oid for oid in types]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the server made of what was sent up to a `Sync`, or of a `Query`."""

    tag: bytes = b""
    """Of the last command, as `SELECT 1`; empty: none was completed."""
    rows: int = 0
    """Returned, or else changed."""
    parsed: bool = False
    """A statement was prepared."""
    fields: Mapping[int, bytes] = field(default_factory=dict)
    """Of the error, by the codes of its fields; empty: there was none."""


class Incoming:
    """What has come in of one answer, read message by message as far as it is here."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._returned = 0
        self._parsed = False
        self._ready = False
        """It is at its end; what may still follow was not asked for, as a notice or the change of a setting."""
        self._tag = b""
        self._fields: dict[int, bytes] = {}

    def take(self, data: bytes) -> Answer | None:
        """Add what was received; gives the answer when it is here to its end.

        Raises:
            psycopg.NotSupportedError: The server waits for something that it will not get.
        """
        held = self._data
        before = len(held)
        held += data
        # Rows are passed over unread until the end may be here: that is much cheaper, and their number is in the end.
        may_end = self._ready or held.find(READY_HEAD, max(0, before - len(READY_HEAD))) >= 0
        if not may_end and not held.startswith(WAITING):
            return None
        self._read()
        return self._whole() if self._ready and not held else None

    def _read(self) -> None:
        held, at, size = self._data, 0, len(self._data)
        while size - at >= HEAD.size:
            kind, length = HEAD.unpack_from(held, at)
            after = at + 1 + length
            if after > size:
                break
            if kind == b"D":
                self._returned += 1
            else:
                self._note(kind, bytes(held[at + HEAD.size : after]))
            at = after
        del held[:at]

    def _note(self, kind: bytes, body: bytes) -> None:
        if kind == b"C":
            self._tag = body[:-1]
        elif kind == b"1":
            self._parsed = True
        elif kind == b"Z":
            self._ready = True
        elif kind == b"E":
            self._fields = self._fields or fields_of(body)
        elif kind in NOT_ANSWERED:
            self.clear()
            raise psycopg.NotSupportedError(f"the server {NOT_ANSWERED[kind]}")

    def _whole(self) -> Answer:
        rows = counted(self._tag, self._returned)
        answer = Answer(tag=self._tag, rows=rows, parsed=self._parsed, fields=self._fields)
        self.clear()
        return answer

    def clear(self) -> None:
        """Be ready for the next answer."""
        self._data.clear()
        self._returned, self._parsed, self._ready = 0, False, False
        self._tag, self._fields = b"", {}

    def farewell(self) -> psycopg.Error:
        """Why nothing comes any more: what the server said last, or that it said nothing."""
        self._read()
        fields = self._fields
        self.clear()
        return error_of(fields) if fields else psycopg.OperationalError("the server closed the connection unexpectedly")


def counted(tag: bytes, returned: int) -> int:
    """The rows that a command has returned, or else changed."""
    last = tag.rpartition(b" ")[2]
    return returned or (int(last) if last.isdigit() else 0)


def count_in(end: bytes) -> int | None:
    """The number of rows in the end of an answer, from its `CommandComplete` on; None where only rows tell it.

    In text form no value holds a zero byte, so bytes that look like these messages from the first to the last are
    these messages, and the answer is here to its end.
    """
    if len(end) < HEAD.size + READY_SIZE or end[-READY_SIZE:-1] != b"Z\0\0\0\5" or end[:4] != COMPLETE:
        return None
    (_, length), size = HEAD.unpack_from(end), len(end) - READY_SIZE
    tag = end[HEAD.size : size - 1]
    if size != 1 + length or b"\0" in tag:
        return None
    number = tag.rpartition(b" ")[2]
    if number.isdigit():
        return int(number)
    return 0 if tag in WITHOUT_ROWS else None


def fields_of(body: bytes) -> dict[int, bytes]:
    """The fields of an `ErrorResponse` by their codes."""
    return {part[0]: part[1:] for part in body.split(b"\0") if part}


def error_of(fields: Mapping[int, bytes]) -> psycopg.Error:
    """An error of the server, of the class that psycopg has for its SQLSTATE."""
    try:
        kind = psycopg.errors.lookup(fields.get(ord("C"), b"").decode())
    except KeyError:
        kind = psycopg.DatabaseError
    further = ((ord("D"), "DETAIL"), (ord("H"), "HINT"), (ord("W"), "CONTEXT"))
    detail = [f"\n{name}:  {fields[code].decode()}" for code, name in further if code in fields]
    return kind(fields.get(ord("M"), b"").decode() + "".join(detail), info=dict(fields))
