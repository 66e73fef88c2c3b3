"""A reverse proxy that spoils the requests it is told to spoil, in front of any HTTP server on this machine."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self

HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "host")


@dataclass(kw_only=True)
class Fault:
    """What befalls the next requests whose path holds `path`, and whose body holds `text`."""

    kind: Literal["status", "stall", "hold", "drop", "cut"]
    path: str = ""
    text: str = ""
    times: int = 1
    status: int = 503
    seconds: float = 0.0


class FaultyProxy:
    """`with FaultyProxy(port=…) as proxy:` listens on `proxy.port` and passes on what no fault befalls.

    Faults are spent in the order in which they were asked for; `proxy.seen` holds the path of each request, spoilt ones
    too, and `proxy.bodies` what they said.
    """

    def __init__(self, *, port: int, host: str = "127.0.0.1") -> None:
        self.target = (host, port)
        self.seen: list[str] = []
        self.bodies: list[str] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def answer(self, status: int, *, times: int = 1, path: str = "") -> None:
        """Answer with this status and no body, in place of the server."""
        self._add(Fault(kind="status", status=status, times=times, path=path))

    def stall(self, seconds: float, *, times: int = 1, path: str = "", text: str = "") -> None:
        """Wait before the request is passed on."""
        self._add(Fault(kind="stall", seconds=seconds, times=times, path=path, text=text))

    def hold(self, seconds: float, *, times: int = 1, path: str = "", text: str = "") -> None:
        """Let the server do what is asked, and keep its answer back."""
        self._add(Fault(kind="hold", seconds=seconds, times=times, path=path, text=text))

    def drop(self, *, times: int = 1, path: str = "") -> None:
        """Reset the connection before the server gets the request."""
        self._add(Fault(kind="drop", times=times, path=path))

    def cut(self, *, times: int = 1, path: str = "") -> None:
        """Let the server do what is asked, and reset the connection instead of giving its answer."""
        self._add(Fault(kind="cut", times=times, path=path))

    @property
    def spent(self) -> bool:
        """Everything has befallen that was asked for."""
        with self._lock:
            return not self._faults

    def clear(self) -> None:
        """Spoil nothing more."""
        with self._lock:
            self._faults.clear()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, body: str) -> Fault | None:
        """The fault that befalls a request, spent by it."""
        with self._lock:
            self.seen.append(path)
            self.bodies.append(body)
            fault = next((fault for fault in self._faults if fault.path in path and fault.text in body), None)
            if fault:
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
            return fault

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: FaultyProxy

    def log_message(self, *_: object) -> None:
        """Nothing: the proxy counts."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self.owner.take(self.path, self._plain(body))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if fault and fault.kind == "status":
                self._reply(fault.status, [], b"")
                return
            if fault and fault.kind == "drop":
                self._reset()
                return
            if fault and fault.kind == "stall":
                time.sleep(fault.seconds)
            status, headers, answer = self._pass_on(body)
            if fault and fault.kind == "cut":
                self._reset()
                return
            if fault and fault.kind == "hold":
                time.sleep(fault.seconds)
            self._reply(status, headers, answer)
            return
        self.close_connection = True  # the client has given up

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST

    def _plain(self, body: bytes) -> str:
        packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(body) if packed else body).decode(errors="replace")

    def _pass_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.owner.target, timeout=300)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
        # The client's own name for the server, since answers may hold addresses made from it.
        headers["Host"] = self.headers.get("host", "")
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            kept = [(key, value) for key, value in answer.getheaders() if key.lower() not in HOP_BY_HOP]
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        """Close without a word: the peer reads a reset."""
        # Linger of no time: RST instead of FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.close_connection = True
        self.connection.close()
