"""Kinds of tables: what is enforced, what is listed, and which names EXPLAIN knows."""

import json

import pytest
from snowflake.connector.errors import DatabaseError


def refused(ask, sql, *values):
    with pytest.raises(DatabaseError) as error:
        ask(sql, *values)
    return error.value.errno, error.value.sqlstate


def test_standard_tables_enforce_not_null_alone(ask):
    ask("create table owner (id int primary key)")
    ask(
        "create table s (id int primary key, k int unique, o int references owner (id), n int not null, "
        "constraint u unique (k), foreign key (o) references owner (id))"
    )
    ask("insert into s values (1, 1, 7, 1), (1, 1, 7, 1)")
    assert refused(ask, "insert into s values (2, 2, 2, null)") == (100072, "22000")
    assert refused(ask, "insert into s values (null, 2, 2, 2)") == (100072, "22000")
    ask("create transient table t (id int)")
    ask("alter table t add primary key (id)")
    ask("alter table t add constraint c unique (id)")
    ask("insert into t values (1), (1)")
    assert refused(ask, "alter table nowhere add primary key (id)") == (2003, "02000")


def test_hybrid_tables_enforce_their_keys(ask):
    ask("create hybrid table parent (id int primary key, code varchar(9) not null, unique (code))")
    ask(
        "create or replace hybrid table child (id int, parent_id int, v number(10, 2), primary key (id), "
        "constraint fk foreign key (parent_id) references parent (id), index by_parent (parent_id) include (v))"
    )
    ask("insert into parent values (1, 'a')")
    ask("insert into child values (1, 1, 2.5)")
    assert refused(ask, "insert into parent values (1, 'b')") == (200001, "22000")
    assert refused(ask, "insert into parent values (2, 'a')") == (200001, "22000")
    assert refused(ask, "insert into parent values (2, null)") == (100072, "22000")
    assert refused(ask, "insert into child values (2, 9, 1)") == (200009, "22000")
    assert ask("update child set v = v + 1 where id = 1") == [(1, 0)]


def test_a_hybrid_table_made_from_a_query_has_its_keys(ask):
    ask(
        "create hybrid table h (id int primary key, v varchar) as "
        "select seq4(), ? from table(generator(rowcount => 3))",
        "x",
    )
    assert ask("select count(*), min(v) from h") == [(3, "x")]
    assert refused(ask, "insert into h values (1, 'y')") == (200001, "22000")
    assert refused(ask, "create hybrid table g (id int primary key) as select 1 from h") == (200001, "22000")
    assert refused(ask, "select * from g") == (2003, "42S02")


def test_a_hybrid_table_needs_a_primary_key(ask):
    assert refused(ask, "create hybrid table h (id int)") == (391480, "42601")
    assert refused(ask, "alter table nowhere cluster by (id)") == (2003, "02000")


def test_indexes_are_declared_and_listed(ask):
    ask("create hybrid table h (id int primary key, k int, v int, index one (k, v) include (id))")
    ask("create index if not exists two on h (v)")
    assert refused(ask, "create index two on h (v)") == (2002, "42710")
    assert refused(ask, "create index three on h (nothing)") == (904, "42000")
    listed = ask("show indexes in table h")
    assert [(row[1], row[3], row[4], row[5]) for row in listed] == [
        ("ONE", "[K, V]", "[ID]", "H"), ("TWO", "[V]", "[]", "H"),
    ]  # fmt: skip
    ask("drop index h.two")
    assert refused(ask, "drop index h.two") == (2003, "02000")
    assert [row[1] for row in ask("show indexes like 'o%'")] == ["ONE"]
    ask("create table s (id int)")
    assert refused(ask, "create index four on s (id)")[1] == "0A000"


def test_texts_have_a_length(ask):
    ask('create table t (a varchar(3), "b" varchar(2), c varchar)')
    ask("insert into t values ('äöü', 'bb', 'anything')")
    assert refused(ask, "insert into t values ('abcd', 'b', 'c')") == (100078, "22000")
    assert refused(ask, "update t set \"b\" = 'bbb'") == (100078, "22000")
    assert refused(ask, "create table t (a int)") == (2002, "42710")
    lengths = "select character_maximum_length from information_schema.columns where table_schema = ? order by 1"
    assert [length for (length,) in ask(lengths, ask.schema.upper())][:2] == [2, 3]


