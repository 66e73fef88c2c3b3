"""The engine against psycopg's cursors in threads: `uv run python -m benchmarks.cursor [--smoke]`.

The same workload, the same tool, the same number of clients; only `backend.driver` differs, and the cursors get one
process with a thread for each client, as most applications have them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.pairs import in_turn, machine, table
from benchmarks.server import started
from benchmarks.sides import Tool


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--duration", type=int, default=5, help="seconds of each run")
    parser.add_argument("--clients", type=int, nargs="*", default=[8])
    parser.add_argument("--smoke", action="store_true", help="one short pair, to see that it works")
    asked = parser.parse_args(arguments)
    if asked.smoke:
        asked.pairs, asked.duration, asked.clients = 1, 1, [2]
    with started() as server:
        server.command("pgbench", "-i", "-q", "-s", "10")
        found = []
        for clients in asked.clients:

            def side(*overrides: str, clients: int = clients) -> Tool:
                return Tool(
                    dsn=server.dsn,
                    dataset="pgbench",
                    workload="pgbench_select",
                    clients=clients,
                    duration_s=asked.duration,
                    overrides=overrides,
                )

            cursors = side("backend.driver=cursor", "load.processes=1")
            found.append(in_turn(f"select, {clients} clients", side().run, cursors.run, pairs=asked.pairs))
    print(machine())
    print(table(found, "cursor"))


if __name__ == "__main__":
    main()
