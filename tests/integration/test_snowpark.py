"""DataFrame pipelines through the real Snowpark against the emulator: the answers of the SQL, and what a call costs."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from emulated_commerce import NAMESPACE, Beside, connected, in_duckdb, load
from generated_data import commerce
from pydantic import TypeAdapter

from bench.answers import answer
from bench.backends.arrow_rows import ArrowRows
from bench.backends.base import Capabilities
from bench.backends.snowflake_session import SnowflakeSession
from bench.backends.snowpark_session import SnowparkSession
from bench.model import ErrorClass, Statement
from bench.render import Renderer
from bench.sampling import Column
from bench.streams import fixed_parameters
from bench.workload import Workload

ROOT = Path(__file__).parents[2]
DATA = commerce()
SEEDS = (1, 2, 3)


def renderer(dialect, style, pipelines=""):
    capabilities = Capabilities(dialect=dialect, paramstyle=style, pipelines=pipelines)
    return Renderer(sql_dirs=(ROOT / "sql",), tables=DATA.shape, namespace=NAMESPACE, capabilities=capabilities)


FRAMES, TEXTS = renderer("snowflake", "qmark", "snowpark"), renderer("snowflake", "qmark")
TRUTH = renderer("duckdb", "dollar")


def operations(name):
    text = json.dumps(yaml.safe_load((ROOT / "conf/workload" / f"{name}.yaml").read_text()))
    return TypeAdapter(Workload).validate_json(text, strict=True, extra="forbid").operations


OPERATIONS = {op.name: op for name in ("joins", "points") for op in operations(name)}
PIPELINES = [name for name, op in OPERATIONS.items() if FRAMES.render_operation(op)[0].pipeline]


each = pytest.mark.parametrize("name", PIPELINES)


@pytest.fixture(scope="module")
def port(emulator, tmp_path_factory):
    with connected(emulator.port) as connection:
        load(connection, DATA, tmp_path_factory.mktemp("files"))
    return emulator.port


@pytest.fixture(scope="module")
def duck():
    with in_duckdb(DATA) as connection:
        yield connection


def opened(port, **settings):
    connection = connected(port)
    plain = SnowflakeSession(connection, Beside(port))
    return SnowparkSession(plain, connection, NAMESPACE, tag=plain.tag, **settings), connection


@pytest.fixture(scope="module")
def session(port):
    made, _ = opened(port)
    with made:
        yield made


@pytest.fixture(scope="module")
def inferring(port):
    """A session in which Snowpark infers schemas where it can."""
    made, _ = opened(port, reduce_describes=True)
    with made:
        yield made


@pytest.fixture
def own(port):
    """A session of the test's own, and the connection below it."""
    made, connection = opened(port)
    with made:
        yield made, connection


@pytest.fixture
def requests(monkeypatch):
    """The body of every request that the driver really sends."""
    from snowflake.connector.network import SnowflakeRestful

    sent, request = [], SnowflakeRestful.request

    def noted(self, url, body=None, *arguments, **named):
        sent.append(body or {})
        return request(self, url, body, *arguments, **named)

    monkeypatch.setattr(SnowflakeRestful, "request", noted)
    return sent


def values_of(duck, operation, seed):
    samplers = dict(operation.params)
    for name, sampler in samplers.items():
        if isinstance(sampler, Column):
            query = f"SELECT DISTINCT {sampler.column} FROM commerce.{sampler.table} ORDER BY 1"
            samplers[name] = sampler.resolve([row[0] for row in duck.execute(query).fetchall()])
    return fixed_parameters(replace(operation, params=samplers), seed)


def statement_of(made, name):
    return made.render_operation(OPERATIONS[name])[0].statements[0]


def in_order(statement, params):
    return [params[name] for name in statement.parameters]


def truth(duck, name, params):
    statement = statement_of(TRUTH, name)
    rows = duck.execute(statement.sql, in_order(statement, params)).fetchall()
    return answer(name, [(statement, rows)])


def asked(session, statement, name, params):
    # The order of the SQL that is sent to the truth is what both are held to.
    held = replace(statement, order_by=statement_of(TRUTH, name).order_by)
    return answer(name, [(held, session.prepare(statement)(in_order(statement, params)))])


@each
@pytest.mark.parametrize("seed", SEEDS)
def test_a_pipeline_answers_as_the_sql_does(session, duck, name, seed):
    params = values_of(duck, OPERATIONS[name], seed)
    answered = asked(session, statement_of(FRAMES, name), name, params)
    assert answered == truth(duck, name, params)
    assert answered.rows > 0