def test_kinds_are_listed(ask):
    ask("create table s (d date, n number(12, 2)) cluster by (d, n)")
    ask("create transient table t (id int)")
    ask("create hybrid table h (id int primary key)")
    ask("create view v as select * from s")
    ask("insert into t values (1), (2)")
    kinds = ask(
        "select table_name, table_type, is_transient, is_hybrid, clustering_key, row_count "
        "from information_schema.tables where table_schema = ? order by 1", ask.schema.upper()
    )  # fmt: skip
    assert kinds == [
        ("H", "BASE TABLE", "NO", "YES", None, 0),
        ("S", "BASE TABLE", "NO", "NO", "LINEAR(D, N)", 0),
        ("T", "BASE TABLE", "YES", "NO", None, 2),
        ("V", "VIEW", "NO", "NO", None, None),
    ]
    cursor = ask.connection.cursor().execute("show tables")
    names = [column.name for column in cursor.description]
    listed = {row[names.index("name")]: row[names.index("is_hybrid")] for row in cursor.fetchall()}
    assert listed == {"H": "Y", "S": "N", "T": "N"}
    assert [row[1] for row in ask("show hybrid tables")] == ["H"]
    columns = ask(
        "select column_name, data_type, numeric_precision, numeric_scale from information_schema.columns "
        "where table_name = 'S' and table_schema = ? order by ordinal_position", ask.schema.upper()
    )  # fmt: skip
    assert columns == [("D", "DATE", None, None), ("N", "NUMBER", 12, 2)]


def test_what_is_created_if_it_is_missing_stays_as_it_was(ask):
    ask("create transient table t (id int)")
    ask("create table if not exists t (id int)")
    ask("alter table t rename to renamed")
    assert ask(
        "select table_name, is_transient from information_schema.tables where table_schema = ?", ask.schema.upper()
    ) == [("RENAMED", "YES")]


def test_statements_about_what_may_not_be_there(ask):
    ask("truncate table if exists nothing")
    ask("drop table if exists nothing")
    ask("create schema if not exists nothing")
    ask("drop schema if exists nothing")
    assert refused(ask, "truncate table nothing") == (2003, "42S02")
    assert refused(ask, "drop table nothing") == (2003, "42S02")
    assert refused(ask, "select * from nothing") == (2003, "42S02")
    assert refused(ask, "use schema nothing") == (2043, "02000")
    assert refused(ask, "insert into nothing values (1) returning a")[0] == 1003
    assert refused(ask, "select 1; select 2") == (8, "0A000")
    assert refused(ask, "-- nothing") == (900, "42000")


def test_databases_come_and_go(ask):
    ask("create database if not exists passing")
    assert ask("select current_database(), current_schema()") == [("PASSING", "PUBLIC")]
    ask("create table t as select 1 as a")
    ask("use database bench")
    assert ask("select current_database(), current_schema()") == [("BENCH", "PUBLIC")]
    assert ask("select * from passing.public.t") == [(1,)]
    ask("drop database passing")
    assert refused(ask, "drop database passing") == (2003, "02000")


@pytest.mark.parametrize("form", ["using text", "using json", "using tabular", ""])
def test_explain_looks_names_up_and_changes_nothing(ask, form):
    ask("create table t (a int)")
    assert ask(f"explain {form} select * from t where a = ?")
    assert ask(f"explain {form} insert into t values (1)")
    assert ask("select count(*) from t") == [(0,)]
    assert refused(ask, f"explain {form} select b from t") == (904, "42000")
    assert refused(ask, f"explain {form} select a from nothing") == (2003, "42S02")
    assert refused(ask, f"explain {form} select from where") == (1003, "42000")
    if form == "using json":
        assert json.loads(ask("explain using json select a from t")[0][0])["GlobalStats"]


def test_hybrid_and_index_are_words_like_others_elsewhere(ask):
    """They are read from tokens, so that texts and names that contain them are left alone."""
    ask(
        "create hybrid table h (id int primary key, hybrid varchar default 'index x (y)', \"INDEX\" int) "
        "comment = 'hybrid'"
    )
    ask("insert into h (id) values (1) -- hybrid")
    assert ask("select hybrid from h") == [("index x (y)",)]
