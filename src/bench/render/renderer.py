"""From a template to the statements of one engine: Jinja for structure, sqlglot for the dialect, and an audit of both.

    template.sql.j2           -> Jinja -> canonical SQL -> sqlglot -> Statement      (identity or transpiled)
    template.<dialect>.sql.j2 -> Jinja ------------------------------> Statement      (override, sent as it stands)
    template.<suffix>.py      ---------------------------------------> Statement      (pipeline, run instead of the SQL)

Bound values are written `:name` in every template and become what the driver wants. What sqlglot would carry over
wrongly is refused (see `bench.render.pitfalls`), never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from sqlglot.errors import TokenError

from bench.errors import RenderError, nearest
from bench.model import Namespace, RenderedOperation, Statement, Table
from bench.render import pipeline, placeholders, template
from bench.render.naming import CANONICAL, Names
from bench.render.pipeline import Pipeline
from bench.render.template import Template
from bench.render.transpile import Translated, as_it_stands, known_dialects, translate

if TYPE_CHECKING:
    import jinja2

    from bench.backends.base import Capabilities
    from bench.render.placeholders import Piece
    from bench.workload import Operation

Origin: TypeAlias = Literal["identity", "transpiled", "override", "pipeline"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRow:
    """What became of one statement of a template."""

    operation: str
    statement: int
    """Position in the operation, from 0."""
    origin: Origin
    dialect: str
    template: str
    """Path below its `sql` folder; of the pipeline where there is one."""
    source: str
    """The author's text of the whole template or pipeline."""
    rendered: str
    """The statement after Jinja."""
    sql: str
    """The text that is sent, or that says the same as the pipeline that is run."""
    sqlglot_version: str
    verdict: str
    """`ok`, or what may make answers differ, or that an engine which runs pipelines has none for it."""


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """Renders the operations of a workload for one engine.

    >>> from bench.backends.base import Capabilities
    >>> renderer = Renderer(
    ...     sql_dirs=(Path("sql"),), tables=(), namespace=Namespace(schema="commerce"),
    ...     capabilities=Capabilities(dialect="duckdb", paramstyle="dollar"),
    ... )
    """

    sql_dirs: Sequence[Path]
    """Folders of templates, the nearest first."""
    tables: Sequence[Table]
    """The dataset's declared shape, by which names are qualified and types known."""
    namespace: Namespace
    capabilities: Capabilities
    complete: bool = True
    """The shape holds every table, so that an unknown name is refused; False for data that were there already."""

    def __post_init__(self) -> None:
        dialect = self.capabilities.dialect
        if dialect not in known_dialects():
            raise RenderError(f"sqlglot knows no dialect '{dialect}'{nearest(dialect, known_dialects())}")

    @cached_property
    def _jinja(self) -> jinja2.Environment:
        return template.environment(self.sql_dirs)

    @cached_property
    def _sqlglot_version(self) -> str:
        return version("sqlglot")

    @cached_property
    def _names(self) -> Names:
        return Names(tables=self.tables, namespace=self.namespace, complete=self.complete)

    def render_operation(self, operation: Operation) -> tuple[RenderedOperation, tuple[AuditRow, ...]]:
        """The statements of an operation, ready for the driver, and what was done to each.

        Raises:
            RenderError: The template is not there, is broken, or cannot be said in the engine's dialect.
        """
        found = template.find(self.sql_dirs, operation.template, self.capabilities.dialect)
        text = self._render(found, operation)
        pieces = _split(text, found)
        translated = [self._translate(piece, text, found) for piece in pieces]
        _check_parameters(operation, found, text, pieces)
        frame = self._pipeline(operation, translated)
        written = [placeholders.write(each.parts, self.capabilities.paramstyle) for each in translated]
        statements = tuple(
            Statement(
                sql=sql,
                parameters=names,
                returns_rows=each.nature.returns_rows,
                order_by=each.nature.order_by,
                pipeline=frame.source if frame else "",
            )
            for (sql, names), each in zip(written, translated, strict=True)
        )
        rendered = RenderedOperation(
            name=operation.name,
            statements=statements,
            transactional=operation.transactional,
            read_only=all(each.nature.read_only for each in translated),
            isolation=operation.isolation,
            timeout_s=operation.timeout_s,
            retries=operation.retries,
        )
        audit = self._audit(rendered, found, pieces, translated)
        return rendered, tuple(self._with_pipeline(row, operation, frame) for row in audit)

    def canonical_text(self, operation: Operation) -> str:
        """The question itself: the canonical template after Jinja, the same for every backend.

        An operation that exists only as overrides is known by the text of the one that is sent.
        """
        try:
            found = template.find(self.sql_dirs, operation.template, CANONICAL, overrides=False)
        except RenderError:
            found = template.find(self.sql_dirs, operation.template, self.capabilities.dialect)
        names = template.context(found, Namespace(schema=""), self._declared, CANONICAL)
        return template.render(self._jinja, found, names, operation.params).strip()

    def render_schema(self, dataset: str, backend: str) -> tuple[str, ...]:
        """DDL written by hand for a dataset: `<dataset>/schema.<backend>.sql.j2`, else `schema.sql.j2`, else none.

        Raises:
            RenderError: The template is broken.
        """
        name = f"{dataset}/schema{template.SUFFIX}"
        wanted = (template.override_name(name, backend), name)
        if not any((folder / file).is_file() for folder in self.sql_dirs for file in wanted):
            return ()
        found = template.find(self.sql_dirs, name, backend)
        names = template.context(found, self.namespace, self._declared, self.capabilities.dialect)
        text = template.render(self._jinja, found, names, prefix=self.namespace.prefix)
        return tuple(piece.text for piece in _split(text, found, self.capabilities.dialect))

    @property
    def _declared(self) -> tuple[str, ...]:
        """Names of all tables; empty where others may be there."""
        return tuple(table.name for table in self.tables) if self.complete else ()

    def _render(self, found: Template, operation: Operation) -> str:
        names = template.context(found, self.namespace, self._declared, self.capabilities.dialect)
        return template.render(self._jinja, found, names, operation.params, self.namespace.prefix)

    def _translate(self, piece: Piece, text: str, found: Template) -> Translated:
        if found.override:
            return as_it_stands(piece, text, self.capabilities.dialect)
        refuse = _refusal(found, text)
        return translate(piece, text, self._names, self.capabilities.dialect, refuse)

    def _pipeline(self, operation: Operation, translated: Sequence[Translated]) -> Pipeline | None:
        """The operation's DataFrame form, where the engine runs such and there is one."""
        suffix = self.capabilities.pipelines
        frame = pipeline.find(self.sql_dirs, operation.template, suffix) if suffix else None
        if frame is None:
            return None
        if len(translated) != 1 or not translated[0].nature.read_only:
            what = f"operation '{operation.name}' is not one query, and a pipeline answers just one"
            raise frame.refuse(what, "remove the file, so that it runs as SQL")
        pipeline.check(frame, operation.params, self._declared)
        return frame

    def _with_pipeline(self, row: AuditRow, operation: Operation, frame: Pipeline | None) -> AuditRow:
        if frame is not None:
            return replace(row, origin="pipeline", template=frame.name, source=frame.source)
        if not self.capabilities.pipelines:
            return row
        missing = f"runs as SQL: there is no {pipeline.file_name(operation.template, self.capabilities.pipelines)}"
        return replace(row, verdict=missing if row.verdict == "ok" else f"{row.verdict} {missing}")

    def _audit(
        self, rendered: RenderedOperation, found: Template, pieces: Sequence[Piece], translated: Sequence[Translated]
    ) -> tuple[AuditRow, ...]:
        same = self.capabilities.dialect == CANONICAL
        return tuple(
            AuditRow(
                operation=rendered.name,
                statement=position,
                origin="override" if found.override else "identity" if same else "transpiled",
                dialect=self.capabilities.dialect,
                template=found.name,
                source=found.source,
                rendered=piece.text,
                sql=statement.sql,
                sqlglot_version=self._sqlglot_version,
                verdict=" ".join(each.doubts) or "ok",
            )
            for position, (statement, piece, each) in enumerate(
                zip(rendered.statements, pieces, translated, strict=True)
            )
        )


