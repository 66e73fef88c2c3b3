"""Runs against a baseline: a verdict per operation, and none where the questions differ."""

from bench.compare.model import Comparison, Difference, Measure, Objection, Outcome, Overall, Side, Verdict

__all__ = ["Comparison", "Difference", "Measure", "Objection", "Outcome", "Overall", "Side", "Verdict"]
