"""DDL of a dataset's own: where it is found, and what of it runs before the data and what after."""

import textwrap
from pathlib import Path

import pytest

from bench.config import Sources, compose
from bench.plan import make_plan
from bench.prepare.loading import split_schema

CONF = Path(__file__).resolve().parents[2] / "conf"


@pytest.mark.parametrize(
    "table",
    [
        "create table a (n int)",
        "-- the first\n-- table\nCREATE TABLE a (n int)",
        "/* create index */ create unlogged table a (n int)",
        "create table if not exists a (n int)",
        "create or replace temporary table a (n int)",
    ],
)
def test_tables_come_before_the_data_however_they_are_written(table):
    index, key = "-- found by\ncreate unique index a_n on a (n)", "alter table a add primary key (n)"
    assert split_schema((table, index, key)) == ([table], (index, key))


def test_what_a_table_needs_comes_before_it_and_the_rest_after_the_data():
    kind, one, index, two, note = (
        "create type mood as enum ('well')",
        "create table one (n int)",
        "create index one_n on one (n)",
        "create table two (m mood)",
        "comment on table one is 'create table'",
    )
    assert split_schema((kind, one, index, two, note)) == ([kind, one, two], (index, note))


@pytest.mark.parametrize("folder", ["books", "library"])
def test_it_lies_in_the_folder_of_the_schema_or_of_the_name(tmp_path, folder):
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "sql" / folder).mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "library.yaml").write_text(
        textwrap.dedent("""\
            schema: books
            tables: {authors: {rows: 5, columns: {author_id: {kind: sequence}}}}
        """)
    )
    (tmp_path / "sql" / folder / "schema.sql.j2").write_text("create table {{ tables.authors }} (author_id bigint)")
    workload = "workload.operations=[{name: q, template: mine/q.sql.j2}]"
    (tmp_path / "sql" / "mine").mkdir()
    (tmp_path / "sql" / "mine" / "q.sql.j2").write_text("select count(*) as n from authors")
    sources = Sources(main=CONF, extra=(tmp_path / "conf",))
    (config,) = compose(["dataset=library", "backend=duckdb", "workload=joins", workload], sources)
    assert make_plan(config).schema_ddl == ("create table books.authors (author_id bigint)",)
