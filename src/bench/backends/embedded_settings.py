"""Whether the server that would be started knows the settings it is to have: its program is asked, without any data."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, TypeAlias

from bench.backends.embedded_binaries import find_binaries, server_environment
from bench.errors import ConfigError, ConnectError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Setting: TypeAlias = str | int | float | bool

_LIMIT_S = 30
_UNKNOWN = re.compile(r'unrecognized configuration parameter "([^"]+)"')
_REFUSED = re.compile(r'FATAL:\s+((?:invalid value for parameter|parameter "|[^\n]*is outside the valid range)[^\n]*)')


def check_settings(settings: Mapping[str, Setting]) -> None:
    """Refuse settings that the server would not start with.

    `postgres -C` sets what stands on its command line before it looks for a data directory, and root may ask too.

    Raises:
        ConfigError: One is not known, or has a value that it cannot have.
    """
    if not settings:
        return
    try:
        program = find_binaries().directory / "postgres"
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={written(value)}")]
        answer = _asked(program, ["-C", "data_directory", *words])
    except (ConnectError, OSError, subprocess.TimeoutExpired):
        return  # the start of the server says it, with its remedy
    if unknown := _UNKNOWN.search(answer):
        raise ConfigError(
            f"PostgreSQL has no setting '{unknown[1]}'{nearest(unknown[1], _known(program))}", key="backend.settings"
        )
    if refused := _REFUSED.search(answer):
        raise ConfigError(f"PostgreSQL refuses a setting: {refused[1]}", key="backend.settings")


def written(value: Setting) -> str:
    """A value as PostgreSQL reads it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _known(program: Path) -> list[str]:
    return [line.split("\t", 1)[0] for line in _asked(program, ["--describe-config"]).splitlines()]


def _asked(program: Path, words: Sequence[str]) -> str:
    answer = subprocess.run(
        [program, *words],
        env=server_environment(),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=_LIMIT_S,
    )
    return answer.stdout + answer.stderr
