"""What a run leaves in Snowflake's history, what it reads back of it, and how its sessions are set."""

from collections import Counter

import duckdb
import pytest
from command import bench, only_run
from emulated_service import SHOP, backend_at, run_on, tagged, words_to

from bench.backends import snowflake_history
from bench.backends.snowflake import SnowflakeBackend
from bench.errors import BackendError
from bench.model import ErrorClass, Namespace, Statement
from faulty_proxy import FaultyProxy

SMALL_PAGE = 7


@pytest.fixture(scope="module")
def finished(emulator, tmp_path_factory):
    """A run of reads and of a transaction of two statements, whose history was read in small pages."""
    with pytest.MonkeyPatch.context() as patch, FaultyProxy(port=emulator.port) as proxy:
        patch.setattr(snowflake_history, "PAGE_ROWS", SMALL_PAGE)
        directory = tmp_path_factory.mktemp("finished") / "cell"
        outcome, run = run_on(proxy.port, directory, "workload=till", schema="of_the_run")
    assert outcome.status == "done", outcome.message
    return run, proxy.bodies


@pytest.fixture
def statements(connect, finished):
    return tagged(connect(), finished[0].key.run_id)


def test_every_statement_bears_run_cell_and_phase(statements, finished):
    assert {(row["tag"]["tool"], row["tag"]["run"], row["tag"]["cell"]) for row in statements} == {
        ("bench", finished[0].key.run_id, "cell")
    }
    by_phase = {}
    for row in statements:
        by_phase.setdefault(row["tag"]["phase"], Counter())[row["query_type"]] += 1
    assert by_phase.keys() == {"setup", "ingest", "session", "verify", "warm_up", "measurement"}
    assert by_phase["ingest"].keys() >= {"COPY", "PUT"}
    assert by_phase["verify"].keys() == {"SELECT", "UPDATE", "TRANSACTION", "ROLLBACK"}
    assert by_phase["measurement"].keys() == by_phase["warm_up"].keys() == {"SELECT", "UPDATE", "TRANSACTION", "COMMIT"}
    order = [phase for phase in dict.fromkeys(row["tag"]["phase"] for row in statements) if phase != "session"]
    assert order == ["setup", "ingest", "verify", "warm_up", "measurement"]


def test_values_travel_beside_the_text(finished, statements):
    sent = [body for body in finished[1] if '"sqlText": "SELECT s.sale_id' in body or "sale_id = ?" in body]
    assert len(sent) > 3
    assert all('"bindings": {"1": {"type": "FIXED"' in body for body in sent)
    texts = {row["query_text"] for row in statements if row["tag"]["phase"] == "measurement"}
    assert len(texts) == 6, "one text for each statement of the workload, whatever its values: they can be planned once"


def test_every_statement_of_every_attempt_is_found_in_the_history(finished):
    run, _ = finished
    samples, queries = run.samples().to_pylist(), run.table("queries").to_pylist()
    ids = {name: sample for sample in samples for name in sample["query_id"].split(",")}
    counts = {(sample["operation"], sample["query_id"].count(",") + 1) for sample in samples}
    assert counts == {("by_key", 1), ("by_region", 1), ("raise_amount", 4)}
    assert len(ids) > 2 * SMALL_PAGE
    joined = {row["query_id"]: row for row in queries if row["operation"]}
    assert joined.keys() == ids.keys()
    assert len(queries) == len({row["query_id"] for row in queries}), "no page gives a query twice"
    for name, row in joined.items():
        sample = ids[name]
        same = ("operation", "phase", "client", "attempt")
        assert [row[key] for key in same] == [sample[key] for key in same]
        assert row["service_time_ns"] == sample["end_ns"] - sample["start_ns"]
        assert 0 <= row["elapsed_ns"] <= row["service_time_ns"]
        assert row["emulated"] is True
    assert not any("history" in warning for warning in run.manifest["warnings"])


