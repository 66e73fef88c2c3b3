"""The emulator as a service that was there before the run, so that it can be looked at from a second connection."""

import json
from pathlib import Path

from bench.cell import run_cell
from bench.config import compose
from bench.config.stored import Sources
from bench.plan import make_plan
from bench.prepare import Preparation, prepare
from bench.progress import QuietProgress
from bench.results import open_run

TESTS = Path(__file__).parents[1]
SHOP = TESTS / "shop" / "conf"
SOURCES = Sources(main=TESTS.parent / "conf", extra=(SHOP,))
BRIEF = ("load.duration_s=0.5", "load.warm_up_s=0.2", "load.clients=2", "plans=false")


def words_to(port, **keys):
    """Overrides by which the command reaches an emulator that runs already."""
    given = {
        "host": "127.0.0.1",
        "port": port,
        "protocol": "http",
        "account": "emulator",
        "user": "bench",
        "database": "BENCH",
        "warehouse": "COMPUTE_WH",
        "connect_timeout_s": 60,
    }
    return [f"backend.{key}={value}" for key, value in (given | keys).items()]


def composed(*words):
    """The one cell that these words ask for, with the data and workloads of `tests/shop`."""
    (config,) = compose(words, SOURCES)
    return config


def backend_at(port, **keys):
    """The description of that emulator, as the command builds it."""
    return composed("backend=snowflake_emulated", "workload=reads", "dataset=shop", *words_to(port, **keys)).backend


def brought(backend, dataset, home):
    """Bring the data in through an open backend; gives their state and what was said."""
    said = []
    namespace = backend.namespace(dataset.schema)
    with backend.open(namespace) as database:
        state = prepare(
            Preparation(
                database=database,
                backend=backend,
                dataset=dataset,
                namespace=namespace,
                home=home,
                advance=lambda what, done, total: None,
                say=said.append,
            )
        )
    return state, said


def run(directory, *words):
    """Run a cell in this process; gives its outcome, and its results."""
    config = composed(*words)
    outcome = run_cell(config, make_plan(config), directory, QuietProgress())
    return outcome, open_run(directory)


def run_on(port, directory, *words, **keys):
    """A brief run of the shop's reads on the emulator at `port`; later words go before."""
    own = ["backend=snowflake_emulated", "dataset=shop", "workload=reads", *BRIEF, *words_to(port, **keys)]
    return run(directory, *own, f"home={directory.parent / 'home'}", *words)


def rows_of(connection, sql, *values):
    """The result of a statement, each row by lower-case names."""
    cursor = connection.cursor().execute(sql, values or None)
    names = [column.name.lower() for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def tagged(connection, run_id):
    """The statements of a run as the emulator's history knows them, oldest first, each with its tag taken apart."""
    found = rows_of(
        connection,
        "SELECT * FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000)) "
        f"WHERE CONTAINS(query_tag, '{run_id}') ORDER BY start_time",
    )
    return [row | {"tag": json.loads(row["query_tag"])} for row in found]
