"""`bench doctor`: are the system under test and this machine fit to measure? One line for each answer."""

from __future__ import annotations

import itertools
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench import environment
from bench.commands.shell import Shell, composing_parser, say, show
from bench.errors import BenchError
from bench.model import Finding

if TYPE_CHECKING:
    from bench.backends.base import Database
    from bench.plan import RunConfig

FAILED = 1
NS_PER_S = 1_000_000_000
GIB = 1024**3
GROUPS = {"setting": "settings"}
"""What facts with a common beginning are called together, where not by that."""
FINE_CLOCK_NS = 1_000
"""A step of the clock above this blurs operations that take microseconds."""
LEAST_FREE_BYTES = 5 * GIB
BUSY_RATIO = 0.5
"""Load per core above which something else is at work here."""


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Print the findings; exit code 1 when one of them is `fail`."""
    from bench.config import compose

    parser = composing_parser("doctor", "Say whether the system under test and this machine are fit to measure.")
    parsed = parser.parse_intermixed_args(arguments)
    worst = 0
    for config in compose(shell.words(parsed.overrides), shell.sources(parsed.config_dir), multirun=parsed.multirun):
        width = max(10, len(config.backend.name))
        for finding in examine(config):
            show(f"{finding.level:<4}  {finding.what:<{width}}  {finding.text}")
            worst = max(worst, FAILED if finding.level == "fail" else 0)
    return worst


def examine(config: RunConfig) -> Iterator[Finding]:
    """Everything that can be said before a run."""
    yield python()
    yield packages()
    yield clock(time.perf_counter_ns)
    yield wall_clock(datetime.now(UTC))
    cores = environment.usable_cores()
    yield from machine(config.worker_processes(cores), cores)
    yield disk(config.home)
    yield from backend(config)


def python() -> Finding:
    """Interpreter and operating system."""
    return Finding(level="ok", what="python", text=f"{platform.python_version()} on {platform.platform()}")


def packages() -> Finding:
    """Versions of the drivers and of what renders and stores."""
    from bench.environment import package_versions

    found = package_versions()
    return Finding(level="ok", what="packages", text=", ".join(f"{name} {version}" for name, version in found.items()))


def clock(read_ns: Callable[[], int]) -> Finding:
    """The smallest step of the monotonic clock that can be seen, and that it never goes back."""
    reads = [read_ns() for _ in range(2_000)]
    steps = [after - before for before, after in itertools.pairwise(reads)]
    if min(steps) < 0:
        return Finding(
            level="fail", what="clock", text="the monotonic clock goes backwards; no duration can be trusted"
        )
    seen = [step for step in steps if step]
    smallest = min(seen) if seen else time.get_clock_info("perf_counter").resolution * NS_PER_S
    level: Literal["ok", "warn"] = "ok" if smallest <= FINE_CLOCK_NS else "warn"
    return Finding(level=level, what="clock", text=f"the monotonic clock moves in steps of {smallest:,.0f} ns or less")


def wall_clock(now: datetime) -> Finding:
    """Whether the date can be true: the wall clock anchors the samples in time."""
    newest = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    if now.year < 2024 or (newest - now).total_seconds() > 24 * 3600:
        return Finding(level="warn", what="wall clock", text=f"{now:%Y-%m-%d %H:%M} UTC cannot be right; set the clock")
    return Finding(level="ok", what="wall clock", text=f"{now:%Y-%m-%d %H:%M:%S} UTC")


def machine(processes: int, cores: int) -> Iterator[Finding]:
    """Cores, memory, and what else is going on."""
    import psutil

    note = f"{cores} cores for {processes} worker process{'es' if processes > 1 else ''}"
    level: Literal["ok", "warn"] = "ok" if processes <= 2 * cores else "warn"
    yield Finding(level=level, what="cores", text=note if level == "ok" else f"{note} and a server on the same machine")
    busy = psutil.getloadavg()[0] / cores
    text = f"load average {psutil.getloadavg()[0]:.2f} on {cores} cores"
    if busy > BUSY_RATIO:
        yield Finding(level="warn", what="load", text=f"{text}: something else is at work and will be measured too")
    else:
        yield Finding(level="ok", what="load", text=text)
    memory = psutil.virtual_memory()
    yield Finding(
        level="ok" if memory.available > GIB else "warn",
        what="memory",
        text=f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free",
    )


def disk(home: Path) -> Finding:
    """Free space where data are kept between runs."""
    there = next(path for path in (home.absolute(), *home.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK):
        return Finding(
            level="fail", what="disk", text=f"{there} cannot be written; choose another directory with home=…"
        )
    level: Literal["ok", "warn"] = "ok" if free > LEAST_FREE_BYTES else "warn"
    return Finding(level=level, what="disk", text=f"{free / GIB:.1f} GiB free for {home}")


def backend(config: RunConfig) -> Iterator[Finding]:
    """Whether it can be reached, what it is, and what we may do there."""
    what = config.backend.name
    namespace = config.backend.namespace(config.dataset.schema)
    start = time.perf_counter()
    try:
        with (
            config.backend.visit(config.data_name, config.home, say) as provisioned,
            provisioned.open(namespace) as database,
        ):
            yield Finding(level="ok", what=what, text=f"opened in {time.perf_counter() - start:.2f} s")
            if config.backend.capabilities.emulated:
                text = "this is an emulator: its times and costs say nothing about the service for which it stands"
                yield Finding(level="warn", what=what, text=text)
            yield from (Finding(level="ok", what=what, text=text) for text in _facts(database.facts()))
            yield from (replace(finding, what=what) for finding in database.findings())
            yield _round_trip(database, what)
            yield from _rights(config, database, what)
            found = sorted(database.table_names(namespace))
            there = ", ".join(found) if found else "none yet"
            yield Finding(level="ok", what=what, text=f"tables in {config.dataset.schema}: {there}")
    except BenchError as error:
        yield Finding(level="fail", what=what, text=" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001  # each driver raises its own; the text is the finding
        yield Finding(level="fail", what=what, text=f"{type(error).__name__}: {' '.join(str(error).split())}")


def _facts(facts: Mapping[str, str]) -> Iterator[str]:
    """What the server says of itself; facts whose names begin alike, such as settings, in one line."""
    groups: dict[str, list[str]] = {}
    for name, text in facts.items():
        group, dot, key = name.partition(".")
        if dot:
            groups.setdefault(GROUPS.get(group, group.replace("_", " ")), []).append(f"{key}={text}")
        else:
            yield f"{name}: {text}"
    yield from (f"{group}: {', '.join(texts)}" for group, texts in groups.items())


def _round_trip(database: Database, what: str) -> Finding:
    """The time of the shortest question, the middle one of many."""
    from bench.model import Statement

    durations = []
    with database.session() as session:
        call = session.prepare(Statement(sql="SELECT 1"))
        for _ in range(50):
            start = time.perf_counter()
            call(())
            durations.append(time.perf_counter() - start)
    return Finding(level="ok", what=what, text=f"SELECT 1 takes {sorted(durations)[25] * 1_000:.3f} ms")


def _rights(config: RunConfig, database: Database, what: str) -> Iterator[Finding]:
    """Whether tables may be made, tried in a transaction that is rolled back."""
    from bench.model import Statement

    can = config.backend.capabilities
    if not (can.transactional_ddl and config.dataset.generated):
        return
    namespace = config.backend.namespace("bench_doctor")
    statements = [f"CREATE TABLE {namespace.qualified('rights')} (id integer)"]
    if namespace.schema:
        statements.insert(0, f"CREATE SCHEMA {namespace.schema}")
    with database.session() as session:
        try:
            session.begin()
            for sql in statements:
                session.prepare(Statement(sql=sql, returns_rows=False))(())
            yield Finding(level="ok", what=what, text="may make schemas and tables (tried, and rolled back)")
        except Exception as error:  # noqa: BLE001  # each driver raises its own; the text is the finding
            yield Finding(level="fail", what=what, text=f"may not make tables: {' '.join(str(error).split())}")
        finally:
            session.rollback()
