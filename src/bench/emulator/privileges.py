"""One role that may not do what costs or makes something, so that refusals can be tested."""

from __future__ import annotations

from bench.emulator.errors import SqlError

RESTRICTED = "RESTRICTED"
FORBIDDEN = ("CREATE WAREHOUSE", "ALTER WAREHOUSE", "DROP WAREHOUSE", "CREATE SCHEMA", "CREATE DATABASE")


def demand(role: str, operation: str) -> None:
    """Go on only where the role may do this.

    Raises:
        SqlError: It is the restricted role, and the operation is one that it may not do.
    """
    if role == RESTRICTED and operation in FORBIDDEN:
        raise SqlError(
            3001,
            "42501",
            f"SQL access control error:\nInsufficient privileges to operate on {operation.split()[1].lower()}",
        )
