"""The warehouse of a run is left as it was found, and nothing of others is touched."""

import itertools
import json

import pytest
from tests.integration.test_emulator_warehouses import shown

from bench.backends import snowflake_facts
from bench.backends.snowflake import SnowflakeBackend
from bench.backends.snowflake_auth import Anybody
from bench.backends.snowflake_login import Login
from bench.backends.snowflake_warehouse import look
from bench.errors import BackendError, ConnectError
from bench.model import Namespace

_names = itertools.count(1)


@pytest.fixture
def backend(emulator):
    def make(**given):
        return SnowflakeBackend(
            **{
                "name": "snowflake_emulated", "emulated": True, "auth": Anybody(), "account": "emulator",
                "user": "tester", "host": "127.0.0.1", "port": emulator.port, "protocol": "http", "database": "BENCH",
            } | given
        )  # fmt: skip

    return make


@pytest.fixture
def warehouse(ask):
    """A warehouse that is suspended."""
    name = f"RUN_WH{next(_names)}"
    ask(f"CREATE WAREHOUSE {name} WITH WAREHOUSE_SIZE = SMALL AUTO_SUSPEND = 90 INITIALLY_SUSPENDED = TRUE")
    yield name
    ask(f"DROP WAREHOUSE IF EXISTS {name}")


def killed(described, home, monkeypatch):
    """What a run leaves behind that ends without a chance to clean up; kill -9 cannot be had within one process."""
    from bench.backends import snowflake_warehouse

    with monkeypatch.context() as patch:
        patch.setattr(snowflake_warehouse, "_restore", lambda *_: None)
        with described.provision("data", home, lambda _: None):
            pass


def use(ask, warehouse):
    ask(f"ALTER WAREHOUSE {warehouse} RESUME IF SUSPENDED")


def test_a_warehouse_that_was_found_suspended_is_suspended_again(ask, backend, warehouse, tmp_path):
    said = []
    with backend(warehouse=warehouse, warehouse_size="LARGE").provision("data", tmp_path, said.append):
        use(ask, warehouse)
        assert shown(ask, warehouse)["size"] == "Large"
    assert (shown(ask, warehouse)["state"], shown(ask, warehouse)["size"]) == ("SUSPENDED", "Small")
    assert said[-1] == f"warehouse {warehouse} (size SMALL, suspended): left as it was found"


def test_a_role_that_may_only_use_the_warehouse_is_told_that_it_runs_on(ask, backend, warehouse, tmp_path):
    said = []
    with backend(warehouse=warehouse, role="RESTRICTED").provision("data", tmp_path, said.append):
        use(ask, warehouse)
    assert said[-1].startswith(
        f"warehouse {warehouse} (size SMALL, started): left running though it was found suspended, "
        "and it suspends itself after 90 s without work: Snowflake refused"
    )
    assert len([line for line in said if "left running" in line]) == 1
    assert not list((tmp_path / "snowflake").glob("*.json"))  # nothing is left to be undone by the next run


def test_another_warehouse_with_a_name_like_it_is_not_taken_for_it(ask, backend, warehouse, tmp_path):
    other = warehouse.replace("_", "A")  # sorts before it, and fits the pattern RUN_WH
    ask(f"CREATE WAREHOUSE {other} WITH WAREHOUSE_SIZE = LARGE INITIALLY_SUSPENDED = TRUE")
    try:
        with backend(warehouse=warehouse).provision("data", tmp_path, lambda _: None):
            use(ask, warehouse)
        assert look(ask.connection, warehouse).state == "SUSPENDED"
    finally:
        ask(f"DROP WAREHOUSE {other}")


def test_what_a_killed_run_has_changed_is_undone_by_the_next(ask, backend, warehouse, tmp_path, monkeypatch):
    killed(backend(warehouse=warehouse, warehouse_size="LARGE", max_clusters=3), tmp_path, monkeypatch)
    assert shown(ask, warehouse)["size"] == "Large"
    with backend(warehouse=warehouse).provision("data", tmp_path, lambda _: None) as provisioned:
        assert (provisioned.found.settings.size, provisioned.found.settings.max_clusters) == ("SMALL", 1)


def test_what_the_owner_has_changed_since_a_killed_run_stays(ask, backend, warehouse, tmp_path, monkeypatch):
    killed(backend(warehouse=warehouse, max_clusters=3), tmp_path, monkeypatch)
    ask(f"ALTER WAREHOUSE {warehouse} SET WAREHOUSE_SIZE = XLARGE MAX_CLUSTER_COUNT = 5")
    said = []
    with backend(warehouse=warehouse).provision("data", tmp_path, said.append) as provisioned:
        assert (provisioned.found.settings.size, provisioned.found.settings.max_clusters) == ("XLARGE", 5)
    assert (shown(ask, warehouse)["size"], shown(ask, warehouse)["max_cluster_count"]) == ("X-Large", "5")
    assert not [line for line in said if "killed" in line]


