"""Runs against a baseline: what differs, what may not be compared, and a verdict for everything else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from bench.compare import sent
from bench.compare.cells import cells, matched
from bench.compare.configuration import differences
from bench.compare.facing import Facing, face
from bench.compare.measured import Reader
from bench.compare.model import Comparison, Missing, Objection, Side
from bench.compare.objections import KINDS, Found, objections
from bench.compare.overall import overall, remarked
from bench.compare.verdicts import verdicts
from bench.errors import ConfigError, nearest
from bench.stats.decide import MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.compare.model import Measure
    from bench.results import Run

_Cells: TypeAlias = "Mapping[str, tuple[Run, ...]]"

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
    report asks this function too. Runs of one block are compared with each other (`stats.shift`); the samples are read
    once, for effect sizes, outliers, and where there is one run on each side.

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
    labelled = cells(sides, by)
    reader = Reader(measures=measures)
    opposed = [
        _Opposed(candidate=name, baseline=labelled[baseline_name], cells=labelled[name], by=by) for name in candidates
    ]
    found = {each.candidate: _facings(each, allow, reader) for each in opposed}
    by_cell, said = _by_cell(found), tuple(verdicts(found, measures, margin))
    return Comparison(
        baseline=_side(baseline_name, baseline),
        candidates=tuple(_side(name, runs) for name, runs in candidates.items()),
        differences=(*differences(sides), *sent.differences(baseline_name, by_cell)),
        objections=tuple(each for facings in found.values() for facing in facings for each in facing.objections),
        missing=tuple(missing for each in opposed for missing in each.missing),
        verdicts=said,
        overall=tuple(remarked(each, said) for faced in by_cell.values() for each in overall(faced, measures, margin)),
        allowed=tuple(allow),
        margin=margin,
        notes=(*notes, *(note for each in opposed for note in each.left_out(baseline_name))),
    )


@dataclass(frozen=True, kw_only=True)
class _Opposed:
    """The cells of the baseline, and those of one candidate."""

    candidate: str
    baseline: _Cells
    cells: _Cells
    by: str

    @cached_property
    def partners(self) -> Sequence[tuple[str, str]]:
        """Labels of cells that face each other: the baseline's and the candidate's."""
        return matched(self.baseline, self.cells, self.by)

    @property
    def missing(self) -> Iterator[Missing]:
        """The cells of the baseline that the candidate lacks."""
        compared = {ours for ours, _ in self.partners}
        return (Missing(candidate=self.candidate, cell=label) for label in self.baseline if label not in compared)

    def left_out(self, baseline: str) -> Iterator[str]:
        """A sentence for either side that has cells which the other lacks."""
        for at, (side, labels) in enumerate({baseline: self.baseline, self.candidate: self.cells}.items()):
            used = {pair[at] for pair in self.partners}
            left = [label or "its cell" for label in labels if label not in used]
            if left:
                yield f"Left out, as only {side} has it: {', '.join(left)}"


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


def _facings(opposed: _Opposed, allow: Sequence[str], reader: Reader) -> tuple[Facing, ...]:
    """The cells of one candidate, each face to face with that of the baseline, and what speaks against it."""
    facings = [
        face(
            [reader.measured(run) for run in opposed.baseline[ours]],
            [reader.measured(run) for run in opposed.cells[theirs]],
            cell=ours,
            reader=reader,
        )
        for ours, theirs in opposed.partners
    ]
    return tuple(replace(facing, objections=_objections(facing, opposed.candidate, allow)) for facing in facings)


def _by_cell(found: Mapping[str, Sequence[Facing]]) -> Mapping[str, Mapping[str, Facing]]:
    """By cell and candidate, in the order of the baseline's cells."""
    cells: dict[str, dict[str, Facing]] = {}
    for name, facings in found.items():
        for facing in facings:
            cells.setdefault(facing.cell, {})[name] = facing
    return cells


def _objections(facing: Facing, candidate: str, allow: Sequence[str]) -> tuple[Objection, ...]:
    found: dict[Found, None] = dict.fromkeys(objections(facing.baseline, facing.candidate))
    return tuple(
        Objection(
            kind=each.kind,
            candidate=candidate,
            cell=facing.cell,
            operation=each.operation,
            reason=each.reason,
            allowed=each.kind in allow,
        )
        for each in found
    )
