"""Against sysbench, where it is installed: `uv run python -m benchmarks.sysbench [--smoke]`.

Its scripts `oltp_point_select` and `oltp_read_only` on one table of 100,000 rows, prepared. sysbench keeps no log of
its own: only throughput can be compared.
"""

from __future__ import annotations

import argparse
import math
import re
import resource
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.conninfo import conninfo_to_dict

from benchmarks.pairs import Slice, in_turn, machine, table
from benchmarks.server import Server, started
from benchmarks.sides import Tool

SCRIPTS = {"point": "oltp_point_select", "read_only": "oltp_read_only"}


@dataclass(frozen=True, kw_only=True)
class Sysbench:
    """sysbench as one side of a pair."""

    server: Server
    script: str
    clients: int
    duration_s: int

    def command(self, verb: str) -> str:
        """Run one of its commands; gives what it printed."""
        known = conninfo_to_dict(self.server.dsn)
        words = [
            "sysbench",
            "--db-driver=pgsql",
            *(f"--pgsql-{name}={known[key]}" for name, key in (("host", "host"), ("port", "port"), ("user", "user"))),
            f"--pgsql-db={known['dbname']}",
            "--tables=1",
            "--table-size=100000",
            "--rand-type=uniform",
            f"--threads={self.clients}",
            f"--time={self.duration_s}",
            "--percentile=99",
            self.script,
            verb,
        ]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def run(self) -> Slice:
        """One run."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = self.command("run")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        rate = re.search(r"transactions:\s+(\d+)\s+\(([0-9.]+) per sec", text)
        mean_ms, p99_ms = re.search(r"avg:\s+([0-9.]+)", text), re.search(r"99th percentile:\s+([0-9.]+)", text)
        assert rate, text
        assert mean_ms, text
        assert p99_ms, text
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Slice(
            throughput_per_s=float(rate[2]),
            p50_us=float(mean_ms[1]) * 1e3,  # it tells no median; the column says so
            p99_us=float(p99_ms[1]) * 1e3,
            client_cpu_us=cpu_s / int(rate[1]) * 1e6,
            unevenness=math.nan,  # it tells nothing of its clients
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--duration", type=int, default=5, help="seconds of each run")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--smoke", action="store_true", help="one short pair, to see that it works")
    asked = parser.parse_args(arguments)
    if not shutil.which("sysbench"):
        raise SystemExit("sysbench is not installed; `apt-get install sysbench` brings it")
    if asked.smoke:
        asked.pairs, asked.duration, asked.clients = 1, 1, [2]
    with started() as server:
        Sysbench(server=server, script=SCRIPTS["point"], clients=1, duration_s=1).command("prepare")
        server.sql("VACUUM ANALYZE")
        found = []
        for kind, script in SCRIPTS.items():
            for clients in asked.clients:
                ours = Tool(
                    dsn=server.dsn,
                    dataset="sysbench",
                    workload=f"sysbench_{kind}",
                    clients=clients,
                    duration_s=asked.duration,
                )
                theirs = Sysbench(server=server, script=script, clients=clients, duration_s=asked.duration)
                found.append(in_turn(f"{script}, {clients} clients", ours.run, theirs.run, pairs=asked.pairs))
    print(machine())
    print("The column p50 compares our median with sysbench's mean: it tells no median.")
    print(table(found, "sysbench"))


if __name__ == "__main__":
    main()
