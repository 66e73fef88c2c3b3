"""`bench query`: SQL over the results of many runs."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.shell import Parser, Shell, say, show
from bench.errors import ConfigError

if TYPE_CHECKING:
    from bench.views import Answer

OPTIONS = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY true", "parquet": "FORMAT parquet"}
"""Formats that DuckDB writes."""
FORMATS = ("table", "csv", "json", "markdown", "parquet")
SUFFIXES = {".md": "markdown", ".txt": "table"} | {f".{name}": name for name in FORMATS}
SHOWN_ROWS = 200
ANY = 1_000_000
"""Rows, and characters of width, of a table that nobody has to fit on a terminal."""


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Answer one question about the runs in or below the directories."""
    from bench.results import latest, survey
    from bench.views import VIEWS, asked

    parser = Parser(
        "query",
        "Ask the results in SQL (DuckDB's dialect), without loading them. Tables: "
        + "; ".join(f"{name}: {what}" for name, what in VIEWS.items()),
    )
    parser.add_argument("sql", metavar="SQL", help="one SELECT, such as \"select * from cells\"; 'show tables' too")
    parser.add_argument("directories", nargs="*", metavar="DIR", help="of runs, sweeps, or above them; else the newest")
    parser.add_argument("-f", "--format", choices=FORMATS, help="a table on a terminal, else csv, unless this says so")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there; the suffix tells the format")
    parsed = parser.parse_intermixed_args(arguments)
    output = Path(parsed.output) if parsed.output else None
    form = _form(parsed.format, output)
    found = survey(parsed.directories or [latest(Path("outputs"))])
    for sentence in filter(None, (*found.left_out, found.unfinished())):
        say(f"bench: {sentence}")
    with asked(parsed.sql, found) as answer:
        _give(answer, form, output)
    return 0


def _form(asked_for: str | None, output: Path | None) -> str:
    """The format that was asked for, or that fits where the answer goes.

    Raises:
        ConfigError: It cannot go there.
    """
    if output is not None:
        if not output.parent.is_dir():
            raise ConfigError(f"there is no directory '{output.parent}'", key="--output")
        return asked_for or SUFFIXES.get(output.suffix, "csv")
    if asked_for == "parquet" and sys.stdout.isatty():
        raise ConfigError("parquet is no text; name a file with --output, or redirect it", key="--format")
    return asked_for or ("table" if sys.stdout.isatty() else "csv")


def _give(answer: Answer, form: str, output: Path | None) -> None:
    if form in OPTIONS and output is not None:
        answer.write(output, OPTIONS[form])
    elif form in OPTIONS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answer"
            answer.write(path, OPTIONS[form])
            _stream(path)
    else:
        text = _markdown(answer) if form == "markdown" else _table(answer, whole=output is not None)
        if output is None:
            show(text, end="")
        else:
            output.write_text(text, encoding="utf-8")


def _stream(path: Path) -> None:
    """Copy a file to stdout as it stands."""
    sys.stdout.flush()
    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _table(answer: Answer, *, whole: bool) -> str:
    if whole or not sys.stdout.isatty():
        return answer.drawn(width=ANY, rows=ANY)
    return answer.drawn(width=shutil.get_terminal_size().columns, rows=SHOWN_ROWS)


def _markdown(answer: Answer) -> str:
    from bench.report.texts import markdown

    header, rows = answer.texts()
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(markdown(text or "") for text in line) + " |\n" for line in lines)
