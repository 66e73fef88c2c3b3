"""`bench list`: which choices there are, and what each is for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from bench.commands.shell import Parser, Shell, add_config_dir, show
from bench.errors import ConfigError, nearest


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Print groups and options, or with an option named, its YAML."""
    from bench.config import option_file, options

    parser = Parser("list", "Name the groups and their options; with an option, print its YAML.")
    parser.add_argument("group", nargs="?")
    parser.add_argument("option", nargs="?")
    add_config_dir(parser)
    parsed = parser.parse_args(arguments)
    sources = shell.sources(parsed.config_dir)
    groups = options(sources)
    _demand(parsed.group, groups, "group")
    if parsed.option is not None:
        _demand(parsed.option, groups[parsed.group], f"option of {parsed.group}")
        show(_text(option_file(parsed.group, parsed.option, sources)), end="")
        return 0
    shown = [parsed.group] if parsed.group else list(groups)
    width = max(len(option) for group in shown for option in groups[group])
    for group in shown:
        show(group)
        for option in groups[group]:
            show(f"  {option:<{width}}  {description(option_file(group, option, sources))}".rstrip())
    return 0


def description(file: Path | None) -> str:
    """The first sentence of the comment on top of a YAML; empty where there is none."""
    words: list[str] = []
    for line in _text(file).splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            words.append(line.lstrip("# ").strip())
    return re.split(r"(?<=[^.]\.) (?=[A-Z])|[.:] bench ", " ".join(words), maxsplit=1)[0].removesuffix(".")


def _text(file: Path | None) -> str:
    return file.read_text(encoding="utf-8") if file else ""


def _demand(name: str | None, known: Collection[str], what: str) -> None:
    if name is not None and name not in known:
        raise ConfigError(f"there is no {what} '{name}'; there are {', '.join(known)}{nearest(name, known)}")
