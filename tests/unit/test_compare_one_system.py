"""A sweep of one system: its cells were asked different things, so there is nothing to compare, in one sentence."""

import re

import pytest
from judged_runs import judge
from written_runs import write_sweep

from bench.cli import dispatch
from bench.commands.shell import Shell
from bench.compare import open_sides
from bench.errors import ConfigError


def loads(directory, **options):
    """One system under three loads."""
    cells = [
        (f"c{clients}", {"question": f"q{clients}", "config": {"load": {"clients": clients}}} | options)
        for clients in (1, 4, 8)
    ]
    return write_sweep(directory, *cells, repetitions=3, size=60)


def workloads(directory, **operations):
    cells = [
        (name, {"workload": name, "question": name, "operations": {name: 2e5, "join": 3e6} | operations.get(name, {})})
        for name in ("points", "joins")
    ]
    return write_sweep(directory, *cells, repetitions=3, size=60)


def refused(directory, *words):
    with pytest.raises(ConfigError, match="there is nothing to compare in") as caught:
        dispatch(["compare", str(directory), *words], Shell(environ={}))
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("words", [(), ("--baseline", "1_c4"), ("--allow", "emulated")])
def test_several_loads_of_one_system_are_refused_in_a_sentence(tmp_path, capsys, words):
    told = refused(loads(tmp_path / "sweep"), *words)
    assert "its 3 cells are of one system, and each was asked something else (they differ in load.clients)" in told
    assert "give a second directory to compare it with, cell by cell" in told
    assert not capsys.readouterr().out


@pytest.mark.parametrize(("make", "by"), [(loads, "load.clients"), (workloads, "workload")])
def test_what_it_says_to_do_instead_works(tmp_path, capsys, make, by):
    sweep = make(tmp_path / "sweep")
    (advice,) = re.findall(r"--by \S+ --allow \S+", refused(sweep))
    assert advice.split()[1] == by
    code = dispatch(["compare", str(sweep), *advice.split(), "--measure", "p50"], Shell(environ={}))
    assert "(overlooked: question)" in capsys.readouterr().out.splitlines()[0]
    assert code == (0 if make is loads else 1), "an operation of one workload only is not comparable"
    again = make(tmp_path / "again")
    assert all(each.ratio for each in judge(open_sides([sweep, again]), measures=["p50"]).verdicts)


def test_workloads_without_an_operation_in_common_cannot_be_compared_at_all(tmp_path):
    cells = [(name, {"workload": name, "question": name, "operations": {name: 2e5}}) for name in ("points", "joins")]
    told = refused(write_sweep(tmp_path, *cells, repetitions=1, size=60))
    assert told.endswith("give a second directory to compare it with, cell by cell")


def test_one_cell_is_nothing_to_compare(tmp_path):
    told = refused(write_sweep(tmp_path, ("only", {}), repetitions=3, size=30))
    assert told.endswith("it has runs of one cell only; give a second directory to compare it with")


def test_cells_of_one_system_that_were_asked_the_same_are_compared(tmp_path):
    sweep = loads(tmp_path / "sweep", question="q")
    assert open_sides([sweep]).baseline == "0_c1"
    assert open_sides([loads(tmp_path / "other")], allow=["question"]).baseline == "0_c1"
