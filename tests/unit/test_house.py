"""The rules of the house that no other tool checks."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
FILE_LINES, FUNCTION_LINES = 400, 60


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_reader_sees_one_idea_at_a_time(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < FUNCTION_LINES, node.name


def test_the_name_of_a_backend_stands_in_backends_only():
    """Elsewhere the code asks capabilities. sqlglot's names of dialects, in `render`, are not names of backends.

    The emulator stands in for one of them, on top of another, and nobody imports it.
    """
    names = re.compile(
        "|".join(path.stem for path in sorted((ROOT / "conf/backend").glob("*.yaml")) if path.stem != "null")
    )
    allowed = ("backends", "render", "emulator")
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if not set(path.parts) & set(allowed)
        for node in ast.walk(_without_docstrings(ast.parse(path.read_text(encoding="utf-8"))))
        if (isinstance(node, ast.Constant) and isinstance(node.value, str) and names.search(node.value))
        or (isinstance(node, ast.Name | ast.Attribute) and names.search(getattr(node, "id", getattr(node, "attr", ""))))
    }
    known = {  # what is recorded of the installed packages, and the examples that a user reads
        place
        for place in found
        if place.startswith(("src/bench/environment.py", "src/bench/cli.py", "src/bench/commands/shell.py"))
    }
    assert found - known == set()


def _without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [
                each for each in node.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
            ] or [ast.Pass()]
    return tree
