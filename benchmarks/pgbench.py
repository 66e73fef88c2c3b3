"""Against pgbench: `uv run python -m benchmarks.pgbench [--smoke]`.

Its built-in scripts `select-only` and `tpcb-like`, prepared, every transaction logged by both, with as many threads as
this tool has worker processes.
"""

from __future__ import annotations

import argparse
import re
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench import environment
from bench.load import ClosedLoop
from benchmarks.pairs import Pairs, Slice, in_turn, machine, table, unevenness
from benchmarks.server import Server, started
from benchmarks.sides import Tool

SCRIPTS = {"select": "select-only", "tpcb": "tpcb-like"}


@dataclass(frozen=True, kw_only=True)
class Pgbench:
    """pgbench as one side of a pair."""

    server: Server
    script: str
    clients: int
    threads: int
    duration_s: int

    def run(self) -> Slice:
        """One run, of which the log is read."""
        with TemporaryDirectory() as folder:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            text = self.server.command(
                "pgbench",
                *("-n", "-M", "prepared", "-l", "-b", self.script),
                *("-c", str(self.clients), "-j", str(self.threads), "-T", str(self.duration_s)),
                cwd=folder,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            logs = [np.loadtxt(path, usecols=(0, 2), ndmin=2) for path in Path(folder).glob("pgbench_log.*")]
        clients, service_us = np.concatenate(logs).T
        found = re.search(r"^tps = ([0-9.]+)", text, re.MULTILINE)
        assert found, text
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Slice(
            throughput_per_s=float(found[1]),
            p50_us=float(np.quantile(service_us, 0.5)),
            p99_us=float(np.quantile(service_us, 0.99)),
            client_cpu_us=cpu_s / len(service_us) * 1e6,
            unevenness=unevenness(clients),
        )


def compare(server: Server, kind: str, clients: int, asked: argparse.Namespace) -> Pairs:
    """Pairs of one script with so many clients."""
    processes = min(asked.processes, clients) if asked.processes else None
    load = ClosedLoop(name="any", clients=clients, processes=processes)
    threads = load.worker_processes(cores=environment.usable_cores(), lone=True)
    duration_s = asked.duration
    ours = Tool(
        dsn=server.dsn,
        dataset="pgbench",
        workload=f"pgbench_{kind}",
        clients=clients,
        duration_s=duration_s,
        overrides=[f"load.processes={threads}", f"backend.driver={asked.driver}"],
    )
    theirs = Pgbench(server=server, script=SCRIPTS[kind], clients=clients, threads=threads, duration_s=duration_s)

    def tidy() -> None:
        if kind == "tpcb":
            server.sql("TRUNCATE pgbench_history", "VACUUM pgbench_branches", "VACUUM pgbench_tellers", "CHECKPOINT")

    def we() -> Slice:
        tidy()
        return ours.run()

    def they() -> Slice:
        tidy()
        return theirs.run()

    return in_turn(f"{SCRIPTS[kind]}, {clients} client{'s' if clients > 1 else ''}", we, they, pairs=asked.pairs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--duration", type=int, default=5, help="seconds of each run")
    parser.add_argument("--select", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32], metavar="CLIENTS")
    parser.add_argument("--tpcb", type=int, nargs="*", default=[1, 8, 16], metavar="CLIENTS")
    parser.add_argument("--processes", type=int, help="worker processes, and threads of pgbench; else the default")
    parser.add_argument("--driver", default="wire", help="of the tool's backend")
    parser.add_argument("--smoke", action="store_true", help="one short pair, to see that it works")
    asked = parser.parse_args(arguments)
    if asked.smoke:
        asked.pairs, asked.duration, asked.select, asked.tpcb = 1, 1, [2], [1]
    with started() as server:
        server.command("pgbench", "-i", "-q", "-s", "10")
        found = [
            compare(server, kind, clients, asked)
            for kind, counts in (("select", asked.select), ("tpcb", asked.tpcb))
            for clients in counts
        ]
    print(machine())
    print(table(found, "pgbench"))
    select = [pairs.ratio("throughput_per_s")[0] for pairs in found if pairs.title.startswith("select")]
    if select:
        print(f"geometric mean of select-only: {float(np.exp(np.mean(np.log(select)))):.2f}")


if __name__ == "__main__":
    main()
