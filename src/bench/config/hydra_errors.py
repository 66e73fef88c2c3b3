"""What Hydra, OmegaConf and the YAML parser complain about, in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from bench.errors import ConfigError, nearest


@contextmanager
def explained() -> Iterator[None]:
    """Turn every complaint about the configuration into a `ConfigError`."""
    from hydra.errors import HydraException, MissingConfigException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError  # type: ignore[import-untyped]  # PyYAML ships no type information

    try:
        yield
    except ConfigError:
        raise
    except YAMLError as error:
        raise ConfigError(_broken_yaml(error)) from error
    except MissingConfigException as error:
        raise ConfigError(_missing(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"a configuration file is not UTF-8: {error.reason}") from error
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise ConfigError(_one_line(error)) from error


def _broken_yaml(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}" if mark else "a configuration file"
    return f"{where}: broken YAML: {problem}"


def _missing(error: Exception) -> str:
    """A defaults list names an option that is not there."""
    path = str(getattr(error, "missing_cfg_file", None) or "")
    group, _, option = path.rpartition("/")
    known = list(getattr(error, "options", None) or [])
    where = re.match(r"In '([^']+)'", str(error))
    what = f"there is no option '{option}'" + (f" in the group '{group}'" if group else "")
    listed = f"; choose from {', '.join(known)}{nearest(option, known)}" if known else ""
    return f"{where[1]}.yaml: {what}{listed}" if where else f"{what}{listed}"


def _one_line(error: Exception) -> str:
    """The message of an error and of its cause, without line ends and hints that do not fit here."""
    causes = [error] + ([error.__cause__] if error.__cause__ is not None else [])
    lines = [line.strip() for cause in causes for line in str(cause).splitlines()]
    kept = [line for line in lines if line and not line.startswith(("full_key:", "object_type=", "See https://"))]
    found = "; ".join(dict.fromkeys(kept)) or type(error).__name__
    ambiguous = re.match(r"Ambiguous value for argument '(?:\+\+)?([^']*)'", found)
    if ambiguous:
        key = ambiguous[1].partition("=")[0]
        return f"{ambiguous[1]}: names several values; add -m to run all of them, or write {key}=[…] for a list"
    requires = re.match(r"Sweep parameters '(?:\+\+)?([^']*)' requires --multirun", found)
    return f"{requires[1]}: names several values; add -m to run all of them" if requires else found.replace("++", "")
