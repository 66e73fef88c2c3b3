"""A PostgreSQL server of our own: its data are kept between runs, its process ends with ours, even after `kill -9`."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bench.backends.embedded_binaries import (
    REMEDY,
    Account,
    Binaries,
    choose_account,
    find_binaries,
    server_environment,
)
from bench.backends.embedded_settings import Setting, written
from bench.errors import ConnectError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from filelock import BaseFileLock

USER = "bench"
INITDB_OPTIONS = ("--auth=trust", f"--username={USER}", "--encoding=UTF8")
# Both sort by code point; the second is for systems that do not know the first.
LOCALES = ("C.UTF-8", "C")
MANAGED = ("cluster_name", "listen_addresses", "port", "unix_socket_directories")
"""Settings that are not the user's to give, because the server is found by them."""
SLOTS = 16
PORT_ATTEMPTS = 5
START_LIMIT_S = 300.0
"""After a crash the server first reads its log again."""
POLL_INTERVAL_S = 0.02
PREDECESSOR_LIMIT_S = 60.0
STOP_LIMITS_S = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
"""Fast shutdown, immediate shutdown, and the end; each with how long it may take."""
SMALL_SHARED_MEMORY_BYTES = 512 * 2**20
SOCKETS_PREFIX = "bench-pg-"
SOCKET_PATH_LIMIT_BYTES = 80
PR_SET_PDEATHSIG = 1


