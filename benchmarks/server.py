"""An embedded PostgreSQL for both sides, and the programs that come with it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.backends.embedded import EmbeddedServer
from bench.backends.embedded_binaries import server_environment

SETTINGS = {
    "shared_buffers": "512MB",
    "max_connections": 300,
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs, with a database of its own."""

    dsn: str
    programs: Path

    def command(self, program: str, *words: str, cwd: str | None = None) -> str:
        """Run one of PostgreSQL's programs against the database; gives what it printed."""
        done = subprocess.run(
            [str(self.programs / program), *words, self.dsn],
            env=server_environment(),
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{program} {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def sql(self, *statements: str) -> None:
        """Send statements, each committed by itself."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def started(database: str = "benchmarks") -> Iterator[Server]:
    """A server with new data, on a Unix socket; gone when the context ends."""
    with TemporaryDirectory() as home, EmbeddedServer(home=Path(home), settings=SETTINGS) as embedded:
        with psycopg.connect(embedded.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}".encode())
        yield Server(
            dsn=embedded.conninfo(database, unix=True),
            programs=embedded.binaries.directory,
        )
