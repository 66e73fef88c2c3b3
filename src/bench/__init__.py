"""The same questions to several database systems: answers proven equal, honest speed, cost beside it.

From Python: `bench.run` measures, `bench.open` reads results, `bench.query` asks them in SQL. See `docs/notebook.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.api import open, query, run
    from bench.errors import BenchError
    from bench.results import Run, Sweep

__all__ = ["BenchError", "Run", "Sweep", "open", "query", "run"]


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for first, so that `import bench` itself costs nothing."""
    if name in ("open", "query", "run"):
        from bench import api

        return getattr(api, name)
    if name in ("Run", "Sweep"):
        from bench import results

        return getattr(results, name)
    if name == "BenchError":
        from bench.errors import BenchError

        return BenchError
    raise AttributeError(f"module 'bench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
