"""What a page compares: the systems of its directories, where they were asked the same under the same load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.compare import Comparison, compare
from bench.compare.cells import faced
from bench.compare.sides import BACKEND
from bench.compare.stand_in import measured
from bench.compare.systems import systems
from bench.report.texts import EMULATED
from bench.results import Run, Sweep


def comparisons(results: Sequence[Run | Sweep]) -> Mapping[str, Comparison]:
    """By what was asked, what `bench compare --by backend` says of it: the first system is the baseline.

    What fewer than two systems came to a summary of is not there.

    Raises:
        ResultError: A file of a run is not whole.
    """
    asked = faced(systems(results), BACKEND)
    groups = {label: members for label, members in asked.items() if len(measured(members)) > 1}
    return {name: _compared(members) for name, members in zip(_titles(groups), groups.values(), strict=True)}


def _titles(groups: Mapping[str, Mapping[str, Sequence[Run]]]) -> list[str]:
    """Dataset and workload; the load where one question was asked under several, and all else that tells it apart."""
    firsts = [members[measured(members)[0]][0] for members in groups.values()]
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
