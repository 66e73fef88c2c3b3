"""SQL over results: new ones and old ones, whole and broken, through the objects and through the command."""

import csv
import io
import json
import os
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from bench.cli import main
from bench.errors import ConfigError, ResultError
from bench.results import RunWriter, survey
from bench.results.manifest import FILE_NAME, RunKey
from bench.results.schemas import SCHEMAS
from bench.views import VIEWS, asked, mentioned

OLD = Path(__file__).parents[1] / "data" / "results_before_emulated"
TIMES = {"intended_start_ns": 0, "start_ns": 0, "rows": 1, "client": 0, "attempt": 0, "repetition": 0}
COUNTS = dict.fromkeys(("errors", "aborted", "late", "dropped", "rows"), 0)
SUMMARY = {**COUNTS, "repetition": 0, "count": 3, "throughput_per_s": 3.0, "goodput_per_s": 3.0}


def make_run(directory, run_id, *, emulated=False):
    """A run with three samples and the summary of one operation."""
    import pyarrow as pa

    key = RunKey(run_id=run_id, backend="quick", dataset="d", workload="w", load="l")
    with RunWriter(directory, key, {"label": "it's mine"}, emulated=emulated) as writer:
        writer.update(question_hash="q1", seed=42)
        writer.add_samples(
            pa.table({"end_ns": [10, 20, 30]}), operation="read", phase="measurement", status="ok", **TIMES
        )
        writer.write_rows("summary", [{"operation": "read", "warnings": ["errors", "aborted"], **SUMMARY}])
    return directory


@pytest.fixture
def outputs(tmp_path):
    """Two runs of today, beside a sweep that an older version wrote."""
    make_run(tmp_path / "it's" / "0_quick", "r1")
    make_run(tmp_path / "it's" / "1_quick", "r2", emulated=True)
    return tmp_path


def answer_to(sql, *paths):
    with asked(sql, survey(paths)) as answer:
        return answer.table().to_pylist()


# ---- views ----------------------------------------------------------------------------------------------------------


def test_samples_of_all_versions_are_one_table(outputs):
    rows = answer_to("select backend, emulated, count(*) as n from samples group by all order by all", outputs, OLD)
    assert rows == [
        {"backend": "duckdb", "emulated": False, "n": 633},
        {"backend": "quick", "emulated": False, "n": 3},
        {"backend": "quick", "emulated": True, "n": 3},
    ]


@pytest.mark.parametrize("paths", [[OLD], ["."], [OLD, "."]])
def test_every_view_has_every_published_column(outputs, monkeypatch, paths):
    monkeypatch.chdir(outputs)
    for name, schema in SCHEMAS.items():
        found = [row["column_name"] for row in answer_to(f"describe {name}", *paths)]
        assert [column for column in found if column in schema.names] == schema.names


def test_what_an_older_file_lacks_means_what_it_means_elsewhere():
    (row,) = answer_to("select count(*) as n, count(ready_ns) as ready, bool_or(emulated) as e from samples", OLD)
    assert row == {"n": 633, "ready": 0, "e": False}
    assert answer_to("select distinct emulated, usd_per_run from summary", OLD) == [
        {"emulated": False, "usd_per_run": None}
    ]


def test_a_view_without_files_is_empty_and_typed(outputs):
    assert answer_to("select * from waits", outputs) == []
    (row,) = answer_to("select sum(calls) as calls, max(blocks_hit) as hit from server", outputs)
    assert row == {"calls": None, "hit": None}


def test_cells_are_summaries_with_what_the_run_says(outputs):
    rows = answer_to("select cell, status, question_hash, count, emulated from cells order by cell", outputs)
    assert rows == [
        {"cell": "0_quick", "status": "done", "question_hash": "q1", "count": 3, "emulated": False},
        {"cell": "1_quick", "status": "done", "question_hash": "q1", "count": 3, "emulated": True},
    ]
    assert {row["cell"] for row in answer_to("select cell from cells", OLD)} == {"0_duckdb_tiny_points_closed"}