def _refusal(found: Template, text: str) -> Callable[[str, str, int | None], RenderError]:
    def refuse(what: str, remedy: str, line: int | None) -> RenderError:
        return found.refuse(what, remedy, line=found.line_of(text, line))

    return refuse


def _split(text: str, found: Template, dialect: str = "") -> tuple[Piece, ...]:
    """The statements of a rendered template."""
    for mark in (placeholders.OPEN, placeholders.CLOSE):
        if mark in text:
            raise found.refuse(f"it contains the character U+{ord(mark):04X}, which has a meaning here", "remove it")
    try:
        pieces = placeholders.split(text, dialect or (found.dialect if found.override else CANONICAL))
    except TokenError as error:
        raise found.refuse(f"a text in quotes or a comment does not end: {error}", "correct the SQL") from error
    if not pieces:
        raise found.refuse("there is no statement in it", "write one")
    return pieces


def _check_parameters(operation: Operation, found: Template, text: str, pieces: Sequence[Piece]) -> None:
    """Every `:name` has a sampler, and every sampler a `:name`."""
    refuse = partial(_refusal(found, text))
    used = [(name, colon.line) for piece in pieces for colon, name in placeholders.find(piece)]
    for name, line in used:
        if name not in operation.params:
            known = ", ".join(operation.params) or "none"
            what = f"nothing gives a value for :{name} in operation '{operation.name}'{nearest(name, operation.params)}"
            raise refuse(what, f"declare it under params (there are: {known})", line)
    for name in operation.params:
        if name not in {used_name for used_name, _ in used}:
            what = f"the parameter '{name}' of operation '{operation.name}' is never used"
            raise found.refuse(what, f"write :{name} in the template, or leave the parameter out")
