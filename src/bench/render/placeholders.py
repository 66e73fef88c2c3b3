"""Bound values: found as `:name` in a text, written as a driver wants them.

Everything works on the tokens of a dialect, so text in quotes, comments and `::casts` stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import Token, TokenType

from bench.model import Paramstyle

OPEN, CLOSE = "\ue000", "\ue001"
"""Characters of private use that mark a name while sqlglot writes SQL."""

NAME = re.compile(r"[A-Za-z_]\w*")
MARKED = re.compile(rf"%\({OPEN}(\w+){CLOSE}\)s|[:$@?]{OPEN}(\w+){CLOSE}")

BEFORE_A_PATH = frozenset(
    {TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.NUMBER, TokenType.STRING}
)
"""Directly after one of these a colon leads into a value (`payload:city`) or bounds a slice (`a[1:n]`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bind:
    """The place of a bound value in a text."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One statement of a text."""

    text: str
    tokens: tuple[Token, ...]
    """Their positions and lines count from the beginning of the whole text."""
    offset: int
    """Position of `text` in the whole text."""

    @property
    def line(self) -> int:
        """Line of the first token in the whole text, from 1."""
        return self.tokens[0].line


def split(text: str, dialect: str) -> tuple[Piece, ...]:
    """The statements of a text, parted by `;`.

    Raises:
        sqlglot.errors.TokenError: A quote or comment does not end.
    """
    pieces: list[Piece] = []
    tokens: list[Token] = []
    begin = 0
    for token in [*Dialect.get_or_raise(dialect).tokenize(text), None]:
        if token is not None and token.token_type != TokenType.SEMICOLON:
            tokens.append(token)
            continue
        end = len(text) if token is None else token.start
        if tokens:
            raw = text[begin:end]
            lead = len(raw) - len(raw.lstrip())
            pieces.append(Piece(text=raw.strip(), tokens=tuple(tokens), offset=begin + lead))
        tokens, begin = [], end + 1
    return tuple(pieces)


def find(piece: Piece) -> Iterator[tuple[Token, str]]:
    """Each `:name` of a statement: the token of its colon, and the name."""
    before: Token | None = None
    for colon, word in zip(piece.tokens, piece.tokens[1:], strict=False):
        touches = colon.end + 1 == word.start
        continues = before is not None and before.end + 1 == colon.start and before.token_type in BEFORE_A_PATH
        if colon.token_type == TokenType.COLON and touches and not continues and NAME.fullmatch(word.text):
            yield colon, word.text
        before = colon


def in_text(piece: Piece) -> list[str | Bind]:
    """A statement as it stands, taken apart at its bound values."""
    parts: list[str | Bind] = []
    done = 0
    for colon, name in find(piece):
        start = colon.start - piece.offset
        parts += [piece.text[done:start], Bind(name=name)]
        done = start + 1 + len(name)
    return [*parts, piece.text[done:]]


def mark(tree: exp.Expr) -> None:
    """Give the bound values of a tree names that cannot be mistaken for anything else once they are SQL."""
    for placeholder in tree.find_all(exp.Placeholder):
        placeholder.set("this", f"{OPEN}{placeholder.name}{CLOSE}")


def in_marked(sql: str) -> list[str | Bind]:
    """SQL written from a marked tree, taken apart at its bound values.

    Raises:
        LookupError: A value became part of a text in quotes; the argument is its name.
    """
    parts: list[str | Bind] = []
    done = 0
    for found in MARKED.finditer(sql):
        parts += [sql[done : found.start()], Bind(name=found[1] or found[2])]
        done = found.end()
    parts.append(sql[done:])
    for part in parts:
        lost = re.search(rf"{OPEN}(\w+){CLOSE}", part) if isinstance(part, str) else None
        if lost:
            raise LookupError(lost[1])
    return parts


def names(parts: Sequence[str | Bind]) -> tuple[str, ...]:
    """The distinct names, in order of first appearance."""
    return tuple(dict.fromkeys(part.name for part in parts if isinstance(part, Bind)))


def write(parts: Sequence[str | Bind], style: Paramstyle) -> tuple[str, tuple[str, ...]]:
    """The text for a driver, and the name behind each value in the driver's order.

    >>> write(["select ", Bind(name="a"), " + ", Bind(name="a")], "dollar")
    ('select $1 + $1', ('a',))
    >>> write(["select ", Bind(name="a"), " + ", Bind(name="a")], "qmark")
    ('select ? + ?', ('a', 'a'))
    """
    distinct = names(parts)
    # A driver that formats the text takes every % for its own, but only when there are values to format in.
    double = style in ("format", "pyformat") and bool(distinct)
    texts = []
    for part in parts:
        if isinstance(part, Bind):
            texts.append(_spelling(part.name, distinct.index(part.name) + 1, style))
        else:
            texts.append(part.replace("%", "%%") if double else part)
    if style in ("qmark", "format"):
        return "".join(texts), tuple(part.name for part in parts if isinstance(part, Bind))
    return "".join(texts), distinct


def _spelling(name: str, number: int, style: Paramstyle) -> str:
    return {
        "dollar": f"${number}",
        "qmark": "?",
        "numeric": f":{number}",
        "named": f":{name}",
        "format": "%s",
        "pyformat": f"%({name})s",
    }[style]