def test_repetitions_of_one_cell_have_its_name(tmp_path):
    for number in (0, 1):
        folder = make_run(tmp_path / f"0_quick_r{number}", f"r{number}")
        path = folder / FILE_NAME
        path.write_text(json.dumps(json.loads(path.read_text()) | {"repetition": number}))
    rows = answer_to("select cell, repetition from runs order by all", tmp_path)
    assert rows == [{"cell": "0_quick", "repetition": 0}, {"cell": "0_quick", "repetition": 1}]


def test_runs_say_what_the_manifests_say(outputs):
    (row,) = answer_to("select * from runs where run_id = 'r1'", outputs)
    assert (row["label"], row["seed"], row["repetition"], row["status"]) == ("it's mine", 42, 0, "done")
    assert row["directory"] == str(outputs / "it's" / "0_quick")
    assert row["started_at"] <= row["finished_at"]


def test_every_view_can_be_asked_and_is_named(outputs):
    assert {row["name"] for row in answer_to("show tables", outputs)} == set(VIEWS)
    for name in VIEWS:
        answer_to(f"select count(*) from {name}", outputs)
        answer_to(f'select count(*) from "{name.upper()}"', outputs)


def test_only_the_files_of_tables_that_are_named_are_looked_at(outputs):
    assert mentioned("select * from Cells") == {"summary"}
    assert mentioned("from SAMPLES join runs using (run_id)") == {"samples"}
    (outputs / "it's" / "0_quick" / "samples" / "part-00000.parquet").write_bytes(b"PAR1")
    assert len(answer_to("select * from summary", outputs)) == 2
    with pytest.raises(ResultError, match=r"0_quick/samples/part-00000.parquet is not a whole Parquet file"):
        answer_to("select * from samples", outputs)


@pytest.mark.parametrize("left", [0, 3, 0.5, 0.99])
def test_a_truncated_file_is_named(outputs, left):
    path = outputs / "it's" / "1_quick" / "summary.parquet"
    size = path.stat().st_size
    os.truncate(path, left if left >= 1 else int(size * left))
    with pytest.raises(
        ResultError, match=r"1_quick/summary.parquet is not a whole Parquet file: .*; run the cell again"
    ):
        answer_to("select * from cells", outputs)


def test_samples_of_a_run_in_progress_can_be_read(tmp_path):
    key = RunKey(run_id="r1", backend="quick", dataset="d", workload="w", load="l")
    RunWriter(tmp_path / "run", key)
    found = survey([tmp_path])
    assert "1 of 1 runs did not come to their end (1 running)" in found.unfinished()
    assert answer_to("select * from samples", tmp_path) == []
    assert answer_to("select status, finished_at from runs", tmp_path) == [{"status": "running", "finished_at": None}]


WRITING = [
    "create table a as select 1", "copy (select 1) to 'stolen.csv'", "drop view samples", "insert into runs select 1",
    "attach 'x.db'", "set threads = 1", "explain analyze copy (select 1) to 'stolen.csv'", "export database 'x'",
]  # fmt: skip


@pytest.mark.parametrize("sql", WRITING)
def test_results_are_only_read(outputs, monkeypatch, sql):
    monkeypatch.chdir(outputs)
    before = sorted(outputs.rglob("*"))
    with pytest.raises(ConfigError, match="results are only read: give a SELECT over samples"):
        answer_to(sql, outputs)
    assert sorted(outputs.rglob("*")) == before


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("selec 1", 'the query cannot be answered: Parser Error: syntax error at or near "selec"'),
        ("select 1; select 2", "give one SQL statement; there are 2"),
        ("", "give one SQL statement; there are 0"),
        ("select nonsense from samples", '"nonsense" not found'),
        ("from sampels", 'Table with name sampels does not exist! Did you mean "samples"'),
        ("select backend::int from summary", "the query cannot be answered: Conversion Error"),
    ],
)
def test_wrong_sql_is_one_sentence(outputs, sql, sentence):
    with pytest.raises(ConfigError) as caught:
        answer_to(sql, outputs)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "LINE" not in str(caught.value)


