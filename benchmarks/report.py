"""How long the page of a run of ten million samples takes, and how much memory.

    uv run python -m benchmarks.report [--samples N]

The run is made up and written by `bench.results`, as a real one is; then `bench report --format html` is started in a
process of its own and watched.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from bench.results import RunWriter, open_run
from bench.results.manifest import RunKey, Stage
from bench.results.summary import interval_rows, summary_rows
from bench.summarize import summarize

OPERATIONS = tuple(f"operation_{number}" for number in range(20))
CLIENTS = 64
DURATION_S = 600
PART_ROWS = 500_000
NS_PER_S = 1_000_000_000
LIMIT_S, LIMIT_BYTES = 10, 1 << 30


def main() -> None:
    """Make the run, report it, and say what that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000_000)
    samples = parser.parse_args().samples
    with TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        make_run(directory, samples)
        began = time.monotonic()
        command = [sys.executable, "-m", "bench", "report", str(directory), "--format", "html"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took_s = time.monotonic() - began
        peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1_024
        page_bytes = (directory / "report.html").stat().st_size
    print(f"samples            {samples:>12,}")
    print(f"time               {took_s:>12.2f} s    (limit {LIMIT_S} s)")
    print(f"peak memory        {peak_bytes / 2**20:>12,.0f} MiB  (limit {LIMIT_BYTES / 2**20:,.0f} MiB)")
    print(f"page               {page_bytes / 1e6:>12.2f} MB   (limit 2 MB)")


def make_run(directory: Path, samples: int) -> None:
    """A run as it lies on disk, with the samples of `DURATION_S` seconds and their summary."""
    rng = np.random.default_rng(42)
    key = RunKey(run_id="r", backend="made_up", dataset="none", workload="twenty", load="closed")
    window = {"start_ns": 0, "measure_ns": 10 * NS_PER_S, "end_ns": (10 + DURATION_S) * NS_PER_S}
    facts = {"window": window, "load_description": f"closed loop, {CLIENTS} clients, 10 s warm-up, {DURATION_S} s"}
    with RunWriter(directory, key, facts) as writer:
        for first in range(0, samples, PART_ROWS):
            part = _part(rng, first, min(PART_ROWS, samples - first), samples)
            writer.add_samples(part, repetition=0, attempt=0)
        writer.enter(Stage.SUMMARY)
        found = summarize(
            open_run(directory), OPERATIONS, start_ns=window["measure_ns"], end_ns=window["end_ns"], arriving=None
        )
        writer.write_rows("summary", summary_rows(found.operations, repetition=0))
        writer.write_rows("intervals", interval_rows(found.seconds, repetition=0))


def _part(rng: np.random.Generator, first: int, rows: int, samples: int) -> pa.Table:
    """The next samples: log-normal times, one attempt in a thousand fails."""
    step_ns = (10 + DURATION_S) * NS_PER_S // samples
    start_ns = (first + np.arange(rows, dtype=np.int64)) * step_ns
    codes = rng.integers(0, len(OPERATIONS), rows, dtype=np.int32)
    took_ns = (rng.lognormal(13.5, 0.8, rows) * (1 + codes)).astype(np.int64)
    failed = (rng.random(rows) < 0.001).astype(np.int32)
    phase = (start_ns >= 10 * NS_PER_S).astype(np.int32)
    return pa.table(
        {
            "operation": pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(OPERATIONS)),
            "phase": pa.DictionaryArray.from_arrays(pa.array(phase), pa.array(["warm_up", "measurement"])),
            "status": pa.DictionaryArray.from_arrays(pa.array(failed), pa.array(["ok", "error"])),
            "rows": pa.repeat(1, rows),
            "client": pa.array(rng.integers(0, CLIENTS, rows, dtype=np.int32)),
            "intended_start_ns": start_ns,
            "start_ns": start_ns,
            "end_ns": start_ns + took_ns,
        }
    )


if __name__ == "__main__":
    main()
