"""Runs against a baseline: a verdict per operation, and none where the questions differ."""

from bench.compare.model import Comparison, Difference, Measure, Objection, Overall, Side, Verdict
from bench.stats.decide import Outcome

__all__ = ["Comparison", "Difference", "Measure", "Objection", "Outcome", "Overall", "Side", "Verdict"]
