"""What a notebook or a script calls; `import bench` gives it as `bench.open`, `bench.run` and `bench.query`.

The command does the same with the same objects. Environment variables (`BENCH_HOME`, `BENCH_CONF_DIR`) mean here what
they mean there.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import ConfigError, RunError

if TYPE_CHECKING:
    import pyarrow as pa

    from bench.results import Run, Sweep


def open(directory: Path | str | None = None) -> Run | Sweep:
    """The results in a directory; without one, the newest below `outputs`. Nothing is read but what they are.

    Args:
        directory: Of a run or sweep, as printed at its end and as in `results.directory`.

    Raises:
        NoResultsError: It is no such directory, or there is none.
        ResultError: Its manifest or ledger is broken, or a newer version wrote it.
    """
    from bench.results import latest, open_results

    return open_results(latest(Path("outputs")) if directory is None else directory)


def run(
    overrides: Sequence[str] = (),
    *,
    config_dirs: Sequence[Path | str] = (),
    multirun: bool = False,
    quiet: bool = False,
) -> Run | Sweep:
    """Run one cell, or with `multirun` every combination of comma-separated choices, and give its results.

    Clients run in processes of their own, which import nothing of the caller: a script needs no
    `if __name__ == "__main__"`. It may be called in any thread; only in the main thread does Ctrl-C, or the stop button
    of a notebook, end the load in good order.

    Args:
        overrides: As on the command line, such as `["backend=duckdb", "load.clients=8"]`.
        config_dirs: The user's own groups, as `--config-dir`.
        multirun: As `-m`.
        quiet: Say nothing on stderr.

    Returns:
        The run or the sweep. A sweep is given whatever became of its cells: `Sweep.states` says how each ended.

    Raises:
        ConfigError: Something is wrong with what was asked for; nothing was started and nothing written.
        RunError: The only run failed; the text says why, and where that is kept which was measured.
        BenchError: It could not be begun.
        KeyboardInterrupt: The user ended it; its note says where that is kept which was measured.
    """
    from bench.commands.shell import Shell, voice
    from bench.launch import launch
    from bench.progress import silent
    from bench.results import Run, RunStatus

    if isinstance(overrides, str):
        raise ConfigError(f"overrides are a list of texts: [{overrides!r}]")
    shell = Shell(environ=os.environ)
    sources = shell.sources([str(directory) for directory in config_dirs])
    begun: list[Path] = []
    try:
        results = launch(
            shell.words(overrides),
            sources,
            multirun=multirun,
            voice=silent() if quiet else voice(),
            begun=begun.append,
        )
    except KeyboardInterrupt as interrupt:
        interrupt.add_note("".join(f"what was measured is in {directory}" for directory in begun))
        raise
    if isinstance(results, Run) and results.status is not RunStatus.DONE:
        reason = "; ".join(map(str, results.manifest.get("errors", []))) or f"the run is {results.status}"
        raise RunError(f"{' '.join(reason.split())}; what was measured is in {results.directory}")
    return results


def query(sql: str, *directories: Path | str) -> pa.Table:
    """Ask every run in or below the directories one question in SQL; without a directory, the newest results.

    Runs that cannot be read are left out with a warning that names them.

    Args:
        sql: One SELECT in DuckDB's dialect over `samples`, `summary`, `cells`, `runs` and the other views.
        directories: Of runs or sweeps, or above them.

    Raises:
        ConfigError: The SQL is wrong, or would change something.
        NoResultsError: A directory holds no results.
        ResultError: A file that is needed is not whole.
    """
    from bench.results import latest, survey
    from bench.views import asked

    found = survey(directories or [latest(Path("outputs"))])
    for sentence in filter(None, (*found.left_out, found.unfinished())):
        warnings.warn(sentence, stacklevel=2)
    with asked(sql, found) as answer:
        return answer.table()