class EmbeddedServer:
    """One server, run as a child process of ours with every setting on its command line.

    The data lie in `<home>/postgres/<major>-<hash>`; while another process uses them, in the next slot, `…-2`.
    Linux ends the server when the thread that started it ends, so a start from another than the main thread, as on
    every other system, gets a small process that watches over ours instead.

    Example:
        >>> with EmbeddedServer(home=Path(".bench"), settings={"shared_buffers": "256MB"}) as server:  # doctest: +SKIP
        ...     psycopg.connect(server.conninfo("postgres"))
    """

    def __init__(self, *, home: Path, settings: Mapping[str, Setting] | None = None) -> None:
        self.home = home.absolute()
        self.settings = dict(settings or {})
        self.left_out: tuple[str, ...] = ()
        """Libraries asked for by `shared_preload_libraries` that these binaries lack, known after the start."""
        self.port = 0
        self.data: Path
        self.binaries: Binaries
        self.reused = False
        """The data directory was there before."""
        self._account: Account
        self._log: Path
        self._lock: BaseFileLock | None = None
        self._sockets: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process number of the running server, 0 while it does not run."""
        return self._process.pid if self._process else 0

    def conninfo(self, database: str, *, unix: bool = False) -> str:
        """How libpq reaches a database of this server, over TCP on this machine or a Unix socket."""
        host = self._sockets if unix else "127.0.0.1"
        return f"host={host} port={self.port} user={USER} dbname={database} sslmode=disable gssencmode=disable"

    def start(self) -> Self:
        """Start the server, making the data directory if there is none, and wait until it answers.

        Raises:
            ConnectError: No binaries, no permission, or the server refuses; with the end of its log.
        """
        if sys.platform == "win32":
            raise ConnectError("the embedded PostgreSQL runs on Linux and macOS; name a server with backend.dsn=…")
        try:
            self._start()
        except OSError as error:
            self.stop()
            raise ConnectError(
                f"the embedded PostgreSQL cannot be started below {self.home}: {error}; {REMEDY}"
            ) from error
        except BaseException:  # an interrupt too must not leave a server behind
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and wait for it; may be called twice."""
        try:
            if self._watcher:
                self._watcher.kill()
                self._watcher.communicate()
            if self._process:
                _end(self._process)
        finally:
            self._watcher = self._process = None
            if self._sockets:
                shutil.rmtree(self._sockets, ignore_errors=True)
            if self._lock:
                self._lock.release()
            self._sockets = self._lock = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        kept = self.home / "postgres"
        kept.mkdir(parents=True, exist_ok=True)
        self._account, self.binaries, place = choose_account(find_binaries(), kept)
        self._claim(kept, place)
        self._await_predecessor()
        self._remove_left_sockets()
        self.reused = self.data.is_dir()
        if not self.reused:
            self._initialize()
        self._sockets = _socket_directory()
        self._account.give(self._sockets)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self.port = _free_port()
            self._launch(self._sockets)
            if self._await_answer(last=attempt == PORT_ATTEMPTS):
                return

    def _claim(self, kept: Path, place: Path) -> None:
        """Take the first slot that nobody else uses."""
        from filelock import FileLock, Timeout

        # Data made under another account, or for another directory that has to share a public place, are not ours.
        options = [*INITDB_OPTIONS, str(self._account.uid), "" if place == kept else str(kept)]
        key = f"{self.binaries.major}-{hashlib.sha256(repr(options).encode()).hexdigest()[:8]}"
        for slot in range(1, SLOTS + 1):
            name = key if slot == 1 else f"{key}-{slot}"
            # The lock belongs to the server, whichever thread stops it.
            lock = FileLock(kept / f"{name}.lock", thread_local=False)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            self._lock, self.data, self._log = lock, place / name, kept / f"{name}.log"
            return
        raise ConnectError(f"{SLOTS} servers already run below {kept}; wait for one to end, or {REMEDY}")

    def _await_predecessor(self) -> None:
        """Wait for a server whose owner was killed a moment ago and that is still writing its last checkpoint."""
        import psutil

        sign = self.data / "postmaster.pid"
        end = time.monotonic() + PREDECESSOR_LIMIT_S
        while time.monotonic() < end:
            try:
                if str(self.data) not in psutil.Process(int(sign.read_text().split("\n", 1)[0])).cmdline():
                    break
            except FileNotFoundError:
                return
            except (ValueError, psutil.Error):
                break
            time.sleep(POLL_INTERVAL_S)
        else:
            return
        # The slot is locked by us and no server runs in it, but the number may belong to another process by now,
        # at which PostgreSQL would take fright.
        sign.unlink(missing_ok=True)

    def _remove_left_sockets(self) -> None:
        """Remove the directory that a killed owner could not; PostgreSQL keeps its own last command line."""
        try:
            options = (self.data / "postmaster.opts").read_text()
            left = Path(found[1]) if (found := re.search(r'unix_socket_directories=([^"]+)"', options)) else None
            if left and left.name.startswith(SOCKETS_PREFIX) and left.lstat().st_uid == self._account.uid:
                shutil.rmtree(left)
        except FileNotFoundError:
            return

    def _initialize(self) -> None:
        """Make the data directory beside its place and rename it, so that what stands there is whole."""
        beside = self.data.with_name(f"{self.data.name}.new")
        for locale in LOCALES:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(mode=0o700)
            self._account.give(beside)
            program = self.binaries.directory / "initdb"
            command: list[str | Path] = [program, "-D", beside, *INITDB_OPTIONS, f"--locale={locale}", "--no-sync"]
            answer = self._account.run(command, server_environment(locale))
            if answer.returncode == 0:
                beside.rename(self.data)
                return
            if "locale" not in answer.stderr:
                break
        shutil.rmtree(beside, ignore_errors=True)
        raise ConnectError(
            f"initdb of PostgreSQL {self.binaries.version} failed in {beside}: {_tail(answer.stderr)}; {REMEDY}"
        )

    def _launch(self, sockets: Path) -> None:
        command: list[str | Path] = [self.binaries.directory / "postgres", "-D", self.data]
        for name, value in self._all_settings(sockets).items():
            command += ["-c", f"{name}={written(value)}"]
        watched_by_kernel = sys.platform == "linux" and threading.current_thread() is threading.main_thread()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._account.command(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=server_environment(),
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us; the server is stopped when its clients are done
                preexec_fn=_end_with_parent() if watched_by_kernel else None,  # noqa: PLW1509  # one system call, no lock
                user=self._account.uid if self._account.foreign else None,
                group=self._account.gid,
                extra_groups=[] if self._account.foreign else None,
            )
        if not watched_by_kernel:
            self._watcher = _watch(self._process.pid)

    def _all_settings(self, sockets: Path) -> dict[str, Setting]:
        settings: dict[str, Setting] = {}
        if _shared_memory_is_small():
            settings["dynamic_shared_memory_type"] = "mmap"
        settings |= self.settings
        libraries = [
            name.strip() for name in str(settings.get("shared_preload_libraries", "")).split(",") if name.strip()
        ]
        self.left_out = tuple(name for name in libraries if not self.binaries.has_library(name))
        if libraries:
            settings["shared_preload_libraries"] = ",".join(name for name in libraries if name not in self.left_out)
        return settings | {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": str(sockets),
            "cluster_name": f"bench {self.binaries.source}",
        }

    def _await_answer(self, *, last: bool) -> bool:
        """Wait until the server answers; False when somebody else took the port meanwhile and it can be tried again."""
        import psycopg

        process = self._process
        assert process is not None
        end = time.monotonic() + START_LIMIT_S
        while process.poll() is None and time.monotonic() < end:
            try:
                # The socket lies in a directory of ours, so that no other server can answer in its place.
                psycopg.connect(self.conninfo("postgres", unix=True), connect_timeout=5).close()
                return True
            except psycopg.OperationalError:
                time.sleep(POLL_INTERVAL_S)
        log = self._log.read_text(errors="replace")
        self._discard_process()
        if "could not bind" in log and not last:
            return False
        raise ConnectError(
            f"the embedded PostgreSQL {self.binaries.version} did not start: {_tail(log)} "
            f"(whole log: {self._log}; remove {self.data} to begin with an empty server)"
        )

    def _discard_process(self) -> None:
        if self._watcher:
            self._watcher.kill()
            self._watcher.communicate()
        if self._process:
            _end(self._process)
        self._watcher = self._process = None


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, limit_s in STOP_LIMITS_S:
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(limit_s)
            return
        except subprocess.TimeoutExpired:
            continue


def _end_with_parent() -> Callable[[], None]:
    """What the child does before it becomes the server: have Linux send it SIGINT when we are gone."""
    libc = ctypes.CDLL(None, use_errno=True)  # loaded here, since the child of a process with threads may not
    parent = os.getpid()

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


def _watch(server: int) -> subprocess.Popen[bytes]:
    """A process that reads from a pipe of ours, and shuts the server down when the pipe ends because we did."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -INT "$1"', "sh", str(server)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _socket_directory() -> Path:
    """A new directory with a path short enough for a Unix socket: 104 bytes on macOS, with the socket's own name."""
    base = tempfile.gettempdir()
    return Path(
        tempfile.mkdtemp(
            prefix=SOCKETS_PREFIX, dir=base if len(os.fsencode(base)) < SOCKET_PATH_LIMIT_BYTES else "/tmp"
        )
    )


def _shared_memory_is_small() -> bool:
    """Containers often have 64 MB, which one parallel hash join can fill; files in the data directory do as well."""
    try:
        return shutil.disk_usage("/dev/shm").total < SMALL_SHARED_MEMORY_BYTES
    except OSError:
        return False


def _tail(log: str) -> str:
    """The last lines that say why, in one."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"FATAL|PANIC|ERROR|HINT|DETAIL|error:", line)] or lines
    return " | ".join(telling[-4:])[-1_500:] or "no word from it"
