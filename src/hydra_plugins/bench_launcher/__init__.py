"""Hydra's launcher for sweeps: composes every cell first, then has `bench.sweep` run one after another.

A benchmark on one machine must not run its cells side by side: they would measure each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction

    from bench.plan import RunConfig
    from bench.results import Run
    from bench.sweep import Cell


class SequentialLauncher(Launcher):
    """Runs the jobs of a sweep in their order, each as a cell in a folder of its own."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives to every launcher."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; gives one result per job: how its cell stands, and as `working_dir` the sweep's directory."""
        from bench.config.compose import CellTask
        from bench.config.stored import save
        from bench.estimate import past_runs
        from bench.sweep import locked, run_cells

        assert isinstance(self.task_function, CellTask)  # Hydra hands on what it was given
        setup_globals()
        sweep = Path(self.config.hydra.sweep.dir).absolute()
        with locked(sweep):
            save(self.config, sweep / "multirun.yaml")  # as Hydra has written it, but without secrets
            jobs = [self._compose(number, words) for number, words in enumerate(job_overrides, start=initial_job_idx)]
            frozen = [self._stored(job, sweep) for job in jobs]
            first = frozen[0][1]
            budget = first.budget
            past = past_runs(first.outputs) if budget.limited else {}
            cells = [self._cell(job, name, config, past) for job, (name, config) in zip(jobs, frozen, strict=True)]
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

    def _stored(self, composed: DictConfig, sweep: Path) -> tuple[str, RunConfig]:
        """The cell of a composed job, with its configuration laid down in its folder, so that `resume` finds it."""
        from bench.config.compose import in_context
        from bench.config.freeze import freeze
        from bench.config.stored import store

        with in_context(composed) as (task, hydra):
            name = str(OmegaConf.select(composed, "hydra.sweep.subdir")).replace("/", "_")
            config = freeze(task, hydra)
            store(task, hydra, sweep / name, config.config_hash)
        return name, config

    def _cell(self, composed: DictConfig, name: str, config: RunConfig, past: Mapping[str, Run]) -> Cell:
        from bench.estimate import estimate
        from bench.sweep import Cell

        return Cell(
            name=name,
            config_hash=config.config_hash,
            run=lambda: self._run(composed, name),
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
