"""The emulator of Snowflake's service, in a process of its own that ends with ours."""

from __future__ import annotations

import importlib.util
import json
import queue
import subprocess
import sys
import tempfile
import threading
from typing import IO, TYPE_CHECKING, Self

from bench.errors import ConnectError, MissingDriverError

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = ("fakesnow", "starlette", "uvicorn")
START_LIMIT_S = 120.0
STOP_LIMIT_S = 5.0
TAIL_LENGTH = 1_500


def demand_installed() -> None:
    """See that what the emulator is built on is there, without loading it.

    Raises:
        MissingDriverError: It is not; with the command that brings it.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDriverError(
            f"the emulator needs {', '.join(missing)}, which this installation lacks; "
            "run with `uv run --extra emulator bench …`"
        )


class EmulatorProcess:
    """One emulator on a free port of this machine.

    It ends when we do, even after `kill -9`, because its input then ends. Ctrl-C does not reach it, so that sessions
    can be closed before it goes.

    Args:
        data: Directory that keeps the data between runs, for one process at a time; None keeps them in memory.
        start_limit_s: How long it may take until it answers.
        patience_s: After how long a statement that still runs is answered with "ask again"; None leaves it at 40 s.

    Example:
        >>> with EmulatorProcess(data=Path(".bench/emulator")) as emulator:  # doctest: +SKIP
        ...     snowflake.connector.connect(
        ...         host="127.0.0.1", port=emulator.port, protocol="http", account="emulator", user="u", password="p"
        ...     )
    """

    def __init__(
        self, *, data: Path | None = None, start_limit_s: float = START_LIMIT_S, patience_s: float | None = None
    ) -> None:
        self.data = data.absolute() if data else None
        self.patience_s = patience_s
        self.start_limit_s = start_limit_s
        self.port = 0
        """On 127.0.0.1, known after the start."""
        self.version = ""
        """What it says of itself."""
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process number, 0 while it does not run."""
        return self._process.pid if self._process else 0

    def start(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            MissingDriverError: What it is built on is not installed.
            ConnectError: It does not start; with the end of what it said.
        """
        demand_installed()
        try:
            self._start()
        except OSError as error:
            self.stop()
            raise ConnectError(f"the emulator cannot be started: {error}") from error
        except BaseException:  # an interrupt too must not leave it behind
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it and wait for it; may be called twice."""
        process, log = self._process, self._log
        self._process = self._log = None
        try:
            if process:
                _end(process)
        finally:
            if log:
                log.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        command = [sys.executable, "-m", "bench.emulator"]
        if self.data:
            command += ["--data", str(self.data)]
        if self.patience_s is not None:
            command += ["--patience-s", str(self.patience_s)]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the process runs
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is for us; the emulator is stopped when its clients are done
        )
        line = self._first_line(self._process)
        late = line is None
        try:
            ready = json.loads(line or b"")
            self.port, self.version = int(ready["port"]), str(ready["version"])
        except (ValueError, KeyError):
            raise ConnectError(f"the emulator did not start: {self._tail(late=late)}") from None

    def _first_line(self, process: subprocess.Popen[bytes]) -> bytes | None:
        """What it says when it is ready; empty when it ended, None when it said nothing for too long."""
        output = process.stdout
        assert output is not None
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=lambda: lines.put(output.readline()), daemon=True, name="emulator ready").start()
        try:
            return lines.get(timeout=self.start_limit_s)
        except queue.Empty:
            return None

    def _tail(self, *, late: bool) -> str:
        """The last of what it wrote, in one line."""
        assert self._process is not None
        try:  # its output ends a moment before it does
            self._process.wait(0.0 if late else STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return f"it said nothing within {self.start_limit_s:g} s"
        assert self._log is not None
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return " | ".join(lines[-4:])[-TAIL_LENGTH:] or "no word from it"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close its input, which it takes for the end; kill it if it does not."""
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
