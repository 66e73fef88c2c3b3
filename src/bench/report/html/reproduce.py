"""The command that does it all again, and what it was done with."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

from bench.report.html.cells import Cell
from bench.report.html.document import Block, Section, Text

LOCAL = ("home=", "outputs=")
MAX_COMMANDS = 40
QUOTED = re.compile(r"([^=']+)='([A-Za-z][\w./-]*)'")
NO_TEXTS = ("true", "false", "null", "nan", "inf", "yes", "no", "on", "off")
"""Values that would be no texts without their quotes."""


def reproduce_section(cells: Sequence[Cell]) -> Section | None:
    """One command where the cells are a product of choices, else one for each; None where it is not known."""
    requests = {cell: _request(cell) for cell in cells}
    known = {cell: request for cell, request in requests.items() if request}
    if not known:
        return None
    words = [_repeated(_words(request), len(cell.states)) for cell, request in known.items()]
    program = _program(tuple(known))
    commands = [_command(program, each) for each in words]
    together = _together(program, words)
    shown = [together] if together else commands[:MAX_COMMANDS]
    blocks: list[Block] = [Text(title="Command", content="\n".join(shown))]
    return Section(name="reproduce", title="How to reproduce", lines=_lines(tuple(known)), blocks=tuple(blocks))


def _lines(cells: Sequence[Cell]) -> tuple[str, ...]:
    run = next(cell.first for cell in cells if cell.first)
    facts = run.manifest.get("versions") or {}
    commit = run.manifest.get("git_commit")
    told = f"bench {facts.get('bench', '')}" + (f", commit {commit}" if commit else "")
    emulated = any(cell.emulated for cell in cells)
    needs = " What is emulated needs the extra `emulator`." if emulated else ""
    needs += " Outside of a checkout, where bench is installed, leave out `uv run` and its options." if commit else ""
    dirty = " with local changes (+)" if str(commit or "").endswith("+") else ""
    return (
        f"With {told}{dirty} and the configuration above. Every stream of random values comes from the seed, so the "
        f"questions and their values are the same; secrets come from the environment.{needs}",
    )


def _request(cell: Cell) -> dict[str, Any] | None:
    """What the cell was composed from."""
    if not cell.first:
        return None
    try:
        found = json.loads((cell.first.directory / ".hydra" / "request.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("overrides"), list) else None


def _words(request: dict[str, Any]) -> list[str]:
    """The words of the command, without what concerns this machine only."""
    plain = [_unquoted(str(word).removeprefix("++")) for word in request["overrides"]]
    extra = [word for directory in request.get("extra", []) for word in ("--config-dir", str(directory))]
    return extra + [word for word in plain if not word.startswith(LOCAL)]


def _unquoted(word: str) -> str:
    """Without the quotes of the configuration's grammar, where the value is a text without them too."""
    found = QUOTED.fullmatch(word)
    return word if not found or found[2].lower() in NO_TEXTS else f"{found[1]}={found[2]}"


def _repeated(words: list[str], times: int) -> list[str]:
    known = times < 2 or any(word.startswith("repetitions=") for word in words)
    return words if known else [*words, f"repetitions={times}"]


def _program(cells: Sequence[Cell]) -> list[str]:
    """How the command is started: in a checkout of the project through uv, else as it was installed."""
    checkout = any(cell.first and cell.first.manifest.get("git_commit") for cell in cells)
    extra = ["--extra", "emulator"] if any(cell.emulated for cell in cells) else []
    return ["uv", "run", *extra, "bench"] if checkout else ["bench"]


def _command(program: Sequence[str], words: Sequence[str]) -> str:
    return shlex.join([*program, *words])


def _together(program: Sequence[str], words: Sequence[Sequence[str]]) -> str:
    """One sweep that gives exactly these cells; empty where there is none."""
    if len(words) < 2:
        return ""
    keys = [word.partition("=")[0] for word in words[0]]
    if any([word.partition("=")[0] for word in each] != keys for each in words):
        return ""
    choices = [list(dict.fromkeys(each[at] for each in words)) for at in range(len(keys))]
    if prod(map(len, choices)) != len(words) or {tuple(each) for each in words} != set(product(*choices)):
        return ""
    merged = [
        several[0] if len(several) == 1 else f"{key}={','.join(word.partition('=')[2] for word in several)}"
        for key, several in zip(keys, choices, strict=True)
    ]
    return f"{_command(program, merged)} -m"
