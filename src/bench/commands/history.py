"""`bench history`: an operation across dates and versions, and where its level changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from bench.commands.shell import Parser, Shell, show
from bench.errors import ConfigError


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Print the history of the runs in or below some directories."""
    from bench.compare.history import history
    from bench.report import forms
    from bench.report.history import history_page
    from bench.results import survey

    parser = Parser("history", "Show operations across dates and versions, and where their level changed.")
    parser.add_argument("directories", nargs="+", metavar="DIR", help="runs, sweeps, or what they lie in")
    parser.add_argument(
        "--operation", action="append", default=[], metavar="NAME", help="only this one; may be repeated"
    )
    parser.add_argument("--measure", choices=("p50", "p99", "mean", "throughput"), default="p50")
    form = parser.add_mutually_exclusive_group()
    for name in ("markdown", "json"):
        form.add_argument(f"--{name}", dest="format", action="store_const", const=name, default="table")
    parsed = parser.parse_intermixed_args(arguments)
    for directory in map(Path, parsed.directories):
        if not directory.is_dir():
            raise ConfigError(f"there is no directory '{directory}'; give one that `bench` printed")
    there = survey(parsed.directories)
    found = history(there.runs, operations=parsed.operation, measure=parsed.measure)
    found = replace(found, left_out=(*there.left_out, *found.left_out))
    if parsed.format == "json":
        show(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    elif parsed.format == "markdown":
        show(forms.markdown(history_page(found)), end="")
    else:
        forms.present(history_page(found))
    return 0
