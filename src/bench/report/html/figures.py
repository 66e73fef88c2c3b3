"""The tables of results: what `summary.parquet` says, row by row, and how each cell ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.report.html import drawing
from bench.report.html.cells import Cell, blocks, middle
from bench.report.html.document import Column, Folded, Mark, Section, Table, Value
from bench.report.run import NULL_NOTE, time_notes
from bench.report.texts import NULL, Row, emulated, ms, number, usd, usd_per_million
from bench.wording import of

MAX_ROWS = 400
COUNTS = ("count", "errors", "aborted", "late", "dropped", "rows")
MEASURED = ("_ns", "_per_s", "_operations", "_run")
SHOWN_TAILS = ("p50", "p95", "p99")
STATISTICS = ("mean", "p50", "p95", "p99", "p999", "max")
MARKS: Mapping[str, Mark] = {"done": "good", "failed": "bad", "interrupted": "bad"}


def results_section(cells: Sequence[Cell]) -> Section | None:
    """All summaries, one table per dataset, workload and stream."""
    grouped = [(name, group) for name, group in blocks(cells).items() if any(cell.rows for cell in group)]
    tables = [table for name, group in grouped for table in _tables(name, group)]
    if not tables:
        return None
    filled = [cell for cell in cells if cell.rows]
    lines = time_notes((cell.measure, _owner(cell)) for cell in filled)
    if any(row[f"{cell.measure}_{name}_ns"] is None for cell in filled for row in cell.rows for name in SHOWN_TAILS):
        lines.append(NULL_NOTE)
    if any(row["usd_per_1000_operations"] is not None for cell in filled for row in cell.rows):
        lines.append("USD are estimates from the price list and the measured rates.")
    return Section(name="results", title="Results", lines=tuple(lines), blocks=tuple(tables))


def _owner(cell: Cell) -> str:
    return f"the stream {cell.stream}" if cell.stream else f"load={cell.first.key.load}" if cell.first else ""


def cells_section(cells: Sequence[Cell]) -> Section:
    """How each cell ended, and why where it did not end well."""
    rows = [
        (
            Value(text=cell.label),
            Value(text=cell.name),
            Value(text=_status(cell), mark=MARKS.get(cell.status, "unsure")),
            Value(text=" · ".join(dict.fromkeys(message for _, message in cell.states if message))),
        )
        for cell in cells
    ]
    names = ("cell", "folder", "status", "message")
    columns = tuple(Column(name=name, number=False, wide=name == "message") for name in names)
    lines = ("What is not done is in no verdict.",) if any(cell.status != "done" for cell in cells) else ()
    table = Table(
        caption="Cells and how they ended",
        columns=columns,
        rows=tuple(rows[:MAX_ROWS]),
        name="cells",
        note=_cut(len(rows)),
    )
    return Section(name="cells", title="Cells", lines=lines, blocks=(table,))


def _status(cell: Cell) -> str:
    texts = [status for status, _ in cell.states]
    if len(texts) < 2:
        return cell.status
    return ", ".join(f"{texts.count(status)} × {status}" for status in dict.fromkeys(texts))


def _tables(name: tuple[str, ...], group: Sequence[Cell]) -> Iterator[Table | Folded]:
    """For each kind of time the medians where cells were repeated, with every repetition folded away; else the runs."""
    kinds = list(dict.fromkeys(cell.measure for cell in group))
    for kind in kinds:
        mine = [cell for cell in group if cell.measure == kind]
        which = f", {drawing.TIME_TITLES[kind]}s" if len(kinds) > 1 else ""
        title = " · ".join(part for part in name if part) + which
        if any(len(cell.runs) > 1 for cell in mine):
            yield _medians(f"Results of {title}, median of the repetitions", mine, kind)
            yield Folded(title="Every repetition", parts=(_runs(f"Results of {title}, every repetition", mine, kind),))
        else:
            yield _runs(f"Results of {title}", mine, kind)


def _runs(caption: str, group: Sequence[Cell], kind: str) -> Table:
    """One line per operation, cell and repetition: `summary.parquet` as it stands."""
    lines = [(cell, row) for cell in group for row in cell.rows]
    columns = list(_columns([row for _, row in lines], kind, repeated=any(len(cell.runs) > 1 for cell in group)))
    order = list(dict.fromkeys(row["operation"] for _, row in lines))
    lines.sort(key=lambda line: order.index(line[1]["operation"]))
    rows = tuple(tuple(_value(cell, row, column) for column in columns) for cell, row in lines[:MAX_ROWS])
    return Table(caption=caption, columns=tuple(columns), rows=rows, name="summary", note=_cut(len(lines)))


def _medians(caption: str, group: Sequence[Cell], kind: str) -> Table:
    """One line per operation and cell: the median of times and rates, the sum of counts."""
    lines = []
    for operation in dict.fromkeys(name for cell in group for name in cell.operations):
        lines += [(cell, _median(cell, operation)) for cell in group if cell.of(operation)]
    columns = list(_columns([row for _, row in lines], kind, repeated=False))
    rows = tuple(tuple(_value(cell, row, column) for column in columns) for cell, row in lines[:MAX_ROWS])
    note = "Times, rates and costs are medians of the repetitions, counts their sums."
    return Table(
        caption=caption, columns=tuple(columns), rows=rows, name="medians", note=f"{note} {_cut(len(lines))}".strip()
    )


def _median(cell: Cell, operation: str) -> Row:
    """A row that stands for all repetitions; a value that one of them lacks is lacking."""
    rows = cell.of(operation)
    found = dict(rows[0])
    for name in rows[0]:
        if name in COUNTS:
            found[name] = sum(row[name] for row in rows)
        elif name.endswith(MEASURED):
            found[name] = middle([row[name] for row in rows])
    return found


def _cut(rows: int) -> str:
    if rows <= MAX_ROWS:
        return ""
    return f"The first {MAX_ROWS:,} of {of(rows, 'row')}; cells.parquet and summary.parquet have them all."


def _columns(rows: Sequence[Row], kind: str, *, repeated: bool) -> Iterator[Column]:
    """Those in which something stands."""
    yield Column(name="operation", field="operation", number=False)
    yield Column(name="cell", number=False)
    if repeated:
        yield Column(name="repetition", field="repetition")
    yield Column(name="count", field="count", hint="attempts that ended")
    yield Column(name="per s", field="throughput_per_s", hint="throughput: attempts that ended, per second")
    for name in STATISTICS:
        if name == "p999" and all(row[f"{kind}_p999_ns"] is None for row in rows):
            continue
        shown = "p99.9" if name == "p999" else name
        yield Column(name=f"{shown} ms", field=f"{kind}_{name}_ns", hint=drawing.TIME_TITLES[kind])
    yield Column(name="errors", field="errors")
    for field in ("aborted", "late", "dropped"):
        if any(row[field] for row in rows):
            yield Column(name=field, field=field)
    if any(row["usd_per_1000_operations"] is not None for row in rows):
        yield Column(
            name="USD per million", field="usd_per_1000_operations", hint="estimate: USD per million operations"
        )
        yield Column(name="USD per run", field="usd_per_run", hint="estimate")


def _value(cell: Cell, row: Row, column: Column) -> Value:
    field = column.field
    if not field:
        return Value(text=cell.label)
    value = row[field]
    if field == "operation":
        return Value(text=value + ("" if cell.first and cell.first.emulated else emulated([row])), exact=value)
    if value is None:
        return Value(text=NULL)
    text = ms(value) if field.endswith("_ns") else _text(field, value)
    return Value(text=text, exact=value, mark="bad" if field in ("errors", "aborted", "dropped") and value else "")


def _text(field: str, value: float) -> str:
    if field == "usd_per_1000_operations":
        return usd_per_million(value)
    if field.startswith("usd"):
        return usd(value)
    return number(value) if field.endswith("_per_s") else f"{value:,}"
