"""From plain values to a frozen, checked object of the class that they name."""

from __future__ import annotations

import importlib
import inspect
import json
import math
from collections.abc import Hashable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_type_hints

from bench.config.violation import shown, violation
from bench.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

TARGET = "_target_"


def build(base: type[T], given: Mapping[str, object], slot: str, default: str = "") -> T:
    """Build the object of one slot of the configuration.

    Args:
        base: What the slot may hold: this class or one derived from it.
        given: Plain values as JSON knows them; `_target_` names the class, such as `bench.load.ClosedLoop`.
        slot: The key under which they stand, for messages.
        default: Dotted path of the class where `_target_` is not given.

    Raises:
        ConfigError: There is no such class, a key is unknown or missing, a type is wrong, a value is out of range.
    """
    from pydantic import ValidationError
    from pydantic.errors import PydanticUserError

    target = _class(given.get(TARGET) or default, base, slot)
    values = {key: _part(value, target, key, slot) for key, value in given.items() if key != TARGET}
    _refuse_endless(values, slot)
    try:
        built: T = _adapter(cast("Hashable", target)).validate_json(json.dumps(values), strict=True, extra="forbid")
    except ValidationError as error:
        raise violation(error, values, target, slot) from error
    except (PydanticUserError, NameError) as error:
        what = str(error).splitlines()[0]
        raise ConfigError(
            f"{target.__qualname__} cannot be built from a configuration: {what}", key=_key(slot)
        ) from error
    return built


@cache
def _adapter(target: type[Any]) -> TypeAdapter[Any]:
    """What builds the class; made once, for that takes longer than building."""
    from pydantic import TypeAdapter

    return TypeAdapter(target)


def _part(value: object, owner: type[Any], key: str, slot: str) -> object:
    """An option that another one takes in as a part names its class too, which must be the one that is wanted there."""
    if not isinstance(value, Mapping) or TARGET not in value:
        return value
    wanted = get_type_hints(owner).get(key)
    path = f"{slot}.{key}" if slot else key
    if not isinstance(wanted, type) or _class(value[TARGET], wanted, path) is not wanted:
        raise ConfigError("no class can be chosen here; leave it out", key=_key(path))
    return {name: inner for name, inner in value.items() if name != TARGET}


def _key(slot: str) -> str:
    return f"{slot}.{TARGET}" if slot else TARGET


def _class(path: object, base: type[T], slot: str) -> type[T]:
    """The class at a dotted path, checked to be one that the slot can hold."""
    if not isinstance(path, str) or not path:
        raise ConfigError(
            f"names no class; give the dotted path of one, derived from {base.__module__}.{base.__qualname__}",
            key=_key(slot),
        )
    found = _import(path, slot)
    wanted = f"{base.__module__}.{base.__qualname__}"
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigError(f"{shown(path)} is no {base.__name__}; name a class derived from {wanted}", key=_key(slot))
    if inspect.isabstract(found):
        raise ConfigError(f"{shown(path)} is abstract; name a class derived from it", key=_key(slot))
    if not hasattr(found, "__dataclass_fields__"):
        raise ConfigError(f"{shown(path)} is no dataclass; make it a frozen, keyword-only one", key=_key(slot))
    return found


def _import(path: str, slot: str) -> object:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # importing runs the user's own module, which may raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"{shown(path)} cannot be imported ({reason}); is its package installed, or on PYTHONPATH?", key=_key(slot)
        ) from error


def _refuse_endless(value: object, path: str) -> None:
    """JSON has no infinity, and no setting here has a use for one."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{value} is not allowed; give a finite number", key=path)
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        _refuse_endless(inner, f"{path}.{key}" if path else str(key))