def test_what_a_fair_measurement_needs_is_set_and_read_back(finished):
    server = finished[0].manifest["server"]
    assert {name.removeprefix("setting."): server[name] for name in server if name.startswith("setting.")} == {
        "ABORT_DETACHED_QUERY": "true",
        "AUTOCOMMIT": "true",
        "QUERY_TAG": server["setting.QUERY_TAG"],
        "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": "0",
        "STATEMENT_TIMEOUT_IN_SECONDS": "3600",
        "TIMEZONE": "UTC",
        "USE_CACHED_RESULT": "false",
    }


def test_a_service_that_answers_from_its_cache_is_refused(emulator, monkeypatch):
    """The emulator does as it is told, as an account might not; so here it is told the opposite."""
    make = SnowflakeBackend.login

    def with_cache(self, **words):
        login = make(self, **words)
        login.parameters["session_parameters"]["USE_CACHED_RESULT"] = True
        return login

    monkeypatch.setattr(SnowflakeBackend, "login", with_cache)
    backend = backend_at(emulator.port)
    with pytest.raises(BackendError, match=r"keeps USE_CACHED_RESULT = true, so it would answer from a cache"):
        backend.open(backend.namespace("public"))


def test_the_service_itself_ends_what_takes_too_long(emulator):
    backend = backend_at(emulator.port, statement_timeout_s=1)
    with backend.open(Namespace(schema="public")) as database, database.session() as session:
        with pytest.raises(Exception, match=r"(?i)timeout") as caught:
            session.prepare(Statement(sql="SELECT SYSTEM$WAIT(30)"))([])
        assert (session.classify(caught.value), caught.value.errno) == (ErrorClass.TIMEOUT, 630)
        assert len(session.prepare(Statement(sql="SELECT 1"))([])) == 1


def test_parameters_of_the_users_own_reach_every_session(emulator):
    backend = backend_at(emulator.port, **{"session_parameters": "{WEEK_START: 1}"})
    with backend.open(Namespace(schema="public")) as database, database.session() as session:
        shown = session.prepare(Statement(sql="SHOW PARAMETERS LIKE 'WEEK_START' IN SESSION"))([])
        assert shown[0][1] == "1"


def test_a_run_through_a_pool(emulator, tmp_path):
    """Its few sessions are all asked for what they did, whichever client they worked for."""
    words = ("workload=till", "load.clients=3", "backend.driver=pool", "backend.pool_size=2")
    outcome, run = run_on(emulator.port, tmp_path / "cell", *words, schema="of_the_run")
    assert outcome.status == "done", outcome.message
    samples, queries = run.samples().to_pylist(), run.table("queries").to_pylist()
    ids = {name for sample in samples for name in sample["query_id"].split(",")}
    assert {sample["client"] for sample in samples} == {0, 1, 2}
    assert {row["query_id"] for row in queries if row["operation"]} == ids
    assert len({row["session"] for row in queries}) == 2


def test_enrich_adds_what_the_service_knows_later_and_can_be_asked_again(emulator, tmp_path):
    words = ["backend=snowflake_emulated", "dataset=shop", "workload=reads", "load=quick", "--config-dir", str(SHOP)]
    keys = {"schema": "of_the_command", "tables": "hybrid"}
    ran = bench(*words, *words_to(emulator.port, **keys), home=tmp_path / "home", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    run, seen = only_run(tmp_path), []
    for _ in range(2):
        done = bench("enrich", str(run), home=tmp_path / "home", cwd=tmp_path)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
        aggregates, metering = done.stdout.splitlines()
        assert aggregates.startswith(f"{run.name} (emulated): aggregates: ")
        assert "statements by minute come up to 3 hours late" in aggregates
        assert metering.startswith(f"{run.name} (emulated): metering: ")
        seen.append(duckdb.sql(f"SELECT * FROM '{run}/aggregates.parquet' ORDER BY ALL").fetchall())
    assert seen[0] == seen[1]
    counted = duckdb.sql(
        f"SELECT sum(calls), bool_and(emulated) FROM '{run}/aggregates.parquet' WHERE sql LIKE '%sales%'"
    )
    calls, emulated = counted.fetchall()[0]
    assert emulated
    assert calls >= duckdb.sql(f"SELECT count(*) FROM '{run}/samples/*.parquet'").fetchall()[0][0] > 0
