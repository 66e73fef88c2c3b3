"""Secrets do not reach a results directory: everything that is written passes here first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

MASK = "***"

_WORD = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret|token|private[_-]?key|access[_-]?key|api[_-]?key|authorization"
    r"|credentials?)"
)
_SECRET_NAME = re.compile(rf"{_WORD}s?$", re.IGNORECASE)
_ENVIRONMENT_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")

# Each errs towards masking too much: a password may hold @, &, ; or a comma, and then nothing says where it ends.
_URL_LOGIN = re.compile(r"(?P<keep>://[^\s/@:]*:)\S*(?=@)")
_ASSIGNMENT = re.compile(
    rf"""(?P<keep>{_WORD}["']?\s*(?:=|:(?!//))\s*)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s'"]\S*)""",
    re.IGNORECASE,
)
_KEY_BLOCK = re.compile(
    r"(?P<keep>-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)


def redact(value: Mapping[str, object]) -> dict[str, object]:
    """A copy in which each value that is a secret by its name, or holds one in its text, is masked.

    A key is secret when it ends with a word such as `password`, `token`, `secret`, `private_key` or `passphrase`, so
    the path in `private_key_file` is kept; so is the name of a variable in `password_env`. Empty values are kept too.
    """
    return {str(key): _masked(str(key), item) for key, item in value.items()}


def redact_text(text: str) -> str:
    """`text` without the passwords of connection strings: `password=…`, `user:…@host`, and private keys."""
    for pattern in (_KEY_BLOCK, _URL_LOGIN, _ASSIGNMENT):
        text = pattern.sub(rf"\g<keep>{MASK}", text)
    return text


def _masked(key: str, value: object) -> object:
    if _SECRET_NAME.search(key) and not (value is None or value == "" or isinstance(value, bool)):
        return MASK
    if key.endswith("_env") and isinstance(value, str) and value:
        return value if _ENVIRONMENT_NAME.fullmatch(value) else MASK
    if isinstance(value, Mapping):
        return redact(value)
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [_masked("", item) for item in value]
    return value
