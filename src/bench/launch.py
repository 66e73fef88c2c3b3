"""Run what was asked for, one cell or the cells of a sweep: what the command and `bench.run` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.budget import Spending
    from bench.cell import CellOutcome
    from bench.config import Sources
    from bench.plan import Plan, RunConfig
    from bench.progress import Voice
    from bench.results import Run, Sweep


def launch(
    words: Sequence[str],
    sources: Sources,
    *,
    multirun: bool,
    voice: Voice,
    begun: Callable[[Path], object] = lambda directory: None,
) -> Run | Sweep:
    """Check all cells, then run them, each in an output directory of its own.

    Args:
        words: Overrides, as on the command line.
        sources: Where configuration is looked for.
        multirun: Run the product of all comma-separated choices.
        voice: How the cells speak to the user.
        begun: Told where the results are going to be, once, when the first cell begins.

    Raises:
        ConfigError: A cell is wrong; then none was started and nothing was written.
        BenchError: The run could not be begun. What fails later stands in the results.
        KeyboardInterrupt: The user ended it; what was measured is kept.
    """
    from bench import config
    from bench.plan import make_plan
    from bench.results import open_results

    plans: dict[str, Plan] = {}
    told: list[Path] = []

    def check(cell: RunConfig) -> None:
        plans[cell.config_hash] = make_plan(cell)
        cell.backend.check()

    def task(cell: RunConfig, directory: Path) -> CellOutcome:
        if not told:
            told.append(results_of(directory))
            begun(told[0])
        return run_cell(cell, plans[cell.config_hash], directory, voice)

    return open_results(
        config.run(words, sources, task, check=check, check_alone=demand_budget, multirun=multirun, say=voice.say)
    )


def run_cell(cell: RunConfig, plan: Plan, directory: Path, voice: Voice) -> CellOutcome:
    """Run one cell, while no other process may work in its directory.

    Raises:
        ResultError: Another process does.
        KeyboardInterrupt: The user ended it; what was measured is kept.
    """
    from bench import cell as cells
    from bench.load import FindMax
    from bench.search import run_search
    from bench.sweep import locked

    with locked(directory):
        if isinstance(cell.load, FindMax):
            return run_search(cell, cell.load, plan, directory, voice.display())
        return cells.run_cell(cell, plan, directory, voice.display())


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
