"""The account: what all sessions share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.emulator.catalogue import Catalogue
from bench.emulator.engine import Engine
from bench.emulator.history import History
from bench.emulator.parameters import written
from bench.emulator.sessions import Session, Sessions
from bench.emulator.warehouses import Warehouses

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT_ROLE = "ACCOUNTADMIN"
FIRST_DATABASE = "BENCH"
"""The database that exists before anybody made one."""


class Account:
    """Engine, catalogue, warehouses, history and sessions.

    Args:
        data: Directory of the DuckDB files; None keeps everything in memory.
    """

    def __init__(self, data: Path | None) -> None:
        self.engine = Engine(data)
        self.catalogue = Catalogue(self.engine)
        self.engine.ensure_database(FIRST_DATABASE)
        self.warehouses = Warehouses()
        self.history = History()
        self.sessions = Sessions()

    def log_in(
        self,
        *,
        user: str,
        role: str | None,
        warehouse: str | None,
        database: str | None,
        schema: str | None,
        parameters: Mapping[str, object],
    ) -> Session:
        """A new session for anybody. As in the service, objects that do not exist are left out without a word."""
        autocommit = str(parameters.get("AUTOCOMMIT", True)).lower() == "true"
        session = Session(
            self,
            number=self.sessions.next_number(),
            user=user.upper(),
            role=role or DEFAULT_ROLE,
            warehouse=warehouse,
            parameters={name.upper(): written(value) for name, value in parameters.items()},
            connection=self.engine.connect(database, schema, autocommit=autocommit),
        )
        self.sessions.add(session)
        return session
