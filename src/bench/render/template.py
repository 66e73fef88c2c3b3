"""Templates: which file is meant, and what Jinja makes of it. Jinja renders structure only, never a value."""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from bench.errors import RenderError, nearest
from bench.model import Namespace

SUFFIX = ".sql.j2"


class _NoSchema(str):
    """`schema` in an engine without schemas: marks the place, and is false in `{% if schema %}`."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


NO_SCHEMA = _NoSchema("\ue002")


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """One file below a `sql` folder."""

    name: str
    """Path below the folder, such as `joins/two_way.sql.j2`."""
    path: Path
    dialect: str
    """The dialect it is rendered for."""
    override: bool = False
    """Written for this dialect, so it is sent as it stands."""

    @property
    def source(self) -> str:
        """The author's own text."""
        return self.path.read_text(encoding="utf-8")

    def refuse(self, what: str, remedy: str = "", *, line: int | None = None) -> RenderError:
        """The error that says where, what, and what to do; without a remedy, to write the override."""
        place = f"{self.name}, line {line}" if line else self.name
        advice = remedy or (
            "correct it for this dialect"
            if self.override
            else f"say it otherwise, or write {override_name(self.name, self.dialect)}, which is sent as it stands"
        )
        return RenderError(f"{place}, for {self.dialect}: {what}{' ' if what.endswith('?') else '; '}{advice}")

    def line_of(self, rendered: str, line: int | None) -> int | None:
        """The author's line behind a line of the rendered text, both from 1; None where that cannot be told."""
        lines = rendered.splitlines()
        if not line or line > len(lines):
            return None
        wanted = lines[line - 1].strip()
        hits = [number for number, text in enumerate(self.source.splitlines(), start=1) if text.strip() == wanted]
        return min(hits, key=lambda number: abs(number - line), default=line if rendered == self.source else None)


class TableNames:
    """`tables` in a template: `{{ tables.orders }}` is the name under which the engine knows the table."""

    __slots__ = ("_declared", "_namespace", "_template")

    def __init__(self, declared: Collection[str], namespace: Namespace, template: Template) -> None:
        self._declared, self._namespace, self._template = declared, namespace, template

    def __getitem__(self, name: str) -> str:
        if self._declared and name not in self._declared:
            raise self._template.refuse(
                f"the dataset has no table '{name}'{nearest(name, self._declared)}",
                f"it has {', '.join(sorted(self._declared))}",
            )
        return self._namespace.qualified(name)


def override_name(template: str, dialect: str) -> str:
    """Name of the file that replaces `template` for one dialect."""
    return f"{template.removesuffix(SUFFIX)}.{dialect}{SUFFIX}"


def find(sql_dirs: Sequence[Path], name: str, dialect: str, *, overrides: bool = True) -> Template:
    """The file behind a template's name: the nearest folder first, and in one folder the dialect's own file first.

    Raises:
        RenderError: There is none; the text names the folders and the nearest match.
    """
    if not name.endswith(SUFFIX) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise RenderError(f"'{name}' is no template: give a path below a sql folder that ends with {SUFFIX}")
    for folder in sql_dirs:
        own = override_name(name, dialect)
        if overrides and (folder / own).is_file():
            return Template(name=own, path=folder / own, dialect=dialect, override=True)
        if (folder / name).is_file():
            return Template(name=name, path=folder / name, dialect=dialect)
    known = sorted({path.relative_to(folder).as_posix() for folder in sql_dirs for path in folder.rglob(f"*{SUFFIX}")})
    searched = ", ".join(str(folder) for folder in sql_dirs) or "no folder at all"
    raise RenderError(f"there is no template '{name}'{nearest(name, known)}; searched: {searched}")


def environment(sql_dirs: Sequence[Path]) -> jinja2.Environment:
    """Jinja over the `sql` folders: an unknown name is an error, line breaks stay where the author set them."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([str(folder) for folder in sql_dirs]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # the result is SQL, and values never pass through here
    )


def context(template: Template, namespace: Namespace, declared: Collection[str], dialect: str) -> dict[str, object]:
    """What a template sees: names of the schema and its tables, and the dialect; no value that is bound."""
    tables = TableNames(declared, namespace, template)
    schema = namespace.schema or NO_SCHEMA
    return {"schema": schema, "tables": tables, "table": tables.__getitem__, "dialect": dialect}


def render(
    jinja: jinja2.Environment,
    template: Template,
    names: Mapping[str, object],
    params: Collection[str] = (),
    prefix: str = "",
) -> str:
    """The text of a template after Jinja.

    Args:
        jinja: The environment over the `sql` folders.
        template: The file.
        names: What the template sees.
        params: Names of bound values, to say what is wrong when one of them is used in `{{ }}`.
        prefix: Replaces `{{ schema }}.` in an engine without schemas.

    Raises:
        RenderError: The template is broken, or uses a name that is not there.
    """
    try:
        text = jinja.get_template(template.name).render(names)
        return text.replace(f"{NO_SCHEMA}.", prefix).replace(NO_SCHEMA, "")
    except jinja2.UndefinedError as error:
        what, remedy = _undefined(error, names, params)
        raise template.refuse(what, remedy, line=_line(error, template)) from error
    except jinja2.TemplateSyntaxError as error:
        inside = f" (in {error.name})" if error.name != template.name else ""
        raise template.refuse(f"Jinja: {error.message}{inside}", "correct the template", line=error.lineno) from error
    except jinja2.TemplateNotFound as error:
        what = f"it includes '{error.name}', which is in no sql folder"
        raise template.refuse(what, "correct the path", line=_line(error, template)) from error
    except RecursionError as error:
        raise template.refuse("it includes itself without end", "end the circle of includes") from error
    except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise template.refuse(f"Jinja: {error}", "correct the template", line=_line(error, template)) from error


def _undefined(error: jinja2.UndefinedError, names: Mapping[str, object], params: Collection[str]) -> tuple[str, str]:
    found = re.match(r"'(\w+)' is undefined", str(error))
    if found and found[1] in params:
        name = found[1]
        return (
            f"'{name}' is a bound value, and values are bound as :{name}",
            f"write :{name} instead of {{{{ {name} }}}}",
        )
    hint = nearest(found[1], names) if found else ""
    return f"Jinja: {error}{hint}", f"a template sees {', '.join(names)}"


def _line(error: Exception, template: Template) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if Path(frame.filename) == template.path), None)
