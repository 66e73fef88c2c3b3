"""What a client asks is the same, whether it is worked out ahead or step by step."""

from dataclasses import replace
from itertools import islice

import pytest
from known_backend import KnownBackend

from bench import streams
from bench.drive import Assignment
from bench.drive.questions import BEGIN, COMMIT, SLICE, Answering, Questions
from bench.load import ClosedLoop
from bench.model import Namespace, RenderedOperation, Statement
from bench.sampling import Sequential, Uniform
from bench.workload import Operation, Workload

OPERATIONS = (
    Operation(name="a", template="t", params={"x": Uniform(low=1, high=9), "y": Sequential()}),
    Operation(name="b", template="t", params={"x": Uniform(low=1, high=9)}, transactional=True),
    Operation(name="c", template="t"),
)
RENDERED = (
    RenderedOperation(name="a", statements=(Statement(sql="1", parameters=("y", "x", "y")), Statement(sql="2"))),
    RenderedOperation(name="b", statements=(Statement(sql="3", parameters=("x",)),), transactional=True),
    RenderedOperation(name="c", statements=(Statement(sql="4"),)),
)


class Logical(Workload):
    """Takes the steps of any workload, but might as well not."""

    def steps(self, operation, params):
        yield from super().steps(operation, params)


def questions(kind, client=1):
    assignment = Assignment(
        backend=KnownBackend(),
        namespace=Namespace(schema="s"),
        operations=RENDERED,
        workload=kind(name="w", operations=OPERATIONS),
        load=ClosedLoop(name="l", clients=3),
        seed=7,
        clients=(client,),
    )

    def encode(statement, rows):
        return [(statement.sql, *row) for row in rows]

    return Questions(assignment, client, Answering(encode=encode, rows=lambda: ()))


@pytest.mark.parametrize("position", [0, 1, 2])
def test_logic_and_scripts_ask_the_same(position):
    ahead, thinking = questions(Workload), questions(Logical)
    # Beyond a slice, and beyond a block.
    for _ in range(streams.BLOCK + 2 * SLICE):
        expected = [(at, tuple(values)) for at, values in thinking.next_script[position]()]
        assert [(at, tuple(values)) for at, values in ahead.next_script[position]()] == expected


def test_the_values_are_those_of_the_streams():
    asked = questions(Workload)
    drawn = streams.parameters(OPERATIONS[0], 7, lane=1, lanes=3)
    for params in islice(drawn, 100):
        first, second = asked.next_script[0]()
        assert first == (0, ("1", params["y"], params["x"], params["y"]))
        assert second == (1, ("2",))


def test_a_transaction_has_its_edges_and_a_script_can_be_taken_again():
    script = questions(Workload).next_script[1]()
    assert [at for at, _ in script] == [BEGIN, 0, COMMIT]
    assert list(script) == list(script)
    again = questions(Logical).next_script[1]()
    assert list(again) == list(again)


def test_each_client_asks_in_an_order_of_its_own():
    orders = [[asked.next_operation() for _ in range(60)] for asked in (questions(Workload, at) for at in (0, 1))]
    assert orders[0] != orders[1]
    assert {position: orders[0].count(position) for position in range(3)} == {0: 20, 1: 20, 2: 20}


def test_the_logic_sees_the_rows_of_the_session_of_the_moment():
    seen = []

    class Reading(Workload):
        def steps(self, operation, params):
            seen.append((yield 0, [params["x"]]))

    workload = Reading(name="w", operations=OPERATIONS[1:2])
    assignment = replace_assignment(workload)
    rows = [[(1,)], [(2,)]]
    asked = Questions(assignment, 0, Answering(encode=lambda statement, given: given, rows=lambda: rows.pop(0)))
    for _ in range(2):
        list(asked.next_script[0]())
    assert seen == [[(1,)], [(2,)]]


def replace_assignment(workload):
    return replace(
        Assignment(
            backend=KnownBackend(),
            namespace=Namespace(schema="s"),
            operations=RENDERED[1:2],
            workload=workload,
            load=ClosedLoop(name="l"),
            seed=7,
            clients=(0,),
        )
    )
