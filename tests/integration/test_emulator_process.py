"""The emulator's process: it ends with us, keeps data, and says why it does not start."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
import snowflake.connector

from bench.backends import emulator_process
from bench.backends.emulator_process import EmulatorProcess
from bench.errors import ConnectError, MissingDriverError

OWNER = """
import sys, time
from bench.backends.emulator_process import EmulatorProcess
process = EmulatorProcess().start()
print(process.pid, process.port, flush=True)
time.sleep(600)
"""
LONG = "select count(*) from table(generator(rowcount => 100000000)) a, table(generator(rowcount => 1000)) b"
END_LIMIT_S = 20.0


def connection(port):
    return snowflake.connector.connect(
        host="127.0.0.1", port=port, protocol="http", account="e", user="u", password="p", database="bench",
        schema="public", warehouse="compute_wh", platform_detection_timeout_seconds=0.0, login_timeout=20,
    )  # fmt: skip


def ended(pid):
    end = time.monotonic() + END_LIMIT_S
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_data_survive_a_restart(tmp_path):
    with EmulatorProcess(data=tmp_path / "kept") as process, connection(process.port) as first:
        ask = first.cursor().execute
        ask("create hybrid table kept (id int primary key, k int, index i (k))")
        ask("insert into kept values (1, 2)")
        ask("create database other")
        ask("create transient table t as select 1 as a")
        ask("create stage s")
    with EmulatorProcess(data=tmp_path / "kept") as process, connection(process.port) as second:
        ask = second.cursor().execute
        assert ask("select * from kept").fetchall() == [(1, 2)]
        assert [row[1] for row in ask("show indexes in table kept").fetchall()] == ["I"]
        with pytest.raises(snowflake.connector.errors.ProgrammingError):
            ask("insert into kept values (1, 3)")
        ask("use database other")
        assert ask("select a from t").fetchall() == [(1,)]
        assert ask("select is_transient from information_schema.tables where table_name = 'T'").fetchall() == [("YES",)]
        assert ask("list @s").fetchall() == []


def test_data_belong_to_one_process(tmp_path):
    with EmulatorProcess(data=tmp_path), pytest.raises(ConnectError, match="used by another emulator"):
        EmulatorProcess(data=tmp_path).start()


def test_it_ends_at_once_though_a_statement_runs():
    process = EmulatorProcess().start()
    pid = process.pid
    busy = connection(process.port)
    sender = threading.Thread(target=lambda: _swallow(busy), daemon=True)
    sender.start()
    time.sleep(0.7)
    before = time.monotonic()
    process.stop()
    assert time.monotonic() - before < emulator_process.STOP_LIMIT_S
    assert ended(pid)
    process.stop()
    assert process.pid == 0


def _swallow(busy):
    with contextlib.suppress(snowflake.connector.errors.Error):
        busy.cursor().execute(LONG, timeout=2)


def test_it_ends_when_we_are_killed():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE)
    pid = int(owner.stdout.readline().split()[0])
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert ended(pid)


def test_ctrl_c_does_not_reach_it():
    with EmulatorProcess() as process:
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
        os.kill(process.pid, signal.SIGTERM)
        assert ended(process.pid)


def test_it_says_why_it_does_not_start(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.raises(ConnectError, match=r"did not start.*file"):
        EmulatorProcess(data=occupied).start()


def test_a_start_that_takes_too_long_is_given_up():
    with pytest.raises(ConnectError, match=r"within 0\.01 s"):
        EmulatorProcess(start_limit_s=0.01).start()


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(emulator_process, "NEEDED", ("fakesnow", "no_such_package"))
    with pytest.raises(MissingDriverError, match=r"no_such_package.*uv run --extra emulator bench") as error:
        EmulatorProcess().start()
    assert error.value.exit_code == 2
