"""Results as one self-contained HTML page, for whoever has to decide and was not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import ResultError
from bench.results import Run, Sweep
from bench.results.manifest import replacing
from bench.results.run import PAGE_NAME

if TYPE_CHECKING:
    from bench.compare import Comparison
    from bench.report.html.cells import Cell
    from bench.report.html.document import Document, Section

__all__ = ["PAGE_NAME", "html", "write_page"]


def html(results: Sequence[Run | Sweep]) -> str:
    """The page of one or several runs and sweeps, below 2 MB.

    Raises:
        ResultError: Nothing was measured, a run is still under way, or a file cannot be read.
    """
    from bench.report.html.cells import cells_of
    from bench.report.html.render import render_html

    for result in results:
        if isinstance(result, Run) and result.in_progress:
            raise ResultError(
                f"{result.directory} is in progress, or was killed, in stage {result.stage}; wait for its end, or "
                f"complete it with `bench resume {result.directory}`"
            )
    cells = cells_of(results)
    if not any(cell.rows or cell.tallies for cell in cells):
        raise ResultError(_nothing(results, cells))
    return render_html(_document(results, cells))


def write_page(results: Sequence[Run | Sweep], path: Path) -> Path:
    """Write the page to `path`, whole or not at all.

    Raises:
        ResultError: As `html`, or it cannot be written.
    """
    text = html(results)
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return path


def _nothing(results: Sequence[Run | Sweep], cells: Sequence[Cell]) -> str:
    from bench.report.texts import short

    told = next((f": {short(message)}" for cell in cells for _, message in cell.states if message), "")
    places = ", ".join(str(result.directory) for result in results)
    states = ", ".join(dict.fromkeys(status for cell in cells for status, _ in cell.states)) or "empty"
    return (
        f"nothing was measured in {places} ({states}{told}), so there is no page; `bench resume` runs what is missing"
    )


def _document(results: Sequence[Run | Sweep], cells: Sequence[Cell]) -> Document:
    from bench.report.html.answer import answer, by_operation, caveats
    from bench.report.html.cells import by_stream
    from bench.report.html.document import Document
    from bench.report.html.judged import comparisons
    from bench.report.html.money import costs_in_brief

    compared, parts = comparisons(results), by_stream(cells)
    told, answers = answer(cells, parts, compared)
    others = tuple(text for result in results if isinstance(result, Sweep) for text in result.unreadable)
    return Document(
        title=_title(results, cells),
        answer=told,
        answers=answers,
        details=(*by_operation(compared), *costs_in_brief(cells)),
        caveats=(*caveats(cells), *others),
        facts=_facts(results, cells),
        sections=tuple(_sections(results, cells, parts, compared, others)),
    )


def _sections(
    results: Sequence[Run | Sweep],
    cells: Sequence[Cell],
    parts: Sequence[Cell],
    compared: Mapping[str, Comparison],
    others: Sequence[str],
) -> Iterator[Section]:
    """In the order in which a reader asks; those without data are left out."""
    from bench.report.html import (
        doubts,
        engine,
        figures,
        load_curve,
        money,
        over_time,
        plans,
        reproduce,
        scaling,
        settings,
        spread,
    )
    from bench.report.html.verdicts import verdicts_section

    made = (
        verdicts_section(compared),
        load_curve.load_curve_section(cells),
        scaling.scaling_section(cells),
        figures.results_section(parts),
        money.money_section(cells, results),
        spread.spread_section(parts),
        over_time.over_time_section(parts),
        engine.engine_section(parts),
        doubts.doubts_section(cells, compared, others),
        figures.cells_section(cells),
        plans.plans_section(cells),
        settings.settings_section(cells),
        reproduce.reproduce_section(cells),
    )
    return (section for section in made if section)


def _title(results: Sequence[Run | Sweep], cells: Sequence[Cell]) -> str:
    questions = dict.fromkeys(" · ".join(cell.question) for cell in cells if cell.first)
    named = ", ".join(questions) if len(questions) <= 3 else f"{len(questions)} questions"
    kind = "run" if len(results) == 1 and isinstance(results[0], Run) else "sweep" if len(results) == 1 else "report"
    return f"bench {kind} of {named}"


def _facts(results: Sequence[Run | Sweep], cells: Sequence[Cell]) -> dict[str, str]:
    from bench.report.html.cells import place
    from bench.wording import of

    runs = [run for cell in cells for run in cell.runs]
    started = sorted(run.started_at for run in runs)
    hosts = [run.manifest.get("host", {}) for run in runs]
    machines = dict.fromkeys(map(_machine, filter(None, hosts)))
    loads = dict.fromkeys(str(run.manifest.get("load_description", "")) for run in runs)
    facts = {
        "Started": f"{started[0][:16].replace('T', ' ')} UTC" if started and started[0] else "",
        "Machine": "; ".join(machines),
        "Load": "; ".join(filter(None, loads)) if len(loads) <= 3 else of(len(loads), "different load"),
        "Cells": _counted(cells),
        "Directories": ", ".join(place(result.directory) for result in results),
    }
    return {name: text for name, text in facts.items() if text}


def _counted(cells: Sequence[Cell]) -> str:
    """How many cells there are, and how often each was repeated."""
    from bench.wording import of

    times = [len(cell.states) for cell in cells]
    if max(times) == 1:
        return of(len(cells), "cell")
    if len(set(times)) == 1:
        return f"{of(len(cells), 'cell')}, {of(times[0], 'repetition')} each"
    told = [f"{times.count(each)} run {f'{each} times' if each > 1 else 'once'}" for each in sorted(set(times))]
    return f"{of(len(cells), 'cell')}: {', '.join(told)}"


def _machine(host: Mapping[str, Any]) -> str:
    from bench.wording import of

    memory = f"{(host.get('memory_bytes') or 0) / 2**30:.0f} GiB"
    return f"{host.get('processor', 'unknown')}, {of(host.get('logical_cores') or 0, 'core')}, {memory}"
