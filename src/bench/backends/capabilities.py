"""What an engine and its driver can do, as data."""

from __future__ import annotations

from dataclasses import dataclass

from bench.model import Paramstyle


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What an engine and its driver can do. Data, recorded with each run; the code asks this, never a name."""

    dialect: str
    """sqlglot's name of the SQL dialect."""
    paramstyle: Paramstyle
    schemas: bool = True
    """Tables can live in a named schema; without, their names get a prefix."""
    transactions: bool = True
    transactional_ddl: bool = False
    """DDL takes part in a transaction, so a marker can be written together with what it marks."""
    foreign_keys: bool = False
    """Foreign keys are part of the DDL."""
    isolation_levels: tuple[str, ...] = ()
    max_processes: int | None = None
    """Greatest number of processes that can have the database open; None: not limited."""
    max_sessions: int | None = None
    ingest_sessions: int = 1
    """How many calls of `Database.ingest` at once serve it best."""
    parallel_connects: int = 1
    """How many sessions of a process are opened at once, where opening one takes long."""
    cancel: bool = False
    """`Session.cancel` ends a running statement."""
    cold: bool = False
    """`Database.drop_caches` empties what the engine keeps in memory."""
    explain: str = ""
    """What stands before a statement to have it checked and planned without being run; empty: it cannot."""
    pipelines: str = ""
    """Suffix of the files beside the templates whose pipelines it runs instead of the SQL; empty: it runs SQL only."""
    answers: bool = True
    """Gives real answers; False for an engine that only measures the tool itself."""
    server_timing: bool = False
    """Gives each query a name by which its history can be asked; samples then keep it."""
    waits: bool = False
    """`Database.waits` can be asked beside the load, from another process."""
    enrich: bool = False
    """`Database.aggregates` and `Database.metering` tell more some time after a run."""
    nonblocking: bool = False
    """Sessions have a `Session.line`, so that one thread can serve many clients."""
    pipelined: bool = False
    """Several operations are under way on one connection, so that the time of each holds that of others."""
    pooled: bool = False
    """The clients of a process share a pool of connections, which holds no more than its size while there is one."""
    arrow_ingest: bool = True
    emulated: bool = False

    @property
    def processes_by_default(self) -> int | None:
        """Greatest number of worker processes where the load asks for none; None: not limited."""
        return 1 if self.pooled else self.max_processes

    @property
    def best_alone(self) -> bool:
        """A client alone in its process waits for its answer in one call; one of several is told of it by a loop."""
        return self.nonblocking and not self.pipelined
