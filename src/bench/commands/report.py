"""`bench report`: the results in a directory, once more."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.shell import Parser, Shell, say, show
from bench.errors import ConfigError

if TYPE_CHECKING:
    from bench.results import Run, Sweep


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Print the results in one or several directories, or write them as a page."""
    from bench.results import latest, open_results

    parsed = _parse(arguments)
    directories = [Path(name) for name in parsed.directories] or [latest(Path("outputs"))]
    for directory in directories:
        if not directory.is_dir():
            raise ConfigError(f"there is no directory '{directory}'; give the one that `bench` printed")
    results = [open_results(directory) for directory in directories]  # nothing is printed before all are judged
    if parsed.format == "html":
        _write_page(results, parsed.output)
    elif parsed.output:
        _write(results, parsed.format, Path(parsed.output))
    else:
        _print(results, parsed.format)
    return 0


def _parse(arguments: Sequence[str]) -> Namespace:
    """The flags; a file that ends in `.html` says by its name what it is to hold."""
    parser = Parser("report", "Print the results in a directory of a run or sweep, or write them as one HTML file.")
    parser.add_argument("directories", nargs="*", metavar="DIR", help="as printed at the end of a run; else the newest")
    parser.add_argument("-f", "--format", choices=("table", "json", "markdown", "html"))
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write there; HTML without it becomes report.html in the directory"
    )
    parsed = parser.parse_intermixed_args(arguments)
    named_html = bool(parsed.output) and Path(parsed.output).suffix in (".html", ".htm")
    parsed.format = parsed.format or ("html" if named_html else "table")
    return parsed


def _write_page(results: Sequence[Run | Sweep], output: str | None) -> None:
    from bench.report.html import PAGE_NAME, write_page

    if output is None and len(results) > 1:
        raise ConfigError("several directories make one page; say with --output FILE where it goes", key="--output")
    path = Path(output) if output else results[0].directory / PAGE_NAME
    show(str(write_page(results, path)))


def _write(results: Sequence[Run | Sweep], format: str, path: Path) -> None:
    from bench import report
    from bench.results.manifest import replacing

    with replacing(path) as beside:
        beside.write_text("".join(report.render(result, format) for result in results), encoding="utf-8")
    say(f"report: {path}")


def _print(results: Sequence[Run | Sweep], format: str) -> None:
    from rich.console import Console

    from bench import report

    for result in results:
        if format == "table":
            report.show(result, Console())
        else:
            show(report.render(result, format), end="")
