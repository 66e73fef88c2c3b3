"""What Hydra prints about a configuration instead of running it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO
from types import SimpleNamespace

from bench.config.compose import PRIMARY, opened
from bench.config.hydra_errors import explained
from bench.config.stored import Sources
from bench.config.words import Words
from bench.errors import ConfigError


def composed(words: Sequence[str], sources: Sources, *, kind: str, package: str | None, resolve: bool) -> None:
    """Print the composed configuration as YAML.

    References to environment variables are left as they are written, unless `resolve` asks for their values.
    """
    with opened(sources) as hydra, explained():
        checked = Words(hydra.config_loader).checked(words)
        try:
            with redirect_stderr(StringIO()):
                hydra.show_cfg(PRIMARY, checked, kind, package, resolve)
        except SystemExit as error:  # Hydra's way to say that there is no such package
            raise ConfigError(f"there is no part '{package}' in the configuration", key="--package") from error


def info(what: str, words: Sequence[str], sources: Sources) -> None:
    """Print what Hydra knows of search path, defaults and plug-ins."""
    with opened(sources) as hydra, explained():
        hydra.show_info(what, PRIMARY, Words(hydra.config_loader).checked(words))


def app_help(words: Sequence[str], sources: Sources) -> None:
    """Print the groups and the composed configuration."""
    from hydra._internal.utils import get_args_parser

    with opened(sources) as hydra, explained():
        checked = Words(hydra.config_loader).checked(words)
        hydra.app_help(PRIMARY, get_args_parser(), SimpleNamespace(overrides=checked, resolve=False))


def hydra_help(sources: Sources) -> None:
    """Print Hydra's own help."""
    from hydra._internal.utils import get_args_parser

    with opened(sources) as hydra, explained():
        hydra.hydra_help(PRIMARY, get_args_parser(), SimpleNamespace(overrides=[]))


def completion(words: Sequence[str], sources: Sources) -> None:
    """Print the script that a shell evaluates, or the words that may follow what was typed."""
    with opened(sources) as hydra, explained():
        hydra.shell_completion(PRIMARY, list(words))
