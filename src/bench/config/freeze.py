"""The end of everything dictionary-like: a composed configuration becomes a `RunConfig`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge

from bench.budget import Budget
from bench.config.build import build
from bench.errors import ConfigError, nearest
from bench.order import Order, Reset
from bench.redact import redact

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from bench.plan import RunConfig

EXPERIMENT = "experiment"


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A part of the configuration that becomes an object of its own."""

    base: str
    """Dotted path of the class from which it must be derived."""
    default: str = ""
    """Dotted path of the class where the configuration names none."""


SLOTS: Mapping[str, Slot] = {
    "backend": Slot(base="bench.backends.base.Backend"),
    "dataset": Slot(base="bench.dataset.Dataset", default="bench.dataset.GeneratedDataset"),
    "workload": Slot(base="bench.workload.Workload", default="bench.workload.Workload"),
    "load": Slot(base="bench.load.LoadProfile", default="bench.load.ClosedLoop"),
    "price": Slot(base="bench.price.Price", default="bench.price.HourlyPrice"),
}


GROUPS = (*SLOTS, EXPERIMENT)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The settings that stand at the top of the configuration."""

    seed: Annotated[int, Ge(0)] = 42
    """From which every stream of randomness is derived."""
    home: str = ".bench"
    """Directory of what is kept between runs."""
    outputs: str = "outputs"
    """Directory of results."""
    verify: bool = True
    """Check the answers before the load is run."""
    cold: bool = False
    """Empty the engine's caches before the load."""
    plans: bool = True
    """Take the engine's plan of each operation before the load is run."""
    ceiling_s: Annotated[float, Ge(0)] = 1.0
    """How long the harness alone is measured after the load; 0: not at all."""
    repetitions: Annotated[int, Ge(1)] = 1
    """How often each cell is run; more than one make a sweep, also of a single cell."""
    order: Order = "interleaved"
    """In which order the runs of a sweep are made."""
    reset: Reset = "reload"
    """What becomes of data that an earlier run has changed."""
    fail_fast: bool = False
    """End a sweep at its first failed cell."""
    label: str = ""
    """The user's own words for this run."""
    budget: Budget = field(default_factory=Budget)
    """What may be spent."""


RUN_ONLY = ("home", "outputs", "plans", "ceiling_s", "repetitions", "order", "fail_fast", "label", "budget")
"""Settings that change nothing in what is measured, so they are left out of the hash."""


def freeze(task: DictConfig, hydra: DictConfig) -> RunConfig:
    """Check a configuration as Hydra composed it and build its parts.

    Args:
        task: Ours.
        hydra: Hydra's own, which says what was chosen and where it was found.

    Raises:
        ConfigError: The first thing that is wrong.
    """
    from bench.backends.null import NullBackend
    from bench.plan import RunConfig

    written, values = _plain(task)
    for key in values:
        if key not in SLOTS and key not in _OPTIONS:
            known = [*SLOTS, *_OPTIONS]
            raise ConfigError(f"there is no such key; there are {', '.join(known)}{nearest(key, known)}", key=key)
    options = build(RunOptions, {key: values[key] for key in _OPTIONS if key in values}, "", _path(RunOptions))
    choices = _choices(hydra)
    for slot in SLOTS:
        values[slot] = _named(values.get(slot), slot, choices)
    resolved = redact({key: _storable(value, written.get(key)) for key, value in values.items()})
    parts: dict[str, Any] = {slot: _part(slot, values[slot]) for slot in SLOTS}
    return RunConfig(
        **parts,
        seed=options.seed,
        home=Path(options.home),
        outputs=Path(options.outputs),
        budget=options.budget,
        verify=options.verify,
        cold=options.cold,
        plans=options.plans,
        ceiling_s=options.ceiling_s,
        repetitions=options.repetitions,
        order=options.order,
        reset=options.reset,
        answering=NullBackend(nonblocking=parts["backend"].capabilities.nonblocking),
        label=options.label,
        choices=choices,
        sql_dirs=tuple(_sql_dirs(hydra)),
        resolved=resolved,
        config_hash=config_hash(resolved),
    )


def config_hash(resolved: Mapping[str, object]) -> str:
    """Hash of a stored configuration without what changes nothing in the measurement."""
    kept = {key: value for key, value in resolved.items() if key not in RUN_ONLY}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


_OPTIONS = tuple(RunOptions.__dataclass_fields__)


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _part(slot: str, values: Mapping[str, object]) -> Any:
    module, _, name = SLOTS[slot].base.rpartition(".")
    return build(getattr(import_module(module), name), values, slot, SLOTS[slot].default)


def _plain(task: DictConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration as written, and with every reference resolved."""
    from omegaconf import MissingMandatoryValue, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        values = OmegaConf.to_container(task, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        key = str(error.full_key or "")
        raise ConfigError(f"needs a value; give one with {key}=…", key=key) from error
    except OmegaConfBaseException as error:
        what = str(error.msg or error).splitlines()[0]
        raise ConfigError(f"refers to something that is not there: {what}", key=str(error.full_key or "")) from error
    written = OmegaConf.to_container(task, resolve=False)
    assert isinstance(values, dict)  # the root of a composed configuration is a mapping
    assert isinstance(written, dict)
    return {str(key): value for key, value in written.items()}, {str(key): value for key, value in values.items()}


def _choices(hydra: DictConfig) -> dict[str, str]:
    chosen = {str(group): option for group, option in hydra.runtime.choices.items()}
    return {group: str(chosen[group]) for group in (*SLOTS, EXPERIMENT) if chosen.get(group) is not None}


def _named(values: object, slot: str, choices: Mapping[str, str]) -> dict[str, object]:
    """The values of a slot; its name is the option's where the YAML gives none."""
    if values is None:
        raise ConfigError(
            f"nothing is chosen; choose an option with {slot}=…, `bench list {slot}` names them", key=slot
        )
    if not isinstance(values, dict):
        raise ConfigError(f"'{values}' is no set of keys with values", key=slot)
    return {"name": choices.get(slot, slot).rpartition("/")[2], **{str(key): value for key, value in values.items()}}


def _storable(value: object, written: object) -> object:
    """`value`, but what comes from the environment as it was written: it may be a secret, and is not ours to keep."""
    if isinstance(value, dict):
        inner = written if isinstance(written, dict) else {}
        return {key: _storable(one, inner.get(key)) for key, one in value.items()}
    if isinstance(value, list):
        items = written if isinstance(written, list) and len(written) == len(value) else [None] * len(value)
        return [_storable(one, other) for one, other in zip(value, items, strict=True)]
    return written if isinstance(written, str) and "${oc.env:" in written else value


def _sql_dirs(hydra: DictConfig) -> Iterable[Path]:
    """`sql` beside each directory of configuration and within it, the user's first."""
    seen: list[Path] = []
    for source in hydra.runtime.config_sources:
        if source.schema == "file" and source.path:
            directory = Path(source.path).resolve()
            seen += [directory.parent / "sql", directory / "sql"]
    return dict.fromkeys(path for path in seen if path.is_dir())
