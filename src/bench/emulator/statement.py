"""One statement as it came in: text, values, and its tree, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fakesnow import dialect
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from bench.emulator import errors
from bench.emulator.words import tokenize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlglot.tokenizer_core import Token

    from bench.emulator.values import Value


@dataclass(frozen=True, kw_only=True)
class Index:
    """A secondary index of a hybrid table."""

    name: str
    columns: tuple[str, ...]
    included: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement with what belongs to its execution."""

    text: str
    tree: exp.Expr
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Session parameters for this statement alone, such as QUERY_TAG."""
    values: tuple[Value, ...] = ()
    """What is bound to `?`, in order."""
    batch: Sequence[tuple[Value, ...]] = ()
    """Rows of an array binding: the statement is executed once for each, as one."""
    describe_only: bool = False
    hybrid: bool = False
    indexes: tuple[Index, ...] = ()
    """Of CREATE HYBRID TABLE."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A text and what the grammar made of it."""

    tree: exp.Expr
    hybrid: bool = False
    indexes: tuple[Index, ...] = ()


def parse(text: str) -> Parsed:
    """Read a text with exactly one statement.

    Raises:
        SqlError: No statement, several, or one that the grammar refuses.
    """
    tokens = tokenize(text)
    cut, hybrid, indexes = _beyond_grammar(tokens)
    found = [tree for tree in dialect.parse(_without(text, cut)) if tree and not isinstance(tree, exp.Semicolon)]
    if not found:
        raise errors.SqlError(900, "42000", "SQL compilation error: Empty SQL statement.")
    if len(found) > 1:
        raise errors.SqlError(
            8, "0A000", f"Actual statement count {len(found)} did not match the desired statement count 1."
        )
    return Parsed(tree=found[0], hybrid=hybrid, indexes=tuple(indexes))


def _beyond_grammar(tokens: list[Token]) -> tuple[list[Token], bool, list[Index]]:
    """Tokens to leave out before parsing, because the grammar lacks them, and what they said.

    These are HYBRID and the inline INDEX clauses of CREATE HYBRID TABLE, and SCOPED of temporary objects.
    """
    words = [_upper(token) for token in tokens]
    if not words or words[0] != "CREATE":
        return [], False, []
    head = words.index("(") if "(" in words else len(words)
    cut = [token for token, word in zip(tokens[:head], words[:head], strict=True) if word in ("HYBRID", "SCOPED")]
    hybrid = "HYBRID" in words[:head] and "TABLE" in words[:head]
    indexes: list[Index] = []
    if hybrid:
        place = head + 1
        while place < len(tokens):
            end = _index_end(words, place)
            if end:
                indexes.append(_index(tokens, words, place))
                cut += tokens[place - 1 : end]  # with the comma before it
                place = end
            else:
                place += 1
    return cut, hybrid, indexes


def _index_end(words: list[str], place: int) -> int:
    """Where the inline index ends that begins here, 0 where none begins."""
    if words[place] != "INDEX" or words[place - 1] not in (",", "("):
        return 0
    end = words.index(")", place) + 1
    if end < len(words) and words[end] == "INCLUDE":
        end = words.index(")", end) + 1
    return end


def _index(tokens: list[Token], words: list[str], place: int) -> Index:
    closing = words.index(")", place)
    columns = _names(tokens[place + 3 : closing])
    included: tuple[str, ...] = ()
    if closing + 1 < len(words) and words[closing + 1] == "INCLUDE":
        included = _names(tokens[closing + 3 : words.index(")", closing + 1)])
    return Index(name=_name(tokens[place + 1]), columns=columns, included=included)


def _names(tokens: list[Token]) -> tuple[str, ...]:
    return tuple(_name(token) for token in tokens if token.token_type != TokenType.COMMA)


def _name(token: Token) -> str:
    return token.text if token.token_type == TokenType.IDENTIFIER else token.text.upper()


def _upper(token: Token) -> str:
    return "" if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER) else token.text.upper()


def _without(text: str, cut: list[Token]) -> str:
    for token in reversed(cut):
        text = text[: token.start] + text[token.end + 1 :]
    return text
