"""Names of prepared statements, all of them equally long."""

from __future__ import annotations

import threading


class StatementNames:
    """One name for each statement and combination of types, for all sessions of a database."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._statements: dict[bytes, tuple[str, tuple[int, ...]]] = {}
        self._lock = threading.Lock()

    def name(self, sql: str, types: tuple[int, ...]) -> bytes:
        """The name, the same whoever asks."""
        known = self._names.get((sql, types))
        if known is None:
            with self._lock:
                # Who reads takes no lock, so a name is known last of all.
                known = self._names.get((sql, types)) or b"bench_%06d" % len(self._names)
                self._statements[known] = (sql, types)
                self._names[sql, types] = known
        return known

    def statement(self, name: bytes) -> tuple[str, tuple[int, ...]]:
        """The statement and the types of its parameters that have this name."""
        return self._statements[name]
