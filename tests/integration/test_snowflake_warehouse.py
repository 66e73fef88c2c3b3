"""The warehouse of a run is left as it was found, however the run ends. Looked at from a second connection."""

import json
import os
import signal
import threading

import pytest
from command import bench, start
from emulated_service import SHOP, backend_at, rows_of, run_on, tagged, words_to
from known_backend import wait_until

from bench.errors import BackendError, ConfigError, ConnectError

SETTINGS = ("size", "state", "min_cluster_count", "max_cluster_count", "scaling_policy", "auto_suspend")
AS_MADE = dict(zip(SETTINGS, ("Small", "SUSPENDED", "1", "2", "STANDARD", "300"), strict=True))


@pytest.fixture
def look(connect):
    """What the service shows of a warehouse; empty where there is none."""
    connection = connect()

    def looked(name):
        return next(iter(rows_of(connection, f"SHOW WAREHOUSES LIKE '{name}'")), {})

    looked.connection = connection
    return looked


@pytest.fixture
def own(look, request):
    """A suspended warehouse of the test's own."""
    name = f"wh_{abs(hash(request.node.name)) % 10**9}"
    look.connection.cursor().execute(
        f"CREATE WAREHOUSE {name} WITH WAREHOUSE_SIZE = SMALL MAX_CLUSTER_COUNT = 2 AUTO_SUSPEND = 300 "
        "INITIALLY_SUSPENDED = TRUE"
    )
    yield name
    look.connection.cursor().execute(f"DROP WAREHOUSE IF EXISTS {name}")


def settings(found):
    return {key: found[key] for key in SETTINGS}


@pytest.fixture
def provisioned(emulator, tmp_path):
    """Provisions a backend with these keys; what it says is kept in `said`."""
    said = []

    def provision(**keys):
        return backend_at(emulator.port, **keys).provision("data", tmp_path, said.append)

    provision.said = said
    return provision


def test_it_is_resized_for_the_run_and_back_again(provisioned, look, own):
    keys = {"warehouse_size": "LARGE", "min_clusters": 2, "max_clusters": 3, "scaling_policy": "economy"}
    with provisioned(warehouse=own, auto_suspend_s=60, **keys) as backend:
        during = dict(zip(SETTINGS, ("Large", "SUSPENDED", "2", "3", "ECONOMY", "60"), strict=True))
        assert settings(look(own)) == during
        assert (backend.found.settings.size, backend.found.state) == ("SMALL", "SUSPENDED")
    assert settings(look(own)) == AS_MADE
    assert provisioned.said[1:] == [
        f"warehouse {own.upper()} (size SMALL, suspended): WAREHOUSE_SIZE = 'LARGE' MIN_CLUSTER_COUNT = 2 "
        "MAX_CLUSTER_COUNT = 3 SCALING_POLICY = 'ECONOMY' AUTO_SUSPEND = 60 for this run",
        f"warehouse {own.upper()} (size SMALL, suspended): left as it was found",
    ]


def test_what_the_run_does_not_ask_for_is_not_touched(provisioned, look, own):
    before = look(own)["updated_on"]
    with provisioned(warehouse=own, warehouse_size="SMALL"):
        assert settings(look(own)) == AS_MADE
    assert look(own)["updated_on"] == before


def test_one_that_never_suspends_by_itself_does_so_again(provisioned, look, own):
    """The service shows no number of seconds there."""
    look.connection.cursor().execute(f"ALTER WAREHOUSE {own} SET AUTO_SUSPEND = 0")
    assert look(own)["auto_suspend"] is None
    with provisioned(warehouse=own, auto_suspend_s=60):
        assert look(own)["auto_suspend"] == "60"
    assert look(own)["auto_suspend"] is None


def test_one_that_was_suspended_is_suspended_again_after_its_use(provisioned, look, own):
    with provisioned(warehouse=own) as backend, backend.open(backend.namespace("public")) as database:
        database.execute("SELECT COUNT(*) FROM information_schema.tables")
        assert look(own)["state"] == "STARTED"
    assert look(own)["state"] == "SUSPENDED"


