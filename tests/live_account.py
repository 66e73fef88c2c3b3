"""The account that the live suite runs on, as the environment names it.

    BENCH_SNOWFLAKE_CONNECTION=mine uv run pytest -m live

It costs credits, so it takes both: the variable and `-m live`. `docs/snowflake.md` says what the role needs.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from bench.backends.base import Backend
from bench.model import Namespace

PREFIX = "live_"
"""Begins the ids of the live cases; what follows is the case that is run in an account."""
CASES = ("snowflake", "snowflake_hybrid", "snowflake_pool", "snowpark")
NOT_ASKED = (
    "needs an account, and costs credits there: run `pytest -m live` with BENCH_SNOWFLAKE_CONNECTION=name of a "
    "connection (and BENCH_SNOWFLAKE_WAREHOUSE, _DATABASE, _ROLE where it names none)"
)
KEYS = ("connection", "warehouse", "database", "role")
HYBRID = {
    "tables": "hybrid",
    # Otherwise a session may see what another one committed up to 100 ms later (documentation of hybrid tables).
    "session_parameters": {"READ_LATEST_WRITES": True},
}


@dataclass(frozen=True, kw_only=True)
class LiveAccount:
    """Where to log in, and the names that are this run's own there."""

    keys: Mapping[str, str]
    """Of the backend's description."""
    emulated: bool = False
    """It is an emulator that somebody started, to try the suite itself."""
    schema: str = field(default_factory=lambda: f"bench_live_{secrets.token_hex(4)}")
    """Begins the name of every schema that is made, and that is dropped at the end."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self | None:
        """The account that the variables name; None where they name none."""
        keys = {key: environ.get(f"BENCH_SNOWFLAKE_{key.upper()}", "") for key in KEYS}
        if not keys["connection"]:
            return None
        emulated = environ.get("BENCH_SNOWFLAKE_EMULATED", "").lower() in ("1", "true", "yes")
        return cls(keys={key: value for key, value in keys.items() if value}, emulated=emulated)

    def overrides(self, case: str) -> dict[str, object]:
        """What the account adds to a case's own overrides."""
        option = {"snowflake_hybrid": HYBRID}.get(case, {})
        marked = {"emulated": True, "name": f"{case}_emulated"} if self.emulated else {}
        return {**self.keys, **option, **marked}

    def clear(self, backend: Backend) -> list[str]:
        """Drop every schema of this run; gives the names of what was dropped."""
        with backend.open(Namespace(schema="")) as database:
            shown = database.execute(f"SHOW SCHEMAS LIKE '{self.schema}%'")
            names = [str(row[1]).lower() for row in shown]
            mine = [name for name in names if name.startswith(self.schema)]  # _ in a pattern fits any character
            database.apply([f"DROP SCHEMA {name}" for name in mine])
        return mine


ACCOUNT = LiveAccount.of(os.environ)


def asked(markexpr: str, account: LiveAccount | None = ACCOUNT) -> bool:
    """Whether live cases take part: somebody named an account, and chose the mark."""
    return account is not None and "live" in markexpr
