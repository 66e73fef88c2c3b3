"""What is wrong with a value, as one sentence: key, value, what is allowed, nearest match."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from bench.errors import ConfigError, nearest

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")
_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text (in quotes)",
    "none_required": "null",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys with values",
    "mapping_type": "keys with values",
    "dataclass_type": "keys with values",
    "dataclass_exact_type": "keys with values",
    "date_type": "a date as YYYY-MM-DD",
    "date_parsing": "a date as YYYY-MM-DD",
    "date_from_datetime_parsing": "a date as YYYY-MM-DD",
    "datetime_type": "a time as YYYY-MM-DDTHH:MM:SS",
    "datetime_parsing": "a time as YYYY-MM-DDTHH:MM:SS",
    "datetime_from_date_parsing": "a time as YYYY-MM-DDTHH:MM:SS",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "is too small; allowed is {} or more"),
    "greater_than": ("gt", "is too small; allowed is more than {}"),
    "less_than_equal": ("le", "is too large; allowed is {} or less"),
    "less_than": ("lt", "is too large; allowed is less than {}"),
    "too_short": ("min_length", "has too few entries; allowed are {} or more"),
    "string_too_short": ("min_length", "is too short; allowed are {} characters or more"),
    "too_long": ("max_length", "has too many entries; allowed are {} or fewer"),
    "string_too_long": ("max_length", "is too long; allowed are {} characters or fewer"),
}


def violation(error: ValidationError, given: Mapping[str, object], target: type, slot: str) -> ConfigError:
    """The first thing that is wrong, as the user should read it.

    Args:
        error: What pydantic found.
        given: The values from which `target` was to be built.
        target: The dataclass.
        slot: Where in the configuration they stand, such as `load`.
    """
    details = error.errors(include_url=False)
    first = next((detail for detail in details if detail["type"] in _UNKNOWN_KEY), details[0])
    path, value = _locate(first["loc"], given)
    same = [detail for detail in details if _locate(detail["loc"], given)[0] == path]
    inner = (first.get("ctx") or {}).get("error")
    if isinstance(inner, ConfigError):
        path, _ = _locate(first["loc"], given, present=True)
        return ConfigError(str(inner.args[0]), key=_join(slot, *path, inner.key))
    return ConfigError(_message(first, same, value, target), key=_join(slot, *path))


def shown(value: object) -> str:
    """A value for a sentence: text in quotes, the rest as JSON, never long."""
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _message(detail: ErrorDetails, same: Sequence[ErrorDetails], value: object, target: type) -> str:
    kind = detail["type"]
    if kind in _UNKNOWN_KEY:
        known = _known_keys(target, detail["loc"][:-1])
        listed = f"; there are {', '.join(known)}" if known else ""
        return f"there is no such key{listed}{nearest(str(detail['loc'][-1]), known)}"
    if kind in _WANTED:
        wanted = list(dict.fromkeys(_WANTED[other["type"]] for other in same if other["type"] in _WANTED))
        return f"{shown(value)} is not allowed here; allowed is {' or '.join(wanted)}"
    if kind == "missing":
        return "is missing; give it a value"
    context: Mapping[str, Any] = detail.get("ctx") or {}
    plain = f"{shown(value)}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
    return _choice(kind, context, value, _descend_all(target, detail["loc"])) or _bounds(kind, context, value) or plain


def _choice(kind: str, context: Mapping[str, Any], value: object, hint: object) -> str:
    """One of several was to be chosen."""
    key = str(context.get("discriminator", "")).strip("'")
    match kind:
        case "literal_error":
            expected = str(context["expected"])
            return f"{shown(value)} is not allowed; choose {expected}{_near(value, expected)}"
        case "union_tag_invalid":
            tags = str(context["expected_tags"])
            return f"{key} {shown(context['tag'])} is not known; choose from {tags}{_near(context['tag'], tags)}"
        case "union_tag_not_found":
            return f"lacks its {key}; choose from {', '.join(_tags(hint))}"
    return ""


def _bounds(kind: str, context: Mapping[str, Any], value: object) -> str:
    """The value was to lie within limits."""
    if kind not in _BOUNDS:
        return ""
    name, sentence = _BOUNDS[kind]
    limit = context[name]
    return f"{shown(value)} {sentence.format(f'{limit:g}' if isinstance(limit, int | float) else limit)}"


def _near(value: object, listed: str) -> str:
    """The nearest of the words that pydantic lists in quotes."""
    return nearest(str(value), listed.split("'")[1::2])


def _join(*parts: str) -> str:
    joined = ""
    for part in parts:
        joined += part if not joined or part.startswith("[") or not part else f".{part}"
    return joined


def _locate(loc: Sequence[int | str], given: object, *, present: bool = False) -> tuple[tuple[str, ...], object]:
    """The path in the user's own words, without the marks of pydantic's unions, and the value that stands there.

    With `present` the value is known to be there, so that a last part that is no key is such a mark too.
    """
    path: list[str] = []
    here = given
    told: object = None
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(here, Mapping) and here.get("kind") == part and told is not here:
            told = here  # the mark of a union, although a key of the same name may stand there too
        elif isinstance(here, Mapping) and part in here:
            here = here[part]
            path.append(str(part))
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
            name = here.get("name") if isinstance(here, dict) else None
            path.append(f"[{name or part}]")
        elif last and not present and isinstance(here, Mapping) and part != "[key]":
            path.append(str(part))
    return tuple(path), here


def _known_keys(target: type, loc: Sequence[int | str]) -> list[str]:
    """The keys that the dataclass at `loc` below `target` takes."""
    hint = _descend_all(target, loc)
    members = [member for member in _members(hint) if dataclasses.is_dataclass(member)]
    return [field.name for member in members[:1] for field in dataclasses.fields(member) if field.init]


def _descend_all(hint: Any, loc: Sequence[int | str]) -> Any:  # Any: a type hint has no type of its own
    for part in loc:
        hint = _descend(hint, part)
    return hint


def _descend(hint: Any, part: int | str) -> Any:
    for member in _members(hint):
        if part in _tags(member):
            return member
        if dataclasses.is_dataclass(member):
            inner = get_type_hints(member, include_extras=True).get(str(part))
            if inner is not None:
                return inner
        arguments = get_args(member)
        if isinstance(part, int) and arguments:
            return arguments[0]
        if len(arguments) == 2 and get_origin(member) is not Literal:
            return arguments[1]
    return hint


def _members(hint: Any) -> list[Any]:
    """The alternatives of a union, or the one type that it is."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        return [inner for member in get_args(hint) for inner in _members(member)]
    return [hint]


def _tags(hint: Any) -> list[str]:
    """The `kind`s by which the members of a union are told apart."""
    dataclass_members = [member for member in _members(hint) if dataclasses.is_dataclass(member)]
    kinds = [get_type_hints(member, include_extras=True).get("kind") for member in dataclass_members]
    return [str(tag) for kind in kinds if get_origin(kind) is Literal for tag in get_args(kind)]
