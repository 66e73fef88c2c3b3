"""What a login is made of, where connections.toml and this tool both have a say, and several threads read at once."""

import threading
import warnings

from bench.backends import snowflake_account
from bench.backends.snowflake_login import _session


def test_a_session_parameter_of_the_file_gives_way_however_it_is_written():
    found = _session({"use_cached_result": True, "Week_Start": 1}, {"USE_CACHED_RESULT": False})
    assert found["USE_CACHED_RESULT"] is False
    assert found["WEEK_START"] == 1
    assert [name for name in found if not name.isupper()] == []


def test_threads_that_read_the_files_at_once_leave_warnings_as_they_were(monkeypatch):
    import snowflake.connector.config_manager

    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))

    class Slow:
        """In place of the files: two readers that overlap in the order that does harm, unless one waits."""

        def __getitem__(self, key):
            if key == "connections" and not first_is_in.is_set():
                first_is_in.set()
                second_is_in.wait(0.5)
            elif key == "connections":
                second_is_in.set()
                first_is_out.wait(5)
            return {} if key == "connections" else "default"

    monkeypatch.setattr(snowflake.connector.config_manager, "CONFIG_MANAGER", Slow())
    before = warnings._showwarnmsg_impl

    def read(after):
        snowflake_account._read()
        after.set()

    with warnings.catch_warnings():
        threads = [threading.Thread(target=read, args=(event,)) for event in (first_is_out, threading.Event())]
        threads[0].start()
        assert first_is_in.wait(5)
        threads[1].start()
        for thread in threads:
            thread.join()
        assert warnings._showwarnmsg_impl is before
