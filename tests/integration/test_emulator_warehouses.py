"""Warehouses and roles: state, size, and what is refused."""

import pytest
from snowflake.connector.errors import DatabaseError, ProgrammingError


def refused(ask, sql):
    with pytest.raises(ProgrammingError) as error:
        ask(sql)
    return error.value.errno, error.value.sqlstate


def shown(ask, name):
    cursor = ask.connection.cursor().execute(f"show warehouses like '{name}'")
    names = [column.name for column in cursor.description]
    return dict(zip(names, cursor.fetchall()[0], strict=True))


@pytest.fixture
def own(ask):
    ask("create warehouse own with warehouse_size = 'LARGE' auto_suspend = 60 initially_suspended = true")
    yield "OWN"
    ask("drop warehouse if exists own")


def test_one_warehouse_is_there(ask):
    first = shown(ask, "compute_wh")
    assert {key: first[key] for key in ("state", "size", "auto_suspend", "auto_resume", "is_current")} == {
        "state": "STARTED", "size": "X-Small", "auto_suspend": "600", "auto_resume": "true", "is_current": "Y",
    }  # fmt: skip


def test_properties_are_set_and_shown(ask, own):
    assert (shown(ask, own)["state"], shown(ask, own)["size"]) == ("SUSPENDED", "Large")
    ask("create warehouse if not exists own")
    assert refused(ask, "create warehouse own") == (2002, "42710")
    ask(
        "alter warehouse own set warehouse_size = xxlarge, wait_for_completion = true max_cluster_count = 3 "
        "auto_resume = false"
    )
    ask("alter warehouse own set scaling_policy = 'ECONOMY' comment = 'for a test'")
    found = shown(ask, own)
    assert [found[key] for key in ("size", "max_cluster_count", "auto_resume", "scaling_policy", "comment")] == [
        "2X-Large", "3", "false", "ECONOMY", "for a test",
    ]  # fmt: skip
    assert refused(ask, "alter warehouse own set warehouse_size = huge") == (1008, "22023")
    assert refused(ask, "alter warehouse own set wharehouse_size = large")[0] == 1003
    assert refused(ask, "alter warehouse nothing set comment = ''") == (2043, "02000")
    assert refused(ask, "use warehouse nothing") == (2043, "02000")


def test_states_that_cannot_be_left(ask, own):
    assert refused(ask, "alter warehouse own suspend") == (90064, "22000")
    ask("alter warehouse own resume")
    assert refused(ask, "alter warehouse own resume") == (90063, "22000")
    ask("alter warehouse own resume if suspended")
    ask("alter warehouse own suspend")
    ask("alter warehouse own resume if suspended")
    assert shown(ask, own)["state"] == "STARTED"


def test_a_query_starts_a_warehouse_that_starts_by_itself(ask, own):
    ask("create table t (a int)")
    ask("use warehouse own")
    assert ask("select 1") == [(1,)]
    assert shown(ask, own)["state"] == "SUSPENDED"
    assert ask("select * from t") == []
    assert shown(ask, own)["state"] == "STARTED"
    ask("alter warehouse own suspend")
    ask("alter warehouse own set auto_resume = false")
    for sql in ("select * from t", "insert into t values (1)", "create table u as select * from t"):
        assert refused(ask, sql) == (606, "57P03")


def test_a_login_with_an_unknown_warehouse_is_accepted(connect):
    connection = connect(warehouse="nothing")
    cursor = connection.cursor()
    assert cursor.execute("select current_warehouse(), 1").fetchall() == [(None, 1)]
    with pytest.raises(ProgrammingError) as error:
        cursor.execute("select * from information_schema.tables")
    assert (error.value.errno, error.value.sqlstate) == (606, "57P03")


@pytest.mark.parametrize("missing", [{"warehouse": "nothing"}, {"database": "nothing"}, {"schema": "nothing"}])
def test_a_login_that_wants_its_names_checked_is_refused(connect, missing):
    with pytest.raises(DatabaseError) as error:
        connect(validate_default_parameters=True, **missing)
    assert error.value.errno == 390201


def test_a_role_may_be_forbidden_things(connect, own, ask):
    cursor = connect(role="restricted").cursor()
    for sql in ("create warehouse w", "alter warehouse own set warehouse_size = small", "create schema forbidden"):
        with pytest.raises(ProgrammingError) as error:
            cursor.execute(sql)
        assert (error.value.errno, error.value.sqlstate) == (3001, "42501")
    assert shown(ask, own)["size"] == "Large"
    cursor.execute("use role analyst")
    assert cursor.execute("select current_role()").fetchall() == [("ANALYST",)]
