"""The cells of a sweep, one after another: a ledger of what happened, and one table of all summaries at the end."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.budget import Budget, Spending
from bench.errors import BenchError, ResultError
from bench.order import cell_of
from bench.redact import redact_text
from bench.results import CellStatus, Ledger, open_sweep, read_ledger, spent, states, write_cells

if TYPE_CHECKING:
    from bench.cell import CellOutcome

LOCK_NAME = ".lock"
NO_BUDGET = Budget()


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell that is to be run."""

    name: str
    """Its folder below the sweep's directory."""
    config_hash: str
    run: Callable[[], CellOutcome]
    """Runs it in its folder; what fails becomes part of the outcome, except an interruption."""
    title: str = ""
    """How it is called on the screen; empty: by its name."""
    estimate: Spending = Spending()  # noqa: RUF009  # frozen, so that all cells can share it
    """What it is going to take, where a budget wants to know."""


def title(name: str, repetition: int, repetitions: int) -> str:
    """What a run is called on the screen, among the repetitions of its cell."""
    if repetitions == 1:
        return name
    return f"{cell_of(name, repetition)}, repetition {repetition + 1} of {repetitions}"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes from running cells in `directory`; the lock goes with the process, also when it is killed.

    Raises:
        ResultError: Another process does so now.
    """
    from filelock import FileLock, Timeout

    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory / LOCK_NAME)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise ResultError(f"{directory} is still being worked on by another process; wait for it, or end it") from error
    try:
        yield
    finally:
        lock.release()
        (directory / LOCK_NAME).unlink(missing_ok=True)


def run_cells(
    cells: Sequence[Cell],
    sweep: Path,
    *,
    fail_fast: bool,
    say: Callable[[str], None],
    budget: Budget = NO_BUDGET,
) -> dict[str, CellStatus]:
    """Run the cells in their order and tell the ledger; a cell that fails does not stop the others.

    Args:
        cells: What is to be run; a cell of the same name in the ledger is run anew.
        sweep: Directory of the sweep. The caller holds its lock.
        fail_fast: Leave the rest planned when a cell has failed.
        say: Takes what the user should know at once.
        budget: Leave the rest planned when what was spent and the estimate of the next cell exceed it.

    Returns:
        How each cell of `cells` stands, those that were not started included.
    """
    ledger = Ledger(sweep)
    for cell in cells:
        _note(ledger, cell, CellStatus.PLANNED)
    try:
        for number, cell in enumerate(cells, start=1):
            excess = budget.excess(_spent(sweep), cell.estimate) if budget.limited else ""
            if excess:
                _stop(ledger, cells[number - 1 :], sweep, excess, say)
                break
            say(f"cell {number} of {len(cells)}: {cell.title or cell.name}")
            if _run(cell, sweep, ledger, say) is not CellStatus.DONE and fail_fast:
                say("fail_fast: the remaining cells are left planned")
                break
    finally:
        write_cells(sweep, open_sweep(sweep).runs)
    return standing(sweep, [cell.name for cell in cells])


def _spent(sweep: Path) -> Spending:
    """What all cells have taken so far, before this process too."""
    return sum((spent(sweep / name) for name in states(read_ledger(sweep))), Spending())


def _stop(ledger: Ledger, cells: Sequence[Cell], sweep: Path, excess: str, say: Callable[[str], None]) -> None:
    for cell in cells:
        _note(ledger, cell, CellStatus.PLANNED, excess)
    limit = excess.partition("=")[0]
    rest = "the remaining cell is" if len(cells) == 1 else f"the remaining {len(cells)} cells are"
    say(f"{excess} ({cells[0].name}); {rest} left planned, and what was measured is kept")
    say(f"`bench resume {sweep} {limit}=…` goes on with another limit, `bench resume {sweep}` without one")


def standing(sweep: Path, names: Sequence[str] = ()) -> dict[str, CellStatus]:
    """How the cells of a sweep stand; only those of `names`, where some are given."""
    entries = states(read_ledger(sweep))
    return {name: entry.status for name, entry in entries.items() if not names or name in names}


def _note(ledger: Ledger, cell: Cell, status: CellStatus, message: str = "") -> None:
    ledger.append(cell=cell.name, config_hash=cell.config_hash, status=status, directory=cell.name, message=message)


def _run(cell: Cell, sweep: Path, ledger: Ledger, say: Callable[[str], None]) -> CellStatus:
    _note(ledger, cell, CellStatus.RUNNING)
    try:
        outcome = cell.run()
        status, message = CellStatus(outcome.status), outcome.message
    except KeyboardInterrupt:
        _note(ledger, cell, CellStatus.INTERRUPTED)
        raise
    except BenchError as error:
        status, message = CellStatus.FAILED, str(error)
    except Exception as error:  # noqa: BLE001  # a mistake in one cell must not cost the others; its trace is kept
        (sweep / cell.name / "traceback.txt").write_text(redact_text(traceback.format_exc()), encoding="utf-8")
        status, message = (
            CellStatus.FAILED,
            f"{type(error).__name__}: {' '.join(str(error).split())}; see traceback.txt in its folder",
        )
    _note(ledger, cell, status, message)
    if status is CellStatus.INTERRUPTED:
        raise KeyboardInterrupt
    if status is CellStatus.FAILED:
        say(f"cell {cell.name} failed: {message}")
    return CellStatus.FAILED if _contradicted(cell, sweep, ledger, say) else status


def _contradicted(cell: Cell, sweep: Path, ledger: Ledger, say: Callable[[str], None]) -> bool:
    """Whether the cell's answers differ from those of another; then both have failed."""
    from bench.results import fail_run
    from bench.verify import compare_answers

    entries = states(read_ledger(sweep))
    others = [sweep / name for name in entries if name != cell.name and (sweep / name / "answers.parquet").is_file()]
    found = compare_answers(sweep / cell.name, others)
    for directory, reason in found:
        entry = entries[directory.name]
        fail_run(directory, reason)
        ledger.append(
            cell=entry.cell,
            config_hash=entry.config_hash,
            status=CellStatus.FAILED,
            directory=entry.directory,
            message=reason,
        )
        say(f"cell {entry.cell} failed: {reason}")
    return bool(found)
