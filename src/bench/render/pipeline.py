"""Pipelines: the DataFrame form of an operation, for engines that have one. Found and checked, never run here.

joins/two_way.sql.j2           the question
joins/two_way.<suffix>.py      the same question as `def pipeline(table, value)`, where capabilities name a suffix
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import RenderError, nearest
from bench.render.template import SUFFIX

FUNCTION = "pipeline"
ARGUMENTS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """One file beside a template."""

    name: str
    """Path below the `sql` folder, such as `joins/two_way.<suffix>.py`."""
    source: str

    def refuse(self, what: str, remedy: str, *, line: int | None = None) -> RenderError:
        """The error that says where, what, and what to do."""
        place = f"{self.name}, line {line}" if line else self.name
        return RenderError(f"{place}: {what}{' ' if what.endswith('?') else '; '}{remedy}")


def file_name(template: str, suffix: str) -> str:
    """Name of the file that holds the pipeline of `template`."""
    return f"{template.removesuffix(SUFFIX)}.{suffix}.py"


def find(sql_dirs: Sequence[Path], template: str, suffix: str) -> Pipeline | None:
    """The pipeline of a canonical template, the nearest folder first; None where there is none.

    A folder behind the one that holds the template is not looked into: what lies there belongs to a template that is
    hidden, and may answer another question.

    Raises:
        RenderError: The file is no UTF-8 text.
    """
    name = file_name(template, suffix)
    for folder in sql_dirs:
        if (folder / name).is_file():
            return Pipeline(name=name, source=_text(folder / name, name))
        if (folder / template).is_file():
            return None
    return None


def check(found: Pipeline, params: Collection[str], tables: Collection[str]) -> None:
    """Refuse what would fail when the pipeline is run, as far as its text tells.

    Args:
        found: The pipeline.
        params: Names of the operation's parameters.
        tables: Names of the dataset's tables; empty: there may be any.

    Raises:
        RenderError: It is no Python, has no `def pipeline(table, value)`, or asks for what is not there.
    """
    tree = _parsed(found)
    table, value = _argument_names(found, tree)
    for name, line in _asked(tree, table):
        if tables and name not in tables:
            what = f"the dataset has no table '{name}'{nearest(name, tables)}"
            raise found.refuse(what, f"it has {', '.join(sorted(tables))}", line=line)
    values = list(_asked(tree, value))
    for name, line in values:
        if name not in params:
            known = ", ".join(params) or "none"
            what = f"the operation has no parameter '{name}'{nearest(name, params)}"
            raise found.refuse(what, f"its parameters: {known}", line=line)
    _check_all_used(found, tree, value, params)


def _check_all_used(found: Pipeline, tree: ast.Module, value: str, params: Collection[str]) -> None:
    """A value that the SQL is asked with and the pipeline is not would be another question."""
    calls = sum(isinstance(node, ast.Name) and node.id == value for node in ast.walk(tree))
    asked = [name for name, _ in _asked(tree, value)]
    unused = [name for name in params if name not in asked]
    if unused and calls == len(asked):  # otherwise a name may be computed, or `value` be passed on
        raise found.refuse(f"the parameter '{unused[0]}' is never used", f'write {value}("{unused[0]}")')


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RenderError(
            f"{name}: it is no UTF-8 text ({error.reason} at byte {error.start}); save it as such"
        ) from error


def _parsed(found: Pipeline) -> ast.Module:
    try:
        tree = ast.parse(found.source, found.name)
        compile(tree, found.name, "exec")  # finds what the grammar alone allows, such as `return` outside a function
    except SyntaxError as error:
        raise found.refuse(f"it is no Python: {error.msg}", "correct it", line=error.lineno) from error
    except ValueError as error:  # a null byte
        raise found.refuse(f"it is no Python: {error}", "correct it") from error
    return tree


def _argument_names(found: Pipeline, tree: ast.Module) -> tuple[str, str]:
    """What the function calls its two arguments."""
    remedy = f"write `def {FUNCTION}(table, value):` at the top level, which returns the DataFrame"
    here = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == FUNCTION]
    if not here:
        raise found.refuse(f"it has no function '{FUNCTION}'", remedy)
    function = here[-1]  # a later definition replaces an earlier one
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    needed = [default for default in arguments.kw_defaults if default is None]
    if len(names) != ARGUMENTS or needed:
        raise found.refuse(f"'{FUNCTION}' takes {len(names)} arguments", remedy, line=function.lineno)
    if not any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function)):
        raise found.refuse(f"'{FUNCTION}' returns nothing", remedy, line=function.lineno)
    return names[0], names[1]


def _asked(tree: ast.Module, function: str) -> Iterator[tuple[str, int]]:
    """Each name that is asked for by a call such as `table("orders")`, and its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=called), args=[ast.Constant(value=str(name))], keywords=[]) if (
                called == function
            ):
                yield name, node.lineno
            case _:
                pass
