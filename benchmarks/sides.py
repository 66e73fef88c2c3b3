"""This tool as one side of a pair: a whole run by its command, as a user does it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.results import open_run
from benchmarks.pairs import Slice, unevenness

CONF = Path(__file__).parent / "conf"
WARM_UP_S = 1


@dataclass(frozen=True, kw_only=True)
class Tool:
    """`bench run` on a server that is there."""

    dsn: str
    dataset: str
    workload: str
    clients: int
    duration_s: float
    overrides: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> Slice:
        """One run; its results are read and thrown away."""
        with TemporaryDirectory() as folder:
            words = [
                "backend=postgres",
                f"dataset={self.dataset}",
                f"workload={self.workload}",
                "load=closed",
                f"load.clients={self.clients}",
                f"load.warm_up_s={WARM_UP_S}",
                f"load.duration_s={self.duration_s}",
                "verify=false",
                "plans=false",
                f"hydra.run.dir={folder}/run",
                *self.overrides,
            ]
            command = [sys.executable, "-m", "bench", "run", "--config-dir", str(CONF), *words]
            known = {**os.environ, "BENCH_POSTGRES_DSN": self.dsn, "BENCH_PAGE": "no", **self.environment}
            done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
            return slice_of(Path(folder) / "run")


def slice_of(directory: Path) -> Slice:
    """The figures of a run that is done."""
    run = open_run(directory)
    samples = run.samples(["phase", "status", "client", "start_ns", "end_ns"])
    measured = np.array([phase == "measurement" for phase in samples.column("phase").to_pylist()])
    service_us = (samples.column("end_ns").to_numpy() - samples.column("start_ns").to_numpy())[measured] / 1e3
    cpu_s = sum(worker["cpu_s"] for worker in run.manifest["workers"])
    return Slice(
        throughput_per_s=float(np.sum(run.table("summary").column("goodput_per_s").to_numpy())),
        p50_us=float(np.quantile(service_us, 0.5)),
        p99_us=float(np.quantile(service_us, 0.99)),
        client_cpu_us=cpu_s / len(samples) * 1e6,
        unevenness=unevenness(samples.column("client").to_numpy()[measured]),
    )
