"""The overrides of a command line, checked against the options there are, in a form in which Hydra takes any of them.

Hydra refuses a key that no YAML mentions. The classes behind the configuration know better which keys there are, and
say so in a clearer sentence; so each key is handed on with `++`, which Hydra takes, and is judged when it is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bench.config.freeze import GROUPS, SLOTS, RunOptions
from bench.config.overrides import Override, quoted, refuse_secrets
from bench.errors import ConfigError, nearest

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override as HydraOverride
TEXTS = tuple(name for name, spec in RunOptions.__dataclass_fields__.items() if spec.type == "str")
"""Settings that are texts, whatever they look like."""


class Words:
    """Checks overrides against what one search path offers."""

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader: Any = loader  # Any: what is asked of it is not in the declared interface
        self._options = tuple(RunOptions.__dataclass_fields__)
        self._groups = [group for group in loader.list_groups("") if group != "hydra"]

    def checked(self, words: Sequence[str]) -> list[str]:
        """The overrides for Hydra.

        Raises:
            ConfigError: A word is no override, names no group, option or key that there is, or gives a secret away.
        """
        refuse_secrets(words)
        return [checked for word in words for checked in self._word(Override.parse(word))]

    def _word(self, override: Override) -> Iterator[str]:
        group = override.key.partition("@")[0]
        if override.value is None and override.prefix != "~":
            raise ConfigError(f"'{override}' sets nothing; write it as {override.key}=VALUE")
        if override.key.startswith(("hydra.", "hydra/")):
            _parse(str(override))
            yield str(override)
        elif group in self._groups:
            yield from self._choice(group, override)
        else:
            yield self._setting(override)

    def _choice(self, group: str, override: Override) -> Iterator[str]:
        """An option of a group, such as `load=open`."""
        if override.prefix == "~":
            yield str(override)
            return
        names = self._loader.get_group_options(group)
        if override.value == "null" and "null" not in names:
            if group in SLOTS:
                raise ConfigError(f"needs an option; choose from {', '.join(names)}", key=group)
            return
        parsed = _parse(str(override))
        if isinstance(parsed.value(), dict):
            raise ConfigError(f"takes the name of an option; set single keys with {group}.KEY=VALUE", key=group)
        for option in _elements(parsed):
            if not self._loader.repository.config_exists(f"{group}/{option}"):
                raise ConfigError(
                    f"there is no option '{option}'; choose from {', '.join(names)}{nearest(option, names)}", key=group
                )
        prefix = "" if group in GROUPS else "+"
        yield f"{prefix}{override.key}={_options_as_text(parsed, override)}"

    def _setting(self, override: Override) -> str:
        """A key with a value, such as `load.clients=16`."""
        top = override.key.partition(".")[0]
        known = [*self._options, *self._groups] if top == override.key else [*GROUPS, "hydra"]
        if top not in self._options and top not in GROUPS:
            what = (
                f"there is no group or setting '{top}'"
                if top == override.key
                else f"nothing is configured under '{top}'"
            )
            raise ConfigError(f"{what}; there are {', '.join(known)}{nearest(top, known)}", key=override.key)
        if override.prefix == "~":
            return str(override)
        value = str(override.value)
        if (override.key in TEXTS or override.last_key == "dsn") and "," not in value and value[:1] not in ("'", '"'):
            value = quoted(value)  # so that `label=17` is a text, and a connection string may hold = and spaces
        changed = f"++{override.key}={value}"
        parsed = _parse(changed, override)
        if parsed.package is not None:
            raise ConfigError("only the option of a group can be put elsewhere with @", key=override.key)
        return changed


def _parse(word: str, written: Override | None = None) -> HydraOverride:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        (parsed,) = OverridesParser.create().parse_overrides([word])
    except HydraException as error:
        raise ConfigError(
            f"'{written or word}' cannot be read as an override; write KEY=VALUE, and put a value with spaces, "
            "commas, brackets or = in quotes: 'KEY=\"VALUE\"'"
        ) from error
    return parsed


def _elements(parsed: HydraOverride) -> list[str]:
    """The options that an override chooses; nothing where a pattern chooses them."""
    from hydra.core.override_parser.types import Glob, ValueType

    value: Any = parsed.value()
    if parsed.value_type is ValueType.INTERVAL_SWEEP or isinstance(getattr(value, "list", None), Glob | None):
        return [] if parsed.is_sweep_override() else [_text(value)]
    if parsed.is_discrete_sweep():
        if parsed.value_type is ValueType.GLOB_CHOICE_SWEEP:
            return []
        return [_text(element) for element in parsed.sweep_iterator()]
    return [_text(element) for element in (value if isinstance(value, list) else [value])]


def _text(element: Any) -> str:
    from hydra.core.override_parser.types import QuotedString

    if isinstance(element, QuotedString):
        return element.text
    return "null" if element is None else str(element).lower() if isinstance(element, bool) else str(element)


def _options_as_text(parsed: HydraOverride, override: Override) -> str:
    """The value, with option names that Hydra would take for null, true or a number in quotes."""
    from hydra.core.override_parser.types import ValueType

    if parsed.value_type not in (ValueType.ELEMENT, ValueType.SIMPLE_CHOICE_SWEEP) or isinstance(parsed.value(), list):
        return str(override.value)
    names = _elements(parsed)
    if len(str(override.value).split(",")) != len(names):
        return str(override.value)
    return ",".join(quoted(name) if name in ("null", "true", "false") or name.isdigit() else name for name in names)
