"""Hydra, behind one door: which options there are, what they compose to, and running the result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.config.freeze import freeze
from bench.config.hydra_errors import explained
from bench.config.overrides import Override
from bench.config.stored import Sources, read_request, store
from bench.config.words import Words
from bench.errors import ConfigError

if TYPE_CHECKING:
    from hydra._internal.hydra import Hydra
    from omegaconf import DictConfig

    from bench.plan import RunConfig

Task: TypeAlias = Callable[["RunConfig", Path], object]
"""Runs one cell in its directory."""

PRIMARY = "config"
"""Name of the YAML with the defaults list."""
LAUNCHER = "hydra_plugins.bench_launcher.SequentialLauncher"


def own_directory(package: Path) -> Path:
    """The configuration that comes with the tool: in the installed package, or at the top of the repository."""
    inside = package / "conf"
    return inside if inside.is_dir() else package.parents[1] / "conf"


def compose(words: Sequence[str], sources: Sources, *, multirun: bool = False) -> tuple[RunConfig, ...]:
    """Compose, check and freeze what `words` ask for: one cell, or with `multirun` every cell of the sweep.

    Raises:
        ConfigError: The first thing that is wrong in any of the cells.
    """
    with opened(sources) as hydra, explained():
        cells = tuple(_cells(hydra, _asked(hydra, words, multirun=multirun)))
        _demand_one_order(cells)
        return cells


def run(
    words: Sequence[str],
    sources: Sources,
    task: Task,
    *,
    check: Callable[[RunConfig], object],
    check_alone: Callable[[RunConfig], object] | None = None,
    multirun: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Check every cell, then run them through Hydra, each in an output directory of its own.

    Args:
        words: Overrides, as on the command line.
        sources: Where configuration is looked for.
        task: Called for each cell.
        check: Called for each cell before the first is started; raises when the cell cannot be run.
        check_alone: Called besides where there is only one run, which is no sweep.
        multirun: Run the product of all comma-separated choices.
        say: Takes what the user should know of a sweep at once.

    Returns:
        The directory of the sweep, or of the single run.

    Raises:
        ConfigError: A cell is wrong; then none was started and nothing was written.
    """
    with opened(sources) as hydra:
        with explained():
            asked = _asked(hydra, words, multirun=multirun)
            cells = tuple(_cells(hydra, asked))
            _demand_one_order(cells)
            for config in cells:
                check(config)
                if check_alone and not asked.multirun:
                    check_alone(config)
        with _logging_kept():
            if asked.multirun:
                batches = hydra.multirun(PRIMARY, CellTask(task=task, say=say), asked.words)
                return Path(batches[0][0].working_dir)
            directories: list[Path] = []
            hydra.run(PRIMARY, _run_task(task, directories.append), asked.words)
            return directories[0]


def options(sources: Sources) -> Mapping[str, tuple[str, ...]]:
    """Each group with the names of its options."""
    with opened(sources) as hydra, explained():
        groups = [group for group in hydra.list_all_config_groups() if group.partition("/")[0] != "hydra"]
        return {group: tuple(sorted(hydra.config_loader.get_group_options(group))) for group in groups}


def option_file(group: str, option: str, sources: Sources) -> Path | None:
    """The YAML behind an option."""
    found = (directory / group / f"{option}.yaml" for directory in (*sources.extra, sources.main))
    return next((path for path in found if path.is_file()), None)


@contextmanager
def opened(sources: Sources) -> Iterator[Hydra]:
    """Hydra with its search path set, for the time of the context.

    This is what `hydra.main` does, without the parts that print, exit and read `sys.argv`.
    """
    from hydra import version
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_search_path import SearchPathQuery
    from hydra.core.global_hydra import GlobalHydra

    from bench.config.once import OnceLoader

    for directory in (sources.main, *sources.extra):
        if not directory.is_dir():
            raise ConfigError(f"there is no directory '{directory}'", key="--config-dir")
    version.setbase("1.3")
    search_path = create_config_search_path(str(sources.main.resolve()))
    for directory in sources.extra:
        search_path.prepend("user", f"file://{directory.resolve()}", SearchPathQuery(provider="main"))
    theirs = GlobalHydra.instance().hydra  # of a program that uses Hydra for itself, and calls us
    GlobalHydra.instance().clear()
    try:
        hydra = Hydra(task_name="bench", config_loader=OnceLoader(search_path))
        GlobalHydra.instance().initialize(hydra)
        yield hydra
    finally:
        GlobalHydra.instance().clear()
        if theirs is not None:
            GlobalHydra.instance().initialize(theirs)