def test_one_that_somebody_else_uses_by_now_is_not_suspended(provisioned, look, own, connect):
    other = connect(warehouse=own)
    with provisioned(warehouse=own):
        thread = threading.Thread(target=lambda: other.cursor().execute("SELECT SYSTEM$WAIT(3)"))
        other.cursor().execute("SELECT COUNT(*) FROM information_schema.tables")
        thread.start()
        wait_until(lambda: look(own)["running"] == "1")
    assert look(own)["state"] == "STARTED"
    thread.join()


def test_one_that_runs_goes_on_running(provisioned, look, own):
    look.connection.cursor().execute(f"ALTER WAREHOUSE {own} RESUME")
    with provisioned(warehouse=own, warehouse_size="MEDIUM"):
        pass
    assert settings(look(own)) == AS_MADE | {"state": "STARTED"}


def test_one_can_be_made_for_the_run(provisioned, look):
    with provisioned(warehouse="only_mine", create_warehouse=True, warehouse_size="MEDIUM") as backend:
        assert (look("only_mine")["size"], look("only_mine")["auto_suspend"]) == ("Medium", "60")
        with backend.open(backend.namespace("public")) as database:
            assert database.execute("SELECT CURRENT_WAREHOUSE()")[0][0] == "ONLY_MINE"
    assert look("only_mine") == {}


def test_one_that_is_there_is_not_made_and_not_dropped(provisioned, look, own):
    with (
        pytest.raises(ConfigError, match=f"create_warehouse: there is a warehouse '{own.upper()}' already"),
        provisioned(warehouse=own, create_warehouse=True),
    ):
        pass
    assert settings(look(own)) == AS_MADE


def test_one_that_is_not_there_can_be_made(provisioned, look):
    with (
        pytest.raises(ConfigError, match=r"there is no warehouse 'nothing'.*backend\.create_warehouse=true"),
        provisioned(warehouse="nothing"),
    ):
        pass
    assert look("nothing") == {}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("create", [False, True])
def test_after_a_failure_too(provisioned, look, own, error, create):
    name = f"{own}_made" if create else own

    def fail():
        with provisioned(warehouse=name, create_warehouse=create, warehouse_size="XLARGE"):
            assert look(name)["size"] == "X-Large"
            raise error

    with pytest.raises(error):
        fail()
    assert look(name) == {} if create else settings(look(name)) == AS_MADE


