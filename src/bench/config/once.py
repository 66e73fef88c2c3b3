"""Hydra's loader of configurations, with a memory for the cells of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from hydra.core.config_search_path import ConfigSearchPath


class OnceLoader(ConfigLoaderImpl):
    """Composes each cell once, although it is asked for three times: by our check, Hydra's sweeper and the launcher."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], DictConfig] = {}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """The configuration of one cell; what is asked again is the same object, with the sweep's time and date."""
        key = (tuple(master_config.hydra.overrides.hydra), tuple(sweep_overrides))
        if key not in self._known:
            self._known[key] = super().load_sweep_config(master_config, list(sweep_overrides))
        OmegaConf.copy_cache(from_config=master_config, to_config=self._known[key])
        return self._known[key]
