"""Runs against a baseline: what differs, what may not be compared, and a verdict for everything else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from bench.compare import sent
from bench.compare.cells import faced
from bench.compare.configuration import differences
from bench.compare.facing import face
from bench.compare.measured import Reader
from bench.compare.model import Comparison, Missing, Objection, Side
from bench.compare.objections import KINDS, objections, summarised
from bench.compare.overall import overall, remarked
from bench.compare.stand_in import notes as stand_in_notes
from bench.compare.stand_in import stand_ins
from bench.compare.verdicts import verdicts
from bench.errors import ConfigError, nearest
from bench.stats.decide import MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bench.compare.facing import Facing
    from bench.compare.measured import Measured
    from bench.compare.model import Measure
    from bench.compare.objections import Found
    from bench.results import Run

_Cells: TypeAlias = "Mapping[str, Mapping[str, Sequence[Run]]]"
"""By cell and side, its runs."""

MEASURES: tuple[Measure, ...] = ("p50", "p99")
"""What is claimed unless something else is asked for."""


def compare(
    baseline: Sequence[Run],
    candidates: Mapping[str, Sequence[Run]],
    *,
    baseline_name: str = "baseline",
    by: str = "",
    measures: Sequence[Measure] = MEASURES,
    margin: float = MARGIN,
    allow: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Comparison:
    """A verdict per candidate, cell, operation and measure.

    The verdicts on all operations of a cell, by all measures and on all candidates, are one family: they hold together
    with a confidence of 95 % (`stats.decide`). So do those in all on the candidates by one measure. The page of a
    report asks this function too. Where the baseline came to no summary the next side stands in for it (`stand_in`).
    Runs of one block are compared with each other (`stats.shift`); the samples are read once, for effect sizes,
    outliers, and where there is one run on each side.

    Args:
        baseline: Its runs: of one cell or several, repeated or not.
        candidates: The same of each candidate, by name.
        baseline_name: What the baseline is called.
        by: Key in which the sides differ on purpose, so that it tells no cells of a side apart; empty: none.
        measures: What is claimed of each operation. Fewer claims need less evidence each.
        margin: Ratios from 1 / (1 + margin) to 1 + margin count as equal; above 0.
        allow: Kinds of objections to overlook, of `objections.KINDS`.
        notes: What is known beforehand and a reader has to know.

    Raises:
        ConfigError: There is no such kind of objection, or nothing to compare.
        ResultError: A file of a run is not whole.
    """
    _check(baseline, candidates, baseline_name, allow)
    sides = {baseline_name: baseline, **candidates}
    cells = faced(sides, by)
    instead = stand_ins(cells, baseline_name, by=by)
    reader = Reader(measures=measures)
    found = {
        name: tuple(_facings(name, cells, baseline_name, instead, allow=allow, reader=reader)) for name in candidates
    }
    by_cell, said = _by_cell(found), tuple(verdicts(found, measures, margin))
    return Comparison(
        baseline=_side(baseline_name, baseline),
        candidates=tuple(_side(name, runs) for name, runs in candidates.items()),
        differences=(*differences(sides), *sent.differences(list(sides), by_cell)),
        objections=tuple(each for facings in found.values() for facing in facings for each in facing.objections),
        missing=tuple(_missing(cells, candidates, baseline_name)),
        verdicts=said,
        overall=tuple(
            remarked(each, said) for facings in by_cell.values() for each in overall(facings, measures, margin)
        ),
        allowed=tuple(allow),
        margin=margin,
        notes=(
            *notes,
            *stand_in_notes(cells, instead, baseline_name),
            *_left_out(cells, found, baseline_name, instead),
        ),
    )


def _missing(cells: _Cells, candidates: Iterable[str], baseline: str) -> Iterator[Missing]:
    for name in candidates:
        for cell, members in cells.items():
            if baseline in members and name not in members:
                yield Missing(candidate=name, cell=cell)


def _left_out(
    cells: _Cells, found: Mapping[str, Sequence[Facing]], baseline: str, instead: Mapping[str, str]
) -> Iterator[str]:
    """A sentence for either side that lacks cells which the other has."""
    for candidate, facings in found.items():
        compared = {facing.cell for facing in facings} | {cell for cell, name in instead.items() if name == candidate}
        for side, other in ((baseline, candidate), (candidate, baseline)):
            left = [cell or "its cell" for cell, members in cells.items() if side in members and cell not in compared]
            if left:
                yield f"Left out of {side}, as {other} has no run of it: {', '.join(left)}"


def _check(baseline: Sequence[Run], candidates: Mapping[str, object], name: str, allow: Sequence[str]) -> None:
    for kind in allow:
        if kind not in KINDS:
            raise ConfigError(f"nothing is called '{kind}'; there are {', '.join(KINDS)}{nearest(kind, KINDS)}")
    if not baseline or not candidates or not all(candidates.values()) or name in candidates:
        raise ConfigError("a comparison needs a baseline and another side, each with a run and a name of its own")


def _side(name: str, runs: Sequence[Run]) -> Side:
    return Side(
        name=name,
        backends=tuple(dict.fromkeys(run.key.backend for run in runs)),
        directories=tuple(str(run.directory) for run in runs),
        emulated=any(run.emulated for run in runs),
    )


def _facings(
    candidate: str,
    cells: _Cells,
    baseline: str,
    instead: Mapping[str, str],
    *,
    allow: Sequence[str],
    reader: Reader,
) -> Iterator[Facing]:
    """The cells of one candidate, each face to face with that of the baseline, or of the side that stands in for it.

    That side itself still faces the baseline, so that it is told why it cannot be compared with it.
    """
    for cell, members in cells.items():
        against = instead.get(cell, baseline)
        pair = (baseline if against == candidate else against, candidate)
        if members.keys() >= set(pair):
            yield _facing(cell, {side: [reader.measured(run) for run in members[side]] for side in pair}, allow, reader)


def _facing(cell: str, sides: Mapping[str, Sequence[Measured]], allow: Sequence[str], reader: Reader) -> Facing:
    """The two sides of a cell and what speaks against it. A run without a summary does, and is not compared."""
    (against, baseline), (candidate, runs) = sides.items()
    facing = face(summarised(baseline), summarised(runs), cell=cell, baseline_name=against, reader=reader)
    return replace(facing, objections=_objections(cell, candidate, objections(baseline, runs), allow))


def _by_cell(found: Mapping[str, Sequence[Facing]]) -> Mapping[str, Mapping[str, Facing]]:
    """By cell and candidate, in the order of the baseline's cells."""
    cells: dict[str, dict[str, Facing]] = {}
    for name, facings in found.items():
        for facing in facings:
            cells.setdefault(facing.cell, {})[name] = facing
    return cells


def _objections(cell: str, candidate: str, found: Iterable[Found], allow: Sequence[str]) -> tuple[Objection, ...]:
    return tuple(
        Objection(
            kind=each.kind,
            candidate=candidate,
            cell=cell,
            operation=each.operation,
            reason=each.reason,
            allowed=each.kind in allow,
        )
        for each in dict.fromkeys(found)
    )
