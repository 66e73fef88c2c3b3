"""Hydra's launcher for sweeps: composes every cell first, then has `bench.sweep` run one after another.

A benchmark on one machine must not run its cells side by side: they would measure each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction

    from bench.order import Turn
    from bench.plan import RunConfig
    from bench.results import Run
    from bench.sweep import Cell


class _Job(NamedTuple):  # no dataclass, for Hydra loads plug-ins in a way with which these do not go
    """A cell as Hydra composed it and as it is frozen, with the name of its folder."""

    name: str
    composed: DictConfig
    config: RunConfig


class SequentialLauncher(Launcher):
    """Runs each job of a sweep as often as `repetitions` says, in the order named by `order`, in its own folder."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives to every launcher."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; gives one result per run: how it stands, and as `working_dir` the sweep's directory."""
        from bench.config.compose import CellTask
        from bench.config.stored import save
        from bench.errors import ConfigError
        from bench.estimate import past_runs
        from bench.order import turns
        from bench.sweep import locked, run_cells

        assert isinstance(self.task_function, CellTask)  # Hydra hands on what it was given
        setup_globals()
        sweep = Path(self.config.hydra.sweep.dir).absolute()
        with locked(sweep):
            save(self.config, sweep / "multirun.yaml")  # as Hydra has written it, but without secrets
            jobs = [self._compose(number, words) for number, words in enumerate(job_overrides, start=initial_job_idx)]
            found = [self._frozen(job) for job in jobs]
            first = found[0].config
            budget = first.budget
            past = past_runs(first.outputs) if budget.limited else {}
            if len({job.name for job in found}) < len(found):
                raise ConfigError("gives two cells one folder; let it hold ${hydra:job.num}", key="hydra.sweep.subdir")
            order = turns(len(found), repetitions=first.repetitions, order=first.order, seed=first.seed)
            cells = [self._cell(found[turn.cell], turn, sweep, past) for turn in order]
            fail_fast = bool(self.config.get("fail_fast"))
            ended = run_cells(cells, sweep, fail_fast=fail_fast, say=self.task_function.say, budget=budget)
        return [
            JobReturn(working_dir=str(sweep), status=JobStatus.COMPLETED, _return_value=ended[cell.name])
            for cell in cells
        ]

    def _compose(self, number: int, words: Sequence[str]) -> DictConfig:
        composed: DictConfig = self.hydra_context.config_loader.load_sweep_config(self.config, list(words))
        with read_write(composed.hydra), open_dict(composed.hydra):
            composed.hydra.job.id = str(number)
            composed.hydra.job.num = number
        return composed

    def _frozen(self, composed: DictConfig) -> _Job:
        from bench.config.compose import in_context
        from bench.config.freeze import freeze

        with in_context(composed) as (task, hydra):
            name = str(OmegaConf.select(composed, "hydra.sweep.subdir")).replace("/", "_")
            return _Job(name=name, composed=composed, config=freeze(task, hydra))

    def _cell(self, job: _Job, turn: Turn, sweep: Path, past: Mapping[str, Run]) -> Cell:
        """One run of a cell, with its configuration laid down in its folder, so that `resume` finds it."""
        from bench.config.compose import in_context
        from bench.config.stored import store
        from bench.estimate import estimate
        from bench.order import folder_of
        from bench.sweep import Cell, title

        config = job.config
        folder = folder_of(job.name, turn.repetition, config.repetitions)
        with in_context(job.composed) as (task, hydra):
            store(task, hydra, sweep / folder, config.config_hash, turn)
        return Cell(
            name=folder,
            config_hash=config.config_hash,
            run=lambda: self._run(job.composed, folder),
            title=title(folder, turn.repetition, config.repetitions),
            estimate=estimate(config, past).spending,
        )

    def _run(self, composed: DictConfig, name: str) -> Any:  # Any: the task's own result
        with read_write(composed.hydra), open_dict(composed.hydra):
            composed.hydra.sweep.subdir = name
        job = run_job(
            task_function=self.task_function,
            config=composed,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=self.hydra_context,
        )
        if job.status is JobStatus.FAILED and isinstance(job._return_value, Exception):
            raise job._return_value
        return job.return_value
