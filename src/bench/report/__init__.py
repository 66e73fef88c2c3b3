"""Results in words and tables: for the terminal, for a pipe, as Markdown, as JSON. Needs no driver and no database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from bench.errors import ConfigError, nearest
from bench.report.forms import document, markdown, plain, print_page
from bench.report.page import Grid, Page
from bench.report.run import run_page
from bench.report.sweep import sweep_page
from bench.report.texts import NULL
from bench.results import Run

if TYPE_CHECKING:
    from rich.console import Console

    from bench.results import Sweep

Format: TypeAlias = Literal["table", "json", "markdown"]

__all__ = ["NULL", "Format", "Grid", "Page", "page", "render", "show"]


def render(results: Run | Sweep, format: str = "table") -> str:
    """The results as one text that ends with a newline.

    Args:
        results: From `open_run`, `open_sweep` or `open_results`.
        format: `table` (plain text), `markdown` or `json`.

    Raises:
        ConfigError: There is no such format.
        ResultError: A file of the results cannot be read.
    """
    if format == "json":
        return json.dumps(document(results), indent=2, ensure_ascii=False) + "\n"
    if format == "markdown":
        return markdown(page(results))
    if format == "table":
        return plain(page(results))
    known = get_args(Format)
    raise ConfigError(
        f"no report format '{format}'; there are {', '.join(known)}{nearest(format, known)}", key="--format"
    )


def show(results: Run | Sweep, console: Console) -> None:
    """Print the results: in colours on a terminal (not with NO_COLOR), else as plain text of any width.

    Raises:
        ResultError: A file of the results cannot be read.
    """
    if not console.is_terminal:
        console.file.write(render(results))
        return
    print_page(page(results), console)


def page(results: Run | Sweep) -> Page:
    """What there is to say about a run or a sweep."""
    return run_page(results) if isinstance(results, Run) else sweep_page(results)
