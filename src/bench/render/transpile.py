"""One statement from the canonical dialect into the one of an engine."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.dialect import Dialect, Dialects, NormalizationStrategy
from sqlglot.errors import ParseError, UnsupportedError
from sqlglot.generator import logger

from bench.render import pitfalls, placeholders
from bench.render.naming import CANONICAL, Names, Refuse, line_of, written
from bench.render.placeholders import Bind, Piece
from bench.render.statement import Nature, nature, nature_by_first_word

TRANSACTION_WORDS = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Translated:
    """A statement in the engine's dialect, taken apart at its bound values."""

    parts: Sequence[str | Bind]
    nature: Nature
    doubts: tuple[str, ...] = ()


def known_dialects() -> frozenset[str]:
    """The names by which sqlglot calls the dialects it knows."""
    return frozenset(dialect.value for dialect in Dialects if dialect.value)


def translate(piece: Piece, text: str, names: Names, dialect: str, refuse: Refuse) -> Translated:
    """A canonical statement as `dialect` writes it; the canonical dialect itself keeps the author's shape.

    Args:
        piece: The statement.
        text: The whole rendered template, for the parser's messages.
        names: The declared tables.
        dialect: sqlglot's name of the engine's dialect.
        refuse: Makes the error for this template.

    Raises:
        RenderError: It cannot be read, names what is not there, or would mean something else in `dialect`.
    """
    tree = _parse_canonical(piece, text, refuse)
    _check_placeholders(tree, piece, refuse)
    names.place_tables(tree, refuse)
    resolved = names.resolved(tree, refuse, strict=dialect != CANONICAL)
    canonical = _write(tree, CANONICAL, piece, refuse)
    what = nature(tree, resolved)
    if dialect == CANONICAL:
        return Translated(parts=canonical, nature=what, doubts=pitfalls.doubts(resolved, dialect))
    _check_pitfalls(resolved, dialect, piece, refuse)
    parts = _write(_adapted(resolved, dialect), dialect, piece, refuse)
    return Translated(parts=parts, nature=what, doubts=pitfalls.doubts(resolved, dialect))


def as_it_stands(piece: Piece, text: str, dialect: str) -> Translated:
    """A statement written for `dialect` itself: nothing but its bound values is touched."""
    try:
        tree = _parse(piece, text, dialect)
        what = nature(tree) if _is_read(tree) else nature_by_first_word(piece.tokens[0].text)
    except ParseError:  # the engine may well know what sqlglot does not
        what = nature_by_first_word(piece.tokens[0].text)
    return Translated(parts=placeholders.in_text(piece), nature=what)


def _parse(piece: Piece, text: str, dialect: str) -> exp.Expr:
    with _quiet():
        trees = Dialect.get_or_raise(dialect).parser(error_level=ErrorLevel.IMMEDIATE).parse(list(piece.tokens), text)
    if len(trees) != 1 or trees[0] is None:
        raise ParseError("It is not one statement")
    return trees[0]


def _parse_canonical(piece: Piece, text: str, refuse: Refuse) -> exp.Expr:
    first = piece.tokens[0].text.upper()
    if first in TRANSACTION_WORDS:
        remedy = "leave it out and set transactional: true for the operation"
        raise refuse(f"{first} does not belong into a template", remedy, piece.line)
    try:
        tree = _parse(piece, text, CANONICAL)
    except ParseError as error:
        details = error.errors[0] if error.errors else {}
        near = f" near '{details['highlight']}'" if details.get("highlight") else ""
        what = f"sqlglot cannot read it as {CANONICAL}: {details.get('description') or error}{near}"
        raise refuse(what, "", details.get("line") or piece.line) from error
    if not _is_read(tree):
        raise refuse(f"sqlglot does not understand the statement '{first} …'", "", piece.line)
    return tree


def _is_read(tree: exp.Expr) -> bool:
    """Whether sqlglot took it for a statement: not for an opaque command, nor for a bare expression."""
    bare = isinstance(tree, exp.Condition | exp.Alias) and not isinstance(tree, exp.Query)
    return not bare and tree.find(exp.Command) is None


def _check_placeholders(tree: exp.Expr, piece: Piece, refuse: Refuse) -> None:
    for node in tree.find_all(exp.Parameter, exp.Placeholder):
        if isinstance(node, exp.Parameter) or not node.this:
            shown = node.sql(dialect=CANONICAL)
            raise refuse(f"'{shown}' is no bound value of a template", "write bound values as :name", piece.line)
    written = {name for _, name in placeholders.find(piece)}
    read = {node.name for node in tree.find_all(exp.Placeholder)}
    for name in sorted(read - written):
        raise refuse(f"the bound value '{name}' is not written as :{name}", f"write :{name}", piece.line)
    for name in sorted(written - read):
        raise refuse(f"the bound value :{name} is lost when sqlglot reads the statement", "", piece.line)


def _check_pitfalls(resolved: exp.Expr, dialect: str, piece: Piece, refuse: Refuse) -> None:
    for node, what in pitfalls.found(resolved, dialect):
        raise refuse(what, "", line_of(node) or piece.line)
    division = pitfalls.undecided_division(resolved, dialect)
    if division is not None:
        shown = written(division)
        what = f"nobody can say whether '{shown}' divides whole numbers, which {dialect} does otherwise"
        raise refuse(what, "cast one side, as in cast(:n as integer)", line_of(division) or piece.line)


def _adapted(tree: exp.Expr, dialect: str) -> exp.Expr:
    """A copy in which is put right what sqlglot writes wrongly but can be said otherwise."""
    tree = tree.copy()
    for conflict in tree.find_all(exp.OnConflict):
        for key in conflict.args.get("conflict_keys") or ():
            if isinstance(key, exp.Ordered):  # an order of nulls is written out there, which no engine takes
                key.replace(key.this)
    target = Dialect.get_or_raise(dialect)
    if target.normalization_strategy == NormalizationStrategy.UPPERCASE:
        # PostgreSQL's "total" is total; where unquoted names are upper case, only the latter is the same column.
        reserved = {word for keyword in target.tokenizer_class.KEYWORDS for word in keyword.split()}
        for name in tree.find_all(exp.Identifier):
            if name.quoted and name.name.isidentifier() and name.name == name.name.lower():
                name.set("quoted", name.name.upper() in reserved)
    return tree


def _write(tree: exp.Expr, dialect: str, piece: Piece, refuse: Refuse) -> Sequence[str | Bind]:
    marked = tree.copy()
    placeholders.mark(marked)
    try:
        sql = Dialect.get_or_raise(dialect).generate(marked, copy=False, unsupported_level=ErrorLevel.RAISE)
        parts = placeholders.in_marked(sql)
    except UnsupportedError as error:
        raise refuse(f"sqlglot cannot write it: {str(error).splitlines()[0]}", "", piece.line) from error
    except LookupError as error:
        what = f"the bound value :{error.args[0]} would be lost in a text in quotes, as in INTERVAL :n DAY"
        raise refuse(what, "", piece.line) from error
    read = {node.name.strip(placeholders.OPEN + placeholders.CLOSE) for node in marked.find_all(exp.Placeholder)}
    if set(placeholders.names(parts)) != read:
        missing = ", ".join(sorted(read ^ set(placeholders.names(parts))))
        raise refuse(f"the bound values before and after translation differ: {missing}", "", piece.line)
    return parts


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep sqlglot from logging what we refuse with a better sentence."""
    was = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(was)
