"""What is kept of a configuration beside the results: Hydra's own files without secrets, and how to compose it anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import ResultError
from bench.order import Turn
from bench.redact import redact

if TYPE_CHECKING:
    from omegaconf import DictConfig

FOLDER = ".hydra"
REQUEST = "request.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where configuration is looked for."""

    main: Path
    """The directory with `config.yaml` and the groups that come with the tool."""
    extra: tuple[Path, ...] = ()
    """Directories of the user's own; an option in one of them hides ours of the same name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What one cell was composed from."""

    words: tuple[str, ...]
    """Overrides, as on the command line."""
    sources: Sources
    config_hash: str
    turn: Turn | None = None
    """Where the run stands in its sweep; None: it is no part of one, or older than repetitions are."""


def store(task: DictConfig, hydra: DictConfig, directory: Path, config_hash: str, turn: Turn | None = None) -> None:
    """Write `.hydra` into the directory of a run: the files that Hydra's users know, and the request."""
    from omegaconf import OmegaConf

    folder = directory / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    save(task, folder / "config.yaml")
    save(OmegaConf.create({"hydra": OmegaConf.to_container(hydra, resolve=False)}), folder / "hydra.yaml")
    (folder / "overrides.yaml").write_text(OmegaConf.to_yaml(hydra.overrides.task), encoding="utf-8")
    request = {
        "overrides": [*hydra.overrides.task, *_hydra_words(hydra.overrides.hydra)],
        "main": _directories(hydra, "main")[0],
        "extra": _directories(hydra, "user"),
        "config_hash": config_hash,
        "turn": asdict(turn) if turn else None,
    }
    (folder / REQUEST).write_text(json.dumps(request, indent=2) + "\n", encoding="utf-8")


def read_request(directory: Path) -> Request:
    """What the run in `directory` was composed from.

    Raises:
        ResultError: It was not kept, or is broken.
    """
    path = directory / FOLDER / REQUEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        sources = Sources(main=Path(found["main"]), extra=tuple(map(Path, found["extra"])))
        turn = Turn(**found["turn"]) if found.get("turn") else None
        return Request(words=tuple(found["overrides"]), sources=sources, config_hash=found["config_hash"], turn=turn)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{directory} cannot be run again: {path} is missing or broken") from error


def store_again(source: Path, directory: Path, turn: Turn) -> None:
    """Lay down what is kept of the run in `source` for a further run of its cell in `directory`.

    Raises:
        ResultError: It was not kept, or is broken.
    """
    read_request(source)
    shutil.copytree(source / FOLDER, directory / FOLDER, dirs_exist_ok=True)
    path = directory / FOLDER / REQUEST
    request = json.loads(path.read_text(encoding="utf-8")) | {"turn": asdict(turn)}
    path.write_text(json.dumps(request, indent=2) + "\n", encoding="utf-8")


def save(config: DictConfig, path: Path) -> None:
    """Write a configuration as it was written, with secrets masked."""
    from omegaconf import OmegaConf

    values: Any = OmegaConf.to_container(config, resolve=False)
    path.write_text(OmegaConf.to_yaml(OmegaConf.create(redact(values))), encoding="utf-8")


def _hydra_words(words: Iterable[str]) -> list[str]:
    """What the user set of Hydra itself; its mode belongs to the command, not to the cell."""
    return [word for word in words if not word.startswith("hydra.mode=")]


def _directories(hydra: DictConfig, provider: str) -> list[str]:
    return [str(source.path) for source in hydra.runtime.config_sources if source.provider == provider]
