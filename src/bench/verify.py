"""Answers before speed: each operation once with fixed parameters, and the same question equal on every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench import streams
from bench.answers import Answer, answer, first_difference
from bench.errors import ResultError, VerifyError
from bench.results import Run, open_run

if TYPE_CHECKING:
    from bench.backends.base import Session
    from bench.model import RenderedOperation, Row, Statement
    from bench.workload import Operation, Workload


def verify(
    session: Session,
    operations: Sequence[RenderedOperation],
    workload: Workload,
    seed: int,
    advance: Callable[[str, int, int], None],
) -> tuple[Answer, ...]:
    """Run each operation once and take down what it answers; what it changes is rolled back.

    `advance` takes (what is going on, operations done, operations in all).

    Raises:
        VerifyError: An operation fails.
    """
    answers: list[Answer] = []
    for rendered, operation in zip(operations, workload.asked, strict=True):
        advance("verify", len(answers), len(operations))
        answers.append(_verified(session, rendered, operation, workload, seed))
    return tuple(answers)


def _verified(
    session: Session, rendered: RenderedOperation, operation: Operation, workload: Workload, seed: int
) -> Answer:
    calls = [session.prepare(statement) for statement in rendered.statements]
    params = streams.fixed_parameters(operation, seed)
    results: list[tuple[Statement, Sequence[Row]]] = []
    try:
        if not rendered.read_only:
            session.begin(rendered.isolation)
        steps = workload.steps(rendered, params)
        try:
            position, values = next(steps)
            while True:
                result = calls[position](values)
                results.append((rendered.statements[position], result))
                position, values = steps.send(result)
        except StopIteration:
            pass
    except Exception as error:  # a driver may raise anything; the cause is kept
        raise VerifyError(f"operation '{operation.name}' fails: {str(error).strip()}") from error
    finally:
        if not rendered.read_only:
            session.rollback()
    return answer(operation.name, results)


def generated(
    session: Session, operations: Sequence[RenderedOperation], workload: Workload, seed: int
) -> Mapping[str, str]:
    """The SQL that each operation's pipeline comes to, with the values by which its answer is checked.

    Operations without a pipeline are left out.

    Raises:
        VerifyError: A pipeline fails.
    """
    texts: dict[str, str] = {}
    for rendered, operation in zip(operations, workload.asked, strict=True):
        if rendered.pipeline:
            try:
                _, values = next(workload.steps(rendered, streams.fixed_parameters(operation, seed)))
                texts[operation.name] = session.generated(rendered.statements[0], values)
            except Exception as error:  # a driver may raise anything; the cause is kept
                raise VerifyError(f"the pipeline of '{operation.name}' fails: {str(error).strip()}") from error
    return texts


def compare_answers(directory: Path, others: Iterable[Path]) -> tuple[tuple[Path, str], ...]:
    """The cells whose answers contradict the cell in `directory`, and that cell itself, each with the reason.

    Only cells that were asked the same question are compared: equal `question_hash` in the manifest, of data that no
    earlier run had changed.
    """
    mine = _answers(directory)
    failures: list[tuple[Path, str]] = []
    for other in others:
        theirs = _answers(other)
        if mine is None or theirs is None or mine[0].manifest["question_hash"] != theirs[0].manifest["question_hash"]:
            continue
        reason = _difference(mine, theirs)
        if reason:
            failures += [(other, reason), (directory, reason)]
    return tuple(dict(failures).items())


def _answers(directory: Path) -> tuple[Run, dict[str, tuple[str, list[str]]]] | None:
    try:
        run = open_run(directory)
        rows = run.table("answers").to_pylist()
    except ResultError:
        return None
    if (run.manifest.get("data_drift") or {}).get("changed"):
        return None  # how far an earlier run came depends on how fast it was
    return run, {row["operation"]: (row["digest"], row["first_rows"]) for row in rows}


def _difference(
    mine: tuple[Run, dict[str, tuple[str, list[str]]]], theirs: tuple[Run, dict[str, tuple[str, list[str]]]]
) -> str:
    for operation in sorted(mine[1].keys() & theirs[1].keys()):
        (digest, rows), (other_digest, other_rows) = mine[1][operation], theirs[1][operation]
        if digest != other_digest:
            return (
                f"operation '{operation}' answers differently on {mine[0].manifest['backend']} and "
                f"{theirs[0].manifest['backend']}; {first_difference(rows, other_rows)}"
            )
    return ""
