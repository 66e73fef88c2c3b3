"""How late the tool itself starts operations in an open loop: `uv run python -m benchmarks.lag [--smoke]`.

A closed loop first shows what the server gives to these clients. Open loops at parts of that rate follow, with both
ways of waiting. The lag of the harness counts from when an operation was due and a client was free, so a busy server is
not in it. How late this machine wakes a process that does nothing but sleep is measured beside: no harness does better.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.drive.pace import finer_timers
from bench.results import Run, latest, open_run

READS = "workload.mix={read_by_index: 0, small_range: 0, insert_row: 0, update_by_key: 0, take_payment: 0}"
GOAL_NS = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line per rate and way of waiting."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lag", description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
    parser.add_argument("--parts", type=float, nargs="+", default=[0.1, 0.25, 0.5], help="of the closed loop's rate")
    parser.add_argument("--backend", default="postgres")
    parser.add_argument("--smoke", action="store_true", help="one second of one rate, to see that it works")
    given = parser.parse_args(arguments)
    if given.smoke:
        given.clients, given.seconds, given.parts = 2, 1.0, [0.25]
    warm_up_s = 0.2 if given.smoke else 2.0
    common = [
        f"backend={given.backend}", "workload=points", READS, "verify=false", "plans=false", "ceiling_s=0",
        f"load.clients={given.clients}", f"load.processes={given.processes}", f"load.duration_s={given.seconds}",
        f"load.warm_up_s={warm_up_s}",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        closed = measured(Path(folder), [*common, "load=closed"])
        ceiling = row_of(closed)["throughput_per_s"]
        assert isinstance(ceiling, float)
        print(f"closed loop: {ceiling:,.0f} operations/s with {given.clients} clients in {given.processes} processes")
        print(f"a process that only sleeps is woken late by {bare_sleep(given.seconds)} ms (p50 / p99)")
        print("| pace | asked per s | got per s | schedule lag p50 / p99 ms | harness lag p50 / p99 / max ms | goal |")
        print("|---|--:|--:|--:|--:|---|")
        for pace in ("sleep", "spin"):
            for part in given.parts:
                rate = f"load.rate_per_s={part * ceiling:.0f}"
                print(
                    line(
                        pace, part * ceiling, measured(Path(folder), [*common, "load=open", rate, f"load.pace={pace}"])
                    )
                )
    return 0


def bare_sleep(seconds: float) -> str:
    """p50 and p99, in ms, of how late a process is woken that sleeps one millisecond again and again."""
    finer_timers()
    late_ns = []
    until_ns = time.monotonic_ns() + int(seconds * 1e9)
    while (due_ns := time.monotonic_ns() + 1_000_000) < until_ns:
        time.sleep(0.001)
        late_ns.append(time.monotonic_ns() - due_ns)
    late_ns.sort()
    return f"{_ms(late_ns[len(late_ns) // 2])} / {_ms(late_ns[len(late_ns) * 99 // 100])}"


def measured(folder: Path, words: Sequence[str]) -> Run:
    """The run of these words, by the real command."""
    command = [sys.executable, "-m", "bench", *words, f"outputs={folder}"]
    known = {**os.environ, "BENCH_PAGE": "no"}
    subprocess.run(command, env=known, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return open_run(latest(folder))


def row_of(run: Run) -> dict[str, object]:
    """The summary of the one operation."""
    (row,) = run.table("summary").to_pylist()
    return dict(row)


def line(pace: str, asked_per_s: float, run: Run) -> str:
    """One line of the table."""
    row = row_of(run)
    schedule = " / ".join(_ms(row[f"schedule_lag_{name}_ns"]) for name in ("p50", "p99"))
    harness = " / ".join(_ms(row[f"harness_lag_{name}_ns"]) for name in ("p50", "p99", "max"))
    p99_ns = row["harness_lag_p99_ns"]
    goal = "met" if isinstance(p99_ns, int) and p99_ns < GOAL_NS else "missed"
    return f"| {pace} | {asked_per_s:,.0f} | {row['throughput_per_s']:,.0f} | {schedule} | {harness} | {goal} |"


def _ms(value_ns: object) -> str:
    return f"{value_ns / 1e6:.3f}" if isinstance(value_ns, int) else "–"


if __name__ == "__main__":
    sys.exit(main())
