"""Snowflake as Snowpark's applications have it open: the same beside the measurement, other sessions in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.backends.snowflake_session import SnowflakeDatabase, SnowflakeSession
from bench.backends.snowpark_session import SnowparkSession

if TYPE_CHECKING:
    from bench.backends.snowpark import SnowparkBackend
    from bench.model import Namespace


class SnowparkDatabase(SnowflakeDatabase):
    """One account, asked through Snowpark."""

    def __init__(self, backend: SnowparkBackend, namespace: Namespace) -> None:
        super().__init__(backend, namespace)
        self._reduce_describes = backend.reduce_describes

    def session(self) -> SnowparkSession:
        """Snowpark on a connection of its own."""
        connection = self.connect("session")
        plain = SnowflakeSession(connection, self)
        return SnowparkSession(
            plain, connection, self.namespace, tag=plain.tag, reduce_describes=self._reduce_describes
        )
