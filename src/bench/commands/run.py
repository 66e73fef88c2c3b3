"""`bench run`: one cell, or the cells of a sweep, through Hydra."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.shell import Shell, composing_parser, say, voice
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.config import Sources
    from bench.results import Run, Sweep

FAILED = 1
PAGE_VARIABLE = "BENCH_PAGE"
"""`no`: runs and sweeps end without their page; `bench report --format html` draws it when it is wanted."""
HAS_NUMBERS = frozenset({"done", "interrupted"})


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Run what the arguments ask for, or show what Hydra knows about it."""
    parsed = _parse(arguments)
    sources = shell.sources(parsed.config_dir)
    if parsed.help or parsed.hydra_help or parsed.cfg or parsed.info or parsed.shell_completion:
        return _show(parsed, sources, shell)
    return run(shell.words(parsed.overrides), sources, shell, multirun=parsed.multirun)


def run(words: Sequence[str], sources: Sources, shell: Shell, *, multirun: bool) -> int:
    """Check all cells, run them, print the results; gives the exit code."""
    from bench.launch import launch
    from bench.results import open_results

    begun: list[Path] = []
    try:
        results = launch(words, sources, multirun=multirun, voice=voice(), begun=begun.append)
    except KeyboardInterrupt:
        if begun:
            conclude(open_results(begun[0]), shell)
        raise
    return conclude(results, shell)


def conclude(results: Run | Sweep, shell: Shell) -> int:
    """Print the results as a table, say where they are and what comes next; gives the exit code."""
    from rich.console import Console

    from bench.report import show
    from bench.report.html import PAGE_NAME
    from bench.results import STEPS_FOLDER, Run

    show(results, Console())
    sys.stdout.flush()
    place = _place(results.directory)
    if isinstance(results, Run):
        states = [results.status.value]
        for error in results.manifest.get("errors", []):
            say(f"bench: {' '.join(str(error).split())}")
    else:
        states = [entry.status.value for entry in results.cells.values()]
    say(f"results: {place}")
    drawn = shell.environ.get(PAGE_VARIABLE) != "no" and any(state in HAS_NUMBERS for state in states)
    if drawn:
        draw(results)
    if all(state == "done" for state in states):
        first = f"open {place}/{PAGE_NAME}, or " if drawn else ""
        steps_only = isinstance(results, Run) and not results.has("summary")
        say(f"next: {first}{shell.command} query 'from summary' {place}{f'/{STEPS_FOLDER}' if steps_only else ''}")
        return 0
    missing = sum(state != "done" for state in states)
    what = "this run" if isinstance(results, Run) else f"{missing} of {len(states)} cells"
    say(f"next: {shell.command} resume {place} runs {what} again")
    return FAILED


def draw(results: Run | Sweep) -> None:
    """Write the page beside the results; that there is none must not make what was measured look failed."""
    from bench.report.html import PAGE_NAME, write_page

    try:
        path = write_page([results], results.directory / PAGE_NAME)
    except BenchError as error:
        say(f"no page: {error}")
    except Exception as error:  # noqa: BLE001  # the results are whole, and `bench report` shows the trace
        say(f"no page: unexpected {type(error).__name__}: {error}; `bench report --format html` tells more")
    else:
        say(f"page: {_place(path)}")


def _place(directory: Path) -> Path:
    """As short as it can be written from here."""
    here, there = Path.cwd(), directory.resolve()
    return there.relative_to(here) if there.is_relative_to(here) else there


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = composing_parser("run", "Run one cell, or with -m a sweep.", help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--hydra-help", action="store_true")
    parser.add_argument("-c", "--cfg", choices=("job", "hydra", "all"))
    parser.add_argument("-p", "--package")
    parser.add_argument("--resolve", action="store_true")
    parser.add_argument(
        "-i", "--info", nargs="?", const="all",
        choices=("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
    )  # fmt: skip
    parser.add_argument("-sc", "--shell-completion", action="store_true")
    return parser.parse_intermixed_args(arguments)


def _show(parsed: Namespace, sources: Sources, shell: Shell) -> int:
    """What Hydra prints instead of running."""
    from bench.config import show

    if parsed.shell_completion:
        line = shell.environ.get("COMP_LINE", "")
        verb = line.split(maxsplit=2)[1:2]
        if verb and verb[0] in ("run", "plan", "doctor"):  # Hydra's completion knows overrides only
            shell.environ["COMP_LINE"] = line.replace(f" {verb[0]}", "", 1)
        show.completion(parsed.overrides, sources)
    elif parsed.hydra_help:
        show.hydra_help(sources)
    elif parsed.help:
        show.app_help(shell.words(parsed.overrides), sources)
    elif parsed.cfg:
        words = shell.words(parsed.overrides)
        show.composed(words, sources, kind=parsed.cfg, package=parsed.package, resolve=parsed.resolve)
    else:
        show.info(parsed.info, shell.words(parsed.overrides), sources)
    return 0