# ---- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def query(monkeypatch, capsysbinary, outputs):
    """Runs `bench query ARGUMENTS` above the results; gives exit code, stdout and stderr."""
    monkeypatch.chdir(outputs)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bench", "query", *arguments])
        code = main()
        captured = capsysbinary.readouterr()
        return code, captured.out, captured.err.decode()

    return run


SQL = "select operation, count, warnings, service_time_p50_ns as p50 from summary order by run_id"


def test_a_pipe_gets_csv(query):
    code, out, err = query(SQL, ".")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out.decode())))
    assert rows[0] == {"operation": "read", "count": "3", "warnings": "[errors, aborted]", "p50": ""}
    assert len(rows) == 2


def test_json(query):
    _, out, _ = query(SQL, ".", "--format", "json")
    assert json.loads(out)[0] == {"operation": "read", "count": 3, "warnings": ["errors", "aborted"], "p50": None}


def test_markdown(query):
    _, out, _ = query("select 'a|<b>' as x, null as y, 1.5 as z", ".", "-f", "markdown")
    assert out.decode() == "| x | y | z |\n| --- | --- | --- |\n| a\\|&lt;b> |  | 1.5 |\n"


def test_a_table_in_a_pipe_is_whole(query):
    _, out, _ = query("select i, repeat('x', 300) as long from range(1000) t(i)", ".", "-f", "table")
    text = out.decode()
    assert text.count("x" * 300) == 1_000
    assert "1000 rows" in text


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.json", "a.md", "a.txt", "a.dat"])
def test_the_suffix_of_the_output_tells_its_format(query, outputs, name):
    code, out, _ = query(SQL, ".", "--output", name)
    assert (code, out) == (0, b"")
    path = outputs / name
    if path.suffix == ".parquet":
        assert pq.read_table(path).column("count").to_pylist() == [3, 3]
    elif path.suffix in (".csv", ".dat"):
        assert path.read_text().splitlines()[0] == "operation,count,warnings,p50"
    elif path.suffix == ".json":
        assert len(json.loads(path.read_text())) == 2
    else:
        assert "operation" in path.read_text()
    assert not list(outputs.glob("*.part"))


def test_an_output_is_replaced_only_by_a_whole_one(query, outputs):
    (outputs / "a.csv").write_text("old")
    code, _, err = query("select operation::int from summary", ".", "-o", "a.csv")
    assert code == 2
    assert err.startswith("bench: the query cannot be answered: Conversion Error")
    assert err.count("\n") == 1
    assert (outputs / "a.csv").read_text() == "old"


def test_parquet_in_a_pipe(query):
    import pyarrow as pa

    _, out, _ = query(SQL, ".", "--format", "parquet")
    assert pq.read_table(pa.BufferReader(out)).num_rows == 2


def test_the_newest_results_are_asked_when_none_are_named(query, tmp_path):
    code, _, err = query(SQL)
    assert code == 2
    assert "no results below outputs" in err
    (tmp_path / "it's").rename(tmp_path / "outputs")
    code, out, _ = query("select count(*) as n from runs")
    assert (code, out) == (0, b"n\n1\n")


def test_what_is_left_out_is_said(query, outputs):
    (outputs / "it's" / "1_quick" / FILE_NAME).write_text("{")
    code, out, err = query("select count(*) as n from runs", ".")
    assert (code, out) == (0, b"n\n1\n")
    assert "1_quick/manifest.json cannot be read" in err


def test_ten_million_samples_are_not_loaded(tmp_path):
    """One part many times over: the answer is there before the tenth of it could have been read into memory."""
    run = make_run(tmp_path / "run", "r1")
    part = run / "samples" / "part-00000.parquet"
    duckdb.sql(f"select * exclude (end_ns), i as end_ns from '{part}', range(100000) t(i) where rows = 1").to_parquet(
        str(tmp_path / "big.parquet")
    )
    for number in range(1, 35):
        os.link(tmp_path / "big.parquet", run / "samples" / f"part-{number:05d}.parquet")
    with asked("select count(*) as n, max(end_ns) as last from samples", survey([run])) as answer:
        answer.connection.execute("SET memory_limit = '200MB'")
        assert answer.table().to_pylist() == [{"n": 34 * 300_000 + 3, "last": 99_999}]
