"""Whether a build that is 10 % slower in one operation is found, and no other operation accused.

    uv run python -m benchmarks.slowed [--smoke]

A sweep of interleaved repetitions of DuckDB against itself with a busy wait after the statements of one operation;
then `bench compare`. The end tells whether the verdicts are right.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pairs import machine
from benchmarks.sides import CONF

SLOWED = "small_range"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, compare, and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--duration", type=float, default=5, help="seconds of each run")
    parser.add_argument("--smoke", action="store_true", help="two short repetitions, to see that it works")
    asked = parser.parse_args(arguments)
    if asked.smoke:
        asked.repetitions, asked.duration = 2, 0.5
    with TemporaryDirectory() as folder:
        sweep = Path(folder) / "sweep"
        words = [
            *("backend=duckdb,duckdb_slowed", "dataset=tiny", "workload=points", "load=single"),
            *("load.warm_up_s=0.5", f"load.duration_s={asked.duration}", f"repetitions={asked.repetitions}"),
            *("plans=false", f"home={folder}/home", f"hydra.sweep.dir={sweep}", "-m"),
        ]
        bench("run", "--config-dir", str(CONF), *words)
        found = bench("compare", str(sweep), "--by", "backend", "--measure", "p50", "--json")
    verdicts = json.loads(found)["verdicts"]
    print(machine())
    print(f"{asked.repetitions} interleaved repetitions of {asked.duration:g} s; {SLOWED} takes 10 % longer\n")
    print("| operation | verdict | p50 / unchanged | interval |\n|---|---|--:|---|")
    for verdict in verdicts:
        interval = f"{verdict['low']:.3f} to {verdict['high']:.3f}" if verdict["low"] is not None else ""
        ratio = f"{verdict['ratio']:.3f}" if verdict["ratio"] is not None else ""
        print(f"| {verdict['operation']} | {verdict['verdict']} | {ratio} | {interval} |")
    accused = {verdict["operation"] for verdict in verdicts if verdict["verdict"] in {"slower", "faster"}}
    print(f"\nfound: {'yes' if SLOWED in accused else 'no'}; others accused: {', '.join(accused - {SLOWED}) or 'none'}")


def bench(*words: str) -> str:
    """What the command prints."""
    command = [sys.executable, "-m", "bench", *words]
    known = {**os.environ, "BENCH_PAGE": "no"}
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
