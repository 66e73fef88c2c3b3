"""What was run and on what: configuration, data, server, machine and versions of every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.report.html.cells import Cell, flat
from bench.report.html.document import Block, Column, Folded, Section, Table, Value
from bench.report.texts import NULL
from bench.results import Run
from bench.wording import of

MAX_ROWS = 250
MAX_TEXT = 120
SIDE_BY_SIDE = 8
LEFT_OUT = ("hydra", "home", "outputs", "dataset.tables", "workload.operations")
MANIFEST = (
    *("load_description", "cold", "seed", "label", "git_commit"),
    *("question_hash", "sql_hash", "config_hash", "data_fingerprint"),
)


def settings_section(cells: Sequence[Cell]) -> Section | None:
    """What differs between the cells first, then all of it."""
    known = [cell for cell in cells if cell.first]
    if not known:
        return None
    facts = [_facts(cell.first) for cell in known if cell.first]
    keys = list(dict.fromkeys(key for each in facts for key in each))
    differing = [key for key in keys if len({each.get(key) for each in facts}) > 1]
    shown, lines = known[:SIDE_BY_SIDE], []
    if len(known) > SIDE_BY_SIDE:
        lines = [
            f"The first {SIDE_BY_SIDE} of {of(len(known), 'cell')} are shown; manifest.json in each folder has it all."
        ]
    blocks: list[Block] = []
    everywhere = [key for key in differing if all(key in each for each in facts)]
    if everywhere:
        blocks.append(_table("Where the cells differ", everywhere, shown, facts))
    somewhere = [key for key in differing if key not in everywhere]
    if somewhere:
        title = "What only some of the cells have"
        blocks.append(Folded(title=title, parts=(_table(title, somewhere, shown, facts),)))
    shared = [key for key in keys if key not in differing]
    if shared:
        title = "What all cells share" if len(known) > 1 else "All settings and facts"
        blocks.append(Folded(title=title, parts=(_table(title, shared, shown[:1], facts),)))
    return Section(
        name="configuration", title="Configuration and environment", lines=tuple(lines), blocks=tuple(blocks)
    )


def _table(caption: str, keys: Sequence[str], cells: Sequence[Cell], facts: Sequence[Mapping[str, str]]) -> Table:
    values = "value" if len(cells) == 1 else ""
    return Table(
        caption=caption,
        columns=(
            Column(name="key", number=False),
            *(Column(name=values or cell.label, number=False, wide=True) for cell in cells),
        ),
        rows=tuple(
            (Value(text=key), *(Value(text=_short(each.get(key, NULL))) for each in facts[: len(cells)]))
            for key in keys[:MAX_ROWS]
        ),
        note=f"The first {MAX_ROWS} of {of(len(keys), 'key')}." if len(keys) > MAX_ROWS else "",
    )


def _facts(run: Run) -> dict[str, str]:
    return {key: text for key, text in _all_facts(run) if text not in ("", "None", "{}", "[]")}


def _all_facts(run: Run) -> Iterator[tuple[str, str]]:
    manifest = run.manifest
    for key, text in flat(_kept(manifest.get("config") or {})).items():
        yield key, text
    for key in MANIFEST:
        yield key, str(manifest.get(key, ""))
    for group in ("server", "host", "versions", "data_facts"):
        for key, text in flat(manifest.get(group) or {}).items():
            yield f"{group}.{key}", text
    yield "tables.rows", _rows(run)


def _kept(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    return {
        key: _kept(value, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        for key, value in config.items()
        if f"{prefix}{key}" not in LEFT_OUT
    }


def _rows(run: Run) -> str:
    loads = run.table("load").to_pylist() if run.has("load") else []
    return ", ".join(f"{row['table']} {row['rows']:,}" for row in loads)


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
