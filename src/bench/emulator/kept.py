"""The rows of the latest statements, for RESULT_SCAN: bounded in number and size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_RESULTS = 256
KEPT_RESULTS_BYTES = 128 * 2**20


class KeptResults(dict[str, tuple[Any, ...]]):
    """Results by query id, in the place of a dictionary of fakesnow's that grows for ever.

    Safe to use from several threads. A value is fakesnow's tuple, which begins with the rows; what is put in is seen
    through `get` and `pop` alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._latest: OrderedDict[str, tuple[Any, ...]] = OrderedDict()
        self._size_bytes = 0

    def __setitem__(self, key: str, value: tuple[Any, ...]) -> None:
        with self._lock:
            self._drop(key)
            self._latest[key] = value
            self._size_bytes += value[0].nbytes
            while len(self._latest) > KEPT_RESULTS or (self._size_bytes > KEPT_RESULTS_BYTES and len(self._latest) > 1):
                self._drop(next(iter(self._latest)))

    def get(self, key: str, default: Any = None) -> Any:
        """What was put in, or the default once it is forgotten."""
        with self._lock:
            return self._latest.get(key, default)

    def rename(self, key: str, to: str) -> None:
        """Have a result bear another id."""
        with self._lock:
            value = self._drop(key)
        if value is not None:
            self[to] = value

    def rows(self, key: str) -> pa.Table | None:
        """The rows of a statement, None once they are forgotten."""
        found = self.get(key)
        return found[0] if found else None

    def _drop(self, key: str) -> tuple[Any, ...] | None:
        value = self._latest.pop(key, None)
        if value is not None:
            self._size_bytes -= value[0].nbytes
        return value
