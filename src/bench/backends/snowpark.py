"""Snowflake through Snowpark: DataFrame pipelines where an operation has one, SQL where it has none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bench.backends.base import Capabilities
from bench.backends.snowflake import SnowflakeBackend
from bench.errors import ConfigError

if TYPE_CHECKING:
    from bench.backends.snowflake_session import SnowflakeDatabase
    from bench.model import Namespace


@dataclass(frozen=True, kw_only=True)
class SnowparkBackend(SnowflakeBackend):
    """The same account, tables and warehouse; what differs is how an operation is put and sent."""

    name: str = "snowpark"

    mode: Literal["dataframe", "sql"] = "dataframe"
    """`dataframe`: an operation's pipeline where there is one; `sql`: all through `Session.sql`."""
    reduce_describes: bool = False
    """Let Snowpark infer schemas on the client where it can, instead of asking the service; experimental there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.driver != "connection":
            raise ConfigError("a Snowpark session keeps its connection; leave it at connection", key="driver")

    @property
    def capabilities(self) -> Capabilities:
        """As the connector's, and pipelines."""
        return replace(super().capabilities, pipelines="snowpark" if self.mode == "dataframe" else "")

    def open(self, namespace: Namespace) -> SnowflakeDatabase:
        """Connect; errors as those of the connector's backend."""
        from bench.backends.snowpark_database import SnowparkDatabase

        return SnowparkDatabase(self, namespace)
