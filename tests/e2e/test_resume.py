"""A sweep that is killed, and completed later: only what is missing is run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("bench")
SWEEP = [
    "backend=null",
    "dataset=tiny",
    "workload=points",
    "load=quick,single",
    "load.duration_s=2",
    "backend.delay_s=0.005",
    "-m",
]


def bench(directory, *arguments):
    return subprocess.run(
        [COMMAND, *arguments], cwd=directory, capture_output=True, text=True, check=False, timeout=120
    )


def states(sweep):
    lines = (sweep / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["cell"]: entry["status"] for entry in map(json.loads, lines)}


def wait_for(sweeps, cell, status):
    """The sweep's directory, as soon as `cell` stands at `status`."""
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        for ledger in sweeps.glob("outputs/*/*/ledger.jsonl"):
            if states(ledger.parent).get(cell) == status:
                return ledger.parent
        time.sleep(0.05)
    raise TimeoutError(f"{cell} never was {status}")


@pytest.fixture
def killed(tmp_path):
    """The directory of a sweep whose process was killed in its second cell."""
    process = subprocess.Popen([COMMAND, *SWEEP], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sweep = wait_for(tmp_path, "1_null_tiny_points_single", "running")
    refused = bench(tmp_path, "resume", str(sweep))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert refused.returncode == 1
    assert "still being worked on" in refused.stderr
    return sweep


def test_only_the_missing_cell_is_run(killed, tmp_path):
    first = killed / "0_null_tiny_points_quick" / "manifest.json"
    before = first.read_bytes()
    done = bench(tmp_path, "resume", str(killed))
    assert done.returncode == 0, done.stderr
    assert "1 of 2 cells are missing or failed" in done.stderr
    assert "cell 1 of 1: 1_null_tiny_points_single" in done.stderr
    assert set(states(killed).values()) == {"done"}
    assert first.read_bytes() == before
    assert (killed / "cells.parquet").is_file()

    again = bench(tmp_path, "resume", str(killed))
    assert again.returncode == 0
    assert "nothing is missing" in again.stderr


def test_a_configuration_that_has_changed_is_not_mixed_in(killed, tmp_path):
    request = killed / "1_null_tiny_points_single" / ".hydra" / "request.json"
    content = json.loads(request.read_text(encoding="utf-8"))
    content["overrides"].append("load.clients=2")
    request.write_text(json.dumps(content), encoding="utf-8")
    done = bench(tmp_path, "resume", str(killed))
    assert done.returncode == 2
    assert "is not what it was when it began" in done.stderr
