"""The command: verbs, exit codes, and the only place that reads `sys.argv` and the environment.

Verbs are told apart before Hydra is imported, so that `bench report` does not pay for its start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from bench.commands.shell import Helped, Shell, say, show
from bench.errors import BenchError, ConfigError, nearest
from bench.interrupt import endings_as_interrupts
from bench.redact import redact_text

VERBS: Mapping[str, str] = {
    "run": "run one cell, or with -m a sweep; the verb itself may be left out",
    "plan": "print the exact SQL of any choice, and what it would take; --check has the engine EXPLAIN it",
    "doctor": "say whether the system under test and this machine are fit to measure",
    "list": "name the groups, their options, and what each is for",
    "resume": "run what is missing or failed in the directory of a sweep or run",
    "enrich": "add to finished runs what their engine tells only hours later",
    "report": "print the results in a directory as a table, JSON or Markdown, or write them as one HTML page",
    "compare": "say of each operation whether a candidate is faster than the baseline, slower or equivalent",
    "history": "show an operation across dates and versions, and where its level changed",
    "query": "ask the results of many runs in SQL; a table, CSV, JSON, Markdown or Parquet",
}

HELP = """\
bench puts the same questions to several database systems, proves that the answers are the same, measures how long they
took under a declared load, and says what they cost.

  bench                                                   one cell, on a PostgreSQL that it starts by itself
  bench backend=duckdb workload=points load.clients=1     other choices, other values
  bench backend=postgres,duckdb dataset=tiny -m           a sweep: every combination
  bench plan backend=duckdb workload=joins                the exact SQL, nothing run
  bench compare outputs/…/BASE outputs/…/CANDIDATE        which differences are real

Verbs (bench VERB --help says more):
{verbs}

A choice is GROUP=OPTION; the groups are backend, dataset, workload, load, price and experiment. A value is KEY=VALUE,
such as load.duration_s=60. --config-dir DIR adds your own groups, and the templates in DIR/sql or beside DIR.

Data go to stdout, messages to stderr.
Exit codes: 0 all done; 1 a cell failed, or a comparison was refused or missed its gate; 2 usage or configuration;
130 interrupted, what was measured is kept.
"""

INTERRUPTED = 130


def main() -> int:
    """Run the command of this process; gives its exit code."""
    shell = Shell(environ=os.environ)
    code = 0
    try:
        with endings_as_interrupts():
            code = dispatch(sys.argv[1:], shell)
        sys.stdout.flush()
    except Helped:
        code = 0
    except BrokenPipeError:
        # The reader of a pipe went away. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        code = INTERRUPTED
        say("bench: interrupted")
    except BenchError as error:
        code = error.exit_code
        say(f"bench: {sentence(error)}")
    return code


def dispatch(arguments: Sequence[str], shell: Shell) -> int:
    """Hand the arguments to the verb that they name.

    Raises:
        BenchError: What the user should read.
    """
    if not arguments:
        return _verb("run", [], shell)
    first, *rest = arguments
    if first in ("-h", "--help", "help"):
        show(HELP.format(verbs="\n".join(f"  {verb:<8} {what}" for verb, what in VERBS.items())), end="")
        return 0
    if first in ("-V", "--version"):
        from importlib.metadata import version

        show(f"bench {version('bench')}")
        return 0
    if first in VERBS:
        return _verb(first, rest, shell)
    if "=" in first or first.startswith(("-", "+", "~")):
        return _verb("run", arguments, shell)
    raise ConfigError(f"there is no verb '{first}'; there are {', '.join(VERBS)}{nearest(first, VERBS)}")


def sentence(error: BenchError) -> str:
    """The message of an error in one line, without secrets."""
    return redact_text(" ".join(str(error).split()))


def _verb(name: str, arguments: Sequence[str], shell: Shell) -> int:
    command = import_module(f"bench.commands.{name}")
    code: int = command.main(arguments, shell)
    return code