@pytest.mark.parametrize("keys", [{"warehouse_size": "LARGE"}, {"create_warehouse": True, "warehouse": "forbidden"}])
def test_without_the_right_nothing_is_changed(provisioned, look, own, keys):
    with (
        pytest.raises(
            BackendError, match=r"Snowflake refused '(ALTER|CREATE) WAREHOUSE .*\(3001\); grant it"
        ) as caught,
        provisioned(**{"warehouse": own, "role": "RESTRICTED"} | keys),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert settings(look(own)) == AS_MADE
    assert look("forbidden") == {}
    assert not any("could not be brought back" in line for line in provisioned.said)


def test_two_runs_at_once(provisioned, look, own):
    with provisioned(warehouse=own, warehouse_size="LARGE"):
        with (
            pytest.raises(ConnectError, match=f"another run of this machine holds the warehouse {own}; wait for it"),
            provisioned(warehouse=own, warehouse_size="XSMALL"),
        ):
            pass
        assert look(own)["size"] == "Large"
    assert settings(look(own)) == AS_MADE


def test_what_cannot_be_brought_back_is_said_with_the_statement_that_does_it(provisioned, look, own, tmp_path):
    with provisioned(warehouse=own, warehouse_size="LARGE"):
        look.connection.cursor().execute(f"ALTER WAREHOUSE {own} RENAME TO {own}_other")
    assert provisioned.said[-1].endswith(f"do it by hand: ALTER WAREHOUSE {own.upper()} SET WAREHOUSE_SIZE = 'SMALL'")
    assert "could not be brought back" in provisioned.said[-1]
    look.connection.cursor().execute(f"ALTER WAREHOUSE {own}_other RENAME TO {own}")
    with provisioned(warehouse=own):
        assert look(own)["size"] == "Small"
    assert not list((tmp_path / "snowflake").glob("*/*.json"))


def test_a_cold_run_starts_on_a_warehouse_that_was_stopped(emulator, look, own, connect, tmp_path):
    """Stopped and started between the check of the answers and the load; before and after are in the manifest."""
    words = ("cold=true", "backend.warehouse_size=MEDIUM")
    outcome, run = run_on(emulator.port, tmp_path / "run", *words, warehouse=own)
    assert outcome.status == "done", outcome.message
    at = {}
    for row in tagged(connect(), outcome.run_id):
        at.setdefault(row["tag"]["phase"], []).append(row["start_time"])
        if "SUSPEND" in row["query_text"]:
            at.setdefault(row["query_text"].removeprefix(f"ALTER WAREHOUSE {own.upper()} "), []).append(
                row["start_time"]
            )
    assert max(at["verify"]) < at["SUSPEND"][0] < at["RESUME IF SUSPENDED"][0] < min(at["warm_up"])
    assert len(at["SUSPEND"]) == 2, "the second leaves it as it was found"
    server = run.manifest["server"]
    assert (server["warehouse_found"], server["warehouse_found.size"]) == (
        f"{own.upper()} (size SMALL, suspended)",
        "SMALL",
    )
    assert (server["warehouse.size"], server["warehouse"]) == ("MEDIUM", own.upper())
    assert run.manifest["messages"][-1] == f"warehouse {own.upper()} (size SMALL, suspended): left as it was found"
    assert "caches: emptied before the load" in run.manifest["messages"]
    assert settings(look(own)) == AS_MADE


def command_words(port, **keys):
    words = [
        "backend=snowflake_emulated",
        "dataset=shop",
        "workload=reads",
        "load.duration_s=60",
        "load.clients=2",
        "--config-dir",
    ]
    return [*words, str(SHOP), *words_to(port, **keys)]


def measuring(cwd):
    return any('"measurement"' in path.read_text() for path in cwd.glob("outputs/*/*/manifest.json"))


def test_ctrl_c_leaves_it_as_it_was_found(emulator, look, own, tmp_path):
    words = command_words(emulator.port, warehouse=own, warehouse_size="LARGE")
    process = start(*words, home=tmp_path / "home", cwd=tmp_path)
    wait_until(lambda: measuring(tmp_path), seconds=120)
    assert settings(look(own)) == AS_MADE | {"size": "Large", "state": "STARTED"}
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "left as it was found" in err
    assert settings(look(own)) == AS_MADE


def test_after_kill_9_the_next_run_brings_it_back_and_says_so(emulator, look, own, tmp_path):
    words = command_words(emulator.port, warehouse=own, warehouse_size="LARGE")
    process = start(*words, home=tmp_path / "home", cwd=tmp_path)
    wait_until(lambda: measuring(tmp_path), seconds=120)
    process.kill()
    process.communicate()
    assert look(own)["size"] == "Large"
    (note,) = (tmp_path / "home" / "snowflake").glob("*/*.json")
    assert json.loads(note.read_text())["found"]["settings"]["size"] == "SMALL"
    next_words = [*command_words(emulator.port, warehouse=own), "load=quick", "load.duration_s=0.3"]
    done = bench(*next_words, home=tmp_path / "home", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"warehouse {own.upper()}: an earlier run was killed; brought back to how that one found it" in done.stderr
    assert f"warehouse {own.upper()} (size SMALL, suspended): left as it was found" in done.stderr
    assert settings(look(own)) == AS_MADE
    assert not note.exists()


def test_an_unknown_size_lists_the_known_ones(emulator, tmp_path):
    done = bench(*command_words(emulator.port, warehouse_size="HUGE"), home=tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    for word in ("backend.warehouse_size", "HUGE", "XSMALL", "X6LARGE"):
        assert word in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_a_visit_makes_and_changes_nothing(emulator, look, own, tmp_path):
    for keys in (
        {"create_warehouse": True, "warehouse": "only_visited"},
        {"warehouse": own, "warehouse_size": "LARGE"},
    ):
        backend = backend_at(emulator.port, **keys)
        with backend.visit("data", tmp_path, print) as visited, visited.open(visited.namespace("public")) as database:
            assert database.execute("SELECT 1")
            assert settings(look(own)) == AS_MADE
            assert look("only_visited") == {}