@each
def test_every_digit_and_the_order_are_the_same(session, duck, name):
    """More than a run asks of two backends: there ten significant digits do."""
    params = values_of(duck, OPERATIONS[name], 1)
    statement, true = statement_of(FRAMES, name), statement_of(TRUTH, name)
    rows = list(session.prepare(statement)(in_order(statement, params)))
    assert rows == duck.execute(true.sql, in_order(true, params)).fetchall()
    assert not any(isinstance(value, float) for row in rows for value in row)


@each
def test_the_sql_goes_through_snowpark_too(session, duck, name):
    params = values_of(duck, OPERATIONS[name], 1)
    assert asked(session, statement_of(TEXTS, name), name, params) == truth(duck, name, params)


@each
def test_a_pipeline_comes_to_one_query_and_always_to_the_same(session, duck, name):
    statement = statement_of(FRAMES, name)
    values = in_order(statement, values_of(duck, OPERATIONS[name], 1))
    first, second = session.generated(statement, values), session.generated(statement, values)
    assert first == second
    assert first.count(";\n") == 1
    session.query_id()
    session.prepare(statement)(values)
    assert session._history.queries[-1].sql_text == first.removesuffix(";\n")


# ---- what a call costs ----


def round_trips(session, requests, duck, name):
    """Requests of the first call of a pipeline in a session, and of the second, with other values."""
    statement = statement_of(FRAMES, name)
    call, counts = session.prepare(statement), []
    for seed in (1, 2):
        requests.clear()
        call(in_order(statement, values_of(duck, OPERATIONS[name], seed)))
        counts.append(len(requests))
    return counts


@each
def test_a_call_costs_as_many_round_trips_as_documented(own, requests, duck, name):
    first, later = round_trips(own[0], requests, duck, name)
    documented = (ROOT / "docs/workloads.md").read_text()
    assert f"| `{name}` | {first} | {later} |" in documented


@pytest.mark.parametrize(
    "statement",
    [
        Statement(sql="/* why */ SELECT * FROM commerce.companies"),
        Statement(sql="UPDATE commerce.companies SET plan = plan", returns_rows=False),
    ],
    ids=["query", "change"],
)
def test_sql_through_snowpark_is_one_round_trip(own, requests, statement):
    call = own[0].prepare(statement)
    for _ in range(2):
        requests.clear()
        call([])
        assert len(requests) == 1


@each
def test_with_inferred_schemas_the_query_is_the_only_round_trip(inferring, requests, duck, name):
    _, later = round_trips(inferring, requests, duck, name)
    assert later == 1


def test_inferring_schemas_is_switched_on_without_a_word(port, caplog):
    session, _ = opened(port, reduce_describes=True)
    with session:
        assert session._snowpark.reduce_describe_query_enabled
    assert [record for record in caplog.records if record.name.startswith("snowflake.snowpark")] == []


def test_every_request_of_a_call_carries_the_tag_of_its_phase(own, requests, duck):
    session, _ = own
    statement = statement_of(FRAMES, "two_way")
    session.enter("warm_up")
    session.prepare(statement)(in_order(statement, values_of(duck, OPERATIONS["two_way"], 1)))
    session.enter("measurement")
    requests.clear()
    session.prepare(statement)(in_order(statement, values_of(duck, OPERATIONS["two_way"], 1)))
    tags = [body["parameters"].get("QUERY_TAG") for body in requests if not body.get("describeOnly")]
    assert tags == ["test:measurement"]


def test_the_service_knows_what_was_executed_by_the_same_id(own, duck):
    session, connection = own
    statement = statement_of(FRAMES, "skewed_key_any")
    values = in_order(statement, values_of(duck, OPERATIONS["skewed_key_any"], 1))
    session.enter("measurement")
    session.prepare(statement)(values)
    told = session.query_id()
    assert session.query_id() is None
    history = "SELECT query_id, query_tag FROM TABLE(information_schema.query_history_by_session())"
    known = {query_id: tag for query_id, tag in connection.cursor().execute(history).fetchall() if query_id == told}
    assert known == {told: "test:measurement"}


# ---- a session like any other ----


def test_rows_are_counted_before_they_are_converted(session):
    rows = session.prepare(Statement(sql="SELECT * FROM commerce.companies"))([])
    assert isinstance(rows, ArrowRows)
    assert len(rows) == len(list(rows)) == DATA.rows("companies")


def test_decimals_are_exact(session):
    statement = Statement(sql="SELECT CAST(1234567890.12 AS NUMBER(12, 2)) AS a")
    assert list(session.prepare(statement)([])) == [(Decimal("1234567890.12"),)]


def test_an_answer_without_rows_is_empty(session):
    (statement,) = FRAMES.render_operation(OPERATIONS["read_by_key"])[0].statements
    assert list(session.prepare(statement)([-1])) == []


