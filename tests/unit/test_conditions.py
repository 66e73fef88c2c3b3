"""Doubts that follow from what was asked of which system."""

from pathlib import Path

import pytest

from bench.conditions import on
from bench.config import Sources, compose
from bench.doubt import Doubt
from bench.stats import OperationSummary

SOURCES = Sources(main=Path(__file__).resolve().parents[2] / "conf")
MEASURED = OperationSummary(operation="read", warnings=(Doubt.ERRORS,))


@pytest.mark.parametrize(
    ("words", "doubts"),
    [
        (["backend=duckdb"], []),
        (["backend=duckdb", "load.warm_up_s=0"], [Doubt.CACHE_UNKNOWN]),
        (["backend=snowflake", "load.warm_up_s=0", "cold=true"], []),
        (["backend=null", "load.warm_up_s=0"], []),
        (["backend=snowflake_emulated"], [Doubt.EMULATED]),
        (["backend=snowflake_emulated", "load.warm_up_s=0"], [Doubt.EMULATED, Doubt.CACHE_UNKNOWN]),
    ],
)
def test_they_are_added_to_every_operation(words, doubts):
    (config,) = compose(words, SOURCES)
    found = on([MEASURED, MEASURED], config)
    assert [summary.warnings for summary in found] == [(Doubt.ERRORS, *doubts)] * 2
