"""What a run keeps of the engine's own word, by the real command."""

import json
from contextlib import contextmanager

import psycopg
import pytest
from command import FAST, UNHURRIED, bench, only_run, warnings_of

from bench.backends.postgres import PostgresBackend
from bench.results import open_run


def plans_of(run):
    return {path.stem: json.loads(path.read_text()) for path in sorted((run.directory / "plans").glob("*.json"))}


def test_postgresql_counts_exactly_what_was_sampled(home, tmp_path):
    done = bench("workload=points", *FAST, "load.duration_s=2.5", home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = open_run(only_run(tmp_path))
    rows = run.table("server").to_pylist()
    asked = {path.stem for path in (run.directory / "sql").glob("*.sql")}
    assert {row["operation"] for row in rows} == asked
    # Checks of answers and plans were sent before, and are not in the difference.
    assert all(row["samples"] - row["samples_failed"] <= row["calls"] <= row["samples"] for row in rows), rows
    assert sum(row["samples"] for row in rows if row["statement"] == 0) == run.samples().num_rows
    assert all(row["execution_ns"] > 0 and 0 <= row["hit_ratio"] <= 1 and row["plan_ns"] is None for row in rows)
    assert next(row for row in rows if row["operation"] == "insert_row")["wal_bytes"] > 0
    assert [row["statement"] for row in rows if row["operation"] == "take_payment"] == [0, 1, 2, 3]
    plans = plans_of(run)
    assert set(plans) == asked
    assert plans["read_by_key"][0]["plan"][0]["Plan"]["Actual Loops"] == 1
    assert [plan["statement"] for plan in plans["take_payment"]] == [0, 1, 2, 3]
    assert run.manifest["wait_looks"] >= 2
    assert len(run.manifest["observed"]["sessions"]) == 2
    assert run.manifest["server_counters"]["wal_bytes"] > 0
    assert warnings_of(run) == []
    shares = run.manifest["machine"]["interval"]
    assert 0 < shares["own_ratio"] < 1.1, "the embedded server is ours"
    assert 0 <= shares["other_ratio"] < 1.1
    assert "What the server says" in done.stdout


def test_planning_time_is_kept_where_it_is_tracked(home, tmp_path):
    setting = "backend.settings={shared_preload_libraries: pg_stat_statements, pg_stat_statements.track_planning: true}"
    done = bench("workload=joins", *FAST, setting, home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = open_run(only_run(tmp_path))
    rows = run.table("server").to_pylist()
    # They differ in their parameters only.
    assert run.manifest["counted_as_one"] == [["selective", "non_selective"], ["skewed_key_biggest", "skewed_key_any"]]
    one = {name for group in run.manifest["counted_as_one"] for name in group}
    assert {row["operation"] for row in rows if row["calls"] is None} == one
    assert sum(row["plan_ns"] for row in rows if row["calls"] is not None) > 0
    assert all("samples" in text for text in warnings_of(run))


@contextmanager
def own_server(tmp_path, **settings):
    with PostgresBackend(settings={"fsync": False, **settings}).provision("own", tmp_path / "own", str) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE ROLE visitor LOGIN")
            connection.execute("GRANT CREATE ON DATABASE own TO visitor")
        yield server.dsn


def test_a_server_of_ones_own_without_the_extension(tmp_path):
    with own_server(tmp_path) as dsn:
        parts = dict(word.split("=", 1) for word in dsn.split())
        visitor = " ".join(f"{key}={value}" for key, value in (parts | {"user": "visitor"}).items())
        words = (f"backend.dsn='{visitor}'", "workload=points", *FAST, "load.duration_s=1.5")
        done = bench(*words, home=tmp_path / "home", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = open_run(only_run(tmp_path))
    assert not run.has("server")
    (warning,) = warnings_of(run)
    assert run.manifest["machine"]["interval"]["other_ratio"] is None, "this server may run anywhere"
    assert warning.startswith("the engine did not count by statement: the server does not count by statement: ")
    assert run.manifest["server_counters"]["wal_bytes"] > 0
    assert plans_of(run)
    assert run.manifest["wait_looks"] >= 1


def test_duckdb_plans_are_json_and_nothing_else_is_said(home, tmp_path):
    done = bench("backend=duckdb", "workload=joins", *FAST, home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = open_run(only_run(tmp_path))
    assert set(plans_of(run)) == {path.stem for path in (run.directory / "sql").glob("*.sql")}
    assert all(isinstance(plan["plan"], dict | list) for plans in plans_of(run).values() for plan in plans)
    assert not any(run.has(name) for name in ("server", "queries", "waits"))
    assert "What the server says" not in done.stdout


@pytest.mark.parametrize("backend", ["duckdb", "null"])
def test_without_plans(home, tmp_path, backend):
    done = bench(f"backend={backend}", "workload=points", "plans=false", *FAST, UNHURRIED, home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (only_run(tmp_path) / "plans").exists()