@contextmanager
def _logging_kept() -> Iterator[None]:
    """Hydra sets the root logger up anew for each run; whoever called us gets his own back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        for handler in root.handlers[:]:
            root.removeHandler(handler)
            if handler not in handlers:
                handler.close()
        for handler in handlers:
            root.addHandler(handler)
        root.setLevel(level)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a command line asks for, together with the YAML that it names."""

    words: list[str]
    """Overrides in the form for Hydra, with its mode."""
    multirun: bool


def _asked(hydra: Hydra, words: Sequence[str], *, multirun: bool) -> _Asked:
    from hydra.types import RunMode

    checked = Words(hydra.config_loader).checked(words)
    composed = hydra.compose_config(PRIMARY, list(checked), RunMode.MULTIRUN)
    own = composed.hydra
    params = own.sweeper.get("params") or {}
    multirun = multirun or own.mode == RunMode.MULTIRUN
    if not multirun and composed.get("repetitions", 1) != 1:
        hydra.compose_config(PRIMARY, list(checked), RunMode.RUN)  # refuses commas, which repetitions do not ask for
        multirun = True
    if multirun and own.launcher._target_ != LAUNCHER:
        raise ConfigError(
            "cells of a sweep are run one after another, by the launcher 'sequential'; "
            "a config.yaml of your own needs `- override hydra/launcher: sequential` in its defaults",
            key="hydra/launcher",
        )
    # An axis of the YAML is replaced only by an override that is spelled in the same way.
    words = [word.removeprefix("++") if Override.parse(word).key in params else word for word in checked]
    return _Asked(words=[*words, f"hydra.mode={'MULTIRUN' if multirun else 'RUN'}"], multirun=multirun)


def _cells(hydra: Hydra, asked: _Asked) -> Iterator[RunConfig]:
    for composed in _composed(hydra, asked):
        with in_context(composed) as (task, own):
            yield freeze(task, own)


def _demand_one_order(cells: Sequence[RunConfig]) -> None:
    """Refuse a sweep over what the sweep itself is made by.

    Raises:
        ConfigError: Cells differ in it.
    """
    for key in ("repetitions", "order"):
        values = {str(getattr(cell, key)) for cell in cells}
        if len(values) > 1:
            raise ConfigError(f"takes one value for the whole sweep, not {' and '.join(sorted(values))}", key=key)


def _composed(hydra: Hydra, asked: _Asked) -> Iterator[DictConfig]:
    """Each cell as Hydra is going to compose it, which in a sweep is then not done anew."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.types import RunMode

    if not asked.multirun:
        yield hydra.compose_config(PRIMARY, asked.words, RunMode.RUN)
        return
    sweep = hydra.compose_config(PRIMARY, asked.words, RunMode.MULTIRUN)
    axes = [f"{key}={value}" for key, value in (sweep.hydra.sweeper.get("params") or {}).items()]
    parser = OverridesParser.create(config_loader=hydra.config_loader)
    (jobs,) = BasicSweeper.split_arguments(parser.parse_overrides([*axes, *sweep.hydra.overrides.task]), None)
    for job in jobs:
        yield hydra.config_loader.load_sweep_config(sweep, job)


@contextmanager
def in_context(composed: DictConfig) -> Iterator[tuple[DictConfig, DictConfig]]:
    """The two parts of a composed configuration, ours and Hydra's own, with `${hydra:…}` meaning the latter."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(composed)
    try:
        yield OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"]), composed.hydra
    finally:
        HydraConfig.instance().cfg = before


@dataclass(frozen=True, kw_only=True, slots=True)
class CellTask:
    """A task in the form in which Hydra calls it for a cell of a sweep; the launcher finds in it whom to tell."""

    task: Task
    say: Callable[[str], None]

    def __call__(self, composed: DictConfig) -> object:
        """Run the cell in the directory that Hydra has made for it."""
        from hydra.core.hydra_config import HydraConfig

        hydra: Any = HydraConfig.get()
        directory = Path(hydra.runtime.output_dir)
        return self.task(replace(freeze(composed, hydra), turn=read_request(directory).turn), directory)


def _run_task(task: Task, tell: Callable[[Path], None]) -> Callable[[DictConfig], object]:
    """The same for a single run, which keeps its own configuration; `tell` takes its directory."""

    def run_task(composed: DictConfig) -> object:
        from hydra.core.hydra_config import HydraConfig

        hydra: Any = HydraConfig.get()
        directory = Path(hydra.runtime.output_dir)
        tell(directory)
        config = freeze(composed, hydra)
        store(composed, hydra, directory, config.config_hash)
        return task(config, directory)

    return run_task
