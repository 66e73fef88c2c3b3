"""Where the time goes: what the engine says of each operation, beside what the client measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.report.html import drawing
from bench.report.html.cells import Cell, blocks
from bench.report.html.document import Chart, Column, Legend, Section, Spec, Table, Value
from bench.report.server import counted_rows, query_rows, server_notes
from bench.report.texts import NULL, Row, ms
from bench.results import Run
from bench.wording import of

REST = "commit, network and client"
PARTS = ("queued", "compile", "execute", "blocked", REST)
HISTORY = {"queued": "queued", "compile": "compilation", "execute": "execution", "blocked": "blocked"}
"""The parts, and what the engine's history calls them."""
COLOUR_PLACES = (3, 5, 0, 1, 6)
MAX_BARS = 60
BAR_PIXELS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """The mean service time of one operation, in parts; ns."""

    cell: str
    emulated: bool
    operation: str
    parts_ns: dict[str, float]
    service_ns: float

    @property
    def rest_ns(self) -> float:
        """What the engine does not know of: the network, the driver, the transfer of the result, and the commit."""
        return max(0.0, self.service_ns - sum(self.parts_ns.values()))


def engine_section(cells: Sequence[Cell]) -> Section | None:
    """One chart and one table per dataset and workload; None where no engine says anything."""
    found: list[Legend | Chart | Table] = []
    for name, group in blocks(cells).items():
        order = list(dict.fromkeys(operation for cell in group for operation in cell.operations))
        splits = sorted(
            (split for cell in group for split in _splits(cell)), key=lambda split: order.index(split.operation)
        )
        if splits:
            title = " · ".join(name)
            drawn = [split for split in splits if not split.emulated]
            found += [Legend(entries=_legend(drawn)), _chart(title, drawn[:MAX_BARS])] if drawn else []
            found.append(_table(title, splits))
    if not found:
        return None
    lines = (
        "Mean service time, split by what the engine reports of itself. The rest, up to what the client measured, is "
        "what it does not report: network, driver, transfer of the result, and of an operation that changes data the "
        "commit, which is the engine's work too.",
        *_cautions(cells),
        *_notes(cells),
    )
    return Section(name="server", title="What the server says", lines=lines, blocks=tuple(found))


def _cautions(cells: Sequence[Cell]) -> Iterator[str]:
    """What of the cells is not drawn, and why."""
    telling = {cell.label: cell.emulated for cell in cells if any(_splits(cell))}
    emulated = [label for label, from_emulator in telling.items() if from_emulator]
    if emulated:
        yield (
            f"{', '.join(emulated)}: an emulator answered, so its times mean nothing and are not drawn, only listed; "
            "it neither queues nor compiles, so those parts are 0."
        )
    silent = list(dict.fromkeys(cell.label for cell in cells if cell.rows and cell.label not in telling))
    if silent:
        yield f"{', '.join(silent)}: the engine counts no times of its own, so nothing of it stands here."


def _notes(cells: Sequence[Cell]) -> Iterator[str]:
    """What is said of single cells, with their names where there are several."""
    told: dict[str, dict[str, None]] = {}
    for cell in cells:
        for note in dict.fromkeys(note for run in cell.runs[:1] for note in server_notes(run)):
            told.setdefault(note, {})[cell.named] = None
    everywhere = {cell.named for cell in cells}
    for note, names in told.items():
        yield note if set(names) == everywhere else f"{', '.join(names)}: {note}"


def _legend(splits: Sequence[Split]) -> tuple[tuple[str, int], ...]:
    """The parts that occur."""
    told = {name for split in splits for name, value in split.parts_ns.items() if value}
    entries = zip(PARTS, COLOUR_PLACES, strict=True)
    return tuple((name, place) for name, place in entries if name in told or name == REST)


