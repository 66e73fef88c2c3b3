"""How each engine executes an operation, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.report.html.cells import Cell, blocks
from bench.report.html.document import Block, Folded, Section, Text
from bench.results.run import PLANS_FOLDER

MAX_BYTES = 220_000
"""Of all plans together; what does not fit is named with its file."""
MAX_LINES = 60
KINDS = ("Node Type", "operator_type", "operator_name", "name", "type", "operation")
CHILDREN = ("Plans", "children", "Plan", "operator")
SHOWN = (
    *("Relation Name", "Index Name", "Join Type", "Strategy", "Hash Cond", "Index Cond", "Filter", "Join Filter"),
    *("Actual Rows", "Actual Loops", "Actual Total Time", "Total Cost", "Table", "Type", "Filters", "Conditions"),
    *("Estimated Cardinality", "operator_cardinality", "intermediate_rows", "operator_timing", "timing"),
    *("expressions", "objects", "rows"),
)
"""Keys of an operator that are worth a reader's time, whichever engine has them."""


def plans_section(cells: Sequence[Cell]) -> Section | None:
    """One fold per operation, its plans side by side; None where there are none."""
    room = MAX_BYTES
    found: list[Block] = []
    left_out: list[str] = []
    for group in blocks(cells).values():
        for operation in dict.fromkeys(name for cell in group for name in cell.operations):
            parts = list(_plans(group, operation))
            size = sum(len(part.content) for part in parts)
            if not parts:
                continue
            if size > room:
                left_out.append(operation)
                continue
            room -= size
            found.append(Folded(title=operation, parts=tuple(parts)))
    if not found:
        return None
    rest = (f"Left out, since they are long: {', '.join(left_out)}.",) if left_out else ()
    lines = ("As the engine told them before the load. The whole text is in plans/ of each cell.", *rest)
    return Section(name="plans", title="Plans", lines=lines, blocks=tuple(found))


def _plans(group: Sequence[Cell], operation: str) -> Iterator[Text]:
    """One of each kind: cells that plan alike share a text."""
    found: dict[str, list[str]] = {}
    for cell in group:
        path = cell.first.directory / PLANS_FOLDER / f"{operation}.json" if cell.first else None
        if path and path.is_file():
            try:
                stored = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # a plan that cannot be read is worth no more than one that is not there
            found.setdefault("\n\n".join(_told(each) for each in stored), []).append(cell.label)
    for text, labels in found.items():
        yield Text(title=", ".join(labels), content=text)


def _told(stored: Mapping[str, Any]) -> str:
    plan = stored.get("plan")
    lines = plan.splitlines() if isinstance(plan, str) else list(_tree(plan, 0))
    more = [f"… {len(lines) - MAX_LINES} more lines"] if len(lines) > MAX_LINES else []
    return "\n".join([str(stored.get("sql", "")).strip(), "", *lines[:MAX_LINES], *more])


def _tree(node: Any, depth: int) -> Iterator[str]:
    """The operators of a plan, one a line, whatever the engine calls its keys."""
    if isinstance(node, list):
        for each in node:
            yield from _tree(each, depth)
    elif isinstance(node, Mapping):
        kind = next((str(node[key]) for key in KINDS if node.get(key)), "")
        if kind:
            facts = {**node, **(node["extra_info"] if isinstance(node.get("extra_info"), Mapping) else {})}
            told = "  ".join(
                f"{key}: {_short(facts[key])}" for key in SHOWN if facts.get(key) not in (None, "", [], {})
            )
            yield f"{'  ' * depth}{kind}  {told}".rstrip()
        for key in CHILDREN:
            if isinstance(node.get(key), list | Mapping):
                yield from _tree(node[key], depth + bool(kind))
    elif node is not None:
        yield f"{'  ' * depth}{node}"


def _short(value: object) -> str:
    text = f"{value:,.4g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= 90 else f"{text[:89]}…"