def test_a_value_with_a_quote_stays_a_value(session):
    (statement,) = FRAMES.render_operation(OPERATIONS["five_way"])[0].statements
    assert list(session.prepare(statement)(["D' OR '1' = '1"])) == []


def test_a_change_is_counted_and_rolled_back(own):
    session, _ = own
    update = Statement(
        sql="UPDATE commerce.companies SET plan = ? WHERE company_id <= ?", parameters=("plan", "n"), returns_rows=False
    )
    plans = Statement(sql="SELECT plan FROM commerce.companies ORDER BY company_id")
    before = list(session.prepare(plans)([]))
    session.begin()
    assert len(session.prepare(update)(["none", 3])) == 3
    assert list(session.prepare(plans)([])) != before
    session.rollback()
    assert list(session.prepare(plans)([])) == before


@pytest.mark.parametrize("name", ["insert_row", "update_by_key", "take_payment"])
def test_changes_run_as_sql_and_answer_alike(own, duck, name):
    session, _ = own
    params = values_of(duck, OPERATIONS[name], 1)
    results = {}
    session.begin()
    duck.execute("BEGIN")
    for made in (FRAMES, TRUTH):
        results[made] = []
        for statement in made.render_operation(OPERATIONS[name])[0].statements:
            values = in_order(statement, params)
            if made is FRAMES:
                assert not statement.pipeline
                rows = session.prepare(statement)(values)
            else:
                fetched = duck.execute(statement.sql, values).fetchall()
                rows = fetched if statement.returns_rows else range(fetched[0][0])
            results[made].append((statement, rows))
    session.rollback()
    duck.execute("ROLLBACK")
    assert answer(name, results[FRAMES]) == answer(name, results[TRUTH])


def test_an_error_is_judged_by_the_connectors_own(own):
    session, _ = own
    pipeline = 'def pipeline(table, value):\n    return table("missing")\n'
    for statement in (Statement(sql="SELECT * FROM missing"), Statement(sql="", pipeline=pipeline)):
        with pytest.raises(Exception, match=r"(?i)missing") as caught:
            session.prepare(statement)([])
        assert session.classify(caught.value) is ErrorClass.FATAL
        assert session.sqlstate(caught.value) == "42S02"


def test_a_mistake_in_a_pipeline_is_fatal_and_a_closed_session_is_gone(own):
    session, connection = own
    wrong = 'def pipeline(table, value):\n    orders = table("orders")\n    return orders.select(orders["no_such"])\n'
    with pytest.raises(Exception, match="no_such") as caught:
        session.prepare(Statement(sql="", pipeline=wrong))([])
    assert session.classify(caught.value) is ErrorClass.FATAL
    connection.close()
    with pytest.raises(Exception, match="closed") as caught:
        session.prepare(Statement(sql="SELECT 1"))([])
    assert session.classify(caught.value) is ErrorClass.DISCONNECTED


SLOW = """\
from snowflake.snowpark import functions as F


def pipeline(table, value):
    lines, others = table("order_lines").select("quantity"), table("order_lines").select(F.col("quantity").alias("q"))
    orders = table("orders").select("total")
    return lines.cross_join(others).cross_join(orders).agg(F.sum(F.col("quantity") * F.col("q") % F.col("total")))
"""


def test_a_pipeline_that_takes_too_long_is_cancelled_and_the_session_lives_on(own):
    session, _ = own
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(session.prepare(Statement(sql="", pipeline=SLOW)), [])
        done, end = False, time.monotonic() + 60
        while not done and time.monotonic() < end:  # a cancel that comes before the query has nothing to end
            time.sleep(1)
            session.cancel()
            done = running.done()
        error = running.exception(timeout=60)
    assert session.classify(error) is ErrorClass.TIMEOUT
    assert list(session.prepare(Statement(sql="SELECT 1 AS a"))([])) == [(1,)]


def test_ids_that_nobody_asks_for_are_not_kept_for_ever(own, monkeypatch):
    monkeypatch.setattr("bench.backends.snowpark_session.KEPT_IDS", 2)
    call = own[0].prepare(Statement(sql="SELECT 1 AS a"))
    for _ in range(9):
        call([])
    assert len(own[0].query_id().split(",")) <= 3


def test_two_sessions_of_a_process_do_not_disturb_each_other(port, duck):
    one, other = opened(port)[0], opened(port)[0]
    params = values_of(duck, OPERATIONS["five_way"], 1)
    statement = statement_of(FRAMES, "five_way")
    with one, other:
        assert asked(one, statement, "five_way", params) == asked(other, statement, "five_way", params)


def test_closing_twice_leaves_nothing_open(port):
    from snowflake.snowpark import session as registry

    session, connection = opened(port)
    session.close()
    session.close()
    assert connection.is_closed()
    assert session._snowpark not in registry._active_sessions
