"""Doubts that follow from what was asked of which system."""

from pathlib import Path

import pytest

from bench.conditions import doubts
from bench.config import Sources, compose
from bench.doubt import Doubt

SOURCES = Sources(main=Path(__file__).resolve().parents[2] / "conf")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["backend=duckdb"], []),
        (["backend=duckdb", "load.warm_up_s=0"], [Doubt.CACHE_UNKNOWN]),
        (["backend=snowflake", "load.warm_up_s=0", "cold=true"], []),
        (["backend=null", "load.warm_up_s=0"], []),
        (["backend=snowflake_emulated"], [Doubt.EMULATED]),
        (["backend=snowflake_emulated", "load.warm_up_s=0"], [Doubt.EMULATED, Doubt.CACHE_UNKNOWN]),
    ],
)
def test_they_follow_from_the_configuration(words, expected):
    (config,) = compose(words, SOURCES)
    assert list(doubts(config)) == expected
