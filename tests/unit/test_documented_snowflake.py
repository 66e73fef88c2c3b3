"""What docs/snowflake.md shows is what works."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import TypeAdapter

from bench.backends.snowflake import SnowflakeBackend
from bench.backends.snowflake_auth import AnyAuth, Anybody
from bench.backends.snowpark import SnowparkBackend
from bench.cli import dispatch
from bench.commands.shell import Shell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/snowflake.md").read_text(encoding="utf-8")
METHODS = re.findall(r"`(\{kind: [^`]*\})`", PAGE)


@pytest.mark.parametrize("text", METHODS)
def test_every_way_to_log_in_is_one(text):
    assert TypeAdapter(AnyAuth).validate_python(yaml.safe_load(text)).kind in text


def test_no_way_to_log_in_is_left_out():
    shown = {yaml.safe_load(text)["kind"] for text in METHODS}
    known = {member.kind for member in get_args(get_args(AnyAuth)[0])} - {Anybody.kind}
    assert shown == known


def test_the_connection_is_toml():
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert set(tomllib.loads(text)["bench"]) >= {"account", "user", "role", "warehouse", "database"}


def test_keys_that_are_named_exist():
    known = {spec.name for kind in (SnowflakeBackend, SnowparkBackend) for spec in fields(kind)}
    assert set(re.findall(r"backend\.([a-z_]+)", PAGE)) - known == set()


EXAMPLES = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\d+) s \| (about .*) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_costs_are_those_that_the_tool_computes(tmp_path, capsys, example):
    dataset, size, suspend_s, estimate = example
    words = ["backend=snowflake", "price=snowflake", "backend.generation=1", f"dataset={dataset}"]
    words += [f"backend.warehouse_size={size}", f"backend.auto_suspend_s={suspend_s}", f"outputs={tmp_path}"]
    assert dispatch(["plan", *words], Shell(environ={})) == 0
    assert f"-- estimate: {estimate};" in capsys.readouterr().out


def test_the_fourth_step_shows_the_first_of_them():
    assert f"-- estimate: {EXAMPLES[0][3]};" in PAGE
