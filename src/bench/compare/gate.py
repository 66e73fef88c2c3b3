"""A condition that a change has to meet, such as `p99 < 1.05`, for continuous integration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from bench.compare.reasons import ratio, shown
from bench.errors import ConfigError
from bench.stats.decide import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.compare.model import Comparison, Measure, Verdict

GateMeasure: TypeAlias = Literal["p50", "p99", "mean", "throughput", "errors"]
GateOutcome: TypeAlias = Literal["met", "missed", "cannot tell"]
_FORM = re.compile(r"\s*(p50|p99|mean|throughput|errors)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)(\s*%)?\s*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """A condition on every operation of every candidate."""

    text: str
    measure: GateMeasure
    upper: bool
    """The value has to stay below the limit, else above it."""
    limit: float
    """Of a ratio candidate / baseline; of errors, of their part of the candidate's attempts, 0 to 1."""

    @property
    def claims(self) -> tuple[Measure, ...]:
        """What has to be compared for it."""
        return () if self.measure == "errors" else (self.measure,)


@dataclass(frozen=True, kw_only=True, slots=True)
class GateResult:
    """What came of a gate for one operation of one candidate."""

    gate: str
    candidate: str
    cell: str
    operation: str
    """Empty: it concerns all of the cell."""
    outcome: GateOutcome
    reason: str


def parse_gate(text: str) -> Gate:
    """A gate from its text: measure, `<`, `<=`, `>` or `>=`, and a number.

    Raises:
        ConfigError: It is none.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise ConfigError(
            f"'{text}' is no condition; write one of p50, p99, mean, throughput (ratios to the baseline) or errors "
            '(part of the attempts), a sign and a number, such as "p99 < 1.05"',
            key="--gate",
        )
    measure, sign, number, percent = found.groups()
    if percent and measure != "errors":
        raise ConfigError(f"'{text}': a ratio is a number such as 1.05; only errors may be in %", key="--gate")
    limit = float(number) / (100 if percent else 1)
    return Gate(text=" ".join(text.split()), measure=cast("GateMeasure", measure), upper="<" in sign, limit=limit)


def gate_results(gates: Iterable[Gate], comparison: Comparison) -> tuple[GateResult, ...]:
    """What came of each gate, for each operation of each candidate.

    A ratio misses a gate when its whole interval lies on the wrong side of the limit, and meets it when it lies on the
    right side; in between nobody can tell. What is not comparable misses it, as does a cell of the baseline that a
    candidate lacks, or in which the baseline came to no summary. Errors are counted, not estimated.

    Args:
        gates: The conditions.
        comparison: With verdicts on each measure that the gates claim.
    """
    return tuple(result for gate in gates for result in _results(gate, comparison))


def _results(gate: Gate, comparison: Comparison) -> Iterator[GateResult]:
    baseline = comparison.baseline.name
    its_cells = {verdict.cell for verdict in comparison.verdicts if verdict.baseline == baseline}
    for verdict in (each for each in comparison.verdicts if each.cell in its_cells):
        measure = comparison.verdicts[0].measure if gate.measure == "errors" else gate.measure
        if verdict.measure == measure:
            outcome, reason = _counted(gate, verdict) if gate.measure == "errors" else _outcome(gate, verdict, baseline)
            yield GateResult(
                gate=gate.text,
                candidate=verdict.candidate,
                cell=verdict.cell,
                operation=verdict.operation,
                outcome=outcome,
                reason=reason,
            )

    for each in comparison.missing:
        reason = "the candidate has no such cell"
        yield GateResult(
            gate=gate.text, candidate=each.candidate, cell=each.cell, operation="", outcome="missed", reason=reason
        )


def _counted(gate: Gate, verdict: Verdict) -> tuple[GateOutcome, str]:
    ratio = verdict.candidate_error_ratio
    if ratio is None:
        return "missed", "it was not asked"
    met = ratio <= gate.limit if gate.upper else ratio >= gate.limit
    return ("met" if met else "missed"), f"{ratio:.3%} of the attempts failed"


def _outcome(gate: Gate, verdict: Verdict, baseline: str) -> tuple[GateOutcome, str]:
    if verdict.baseline != baseline:
        return "missed", f"{baseline} has no summary, and a gate is on the ratio to the baseline"
    if verdict.verdict is Outcome.NOT_COMPARABLE:
        return "missed", f"not comparable: {verdict.reason}"
    if verdict.ratio is None or verdict.low is None or verdict.high is None:
        return "cannot tell", verdict.reason
    reason = f"{ratio(verdict.ratio)}, interval {shown(verdict.low, verdict.high)}"
    below, above = verdict.high <= gate.limit, verdict.low >= gate.limit
    if below if gate.upper else above:
        return "met", reason
    return ("missed" if (above if gate.upper else below) else "cannot tell"), reason
