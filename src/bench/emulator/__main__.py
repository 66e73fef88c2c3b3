"""`python -m bench.emulator`: serve until the parent is gone.

Prints one line of JSON when it answers, `{"port": 40123, "pid": 77, "version": …}`, and ends when its input does, so
that it never outlives the process that started it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import socket
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK_LIMIT_S = 5.0
"""How long a predecessor that was told to end may take."""


def main() -> None:
    """Read the command line, open the data, and serve."""
    arguments = _arguments()
    threading.Thread(target=_end_with_input, daemon=True, name="input").start()
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of each statement that Words read instead
    held = _claim(arguments.data) if arguments.data else None

    import uvicorn

    from bench.emulator.account import Account
    from bench.emulator.app import Service
    from bench.emulator.functions import VERSION

    service = Service(Account(arguments.data), patience_s=arguments.patience_s)
    listener = socket.create_server(("127.0.0.1", arguments.port), backlog=1024)
    # Accepted connections inherit it; without it head and body of an answer are 40 ms apart.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listener.getsockname()[1]
    sys.stdout.write(json.dumps({"port": port, "pid": os.getpid(), "version": VERSION}) + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        service.app(),
        log_level="warning",
        lifespan="off",
        timeout_keep_alive=600,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])
    if held:
        held.release()
    _leave()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one (default)")
    parser.add_argument("--data", type=Path, help="directory for the data; without it they live in memory")
    parser.add_argument(
        "--patience-s",
        type=float,
        default=40.0,
        help="after which a driver that waits is told to ask again (default 40)",
    )
    return parser.parse_args()


def _claim(data: Path) -> BaseFileLock:
    """Have the directory to ourselves, for as long as the process lives."""
    from filelock import FileLock, Timeout

    data.mkdir(parents=True, exist_ok=True)
    lock = FileLock(data / "emulator.lock")
    try:
        lock.acquire(timeout=LOCK_LIMIT_S)
    except Timeout:
        sys.exit(f"{data} is used by another emulator; end that one, or name another directory with --data")
    return lock


def _end_with_input() -> None:
    """Wait for the end of the input: then the parent is gone, or wants us gone."""
    while os.read(sys.stdin.fileno(), 4096):  # without a buffer, whose lock would hold up an exit
        pass
    _leave()


def _leave() -> None:
    """End at once: threads that still execute statements must not hold up the exit."""
    stage = sys.modules.get("fakesnow.transforms.stage")  # which may not have been imported yet
    directory = getattr(stage, "LOCAL_BUCKET_PATH", None)
    if directory:
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
