"""Everything that can go wrong, as a tree.

    BenchError                       exit code 1
    ├── ConfigError                  exit code 2: a key, a value, what is allowed
    ├── RenderError                  exit code 2: a template cannot become SQL for a dialect
    ├── PrepareError                 the data could not be brought into the database
    ├── VerifyError                  an answer is wrong, or differs between backends
    ├── RunError                     the load could not be run
    ├── BackendError                 an engine or its driver refused
    │   ├── MissingDriverError       exit code 2: the driver is not installed
    │   └── ConnectError             nobody answers, or the login is refused
    └── ResultError                  a results directory cannot be read or written
        ├── NoResultsError           exit code 2: the directory that was named holds no results
        └── IncomparableError        two runs did not answer the same question

A message says what failed, where, with what value, and what to do. Inside the measurement no exception travels:
there it becomes a `Status` and an `ErrorClass`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Base of every error that the user is meant to read; its text is one clear sentence."""

    exit_code = 1


class ConfigError(BenchError, ValueError):
    """The configuration cannot be run: the text names key, value and remedy.

    It is a `ValueError` too, so that the builder of `bench.config` can prefix the path at which it arose.
    """

    exit_code = 2

    def __init__(self, message: str, *, key: str = "") -> None:
        super().__init__(message)
        self.key = key

    def __str__(self) -> str:
        return f"{self.key}: {self.args[0]}" if self.key else str(self.args[0])


class RenderError(BenchError):
    """A template cannot become SQL for the wanted dialect; the text names template, dialect and line."""

    exit_code = 2


class PrepareError(BenchError):
    """The data could not be brought into the state that the plan asks for."""


class VerifyError(BenchError):
    """An operation gave no answer, or another answer than the same question on another backend."""


class RunError(BenchError):
    """The load could not be run, or measured nothing."""


class BackendError(BenchError):
    """A database engine or its driver refused; the driver's own error is the cause."""


class MissingDriverError(BackendError):
    """The driver of a backend is not installed; the text says how to get it."""

    exit_code = 2


class ConnectError(BackendError):
    """No connection: nobody answers at the address, or the login is refused."""


class ResultError(BenchError):
    """A results directory cannot be read or written."""


class NoResultsError(ResultError):
    """The directory that was named is not one of a run or sweep; the text says what it is, and what to give instead."""

    exit_code = 2


class IncomparableError(ResultError):
    """Two runs did not answer the same question, so no verdict may be given."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint `; did you mean 'x'?` for the known word next to `word`, or nothing when none is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""
