"""The page in its forms: JSON, Markdown, plain text, and for a terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.costs import comparisons
from bench.report import texts
from bench.report.narrow import fitted
from bench.report.page import Grid, Page
from bench.report.server import counted_rows, query_rows
from bench.results import Run

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from bench.results import Sweep

ANY_WIDTH = 10_000


def document(results: Run | Sweep) -> Mapping[str, object]:
    """What a program reads of a run or a sweep."""
    if isinstance(results, Run):
        return {
            "directory": str(results.directory),
            **results.key.columns(),
            "status": results.status.value,
            "stage": results.stage,
            "errors": results.manifest.get("errors", []),
            "warnings": results.manifest.get("warnings", []),
            "search": results.manifest.get("search"),
            "cost": results.manifest.get("cost"),
            "operations": results.table("summary").to_pylist() if results.has("summary") else [],
            "server": counted_rows(results),
            "queries": query_rows(results),
            "waits": results.table("waits").to_pylist() if results.has("waits") else [],
        }
    return {
        "directory": str(results.directory),
        "cells": [{"cell": cell, **state._asdict()} for cell, state in results.states().items()],
        "warnings": list(results.unreadable),
        "break_even": [each.document() for each in comparisons(results)],
        "operations": results.summaries().to_pylist(),
    }


def markdown(content: Page) -> str:
    """The page as Markdown."""
    blocks = [f"## {texts.markdown(content.title)}", *map(texts.markdown, content.lines)]
    for grid in content.grids:
        if grid.title:
            blocks.append(f"### {texts.markdown(grid.title)}")
        rule = ["---" if at < grid.left else "---:" for at in range(len(grid.header))]
        lines = [grid.header, rule, *grid.rows]
        blocks.append("\n".join("| " + " | ".join(map(texts.markdown, line)) + " |" for line in lines))
    blocks += [f"- {texts.markdown(note)}" for note in content.notes]
    return "\n\n".join(blocks) + "\n"


def plain(content: Page) -> str:
    """The page without colours, as wide as it needs to be, so that no column is cut when it is piped."""
    from rich.console import Console

    out = io.StringIO()
    print_page(content, Console(file=out, width=ANY_WIDTH, no_color=True, force_terminal=False, legacy_windows=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def print_page(content: Page, console: Console) -> None:
    """Print the page, in colours where the console has them."""
    from rich.text import Text

    console.print(Text(content.title, style="bold"))
    for line in content.lines:
        console.print(Text(line))
    for grid in content.grids:
        if grid.title:
            console.print(Text(f"\n{grid.title}", style="bold"))
        for part in fitted(grid, lambda part: _width(part, console) <= console.width):
            console.print(_rich_table(part))
    for note in content.notes:
        console.print(Text(note, style="yellow" if note.startswith(("Warning", "Error")) else "dim"))


def present(content: Page) -> None:
    """Print the page to standard output: in colours on a terminal (not with NO_COLOR), else as plain text."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        print_page(content, console)
    else:
        console.file.write(plain(content))


def _width(grid: Grid, console: Console) -> int:
    """As wide as it would be where there is room for all of it."""
    return console.measure(_rich_table(grid), options=console.options.update(width=ANY_WIDTH)).maximum


def _rich_table(grid: Grid) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for at, name in enumerate(grid.header):
        text = at < grid.left
        table.add_column(Text(name), justify="left" if text else "right", overflow="fold", no_wrap=not text)
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table
