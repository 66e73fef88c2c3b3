"""What the verbs share: their flags, where configuration is found, and speaking to the user."""

from __future__ import annotations

import argparse
import sys
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bench.errors import ConfigError, nearest

if TYPE_CHECKING:
    from bench.config import Sources
    from bench.progress import Voice

CONF_DIR = "BENCH_CONF_DIR"
HOME = "BENCH_HOME"
UV_RUN = "UV_RUN_RECURSION_DEPTH"
"""Set by `uv run`, and by nothing else of uv."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shell:
    """What surrounds the command: the environment, which only `bench.cli` takes from the process."""

    environ: MutableMapping[str, str]

    def sources(self, config_dirs: Sequence[str] = ()) -> Sources:
        """Where configuration is found, the user's own directories first."""
        from bench.config import Sources, own_directory

        main = self.environ.get(CONF_DIR)
        package = Path(__file__).resolve().parents[1]
        return Sources(main=Path(main) if main else own_directory(package), extra=tuple(map(Path, config_dirs)))

    @property
    def command(self) -> str:
        """How the user calls us, for what is to be typed next: `uv run` puts the command on no path but its own."""
        return "uv run bench" if UV_RUN in self.environ else "bench"

    def words(self, overrides: Sequence[str]) -> list[str]:
        """The overrides, after what the environment says."""
        from bench.config import quoted

        home = self.environ.get(HOME)
        return [f"home={quoted(home)}", *overrides] if home else list(overrides)


class Helped(Exception):  # noqa: N818  # nothing went wrong
    """The help was printed, so there is nothing more to do."""


class Parser(argparse.ArgumentParser):
    """Reads the flags of one verb; what is wrong with them becomes a `ConfigError`."""

    def __init__(self, verb: str, description: str, *, help: bool = True) -> None:
        super().__init__(prog=f"bench {verb}", description=description, allow_abbrev=False, add_help=help)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End the verb after its help."""
        raise Helped

    def error(self, message: str) -> NoReturn:
        """Raise the sentence instead of printing the usage."""
        flags = list(self._option_string_actions)
        if message.startswith("unrecognized arguments: "):
            wrong = message.partition(": ")[2].split()[0]
            known = ", ".join(flag for flag in flags if flag.startswith("--"))
            raise ConfigError(f"there is no flag '{wrong}'; there are {known}{nearest(wrong, flags)}")
        raise ConfigError(f"{message}; `{self.prog} --help` says how it is used")


def composing_parser(verb: str, description: str, *, help: bool = True) -> Parser:
    """A parser for a verb that takes overrides."""
    parser = Parser(verb, description, help=help)
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="GROUP=OPTION or KEY=VALUE")
    parser.add_argument("-m", "--multirun", action="store_true", help="every combination of comma-separated choices")
    add_config_dir(parser)
    return parser


def add_config_dir(parser: Parser) -> None:
    """The flag for the user's own groups; it may be given several times."""
    parser.add_argument(
        "-cd",
        "--config-dir",
        action="append",
        default=[],
        metavar="DIR",
        help="your own groups, beside a folder sql of your own templates; may be given several times",
    )


def say(line: str) -> None:
    """A message for the user, on stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def voice() -> Voice:
    """Running cells speak on stderr: with a live line where it is a terminal."""
    from bench.progress import Voice, make_progress

    return Voice(say=say, display=lambda: make_progress(sys.stderr))


def show(text: str, *, end: str = "\n") -> None:
    """Data for the user or for the next program, on stdout."""
    sys.stdout.write(text + end)
