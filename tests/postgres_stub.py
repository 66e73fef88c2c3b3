"""A server that speaks as much of PostgreSQL's protocol as a benchmark needs, and answers after a known delay.

No real server answers after a time that is known to the microsecond, so this one stands in for it where the clock of
the harness is what is tested. It runs in a process of its own and tells, for each execution, when the question was
there and when the answer was sent, both on the monotonic clock that all processes of a machine share.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
TEXT_OID = 25
SPUN_S = 0.002


@dataclass(frozen=True, kw_only=True)
class Delays:
    """How long each execution takes: the given times in turn, and once, from `stall_after_s` on, a stall of all."""

    seconds: Sequence[float]
    stall_after_s: float = 0.0
    """Counted from the first execution; 0: no stall."""
    stall_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What the server did: the truth."""

    asked_ns: int
    answered_ns: int


class StubServer:
    """The server as a context; `executions` after its end."""

    def __init__(self, delays: Delays) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, delays), daemon=True)
        self.executions: list[Execution] = []

    def __enter__(self) -> StubServer:
        self._process.start()
        self.port = self._ours.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.send("stop")
        self.executions = sorted(self._ours.recv(), key=lambda one: one.asked_ns)
        self._process.join(5)

    @property
    def dsn(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=bench dbname=bench sslmode=disable gssencmode=disable"


def serve(pipe, delays: Delays) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    pipe.send(listener.getsockname()[1])
    clock = _Clock(delays)
    threading.Thread(target=_accept, args=(listener, clock), daemon=True).start()
    pipe.recv()
    pipe.send(clock.executions)
    os._exit(0)


def _accept(listener: socket.socket, clock: _Clock) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_Conversation(connection, clock).run, daemon=True).start()


class _Clock:
    def __init__(self, delays: Delays) -> None:
        self._delays = delays
        self._began_ns = 0
        self.executions: list[Execution] = []

    def wait(self, number: int, asked_ns: int) -> None:
        """Until the answer of a connection's execution `number` is due."""
        delays = self._delays
        self._began_ns = self._began_ns or asked_ns
        due_ns = asked_ns + int(delays.seconds[number % len(delays.seconds)] * 1e9)
        stall_ns = self._began_ns + int(delays.stall_after_s * 1e9)
        if delays.stall_s and stall_ns <= due_ns < stall_ns + int(delays.stall_s * 1e9):
            due_ns = stall_ns + int(delays.stall_s * 1e9)
        while (left_s := (due_ns - time.monotonic_ns()) / 1e9) > 0:
            time.sleep(left_s - SPUN_S if left_s > SPUN_S else 0)


class _Conversation:
    def __init__(self, connection: socket.socket, clock: _Clock) -> None:
        self._socket = connection
        self._clock = clock
        self._count = 0

    def run(self) -> None:
        try:
            if self._greet():
                self._talk()
        except ConnectionError:
            pass
        self._socket.close()

    def _greet(self) -> bool:
        while True:
            (size,) = struct.unpack("!i", self._read(4))
            body = self._read(size - 4)
            (code,) = struct.unpack("!i", body[:4])
            if code in (SSL_REQUEST, GSS_REQUEST):
                self._socket.sendall(b"N")
            elif code == CANCEL_REQUEST:
                return False
            else:
                break
        settings = {"server_version": "18.0", "client_encoding": "UTF8", "standard_conforming_strings": "on"}
        told = b"".join(_message(b"S", f"{name}\0{value}\0".encode()) for name, value in settings.items())
        key = _message(b"K", struct.pack("!ii", os.getpid(), 1))
        self._socket.sendall(_message(b"R", struct.pack("!i", 0)) + told + key + _message(b"Z", b"I"))
        return True

    def _talk(self) -> None:
        answer = b""
        asked_ns = 0
        while True:
            kind = self._read(1)
            (size,) = struct.unpack("!i", self._read(4))
            self._read(size - 4)
            asked_ns = time.monotonic_ns()
            if kind == b"X":
                return
            if kind == b"Q":
                self._socket.sendall(_message(b"C", b"BEGIN\0") + _message(b"Z", b"I"))
            elif kind == b"S":
                self._answer(answer, asked_ns)
                answer = b""
            else:
                answer += _PART.get(kind, b"")

    def _answer(self, answer: bytes, asked_ns: int) -> None:
        executed = _ROW in answer
        if executed:
            self._clock.wait(self._count, asked_ns)
            self._count += 1
        answered_ns = time.monotonic_ns()
        self._socket.sendall(answer + _message(b"Z", b"I"))
        if executed:
            self._clock.executions.append(Execution(asked_ns=asked_ns, answered_ns=answered_ns))

    def _read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            part = self._socket.recv(size - len(read))
            if not part:
                raise ConnectionError
            read += part
        return read


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


_ROW = _message(b"D", struct.pack("!hi", 1, 1) + b"1")
_PART = {
    b"P": _message(b"1", b""),
    b"B": _message(b"2", b""),
    b"D": _message(b"T", struct.pack("!h", 1) + b"c\0" + struct.pack("!ihihih", 0, 0, TEXT_OID, -1, -1, 0)),
    b"E": _ROW + _message(b"C", b"SELECT 1\0"),
}
"""What answers Parse, Bind, Describe and Execute."""
