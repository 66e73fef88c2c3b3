"""`bench enrich`: add to finished runs what their engine tells only later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.resume import recompose
from bench.commands.shell import Parser, Shell, say, show
from bench.errors import BenchError, ConfigError
from bench.redact import redact_text

if TYPE_CHECKING:
    from bench.results import Run


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Ask the engine of each run for what is missing; one line says what came of each table."""
    from bench.results import find_runs

    parser = Parser(
        "enrich",
        "Add to finished runs what the engine tells only hours later: counters by minute, and what was charged. It can "
        "be asked again at any time, and replaces nothing that is complete.",
    )
    parser.add_argument("directories", nargs="+", metavar="DIR", help="of a run or sweep, as printed at its end")
    directories = [Path(name) for name in parser.parse_args(arguments).directories]
    for directory in directories:
        if not directory.is_dir():
            raise ConfigError(f"there is no directory '{directory}'; give the one that `bench` printed")
    code = 0
    for run in find_runs(directories):
        name = f"{run.directory.name}{' (emulated)' if run.emulated else ''}"
        try:
            for line in enriched(run):
                show(f"{name}: {line}")
        except BenchError as error:
            say(f"bench: {name}: {redact_text(' '.join(str(error).split()))}")
            code = max(code, error.exit_code)
    return code


def enriched(run: Run) -> Iterator[str]:
    """Open the engine of one run again, where it has something to tell; gives what came of it.

    Raises:
        BenchError: The configuration has changed since, or the engine cannot be reached, or refuses.
    """
    from bench.enrich import can_be_enriched, enrich, incomplete
    from bench.sweep import locked

    with locked(run.directory):
        if run.in_progress:
            yield f"it has not ended: in progress, or killed in stage {run.stage}; nothing is added"
        elif not can_be_enriched(run):
            yield "this engine has nothing to add later"
        elif not incomplete(run):
            yield "complete already; nothing was asked and nothing replaced"
        else:
            config, plan = recompose(run.directory)
            with (
                config.backend.visit(config.data_name, config.home, say) as backend,
                backend.open(plan.namespace) as database,
            ):
                yield from enrich(run, database)
