"""The real command in a process of its own, and as the function that this process calls."""

import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from bench.cli import main

FAST = ("load.duration_s=0.5", "load.warm_up_s=0.2", "load.clients=2", "load.processes=1")

UNHURRIED = "load.think_time_s=0.005"
"""For a load that lasts until something happens to it: it leaves the machine to the other tests."""


def bench(*words, home, cwd, environ=None, timeout_s=120, **options):
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        cwd=cwd,
        env=_environ(home, environ),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        **options,
    )


def called(*words, home, cwd, environ=None):
    """The same without the start of a process, which takes longer than refusing what is asked."""
    with (
        chdir(cwd),
        patch.dict(os.environ, _environ(home, environ), clear=True),
        patch.object(sys, "argv", ["bench", *map(str, words)]),
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as err,
    ):
        code = main()
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def start(*words, home, cwd, environ=None):
    """Start it in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *words],
        cwd=cwd,
        env=_environ(home, environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def only_run(cwd):
    """The one directory below `outputs`."""
    (found,) = Path(cwd, "outputs").glob("*/*")
    return found


def warnings_of(run):
    """What a run warns of, but for what else goes on on this machine, which in a run of a second nothing evens out."""
    of_the_machine = ("machine_noisy", "clock_suspicious", "not_steady")
    return [text for text in run.manifest["warnings"] if not text.startswith(of_the_machine)]


def _environ(home, more):
    """Without pages, which take longer than most runs of these tests; those about pages ask for them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BENCH_", "PG"))}
    return {**kept, "BENCH_HOME": str(home), "NO_COLOR": "1", "BENCH_PAGE": "no", **(more or {})}
