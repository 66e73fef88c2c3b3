"""Statements that the SQL grammar does not know are read word by word, by its tokenizer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from sqlglot.dialects.snowflake import Snowflake
from sqlglot.tokenizer_core import TokenType

from bench.emulator.errors import SqlError, syntax

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token


class _Tokenizer(Snowflake.Tokenizer):
    """Cuts the rest of EXPLAIN, REMOVE and their like into words too, instead of keeping it as one text."""

    COMMANDS: ClassVar[set[TokenType]] = set()


def tokenize(text: str) -> list[Token]:
    """The tokens of a statement, without comments and the closing semicolon."""
    tokens: list[Token] = list(_Tokenizer(dialect="snowflake").tokenize(text))
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    return tokens


class Words:
    """A reader over the tokens of one statement.

    Example:
        >>> words = Words("alter warehouse w suspend")
        >>> words.take("ALTER", "WAREHOUSE"), words.name(), words.take("SUSPEND"), words.at_end
        (True, 'W', True, True)
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.place = 0

    @property
    def at_end(self) -> bool:
        """Whether every word was read."""
        return self.place >= len(self.tokens)

    def upper(self, ahead: int = 0) -> str:
        """The word so many places ahead, in capitals; empty at the end and for texts in quotes."""
        index = self.place + ahead
        if index >= len(self.tokens) or self._quoted(self.tokens[index]):
            return ""
        return self.tokens[index].text.upper()

    def take(self, *words: str) -> bool:
        """Step over these words if they come next, all or none."""
        if all(self.upper(ahead) == word for ahead, word in enumerate(words)):
            self.place += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        """Step over words that must come next.

        Raises:
            SqlError: Others come.
        """
        if not self.take(*words):
            raise self.unexpected()

    def name(self) -> str:
        """The identifier that comes next: in capitals unless quoted."""
        if self.at_end:
            raise self.unexpected()
        token = self.tokens[self.place]
        self.place += 1
        return token.text if self._quoted(token) else token.text.upper()

    def qualified(self) -> tuple[str, ...]:
        """An identifier with what it lies in: `db.schema.table`."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        return tuple(parts)

    def value(self) -> str:
        """The literal or word that comes next, as text; a sign belongs to it."""
        sign = "-" if self.take("-") else ""
        if self.at_end:
            raise self.unexpected()
        token = self.tokens[self.place]
        self.place += 1
        return sign + token.text

    def settings(self) -> dict[str, str]:
        """`NAME = value` pairs up to the end, with or without commas."""
        found: dict[str, str] = {}
        while not self.at_end:
            if self.take(","):
                continue
            key = self.name()
            self.expect("=")
            found[key] = self.value()
        return found

    def rest(self) -> str:
        """The text from the next word on, as it was written."""
        return "" if self.at_end else self.text[self.tokens[self.place].start :]

    def unexpected(self) -> SqlError:
        """The refusal of what comes next."""
        if self.at_end:
            return syntax("syntax error: unexpected '<EOF>'.")
        token = self.tokens[self.place]
        return syntax(f"syntax error line {token.line} at position {token.col} unexpected '{token.text}'.")

    @staticmethod
    def _quoted(token: Token) -> bool:
        return token.token_type in (TokenType.STRING, TokenType.IDENTIFIER)


def like(pattern: str | None) -> re.Pattern[str]:
    """What a whole name must match for `LIKE 'pattern'` of SHOW, where case does not matter; None matches all."""
    parts = {"%": ".*", "_": "."}
    written = "".join(parts.get(letter, re.escape(letter)) for letter in (pattern if pattern is not None else "%"))
    return re.compile(written, re.IGNORECASE | re.DOTALL)