def test_a_note_of_another_form_is_not_trusted(ask, backend, warehouse, tmp_path):
    (tmp_path / "snowflake").mkdir()
    note = tmp_path / "snowflake" / f"127.0.0.1.{warehouse}.json"
    note.write_text(json.dumps({"name": warehouse, "exists": False}))
    with backend(warehouse=warehouse).provision("data", tmp_path, lambda _: None):
        pass
    assert shown(ask, warehouse)["size"] == "Small"


def test_a_warehouse_that_never_suspends_can_be_left_as_it_was(ask, backend, warehouse, tmp_path):
    ask(f"ALTER WAREHOUSE {warehouse} SET AUTO_SUSPEND = 0")
    with backend(warehouse=warehouse, auto_suspend_s=60).provision("data", tmp_path, lambda _: None) as provisioned:
        assert provisioned.found.settings.auto_suspend_s == 0
        assert shown(ask, warehouse)["auto_suspend"] == "60"
    assert shown(ask, warehouse)["auto_suspend"] is None


@pytest.mark.parametrize("running", [True, False])
def test_nobody_is_told_to_suspend_what_was_found_running(ask, backend, warehouse, tmp_path, running):
    if running:
        use(ask, warehouse)

    def refuse(_):
        raise ConnectError("the network is gone")

    said = []
    with pytest.MonkeyPatch.context() as patch, backend(warehouse=warehouse).provision("data", tmp_path, said.append):
        patch.setattr(Login, "connect", refuse)
    assert said[-1].endswith(
        "and nothing was changed" if running else f"do it by hand: ALTER WAREHOUSE {warehouse} SUSPEND"
    )


def test_a_refusal_of_the_service_is_told_as_one(backend, ask, monkeypatch):
    def refuse(_):
        ask("SELECT 1 FROM nothing_of_the_kind")

    monkeypatch.setattr(snowflake_facts, "demand_no_result_cache", refuse)
    with pytest.raises(BackendError, match="Snowflake refused its parameters: "):
        backend().open(Namespace(schema="public"))


def test_a_warehouse_is_suspended_before_it_is_resumed(ask, backend, warehouse, monkeypatch):
    from bench.backends import snowflake_warehouse

    states, seen = iter(["STARTED", "SUSPENDING", "SUSPENDING", "SUSPENDED"]), []

    class Late:
        """The service's answers while it lets the machines go, which the emulator does at once."""

        def __init__(self, state):
            self.state = state

    monkeypatch.setattr(snowflake_warehouse, "look", lambda *_: Late(next(states)))
    monkeypatch.setattr(
        snowflake_warehouse, "_ask", lambda _, sql: seen.append((sql.split()[3], next(states, "none left")))
    )
    monkeypatch.setattr(snowflake_warehouse, "SUSPEND_PAUSE_S", 0.0)
    snowflake_warehouse.suspend_and_resume(ask.connection, warehouse)
    assert seen == [("SUSPEND", "SUSPENDING"), ("RESUME", "none left")]


def test_a_warehouse_is_made_for_a_run_and_dropped_after_it(ask, backend, tmp_path):
    described, said = backend(warehouse="MADE_WH", create_warehouse=True, warehouse_size="MEDIUM"), []
    with described.provision("data", tmp_path, said.append) as provisioned:
        assert (shown(ask, "MADE_WH")["size"], shown(ask, "MADE_WH")["auto_suspend"]) == ("Medium", "60")
        with provisioned.open(Namespace(schema="public")) as database:
            assert database.execute("SELECT CURRENT_WAREHOUSE()") == [("MADE_WH",)]
    assert not look(ask.connection, "MADE_WH").exists
    assert said[-1] == "warehouse MADE_WH (not there): left as it was found"


def test_a_visit_to_a_run_whose_warehouse_is_gone_makes_none(ask, backend, tmp_path):
    described = backend(warehouse="GONE_WH", create_warehouse=True)
    with (
        described.visit("data", tmp_path, lambda _: None) as visited,
        visited.open(Namespace(schema="public")) as opened,
    ):
        assert opened.execute("SELECT 1") == [(1,)]
        assert not look(ask.connection, "GONE_WH").exists
        asked = []
        from bench.backends import snowflake_history

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(snowflake_history, "metering", lambda _, name, *rest, **more: asked.append(name))
            opened.metering(None, None)
        assert asked == ["GONE_WH"]  # not the warehouse that this session happens to use
