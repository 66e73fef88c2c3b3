"""`bench resume`: run only what is missing or failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.run import conclude
from bench.commands.shell import Parser, Shell, say, voice
from bench.errors import ConfigError, NoResultsError, ResultError
from bench.launch import demand_budget, run_cell

if TYPE_CHECKING:
    from bench.budget import Budget
    from bench.plan import Plan, RunConfig
    from bench.results import Run
    from bench.sweep import Cell


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Complete a sweep or run in the directory where it began."""
    from bench.results import LEDGER_NAME

    parser = Parser("resume", "Run only what is missing or failed, into the directory where it began.")
    parser.add_argument("directory", metavar="DIR", help="as printed at the end of a run or sweep")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="budget.LIMIT: for what is spent in all; repetitions: more of them",
    )
    parsed = parser.parse_intermixed_args(arguments)
    directory = Path(parsed.directory)
    budget, repetitions = _asked(parsed.overrides)
    if not directory.is_dir():
        raise ConfigError(f"there is no directory '{directory}'; give the one that `bench` printed")
    if (directory / LEDGER_NAME).is_file():
        return _sweep(directory, budget, repetitions, shell)
    if repetitions is not None:
        raise ConfigError("a single run cannot be repeated afterwards; start anew with it", key="repetitions")
    return _single(directory, budget, shell)


def _asked(words: Sequence[str]) -> tuple[Budget, int | None]:
    """The new budget, without which nothing is limited whatever the sweep began with, and how many repetitions.

    Raises:
        ConfigError: Something else is asked to be changed, or a value is no number.
    """
    from bench.budget import Budget
    from bench.config import build
    from bench.config.freeze import RunOptions

    limits: dict[str, object] = {}
    options: dict[str, object] = {}
    for word in words:
        key, _, value = word.partition("=")
        if not value or not (key.startswith("budget.") or key == "repetitions"):
            raise ConfigError(
                f"'{word}' cannot be set when a run is resumed; only budget.… and repetitions can, start anew instead"
            )
        found = options if key == "repetitions" else limits
        try:
            found[key.removeprefix("budget.")] = json.loads(value)
        except ValueError:
            found[key.removeprefix("budget.")] = value
    budget = build(Budget, limits, "budget", "bench.budget.Budget")
    asked = build(RunOptions, options, "", "bench.config.freeze.RunOptions").repetitions if options else None
    return budget, asked


def _sweep(sweep: Path, budget: Budget, repetitions: int | None, shell: Shell) -> int:
    from bench.commands.repetitions import complete, extend, planned
    from bench.estimate import past_runs
    from bench.results import open_sweep
    from bench.sweep import locked, run_cells, standing

    with locked(sweep):
        _catch_up(sweep)
        complete(sweep)
        if repetitions is not None:
            extend(sweep, repetitions)
        names = [name for name, status in standing(sweep).items() if not (status == "done" and _is_done(sweep / name))]
        if not names:
            say(f"nothing is missing: all {len(standing(sweep))} cells are done")
            return conclude(open_sweep(sweep), shell)
        found = [(name, *recompose(sweep / name)) for name in names]
        past = past_runs(found[0][1].outputs) if budget.limited else {}
        each = planned(sweep)
        cells = [_cell(sweep / name, replace(config, budget=budget), plan, past, each) for name, config, plan in found]
        say(f"{len(cells)} of {len(standing(sweep))} cells are missing or failed")
        try:
            run_cells(cells, sweep, fail_fast=False, say=say, budget=budget)
        except KeyboardInterrupt:
            conclude(open_sweep(sweep), shell)
            raise
    return conclude(open_sweep(sweep), shell)


def _catch_up(sweep: Path) -> None:
    """Note what a killed sweep could not: a cell that is done although its ledger does not say so yet."""
    from bench.results import CellStatus, Ledger, read_ledger, states

    for entry in states(read_ledger(sweep)).values():
        if entry.status is CellStatus.RUNNING and _is_done(sweep / (entry.directory or entry.cell)):
            Ledger(sweep).append(
                cell=entry.cell, config_hash=entry.config_hash, status=CellStatus.DONE, directory=entry.directory
            )


def _single(directory: Path, budget: Budget, shell: Shell) -> int:
    from bench.results import open_run, spent
    from bench.sweep import locked

    _demand_ours(directory)
    with locked(directory):
        pass  # says so when it is still being worked on
    if _is_done(directory):
        say("nothing is missing: the run is done")
    else:
        config, plan = recompose(directory)
        demand_budget(replace(config, budget=budget), spent(directory))
        run_cell(config, plan, directory, voice())
    return conclude(open_run(directory), shell)


def _demand_ours(directory: Path) -> None:
    """Refuse a directory that holds neither a run nor what one was to be composed from, before it gets a lock.

    Raises:
        NoResultsError: It is one.
    """
    from bench.config import read_request
    from bench.results import open_run

    try:
        open_run(directory)
    except NoResultsError:
        try:
            read_request(directory)
            return
        except ResultError:
            pass
        raise
    except ResultError:
        return  # what is broken is run again


def recompose(directory: Path) -> tuple[RunConfig, Plan]:
    """The configuration of the cell in `directory`, composed again and found to be the same, and its plan.

    Raises:
        ConfigError: It has changed since, or can no longer be composed.
        ResultError: What it was composed from is not known.
    """
    from bench.config import compose, read_request
    from bench.plan import make_plan

    request = read_request(directory)
    (config,) = compose(request.words, request.sources)
    config = replace(config, turn=request.turn)
    if config.config_hash != request.config_hash:
        raise ConfigError(
            f"the configuration of {directory.name} is not what it was when it began; "
            "undo the change in the YAML files, or start anew"
        )
    plan = make_plan(config)
    config.backend.check()
    return config, plan


def _cell(directory: Path, config: RunConfig, plan: Plan, past: Mapping[str, Run], repetitions: int) -> Cell:
    from bench.estimate import estimate
    from bench.sweep import Cell, title

    config.budget.demand_price(config.price)
    return Cell(
        name=directory.name,
        config_hash=config.config_hash,
        run=lambda: run_cell(config, plan, directory, voice()),
        title=title(directory.name, config.repetition, repetitions),
        estimate=estimate(config, past).spending,
    )


def _is_done(directory: Path) -> bool:
    from bench.results import open_run

    try:
        return open_run(directory).status == "done"
    except ResultError:
        return False
