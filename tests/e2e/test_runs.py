"""The command as a user gives it, on a real PostgreSQL, a real DuckDB and a real SQLite."""

import duckdb
import psycopg
import pytest
from command import FAST, bench, called, only_run

from bench.backends.postgres import PostgresBackend
from bench.results import open_run, open_sweep, read_cells
from bench.results.schemas import SCHEMAS

ENGINES, WORKLOADS = ("postgres", "duckdb", "sqlite"), ("joins", "points")


@pytest.fixture(scope="module")
def swept(home, tmp_path_factory):
    """Every engine by every workload, as one sweep."""
    cwd = tmp_path_factory.mktemp("swept")
    words = (f"backend={','.join(ENGINES)}", "dataset=tiny", f"workload={','.join(WORKLOADS)}", *FAST, "-m")
    done = bench(*words, home=home, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return open_sweep(only_run(cwd))


def test_one_cell_on_a_postgresql_that_starts_by_itself(home, tmp_path):
    done = bench("dataset=tiny", "workload=points", *FAST, "load.processes=2", home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "read_by_key" in done.stdout
    assert "PostgreSQL" in done.stderr
    assert "results: outputs/" in done.stderr
    run = open_run(only_run(tmp_path))
    for name in ("load", "samples", "intervals", "summary", "answers", "audit"):
        assert run.table(name).schema.names == SCHEMAS[name].names
        assert run.table(name).num_rows > 0
    assert run.manifest["status"] == "done"
    assert run.manifest["server"]["version"]
    assert (run.directory / "sql" / "read_by_key.sql").read_text().lower().startswith("select")
    samples = run.samples()
    summary = {row["operation"]: row["count"] for row in run.table("summary").to_pylist()}
    measured = samples.filter([phase == "measurement" for phase in samples["phase"].to_pylist()])
    assert summary == {
        name: measured["operation"].to_pylist().count(name) for name in set(measured["operation"].to_pylist())
    }
    assert all(
        end > start for start, end in zip(samples["start_ns"].to_pylist(), samples["end_ns"].to_pylist(), strict=True)
    )


def test_a_second_run_reuses_files_and_data_and_says_so(home, tmp_path):
    words = ("dataset=tiny", "workload=joins", *FAST)
    first = bench(*words, home=home, cwd=tmp_path)
    second = bench(*words, home=home, cwd=tmp_path)
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert "data: already loaded, reused" in second.stderr


def test_a_sweep_of_three_engines_gives_equal_answers_and_one_table(swept):
    assert list(swept.cells) == [
        "0_postgres_tiny_joins_closed",
        "1_postgres_tiny_points_closed",
        "2_duckdb_tiny_joins_closed",
        "3_duckdb_tiny_points_closed",
        "4_sqlite_tiny_joins_closed",
        "5_sqlite_tiny_points_closed",
    ]
    assert [entry.status for entry in swept.cells.values()] == ["done"] * 6
    cells = read_cells(swept.directory).to_pylist()
    assert {(cell["backend"], cell["workload"]) for cell in cells} == {
        (backend, workload) for backend in ENGINES for workload in WORKLOADS
    }
    by_workload = {}
    for run in swept.runs.values():
        answers = {row["operation"]: row["digest"] for row in run.table("answers").to_pylist()}
        assert by_workload.setdefault(run.key.workload, (answers, run.manifest["question_hash"])) == (
            answers,
            run.manifest["question_hash"],
        )
    assert len(by_workload["joins"][0]) >= 14
    found = duckdb.sql(f"select count(*) from '{swept.directory}/**/samples/*.parquet' where status = 'ok'").fetchall()
    assert found[0][0] > 100


def test_samples_agree_with_what_postgresql_itself_counted(tmp_path):
    home = tmp_path / "home"  # a server of its own, that has counted nothing yet
    done = bench("dataset=tiny", "workload=points", *FAST, home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = open_run(only_run(tmp_path))
    asked = run.samples().to_pylist()
    ok = {
        name: sum(row["operation"] == name and row["status"] == "ok" for row in asked)
        for name in ("read_by_key", "update_by_key")
    }
    backend = PostgresBackend(settings={"shared_preload_libraries": "pg_stat_statements"})
    data = f"{run.key.dataset}_{run.manifest['data_fingerprint'][:12]}"
    with backend.provision(data, home, print) as ready, ready.open(backend.namespace("commerce")) as database:
        counted = {
            str(query).strip(): calls
            for query, calls in database.execute(
                "select query, sum(calls) from pg_stat_statements s join pg_database d on d.oid = s.dbid "
                "where d.datname = current_database() group by query"
            )
        }
    for name, samples in ok.items():
        text = (run.directory / "sql" / f"{name}.sql").read_text().strip().rstrip(";").strip()
        checked_once = 1
        assert counted[text] == samples + checked_once


def test_a_users_own_workload_in_a_folder_outside(home, tmp_path):
    (tmp_path / "conf/workload").mkdir(parents=True)
    (tmp_path / "sql/mine").mkdir(parents=True)
    (tmp_path / "conf/workload/mine.yaml").write_text(
        """
name: mine
mix: {busiest: 3, recent: 1}
operations:
  - name: busiest
    template: mine/busiest.sql.j2
    params:
      floor: {kind: uniform, low: 1, high: 5}
  - name: recent
    template: mine/recent.sql.j2
    params:
      customer: {kind: column, table: orders, column: customer_id}
"""
    )
    (tmp_path / "sql/mine/busiest.sql.j2").write_text(
        "select customer_id, count(*) as orders from orders group by customer_id having count(*) >= :floor\n"
        "order by orders desc, customer_id limit 10"
    )
    (tmp_path / "sql/mine/recent.sql.j2").write_text(
        "select max(ordered_at) as last, count(*) as orders from {{ tables.orders }} where customer_id = :customer"
    )
    words = (
        "backend=postgres,duckdb",
        "dataset=tiny",
        "workload=mine",
        *FAST,
        "-m",
        "--config-dir",
        str(tmp_path / "conf"),
    )
    done = bench(*words, home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    counts = {}
    for cell in read_cells(only_run(tmp_path)).to_pylist():
        counts.setdefault(cell["backend"], {})[cell["operation"]] = cell["count"]
    for counted in counts.values():
        assert counted["busiest"] > 2 * counted["recent"] > 0


def test_different_answers_fail_both_cells_and_say_which_row(home, tmp_path):
    (tmp_path / "conf/workload").mkdir(parents=True)
    (tmp_path / "sql/odd").mkdir(parents=True)
    (tmp_path / "conf/workload/odd.yaml").write_text(
        "name: odd\noperations:\n  - {name: total, template: odd/total.sql.j2}\n"
    )
    (tmp_path / "sql/odd/total.sql.j2").write_text("select 1 as one, count(*) as orders from orders")
    (tmp_path / "sql/odd/total.duckdb.sql.j2").write_text("select 1 as one, count(*) + 1 as orders from orders")
    words = (
        "backend=postgres,duckdb",
        "dataset=tiny",
        "workload=odd",
        *FAST,
        "-m",
        "--config-dir",
        str(tmp_path / "conf"),
    )
    done = bench(*words, home=home, cwd=tmp_path)
    assert done.returncode == 1
    assert "operation 'total' answers differently on duckdb and postgres; row 1" in done.stderr
    sweep = open_sweep(only_run(tmp_path))
    assert {entry.status for entry in sweep.cells.values()} == {"failed"}
    assert {run.status for run in sweep.runs.values()} == {"failed"}
    assert {cell["status"] for cell in read_cells(sweep.directory).to_pylist()} == {"failed"}


def test_a_failing_cell_does_not_stop_the_others(home, tmp_path):
    (tmp_path / "conf/workload").mkdir(parents=True)
    (tmp_path / "sql/broken").mkdir(parents=True)
    (tmp_path / "conf/workload/broken.yaml").write_text(
        "name: broken\noperations:\n  - {name: divide, template: broken/divide.sql.j2}\n"
    )
    (tmp_path / "sql/broken/divide.sql.j2").write_text("select cast('x' || country as integer) from companies")
    words = (
        "backend=duckdb",
        "dataset=tiny",
        "workload=broken,joins",
        *FAST,
        "-m",
        "--config-dir",
        str(tmp_path / "conf"),
    )
    done = bench(*words, home=home, cwd=tmp_path)
    assert done.returncode == 1
    assert "operation 'divide' fails" in done.stderr
    sweep = open_sweep(only_run(tmp_path))
    assert [entry.status for entry in sweep.cells.values()] == ["failed", "done"]


def test_sqlite_by_yaml_alone(swept):
    assert swept.runs["4_sqlite_tiny_joins_closed"].table("summary").num_rows >= 14


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Where the server of a user keeps its data."""
    return tmp_path_factory.mktemp("server")


def test_a_server_of_the_users_own_and_its_tables_as_they_stand(home, server, tmp_path):
    with PostgresBackend().provision("theirs", server, print) as theirs:
        with psycopg.connect(theirs.dsn, autocommit=True) as connection:
            connection.execute("create table public.orders (order_id bigint primary key, note text)")
            connection.execute("insert into public.orders select g, 'n' || g from generate_series(1, 1000) g")
        environ = {"BENCH_POSTGRES_DSN": theirs.dsn}
        (tmp_path / "conf/workload").mkdir(parents=True)
        (tmp_path / "sql/w").mkdir(parents=True)
        (tmp_path / "conf/workload/w.yaml").write_text(
            "name: w\noperations:\n  - name: note\n    template: w/note.sql.j2\n"
            "    params: {key: {kind: column, table: orders, column: order_id}}\n"
            "  - name: change\n    template: w/change.sql.j2\n"
            "    params: {key: {kind: column, table: orders, column: order_id}}\n"
        )
        (tmp_path / "sql/w/note.sql.j2").write_text("select note from orders where order_id = :key")
        (tmp_path / "sql/w/change.sql.j2").write_text("update orders set note = 'x' where order_id = :key")
        words = (
            "dataset=existing",
            "dataset.schema=public",
            "workload=w",
            *FAST,
            "--config-dir",
            str(tmp_path / "conf"),
        )
        refused = called(*words, home=home, cwd=tmp_path, environ=environ)
        assert refused.returncode == 2
        assert "dataset.allow_writes=true" in refused.stderr
        assert not (tmp_path / "outputs").exists()
        done = bench(*words, "workload.mix={note: 1, change: 0}", home=home, cwd=tmp_path, environ=environ)
        assert done.returncode == 0, done.stderr
        run = open_run(only_run(tmp_path))
        assert run.table("load").to_pylist()[0]["rows"] == 1000
        assert run.manifest["data_fingerprint"]
        with psycopg.connect(theirs.dsn) as connection:
            assert connection.execute("select count(*) from orders where note = 'x'").fetchone() == (0,)
            assert connection.execute(
                "select count(*) from information_schema.tables where table_name = 'bench_marker'"
            ).fetchone() == (0,)


def test_tables_that_are_not_ours_are_never_dropped(home, server, tmp_path):
    with PostgresBackend().provision("also_theirs", server, print) as theirs:
        with psycopg.connect(theirs.dsn, autocommit=True) as connection:
            connection.execute("create schema commerce")
            connection.execute("create table commerce.orders (a int)")
        done = bench("dataset=tiny", *FAST, home=home, cwd=tmp_path, environ={"BENCH_POSTGRES_DSN": theirs.dsn})
        assert done.returncode == 1
        assert "not from this tool" in done.stderr
        with psycopg.connect(theirs.dsn) as connection:
            assert connection.execute("select count(*) from commerce.orders").fetchone() == (0,)


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("backend", ENGINES)
@pytest.mark.usefixtures("swept")
def test_the_engine_itself_accepts_every_statement(home, tmp_path, backend, workload):
    words = (f"backend={backend}", "dataset=tiny", f"workload={workload}")
    done = called("plan", "--check", *words, home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "statement 1: ok" in done.stderr
    assert "-- data: commerce_tiny" in done.stdout
