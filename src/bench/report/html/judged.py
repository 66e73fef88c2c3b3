"""What a page compares: the systems of its directories, where they were asked the same under the same load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.compare import Comparison, compare
from bench.compare.cells import faced
from bench.compare.sides import BACKEND
from bench.compare.systems import systems
from bench.report.texts import EMULATED
from bench.results import Run, Sweep


def comparisons(results: Sequence[Run | Sweep]) -> Mapping[str, Comparison]:
    """By what was asked, what `bench compare --by backend` says of it: the first system is the baseline.

    Where the first of all came to no summary, it is the first that did. Empty where each question was asked of one
    system only.

    Raises:
        ResultError: A file of a run is not whole.
    """
    measured = {
        label: {name: runs for name, runs in members.items() if any(run.has("summary") for run in runs)}
        for label, members in faced(systems(results), BACKEND).items()
    }
    groups = {label: members for label, members in measured.items() if len(members) > 1}
    return {name: _compared(members) for name, members in zip(_titles(groups), groups.values(), strict=True)}


def _titles(groups: Mapping[str, Mapping[str, Sequence[Run]]]) -> list[str]:
    """Dataset and workload; the load where one question was asked under several, and all else that tells it apart."""
    firsts = [next(iter(members.values()))[0] for members in groups.values()]
    titles = [f"{run.key.dataset} · {run.key.workload}" for run in firsts]
    for further in ([str(run.manifest.get("load_description", run.key.load)) for run in firsts], list(groups)):
        titles = [
            f"{title} · {more}" if titles.count(title) > 1 else title
            for title, more in zip(titles, further, strict=True)
        ]
    return titles


def _compared(members: Mapping[str, Sequence[Run]]) -> Comparison:
    marked = {f"{name}{EMULATED if any(run.emulated for run in runs) else ''}": runs for name, runs in members.items()}
    baseline = next(iter(marked))
    candidates = {name: runs for name, runs in marked.items() if name != baseline}
    return compare(marked[baseline], candidates, baseline_name=baseline, by=BACKEND)
