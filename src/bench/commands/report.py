"""`bench report`: the results in a directory, once more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.commands.shell import Parser, Shell, show
from bench.errors import ConfigError


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Print the results in one or several directories."""
    from bench import report
    from bench.results import latest, open_results

    parser = Parser("report", "Print the results in a directory of a run or sweep.")
    parser.add_argument("directories", nargs="*", metavar="DIR", help="as printed at the end of a run; else the newest")
    parser.add_argument("-f", "--format", choices=("table", "json", "markdown"), default="table")
    parsed = parser.parse_intermixed_args(arguments)
    directories = [Path(name) for name in parsed.directories] or [latest(Path("outputs"))]
    for directory in directories:
        if not directory.is_dir():
            raise ConfigError(f"there is no directory '{directory}'; give the one that `bench` printed")
    for results in [open_results(directory) for directory in directories]:  # nothing is printed before all are judged
        if parsed.format == "table":
            from rich.console import Console

            report.show(results, Console())
        else:
            show(report.render(results, parsed.format), end="")
    return 0
