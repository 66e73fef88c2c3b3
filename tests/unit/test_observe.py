"""What is asked of an engine around a load, and what becomes of refusals."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from telling_backend import TellingBackend, TellingDatabase, stats

from bench import observe
from bench.model import Namespace, RenderedOperation, Statement
from bench.results import RunKey, RunWriter, open_run
from bench.results.manifest import read_manifest
from bench.results.server import by_key, difference, wait_rows
from bench.workload import Operation, Workload

READ = RenderedOperation(name="read", statements=(Statement(sql="SELECT 1"), Statement(sql="SELECT 2")))
WRITE = RenderedOperation(
    name="write", statements=(Statement(sql="UPDATE t", returns_rows=False),), read_only=False, transactional=True
)
WORKLOAD = Workload(
    name="w",
    operations=(
        Operation(name="read", template="r.sql.j2"),
        Operation(name="write", template="w.sql.j2", transactional=True),
    ),
)


@pytest.fixture
def writer(tmp_path):
    key = RunKey(run_id="r", backend="telling", dataset="d", workload="w", load="closed")
    return RunWriter(tmp_path / "run", key)


def observation(writer, *operations):
    return observe.Observation(writer=writer, operations=operations or (READ, WRITE))


def add_samples(writer, ids):
    """One good attempt of `read` per query id, then one of `write` that failed."""
    size = len(ids) + 1
    writer.add_samples(
        pa.table(
            {
                "operation": ["read"] * len(ids) + ["write"],
                "status": ["ok"] * len(ids) + ["aborted"],
                "query_id": [*ids, None],
                "client": pa.array(range(size), pa.int32()),
                "start_ns": pa.array([1_000] * size),
                "end_ns": pa.array([3_500] * size),
            }
        ),
        phase="measurement",
        repetition=0,
        attempt=0,
        intended_start_ns=1_000,
        rows=1,
    )


class Counting(TellingDatabase):
    """Tells the next counters each time it is asked."""

    def __init__(self, *told):
        super().__init__(TellingBackend())
        self._next = iter(told)

    def statement_stats(self):
        return next(self._next)

    def history(self, sessions, since, until):
        return []


def server_rows(writer, before, after, *operations):
    seen = observation(writer, *operations)
    database = Counting(before, after)
    seen.before(database)
    add_samples(writer, ["a", "b", "c"])
    seen.after(database)
    run = open_run(writer.directory)
    return run.table("server").to_pylist() if run.has("server") else []


def test_counters_stand_beside_our_samples(writer):
    before = [stats("SELECT  1", 10, execution_ns=100, blocks_hit=5, blocks_read=5)]
    after = [
        stats("SELECT  1", 13, execution_ns=160, blocks_hit=8, blocks_read=6),
        stats("SELECT 2;", 2, execution_ns=40),
    ]
    first, second, third = server_rows(writer, before, after)
    assert (first["operation"], first["statement"], first["samples"], first["samples_failed"]) == ("read", 0, 3, 0)
    assert (first["calls"], first["execution_ns"], first["execution_mean_ns"]) == (3, 60, 20.0)
    assert (first["blocks_hit"], first["blocks_read"], first["hit_ratio"]) == (3, 1, 0.75)
    assert (second["calls"], second["blocks_hit"], second["hit_ratio"], second["samples"]) == (2, None, None, 3)
    assert (third["calls"], third["samples"], third["samples_failed"]) == (None, 1, 1)
    assert read_manifest(writer.directory)["warnings"] == []


@pytest.mark.parametrize("after", [[stats("SELECT 1", 3), stats("SELECT 2", 4)], [stats("SELECT 2", 4)]])
def test_counters_that_were_reset_or_dropped_are_null(writer, after):
    rows = server_rows(writer, [stats("SELECT 1", 10), stats("SELECT 2", 1)], after)
    assert [row["calls"] for row in rows] == [None, 3, None]
    (warning,) = read_manifest(writer.directory)["warnings"]
    assert warning.startswith("the engine's counters of read were reset or dropped during the load")


def test_what_the_engine_counts_as_one_is_not_told_apart(writer):
    twin = RenderedOperation(name="twin", statements=(Statement(sql="SELECT 1;"),))
    rows = server_rows(writer, [], [stats("SELECT 1", 9), stats("SELECT 2", 4)], READ, twin)
    assert [row["calls"] for row in rows] == [None, 4, None]
    manifest = read_manifest(writer.directory)
    assert (manifest["warnings"], manifest["counted_as_one"]) == ([], [["read", "twin"]])


def test_an_engine_that_does_not_count_has_no_table(writer):
    assert server_rows(writer, [], []) == []
    assert read_manifest(writer.directory)["warnings"] == []


class RefusingAtFirst(Counting):
    def statement_stats(self):
        found = super().statement_stats()
        if found is None:
            raise OSError("not yet")
        return found


def test_counters_that_were_refused_before_the_load_are_not_taken_for_zero(writer):
    seen = observation(writer)
    database = RefusingAtFirst(None, [stats("SELECT 1", 100)])
    seen.before(database)
    add_samples(writer, ["a"])
    seen.after(database)
    assert not open_run(writer.directory).has("server")


def test_several_entries_under_one_key_are_added_up():
    found = by_key([stats("a", 1, rows=2), stats("A", 3, rows=4)], ["k", "k"])
    assert found == {"k": stats("a", 4, rows=6)}
    assert difference(stats("a", 1, rows=1), stats("a", 5)) == stats("a", 4)
    assert difference(None, None) is None


def test_history_is_joined_to_samples(writer):
    database = TellingDatabase(TellingBackend())
    seen = observation(writer)
    seen.sessions += ["1", "2", "1"]
    seen.before(database)
    add_samples(writer, ["q1-0", "q2-1,q2-0", "lost"])
    seen.after(database)
    rows = {row["query_id"]: row for row in open_run(writer.directory).table("queries").to_pylist()}
    assert list(rows) == ["q1-0", "q1-1", "q2-0", "q2-1"]
    joined = rows["q2-1"]
    assert (joined["operation"], joined["client"], joined["phase"]) == ("read", 1, "measurement")
    assert (joined["service_time_ns"], joined["execution_ns"], joined["session"]) == (2_500, 1_000, "2")
    assert joined["started_at"] <= datetime.now(UTC)
    assert rows["q2-0"]["client"] == 1
    assert (rows["q1-1"]["operation"], rows["q1-1"]["service_time_ns"]) == (None, None)
    manifest = read_manifest(writer.directory)
    assert manifest["warnings"] == ["the engine's history holds 3 of the 4 queries that were sampled"]
    assert manifest["observed"]["sessions"] == ["1", "2"]
    assert manifest["server_counters"] == {"commits": 0.0}


def test_waits_are_sampled_beside_the_load(writer, monkeypatch):
    monkeypatch.setattr(observe, "LOOK_INTERVAL_S", 0.01)
    from known_backend import wait_until

    with observation(writer).watching(TellingBackend(), Namespace(schema="s")):
        import threading

        (watch,) = [thread for thread in threading.enumerate() if isinstance(thread, observe.Watch)]
        wait_until(lambda: watch.looks > 3)
    rows = open_run(writer.directory).table("waits").to_pylist()
    assert [row["wait_event"] for row in rows] == ["Lock:row", "running"]
    assert rows[0]["samples"] == 2 * read_manifest(writer.directory)["wait_looks"]
    assert [row["share_ratio"] for row in rows] == pytest.approx([2 / 3, 1 / 3])
    assert not watch.is_alive()


def test_an_engine_that_is_never_seen_waiting_has_no_table(writer):
    assert wait_rows({}, repetition=0) == []
    with observation(writer).watching(TellingBackend(), Namespace(schema="s")):
        pass
    assert not open_run(writer.directory).has("waits")


def test_every_refusal_is_one_warning_and_no_failure(writer, monkeypatch):
    monkeypatch.setattr(observe, "LOOK_INTERVAL_S", 0.001)
    backend = TellingBackend(refuses=("counters", "statements", "waits", "history"))
    database = TellingDatabase(backend)
    seen = observation(writer)
    seen.sessions.append("1")
    seen.before(database)
    with seen.watching(backend, Namespace(schema="s")):
        add_samples(writer, ["a"])
        import time

        time.sleep(0.1)
    seen.after(database)
    assert sorted(read_manifest(writer.directory)["warnings"]) == [
        "the engine did not count by statement: no right to see statements",
        "the engine did not show its counters: no right to see counters",
        "the engine did not show its history: no right to see history",
        "what sessions waited for was not shown to the end: no right to see waits",
    ]


def test_an_observer_that_cannot_connect_is_one_warning(writer):
    with observation(writer).watching(Unreachable(), Namespace(schema="s")):
        pass
    assert read_manifest(writer.directory)["warnings"] == [
        "the engine did not show what sessions wait for: too many connections"
    ]


def test_an_engine_that_is_gone_after_the_load_is_one_warning(writer):
    seen = observation(writer)
    seen.before(TellingDatabase(TellingBackend()))
    seen.conclude(Unreachable(), Namespace(schema="s"))
    assert read_manifest(writer.directory)["warnings"] == [
        "the engine did not answer after the load: too many connections"
    ]


class Unreachable(TellingBackend):
    def open(self, namespace):
        raise OSError("too many connections")


def test_a_load_that_fails_still_leaves_what_was_seen(writer):
    with pytest.raises(RuntimeError), observation(writer).watching(TellingBackend(), Namespace(schema="s")):
        raise RuntimeError("the load")
    assert "wait_looks" in read_manifest(writer.directory)


# ---- plans ------------------------------------------------------------------------------------------------------


class Planned:
    """A session that notes what it is asked."""

    def __init__(self, log, broken=""):
        self.log, self.broken = log, broken

    def prepare(self, statement):
        def call(values):
            self.log.append(f"call {statement.sql}")
            return [("row",)]

        return call

    def plan(self, statement, values):
        self.log.append(f"plan {statement.sql}")
        if statement.sql == self.broken:
            raise OSError("no plan here")
        return '{"node": 1}' if statement.sql != "SELECT 2" else "not JSON"

    def begin(self, isolation=""):
        self.log.append("begin")

    def rollback(self):
        self.log.append("rollback")


class Planning:
    def __init__(self, broken=""):
        self.log = []
        self.broken = broken

    def session(self):
        return nullcontext(Planned(self.log, self.broken))


def plans_of(writer, name):
    return json.loads((writer.directory / "plans" / f"{name}.json").read_text())


def test_each_statement_is_planned_once_and_changes_are_rolled_back(writer):
    database = Planning()
    observation(writer).plans(database, WORKLOAD, 42, lambda *_: None)
    assert database.log == [
        "plan SELECT 1", "call SELECT 1", "plan SELECT 2", "call SELECT 2", "begin", "plan UPDATE t", "rollback"
    ]  # fmt: skip
    keys = {"run_id": "r", "emulated": False, "operation": "read"}
    assert plans_of(writer, "read") == [
        {**keys, "statement": 0, "sql": "SELECT 1", "plan": {"node": 1}},
        {**keys, "statement": 1, "sql": "SELECT 2", "plan": "not JSON"},
    ]


def test_an_operation_that_cannot_be_planned_is_one_warning(writer):
    database = Planning(broken="SELECT 2")
    observation(writer).plans(database, WORKLOAD, 42, lambda *_: None)
    assert [plan["statement"] for plan in plans_of(writer, "read")] == [0]
    assert plans_of(writer, "write")
    assert read_manifest(writer.directory)["warnings"] == ["the engine did not plan 'read': no plan here"]


class Looping(Workload):
    """Asks as often as the first answer says, so it needs rows."""

    def steps(self, operation, params):
        rows = yield 0, []
        for _ in range(len(rows) + 2):
            yield 1, []


def test_a_workload_with_logic_of_its_own_gets_rows_and_one_plan_per_statement(writer):
    database = Planning()
    looping = Looping(name="w", operations=(Operation(name="read", template="r.sql.j2"),))
    observation(writer, READ).plans(database, looping, 42, lambda *_: None)
    assert database.log.count("plan SELECT 2") == 1
    assert database.log.count("call SELECT 2") == 3
    assert len(plans_of(writer, "read")) == 2
