"""Written runs, compared."""

from written_runs import write_run, write_sweep

from bench.compare import compare
from bench.results import open_run


def judge(sides, **options):
    named = {"baseline_name": sides.baseline, "by": sides.by, "notes": sides.notes}
    return compare(sides.runs[sides.baseline], sides.candidates, **named, **options)


def two(tmp_path, first=None, second=None, **options):
    """The comparison of two single runs, each written with its own options."""
    common = {"size": 60}
    runs = [
        open_run(write_run(tmp_path / name, seed=seed, **(common | (given or {}))))
        for seed, (name, given) in enumerate({"base": first, "cand": second}.items())
    ]
    return compare(runs[:1], {"cand": runs[1:]}, **options)


def said(comparison, measure="p50"):
    return {each.operation: each.verdict.value for each in comparison.verdicts if each.measure == measure}


def two_by_two(directory, options, **common):
    """A sweep of two backends by two workloads; `options` gives those of each cell, `common` has those of all."""
    cells = [
        (
            f"{backend}_{workload}",
            {"backend": backend, "workload": workload, "question": workload} | options(backend, workload),
        )
        for backend in ("engine_a", "engine_b")
        for workload in ("points", "joins")
    ]
    return write_sweep(directory, *cells, **common)
