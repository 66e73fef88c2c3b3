"""The ledger of a sweep: one line per change of state of a cell, on disk before anything else happens."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import ResultError
from bench.redact import redact_text
from bench.results.manifest import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable

LEDGER_NAME = "ledger.jsonl"


class CellStatus(StrEnum):
    """How a cell of a sweep stands."""

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One change of state of one cell: one line of the ledger."""

    time: str
    """ISO 8601 in UTC."""
    cell: str
    config_hash: str
    status: CellStatus
    directory: str = ""
    """Relative to the sweep's directory, so that a sweep can be moved."""
    message: str = ""


class Ledger:
    """Appends to the ledger of a sweep; each line is on disk when `append` returns.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> ledger = Ledger(Path(folder.name))
        >>> entry = ledger.append(cell="0_postgres", config_hash="ab12", status=CellStatus.DONE)
        >>> states(read_ledger(Path(folder.name)))["0_postgres"].status.value
        'done'
        >>> folder.cleanup()
    """

    def __init__(self, sweep: Path) -> None:
        self.path = sweep / LEDGER_NAME
        try:
            sweep.mkdir(parents=True, exist_ok=True)
            self._drop_torn_line()
        except OSError as error:
            raise ResultError(f"cannot write {self.path}: {error.strerror or error}") from error

    def append(
        self, *, cell: str, config_hash: str, status: CellStatus, directory: str = "", message: str = ""
    ) -> Entry:
        """Write one change of state, without secrets in its message."""
        entry = Entry(
            time=utc_now(),
            cell=cell,
            config_hash=config_hash,
            status=status,
            directory=directory,
            message=redact_text(message),
        )
        line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
        try:
            with self.path.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ResultError(f"cannot write {self.path}: {error.strerror or error}") from error
        return entry

    def _drop_torn_line(self) -> None:
        """Cut off what a killed writer left unfinished, so that the next line does not run into it."""
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.path, whole)


def read_ledger(sweep: Path) -> tuple[Entry, ...]:
    """All entries in the order in which they were written; an unfinished last line is passed over.

    Raises:
        ResultError: There is no ledger, or a whole line of it is broken.
    """
    path = sweep / LEDGER_NAME
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise ResultError(f"{sweep} is not the directory of a sweep: it has no {LEDGER_NAME}") from error
    return tuple(_entry(path, number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        values = json.loads(line)
        known = {name: str(values[name]) for name in Entry.__dataclass_fields__ if name in values}
        return Entry(**{**known, "status": CellStatus(values["status"])})  # type: ignore[arg-type]  # checked by key
    except (ValueError, TypeError, KeyError) as error:
        raise ResultError(f"{path}, line {number} is no entry of a ledger: {error}") from error


def states(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The last entry of each cell, in the order in which the cells were first named."""
    return {entry.cell: entry for entry in entries}


def done_hashes(entries: Iterable[Entry]) -> dict[str, Entry]:
    """By `config_hash`, the last entry of each configuration that is done: what `resume` need not run again."""
    by_hash = {entry.config_hash: entry for entry in entries}
    return {config_hash: entry for config_hash, entry in by_hash.items() if entry.status is CellStatus.DONE}