def _splits(cell: Cell) -> Iterator[Split]:
    service = {name: cell.value(name, "service_time_mean_ns") for name in cell.operations}
    told: dict[str, list[dict[str, float]]] = {}
    for run in cell.runs:
        for operation, parts in _told(run):
            told.setdefault(operation, []).append(parts)
    for operation, several in told.items():
        mean_ns = service.get(operation)
        if mean_ns:
            parts = {
                name: fmean(one.get(name, 0.0) for one in several)
                for name in dict.fromkeys(k for one in several for k in one)
            }
            yield Split(
                cell=cell.label, emulated=cell.emulated, operation=operation, parts_ns=parts, service_ns=mean_ns
            )


def _told(run: Run) -> Iterator[tuple[str, dict[str, float]]]:
    """(operation, part -> mean ns) of the engine's history, or else of its counters."""
    history = query_rows(run)
    for row in history:
        parts = {name: row[f"{source}_mean_ns"] for name, source in HISTORY.items()}
        yield row["operation"], {name: value for name, value in parts.items() if value is not None}
    if history:
        return
    planned = _planned_ns(run)
    for row in counted_rows(run):
        if row["execution_mean_ns"] is not None:
            compiled = planned.get(row["operation"])
            yield row["operation"], {"execute": row["execution_mean_ns"], **({"compile": compiled} if compiled else {})}


def _planned_ns(run: Run) -> dict[str, float]:
    """Mean time of planning by operation, where the engine counts it."""
    rows: list[Row] = run.table("server").to_pylist() if run.has("server") else []
    found: dict[str, float] = {}
    for row in rows:
        if row["plan_ns"] is not None and row["calls"]:
            found[row["operation"]] = found.get(row["operation"], 0.0) + row["plan_ns"] / row["calls"]
    return found


def _chart(title: str, splits: Sequence[Split]) -> Chart:
    several = len({split.cell for split in splits}) > 1
    bars = [bar for split in splits for bar in _bars(split, f" · {split.cell}" if several else "")]
    layer = drawing.layer(
        bars,
        {"type": "bar"},
        x=drawing.linear("x", "mean service time (ms)"),
        x2={"field": "z"},
        y=drawing.names("n") | {"scale": {"paddingInner": 0.3}},
        color=drawing.category("p", PARTS, [drawing.COLOURS[place] for place in COLOUR_PLACES]),
        tooltip=drawing.tip(n="operation and cell", p="part", v=("ms", ",.4~r")),
    )
    most = max(splits, key=lambda split: split.rest_ns / split.service_ns)
    return Chart(
        title=f"Parts of the service time, {title}",
        text=f"{of(len(splits), 'bar')}, one per operation and cell. The greatest part of a time that its engine does "
        f"not report is that of {most.operation} on {most.cell}: {most.rest_ns / most.service_ns:.0%} of "
        f"{ms(most.service_ns)} ms for {REST}.",
        spec=drawing.spec(
            [layer], height=len(splits) * BAR_PIXELS + 10, title=f"Parts of the mean service time of {title}"
        ),
        wide=True,
    )


def _bars(split: Split, cell: str) -> Iterator[Spec]:
    """The parts one after the other."""
    begin = 0.0
    for name in PARTS:
        value = split.rest_ns if name == REST else split.parts_ns.get(name, 0.0)
        if value:
            ends = {"x": drawing.milliseconds(begin), "z": drawing.milliseconds(begin + value)}
            yield {"n": f"{split.operation}{cell}", "p": name, "v": drawing.milliseconds(value), **ends}
        begin += value


def _table(title: str, splits: Sequence[Split]) -> Table:
    shown = [name for name in PARTS[:-1] if any(name in split.parts_ns for split in splits)]
    names = ("operation", "cell")
    times = (*shown, REST, "service")
    columns = (
        *(Column(name=name, number=False) for name in names),
        *(Column(name=f"{name} ms") for name in times),
    )
    rows = tuple(
        (
            Value(text=split.operation),
            Value(text=split.cell),
            *(_ms(split.parts_ns.get(name)) for name in shown),
            _ms(split.rest_ns),
            _ms(split.service_ns),
        )
        for split in splits[:MAX_BARS]
    )
    return Table(caption=f"Mean parts of the service time, {title}", columns=columns, rows=rows)


def _ms(value_ns: float | None) -> Value:
    return Value(text=NULL if value_ns is None else ms(value_ns), exact=value_ns)
