"""Types and values as a configuration writes them, and the plain numbers by which they are generated.

Inside, a date is a count of days since 1970-01-01, a timestamp a count of microseconds since then (without a time
zone), a decimal a count of its last digit: all whole numbers, so that nothing is rounded on the way.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias, cast, get_args, get_type_hints

from bench.errors import ConfigError, nearest
from bench.model import LogicalType

if TYPE_CHECKING:
    from bench.model import Value

Scalar: TypeAlias = bool | int | float | str
"""A value as YAML can write it; dates and timestamps are text in ISO 8601 form."""

TYPE_NAMES: tuple[str, ...] = get_args(get_type_hints(LogicalType)["name"])
WHOLE_BITS = {"smallint": 16, "integer": 32, "bigint": 64}
PRECISION_LIMIT = 38
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
TYPE_FORM = re.compile(r"([a-z]+)(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?")
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def check_identifier(word: str, what: str, key: str) -> None:
    """Refuse a name that some engine would need quotes for."""
    if not IDENTIFIER.fullmatch(word):
        raise ConfigError(
            f"'{word}' is no name for a {what}: use a-z, 0-9 and _, at most 63, not a digit first", key=key
        )


def parse_type(text: str, key: str = "type") -> LogicalType:
    """The logical type behind `bigint`, `decimal(12,2)`, `text`, `text(20)` and the like.

    Raises:
        ConfigError: No such type, or its digits or length are missing or out of range.
    """
    found = TYPE_FORM.fullmatch(text.strip())
    name, first, second = found.groups() if found else (text, None, None)
    if name not in TYPE_NAMES:
        raise ConfigError(f"no type '{text}'; there are {', '.join(TYPE_NAMES)}{nearest(name, TYPE_NAMES)}", key=key)
    if name == "decimal":
        return _decimal(text, first, second, key)
    if name == "text" and second is None and first != "0":
        return LogicalType(name="text", length=int(first or 0))
    if first is not None:
        raise ConfigError(f"'{text}' has numbers that mean nothing; write decimal(12,2), text(20) or {name}", key=key)
    return LogicalType(name=cast("Any", name))


def _decimal(text: str, precision: str | None, scale: str | None, key: str) -> LogicalType:
    digits, after_point = int(precision or 0), int(scale or 0)
    if not 1 <= digits <= PRECISION_LIMIT or after_point > digits:
        raise ConfigError(
            f"'{text}' is no decimal: write decimal(digits,digits after the point), such as decimal(12,2), "
            f"with 1 to {PRECISION_LIMIT} digits",
            key=key,
        )
    return LogicalType(name="decimal", precision=digits, scale=after_point)


def whole_limits(logical: LogicalType) -> tuple[int, int]:
    """Least and greatest inner number of a type of whole numbers or decimals."""
    if logical.name == "decimal":
        return 1 - 10**logical.precision, 10**logical.precision - 1
    bits = WHOLE_BITS.get(logical.name, 64)
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def encode(value: Scalar, logical: LogicalType, key: str) -> Scalar:
    """The inner form of a value that was written for a column of this type.

    Raises:
        ConfigError: The value is of another type, or the type cannot hold it exactly.
    """
    if logical.name in WHOLE_BITS and isinstance(value, int) and not isinstance(value, bool):
        inner: Scalar | None = _within(value, logical)
    elif logical.name == "decimal" and not isinstance(value, bool):
        inner = _last_digits(str(value), logical)
    elif logical.name == "double" and isinstance(value, int | float) and not isinstance(value, bool):
        inner = float(value) if math.isfinite(value) else None
    elif logical.name == "boolean" and isinstance(value, bool):
        inner = value
    elif isinstance(value, str) and logical.name in ("text", "date", "timestamp"):
        inner = _text(value, logical)
    else:
        inner = None
    if inner is None:
        raise ConfigError(f"{_shown(value)} is no value of {_wanted(logical)}", key=key)
    return inner


def encode_key(text: str, logical: LogicalType, key: str) -> Scalar:
    """The inner form of a value that stands as a key of a mapping, where YAML knows only text."""
    plain: Scalar = text
    try:
        if logical.name in WHOLE_BITS:
            plain = int(text)
        elif logical.name == "double":
            plain = float(text)
        elif logical.name == "boolean":
            plain = {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError):
        raise ConfigError(f"'{text}' is no value of {_wanted(logical)}", key=key) from None
    return encode(plain, logical, key)


def decode(inner: Scalar, logical: LogicalType) -> Value:
    """The Python value behind an inner number."""
    if logical.name == "decimal":
        return Decimal(int(inner)).scaleb(-logical.scale)
    if logical.name == "date":
        return EPOCH.date() + timedelta(days=int(inner))
    if logical.name == "timestamp":
        return EPOCH + int(inner) * MICROSECOND
    return inner


def _within(value: int, logical: LogicalType) -> int | None:
    low, high = whole_limits(logical)
    return value if low <= value <= high else None


def _last_digits(text: str, logical: LogicalType) -> int | None:
    try:
        scaled = Decimal(text).scaleb(logical.scale)
        return _within(int(scaled), logical) if scaled == scaled.to_integral_value() else None
    except (InvalidOperation, OverflowError, ValueError):
        return None


def _text(value: str, logical: LogicalType) -> Scalar | None:
    if logical.name == "text":
        return value if not logical.length or len(value) <= logical.length else None
    try:
        if logical.name == "date":
            return (date.fromisoformat(value) - EPOCH.date()).days
        moment = datetime.fromisoformat(value)
        return None if moment.tzinfo else (moment - EPOCH) // MICROSECOND
    except ValueError:
        return None


def _shown(value: Scalar) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _wanted(logical: LogicalType) -> str:
    if logical.name in WHOLE_BITS:
        return f"{logical} (a whole number of {WHOLE_BITS[logical.name]} bits)"
    if logical.name == "decimal":
        return f"{logical} ({logical.precision} digits, {logical.scale} of them after the point)"
    forms = {"date": "such as '2024-01-31'", "timestamp": "such as '2024-01-31T12:00:00', without a time zone"}
    more = forms.get(logical.name, "")
    return f"{logical} ({more})" if more else str(logical)
