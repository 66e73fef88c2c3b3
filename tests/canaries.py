"""Secrets that must turn up nowhere, and the search for them in every form that a program may write them in."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote, quote_plus

import pyarrow.parquet as pq

LOOK_EVERY_S = 0.05
LEAST_LENGTH = 8
"""A shorter piece would be found by chance."""


def forms(secret: str | bytes) -> frozenset[bytes]:
    """The secret as it is, and as URLs, JSON, hexadecimal and base64 have it."""
    plain = secret.encode() if isinstance(secret, str) else secret
    found = {plain, plain.hex().encode(), plain.hex().upper().encode(), *_in_base64(plain)}
    if isinstance(secret, str):
        escaped = {quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
        found |= {text.encode() for text in escaped}
    assert min(map(len, found)) >= LEAST_LENGTH
    return frozenset(found)


def _in_base64(plain: bytes) -> Iterator[bytes]:
    """What stays the same of it within a longer text, whose bytes are encoded three by three."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + plain + b"\0\0")
        whole = encoded[-(-8 * before // 6) : 8 * (before + len(plain)) // 6]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


class Canaries:
    """What each secret is called, and where it was seen."""

    def __init__(self, secrets: Mapping[str, str | bytes]) -> None:
        self.forms = {name: forms(secret) for name, secret in secrets.items()}

    def within(self, content: bytes) -> list[str]:
        """Names of the secrets that stand in it."""
        return [name for name, known in self.forms.items() if any(form in content for form in known)]

    def in_files(self, root: Path, leave_out: Iterable[Path] = ()) -> list[tuple[str, str]]:
        """(path, name of the secret) for every byte below a directory, and for what Parquet files hold unpacked."""
        spared = {path.resolve() for path in leave_out}
        seen = []
        for path in files(root):
            if path.resolve() in spared:
                continue
            content = path.read_bytes()
            if content[:4] == b"PAR1":
                content += unpacked(path)
            where = str(path.relative_to(root))
            seen += [(where, name) for name in self.within(content + where.encode())]
        return seen


def files(root: Path) -> list[Path]:
    """Every file below a directory."""
    return [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()]


def unpacked(path: Path) -> bytes:
    """All values and the metadata of a Parquet file as text."""
    table = pq.ParquetFile(path).read()
    values = "\n".join(str(value) for column in table.columns for value in column.to_pylist())
    return f"{values}\n{table.schema.to_string(show_schema_metadata=True, truncate_metadata=False)}".encode()


class Processes:
    """Looks at the command lines of every process of this machine, for as long as the context lasts."""

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries
        self._over = threading.Event()
        self.seen: set[tuple[str, str]] = set()
        """(command line, name of the secret)."""
        self.looked_at: set[str] = set()
        """The command lines."""

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, daemon=True, name="processes")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    self._look(Path(entry.path, "cmdline"))

    def _look(self, path: Path) -> None:
        with contextlib.suppress(OSError):  # it has ended by now
            line = path.read_bytes()
            shown = line.replace(b"\0", b" ").decode(errors="replace").strip()
            if shown and shown not in self.looked_at:
                self.looked_at.add(shown)
                self.seen |= {(shown, name) for name in self._canaries.within(line)}
