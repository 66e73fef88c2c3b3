"""Clients that are driven by one of the loops against ten accounts, and what they have measured."""

import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from bench.drive import Assignment, Crew, Window
from bench.model import Namespace, RenderedOperation, Statement
from bench.record import STATUSES

SHOP = Namespace(schema="loops")


def fill(server):
    with server.open(SHOP) as database:
        database.execute("DROP SCHEMA IF EXISTS loops CASCADE")
        database.execute("CREATE SCHEMA loops")
        database.execute("CREATE TABLE loops.account (id int PRIMARY KEY, balance bigint NOT NULL, note text)")
        database.execute("INSERT INTO loops.account SELECT i, 0, repeat('x', 100) FROM generate_series(1, 10) i")


def rendered(operation, *statements):
    return RenderedOperation(
        name=operation.name,
        statements=statements,
        transactional=operation.transactional,
        isolation=operation.isolation,
        timeout_s=operation.timeout_s,
        retries=operation.retries,
    )


def read(sql, *parameters):
    return Statement(sql=sql, parameters=parameters)


def change(sql, *parameters):
    return Statement(sql=sql, parameters=parameters, returns_rows=False)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    crew: Crew
    samples: np.ndarray

    def statuses(self, operation=0):
        return Counter(STATUSES[code] for code in self.samples["status"][self.samples["operation"] == operation])

    def rows(self, operation=0):
        return set(self.samples["rows"][self.samples["operation"] == operation].tolist())


def drive(backend, loop, load, workload, operations, *, meanwhile=None):
    assignment = Assignment(
        backend=backend,
        namespace=SHOP,
        operations=operations,
        workload=workload,
        load=load,
        seed=1,
        clients=tuple(range(load.clients)),
    )
    with backend.open(SHOP) as database:
        crew = Crew(assignment, database, loop=loop)
        assert crew.loop == loop
        crew.start(Window.of(load, time.monotonic_ns()))
        if meanwhile:
            meanwhile(crew)
        while crew.busy:
            time.sleep(0.01)
        crew.close()
    assert not crew.failures
    return Outcome(crew=crew, samples=np.concatenate([chunk.samples() for chunk in crew.outbox]))
