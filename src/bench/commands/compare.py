"""`bench compare`: runs against a baseline, with a verdict for each operation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.shell import Parser, Shell, show
from bench.errors import ConfigError, nearest

if TYPE_CHECKING:
    from bench.compare import Comparison, Gate, GateResult, Measure

KNOWN_MEASURES: tuple[Measure, ...] = ("p50", "p99", "mean", "throughput")


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Compare, print, and judge the gates; 1 when one is missed or something is not comparable."""
    from bench.compare import compare, gate_results, open_sides, parse_gate

    parsed = _parser().parse_intermixed_args(arguments)
    gates = [parse_gate(text) for text in parsed.gate]
    measures = _measures(_words(parsed.measure), gates)
    margin, parquet = _margin(parsed.margin), _writable(parsed.parquet)
    allow = _words(parsed.allow)
    sides = open_sides(parsed.directories, by=parsed.by, baseline=parsed.baseline, allow=allow)
    comparison = compare(
        sides.runs[sides.baseline],
        sides.candidates,
        baseline_name=sides.baseline,
        by=sides.by,
        measures=measures,
        margin=margin,
        allow=allow,
        notes=sides.notes,
    )
    results = gate_results(gates, comparison)
    if parquet is not None:
        _write(parquet, comparison)
    _print(comparison, results, parsed.format)
    wrong = {"missed", "cannot tell"} if parsed.strict else {"missed"}
    passed = comparison.whole and bool(comparison.verdicts) and not any(each.outcome in wrong for each in results)
    return 0 if passed else 1


def _parser() -> Parser:
    parser = Parser(
        "compare",
        "Compare runs or sweeps with a baseline, the first directory; or the backends of one sweep with each other.",
    )
    parser.add_argument("directories", nargs="+", metavar="DIR", help="as printed at the end of a run or sweep")
    parser.add_argument(
        "--by",
        default="",
        metavar="KEY",
        help="what the sides differ in: backend (each as it was configured); of one sweep also cell, or a key such as "
        "load.clients",
    )
    parser.add_argument("--baseline", default="", metavar="NAME", help="the side to compare with, instead of the first")
    parser.add_argument(
        "--measure", action="append", default=[], metavar="NAME", help="p50, p99 (both by default), mean, throughput"
    )
    parser.add_argument(
        "--margin", default="5%", metavar="PART", help="what counts as equal, such as 2%% (default 5%%)"
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="KIND",
        help="overlook what speaks against a comparison, such as question,emulated",
    )
    parser.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="CONDITION",
        help='exit with 1 unless it holds: "p99 < 1.05", "errors < 1%%"',
    )
    parser.add_argument("--strict", action="store_true", help="a gate of which it cannot be told is missed")
    form = parser.add_mutually_exclusive_group()
    for name in ("markdown", "json"):
        form.add_argument(f"--{name}", dest="format", action="store_const", const=name, default="table")
    parser.add_argument("--parquet", metavar="FILE", help="write the verdicts as a table too")
    return parser


def _words(given: Sequence[str]) -> list[str]:
    return [word.strip() for text in given for word in text.split(",") if word.strip()]


def _measures(asked: Sequence[str], gates: Sequence[Gate]) -> tuple[Measure, ...]:
    """What is claimed: what is asked for, or what the gates need, or the default."""
    from bench.compare import MEASURES

    for name in asked:
        if name not in KNOWN_MEASURES:
            known = ", ".join(KNOWN_MEASURES)
            raise ConfigError(
                f"there is no '{name}'; there are {known}{nearest(name, KNOWN_MEASURES)}", key="--measure"
            )
    needed = {measure for gate in gates for measure in gate.claims}
    chosen = set(asked) | needed if asked or needed else set(MEASURES)
    return tuple(name for name in KNOWN_MEASURES if name in chosen)


def _margin(text: str) -> float:
    try:
        value = float(text.rstrip("% ")) / (100 if "%" in text else 1)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise ConfigError(f"'{text}' is no part above 0 and below 1; write 5% or 0.05", key="--margin")
    return value


def _writable(name: str | None) -> Path | None:
    path = Path(name) if name else None
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise ConfigError(f"{path} cannot be written; give a file in a directory that is there", key="--parquet")
    return path


def _write(path: Path, comparison: Comparison) -> None:
    from bench.compare.documents import table
    from bench.results.run import write_parquet

    write_parquet(path, table(comparison))


def _print(comparison: Comparison, gates: Sequence[GateResult], form: str) -> None:
    from bench.report import forms
    from bench.report.verdicts import comparison_page

    if form == "json":
        from bench.compare.documents import document

        show(json.dumps(document(comparison, gates), indent=2, ensure_ascii=False))
        return
    page = comparison_page(comparison, gates)
    if form == "markdown":
        show(forms.markdown(page), end="")
    else:
        forms.present(page)
