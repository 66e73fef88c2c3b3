"""Every backend: the description, and opening by it."""

import pickle
import subprocess
import sys
from typing import get_args

import pytest
from sqlglot.dialects.dialect import Dialect

from bench.errors import ConfigError, ConnectError
from bench.model import Paramstyle


def test_a_description_can_be_sent_to_another_process(provisioned, any_engine):
    _, backend = provisioned
    copy = pickle.loads(pickle.dumps(backend))
    assert copy == backend
    assert copy.capabilities == backend.capabilities


def test_a_description_leads_to_the_data_from_another_process(engine, accounts, tmp_path):
    engine.make(accounts, [(1, 1, "x"), (2, 2, "y")])
    engine.database.close()
    (tmp_path / "backend.pickle").write_bytes(pickle.dumps((engine.backend, engine.namespace)))
    code = (
        "import pickle, sys; backend, namespace = pickle.load(open(sys.argv[1], 'rb'))\n"
        "with backend.open(namespace) as database: print(database.tables(namespace)['accounts'].rows)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "backend.pickle")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.stdout.strip(), run.returncode) == ("2", 0), run.stderr


def test_an_engine_can_be_opened_and_closed_again_and_again(provisioned, any_engine, accounts):
    _, backend = provisioned
    any_engine.make(accounts, [(1, 1, "x")])
    any_engine.database.close()
    any_engine.database.close()
    for _ in range(2):
        with backend.open(any_engine.namespace) as database:
            if backend.capabilities.answers:
                assert database.tables(any_engine.namespace)["accounts"].rows == 1


def test_two_databases_of_one_description_live_side_by_side(provisioned, engine, accounts):
    _, backend = provisioned
    name = engine.make(accounts, [(1, 1, "x")])
    with backend.open(engine.namespace) as second, second.session() as session:
        assert [tuple(row) for row in engine.call(session, f"SELECT * FROM {name}")] == [(1, 1, "x")]
    assert engine.database.tables(engine.namespace)["accounts"].rows == 1


def test_capabilities_speak_the_words_of_others(any_engine):
    can = any_engine.backend.capabilities
    assert can.dialect in Dialect.classes
    assert can.paramstyle in get_args(Paramstyle)
    assert can.max_processes is None or can.max_processes >= 1
    assert can.ingest_sessions >= 1
    assert not can.explain or can.explain.endswith(" ")
    assert all(level == level.lower() for level in can.isolation_levels)


def test_a_pool_is_shared_by_all_clients_of_a_run(any_engine):
    can = any_engine.backend.capabilities
    assert can.processes_by_default == (1 if can.pooled else can.max_processes)
    assert can.pooled == (getattr(any_engine.backend, "driver", "") == "pool")


def test_facts_are_plain_words(any_engine):
    facts = any_engine.database.facts()
    assert all(isinstance(name, str) and isinstance(text, str) for name, text in facts.items())
    assert any("version" in name for name in facts) == any_engine.backend.capabilities.answers
    assert all(isinstance(value, int | float) for value in any_engine.database.server_stats().values())


def test_a_description_says_in_one_line_what_it_is(any_engine):
    line = any_engine.backend.describe()
    assert any_engine.backend.name in line
    assert "\n" not in line


def test_no_secret_gets_out(provisioned, engine, monkeypatch, tmp_path):
    if engine.case.with_secret is None:
        assert not any("secret" in field or "env" in field for field in vars(engine.backend))
        return
    secret = str(tmp_path / "canary-7f3a")
    monkeypatch.setenv("BENCH_TEST_SECRET", secret)
    backend = engine.case.with_secret(engine.backend)
    with backend.open(engine.namespace) as database:
        seen = [repr(backend), backend.describe(), str(database.facts()), repr(database), str(vars(backend))]
    assert "BENCH_TEST_SECRET" in seen[0]
    assert not [text for text in seen if "canary" in text]
    assert b"canary" not in pickle.dumps(backend)


def test_a_secret_that_is_not_there_is_named(engine, monkeypatch):
    if engine.case.with_secret is None:
        return
    monkeypatch.delenv("BENCH_TEST_SECRET", raising=False)
    with pytest.raises((ConfigError, ConnectError), match="BENCH_TEST_SECRET"):
        engine.case.with_secret(engine.backend).open(engine.namespace)
