"""`bench run`: one cell, or the cells of a sweep, through Hydra."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.shell import Shell, composing_parser, say
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.budget import Spending
    from bench.cell import CellOutcome
    from bench.config import Sources
    from bench.plan import Plan, RunConfig
    from bench.results import Run, Sweep

FAILED = 1


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Run what the arguments ask for, or show what Hydra knows about it."""
    parsed = _parse(arguments)
    sources = shell.sources(parsed.config_dir)
    if parsed.help or parsed.hydra_help or parsed.cfg or parsed.info or parsed.shell_completion:
        return _show(parsed, sources, shell)
    return run(shell.words(parsed.overrides), sources, multirun=parsed.multirun)


def run(words: Sequence[str], sources: Sources, *, multirun: bool) -> int:
    """Check all cells, run them, print the results; gives the exit code."""
    from bench import config
    from bench.plan import make_plan

    directories: list[Path] = []
    plans: dict[str, Plan] = {}

    def check(cell: RunConfig) -> None:
        plans[cell.config_hash] = make_plan(cell)
        cell.backend.check()

    def task(cell: RunConfig, directory: Path) -> CellOutcome:
        directories.append(directory)
        return run_cell(cell, plans[cell.config_hash], directory)

    try:
        directory = config.run(words, sources, task, check=check, check_alone=demand_budget, multirun=multirun)
    except KeyboardInterrupt:
        if directories:
            conclude(results_of(directories[0]))
        raise
    return conclude(directory)


def run_cell(cell: RunConfig, plan: Plan, directory: Path) -> CellOutcome:
    """Run one cell with its progress on stderr, while no other process may work in its directory."""
    from bench import cell as cells
    from bench.load import FindMax
    from bench.progress import make_progress
    from bench.search import run_search
    from bench.sweep import locked

    with locked(directory):
        if isinstance(cell.load, FindMax):
            return run_search(cell, cell.load, plan, directory, make_progress(sys.stderr))
        return cells.run_cell(cell, plan, directory, make_progress(sys.stderr))


def demand_budget(cell: RunConfig, before: Spending | None = None) -> None:
    """Refuse a single run that is estimated to exceed its budget, after what was spent on it before.

    Raises:
        ConfigError: It would, or its budget is of something that its price does not give.
    """
    from bench.budget import Spending
    from bench.errors import ConfigError
    from bench.estimate import estimate, past_runs

    cell.budget.demand_price(cell.price)
    if not cell.budget.limited:
        return
    excess = cell.budget.excess(before or Spending(), estimate(cell, past_runs(cell.outputs)).spending)
    if excess:
        raise ConfigError(f"{excess}; raise the limit or ask for less, `bench plan` shows the estimate")


def results_of(directory: Path) -> Path:
    """The directory of the sweep to which a cell belongs, or that of a single run."""
    from bench.results import LEDGER_NAME

    return directory.parent if (directory.parent / LEDGER_NAME).is_file() else directory


def conclude(directory: Path) -> int:
    """Print the results as a table, say where they are and what comes next; gives the exit code."""
    from rich.console import Console

    from bench.report import show
    from bench.report.html import PAGE_NAME
    from bench.results import Run, open_results

    results = open_results(directory)
    show(results, Console())
    sys.stdout.flush()
    place = _place(directory)
    if isinstance(results, Run):
        states = [results.status.value]
        for error in results.manifest.get("errors", []):
            say(f"bench: {' '.join(str(error).split())}")
    else:
        states = [entry.status.value for entry in results.cells.values()]
    say(f"results: {place}")
    draw(results)
    if all(state == "done" for state in states):
        say(f"next: open {place}/{PAGE_NAME}, or query {place}/**/samples/*.parquet with DuckDB")
        return 0
    missing = sum(state != "done" for state in states)
    what = "this run" if isinstance(results, Run) else f"{missing} of {len(states)} cells"
    say(f"next: bench resume {place} runs {what} again")
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
