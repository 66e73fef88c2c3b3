"""What a statement is refused with: Snowflake's number, SQLSTATE and text, whatever went wrong beneath."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import snowflake.connector.errors as driver
from sqlglot.errors import ParseError, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable

UNSUPPORTED_ERRNO = 9997
"""An error of the emulator itself or a construct it does not know; Snowflake has no such number."""
ENGINE_ERRNO = 9998
"""DuckDB refused for a reason that has no counterpart among Snowflake's numbers."""


class SqlError(Exception):
    """A refusal as the driver reads it.

    Args:
        errno: Snowflake's error number.
        sqlstate: Five characters.
        message: One sentence, without number and state, which the driver adds.
    """

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message

    @property
    def code(self) -> str:
        """The number as six digits, as it stands in an answer."""
        return f"{self.errno:06d}"


def canceled() -> SqlError:
    """A statement was ended by a request from outside."""
    return SqlError(604, "57014", "SQL execution canceled")


def timed_out(limit_s: float) -> SqlError:
    """A statement ran into STATEMENT_TIMEOUT_IN_SECONDS."""
    return SqlError(630, "57014", f"Statement reached its statement or warehouse timeout of {limit_s:g} second(s)")


def session_gone() -> SqlError:
    """The session was ended by somebody, or never was."""
    return SqlError(390111, "08001", "Session no longer exists.  New login required to access the service.")


def no_warehouse() -> SqlError:
    """A statement needs compute and the session has none that runs or may be started."""
    return SqlError(
        606,
        "57P03",
        "No active warehouse selected in the current session.  "
        "Select an active warehouse with the 'use warehouse' command.",
    )


def missing(kind: str, name: str) -> SqlError:
    """An object that a statement names is not there."""
    return SqlError(2003, "02000", f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.")


def cannot_operate() -> SqlError:
    """An object that a statement wants to use or change is not there."""
    return SqlError(2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.")


def exists(name: str) -> SqlError:
    """An object that a statement wants to create is there."""
    return SqlError(2002, "42710", f"SQL compilation error:\nObject '{name}' already exists.")


def syntax(text: str) -> SqlError:
    """The text is no statement."""
    return SqlError(1003, "42000", f"SQL compilation error:\n{text}")


def invalid_value(value: str, name: str) -> SqlError:
    """A property was given a value that it cannot have."""
    return SqlError(1008, "22023", f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'")


def unsupported(what: str) -> SqlError:
    """Snowflake would refuse it as a feature that it lacks."""
    return SqlError(2, "0A000", f"Unsupported feature '{what}'.")


def not_emulated(what: str) -> SqlError:
    """Snowflake can do it; the emulator cannot."""
    return SqlError(UNSUPPORTED_ERRNO, "0A000", f"EMULATOR: {what}")


RETRANSLATED = (duckdb.BinderException, duckdb.CatalogException)
"""Errors of DuckDB to which fakesnow gives numbers that are less exact than ours."""


def translate(error: BaseException) -> SqlError:
    """The refusal for whatever was raised while a statement ran."""
    if isinstance(error, SqlError):
        return error
    if isinstance(error, driver.Error) and isinstance(error.__cause__, RETRANSLATED):
        return _from_engine(error.__cause__)
    if isinstance(error, driver.Error):
        return SqlError(error.errno or ENGINE_ERRNO, error.sqlstate or "XX000", error.raw_msg or str(error))
    if isinstance(error, ParseError | TokenError):
        return syntax(re.sub(r"\x1b\[\dm", "", str(error)))
    if isinstance(error, duckdb.Error):
        return _from_engine(error)
    return not_emulated(f"{type(error).__name__}: {error}")


def _from_engine(error: Exception) -> SqlError:
    text = str(error).split("\n")[0]
    makers: tuple[tuple[type[Exception], Callable[[str], SqlError]], ...] = (
        (duckdb.InterruptException, lambda _: canceled()),
        (duckdb.ConstraintException, _violation),
        (duckdb.TransactionException, _conflict),
        (
            duckdb.OutOfRangeException,
            lambda text: SqlError(100058, "22003", f"Number out of representable range: {text}"),
        ),
        (duckdb.ConversionException, lambda text: SqlError(100038, "22018", text)),
        (duckdb.CatalogException, _misnamed),
        (duckdb.BinderException, lambda text: SqlError(904, "42000", f"SQL compilation error:\n{text}")),
        (duckdb.ParserException, syntax),
        (duckdb.InvalidInputException, lambda text: SqlError(2049, "42601", f"SQL compilation error:\n{text}")),
    )
    for kind, make in makers:
        if isinstance(error, kind):
            return make(text)
    return SqlError(ENGINE_ERRNO, "XX000", f"EMULATOR: {text}")


def _violation(text: str) -> SqlError:
    lowered = text.lower()
    if "not null" in lowered:
        return SqlError(100072, "22000", f"NULL result in a non-nullable column ({text})")
    if "check constraint" in lowered:
        return SqlError(100078, "22000", f"String is too long and would be truncated ({text})")
    if "foreign key" in lowered:
        return SqlError(200009, "22000", f"Foreign key constraint was violated ({text})")
    return SqlError(200001, "22000", f"A primary key already exists ({text})")


def _misnamed(text: str) -> SqlError:
    if "already exists" in text:
        return SqlError(2002, "42710", f"SQL compilation error:\n{text}")
    return SqlError(2003, "42S02", f"SQL compilation error:\n{text}")


def _conflict(text: str) -> SqlError:
    """Two transactions wrote the same; the later one is told to try again, where Snowflake would let it wait."""
    if "constraint violation" in text:
        return _violation(text)
    if "is aborted" in text:
        return SqlError(ENGINE_ERRNO, "25P02", "EMULATOR: the transaction was ended by an earlier error; roll it back")
    return SqlError(
        625, "57014", f"Statement has locked the table in a transaction that has not yet ended; try again ({text})"
    )
