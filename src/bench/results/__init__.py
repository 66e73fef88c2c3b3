"""What a run leaves on disk: a published format, written so that nothing measured is lost, read without a database."""

from bench.results.ledger import LEDGER_NAME, CellStatus, Entry, Ledger, done_hashes, read_ledger, states
from bench.results.manifest import RunKey, RunStatus, Stage
from bench.results.run import STEPS_FOLDER, Run, RunWriter, fail_run, new_run_id, open_run
from bench.results.spending import spent
from bench.results.survey import Survey, survey
from bench.results.sweep import (
    CELLS_NAME,
    CellState,
    Sweep,
    find_runs,
    latest,
    open_results,
    open_sweep,
    read_cells,
    write_cells,
)

__all__ = [
    "CELLS_NAME",
    "LEDGER_NAME",
    "STEPS_FOLDER",
    "CellState",
    "CellStatus",
    "Entry",
    "Ledger",
    "Run",
    "RunKey",
    "RunStatus",
    "RunWriter",
    "Stage",
    "Survey",
    "Sweep",
    "done_hashes",
    "fail_run",
    "find_runs",
    "latest",
    "new_run_id",
    "open_results",
    "open_run",
    "open_sweep",
    "read_cells",
    "read_ledger",
    "spent",
    "states",
    "survey",
    "write_cells",
]
