"""The words of the command line that change the configuration, as text: before Hydra gets to see them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from bench.errors import ConfigError

_FORM = re.compile(r"(?P<prefix>\+\+|\+|~)?(?P<key>[^=]*)(?:=(?P<value>.*))?", re.DOTALL)
_SECRET = re.compile(r"password|passphrase|secret|token|private_key", re.IGNORECASE)
_NO_SECRET = re.compile(r"(_env|_file|_path|_url)$", re.IGNORECASE)
_INNER_KEY = re.compile(r"[{,]\s*[\"']?([\w-]+)[\"']?\s*:")


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """One word such as `load.clients=16`, `+site=lab`, `~price`."""

    prefix: str
    key: str
    value: str | None

    @classmethod
    def parse(cls, word: str) -> Self:
        """Take a word apart; every text has some reading."""
        found = _FORM.fullmatch(word)
        assert found is not None  # the form matches every text
        return cls(prefix=found["prefix"] or "", key=found["key"].strip(), value=found["value"])

    def __str__(self) -> str:
        return f"{self.prefix}{self.key}" + ("" if self.value is None else f"={self.value}")

    @property
    def last_key(self) -> str:
        """The key without the path to it."""
        return self.key.rpartition(".")[2]


def is_secret(key: str) -> bool:
    """A value under this key must not be stored or shown; a key that names a variable or a file may."""
    return bool(_SECRET.search(key)) and not _NO_SECRET.search(key)


def quoted(value: str) -> str:
    """`value` as Hydra reads it when it is to be taken as text, whatever characters are in it."""
    escaped = re.sub(r"(\\*)(?='|$)", r"\1\1", value).replace("'", r"\'")
    return f"'{escaped}'"


def refuse_secrets(words: Sequence[str]) -> None:
    """Stop before a secret gets into a file of results.

    Raises:
        ConfigError: A word sets a password, token or key; the text names the key, never the value.
    """
    for override in map(Override.parse, words):
        inner = _INNER_KEY.findall(override.value or "")
        for key in (override.last_key, *inner):
            if is_secret(key) and override.value not in (None, "", "null"):
                raise ConfigError(
                    f"the value of '{override.key}' would be seen by others on the command line and stored with the "
                    f"results; put it into an environment variable and name that with {key}_env=NAME"
                )
