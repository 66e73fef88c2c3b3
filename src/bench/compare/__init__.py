"""Runs against a baseline: a verdict per operation, and none where the questions differ."""

from bench.compare.gate import Gate, GateResult, gate_results, parse_gate
from bench.compare.judge import MEASURES, compare
from bench.compare.model import Comparison, Difference, Measure, Missing, Objection, Overall, Side, Verdict
from bench.compare.objections import KINDS
from bench.compare.sides import Sides, open_sides
from bench.stats.decide import Outcome

__all__ = [
    "KINDS",
    "MEASURES",
    "Comparison",
    "Difference",
    "Gate",
    "GateResult",
    "Measure",
    "Missing",
    "Objection",
    "Outcome",
    "Overall",
    "Side",
    "Sides",
    "Verdict",
    "compare",
    "gate_results",
    "open_sides",
    "parse_gate",
]
