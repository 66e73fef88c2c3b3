"""What is asked: operations, their parameters and their mix."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, TypeAlias

from annotated_types import Ge, MinLen

from bench.errors import ConfigError, nearest
from bench.model import RenderedOperation, Row, Value
from bench.sampling import AnySampler

if TYPE_CHECKING:
    import numpy as np

Params: TypeAlias = Mapping[str, Value]
Steps: TypeAlias = Generator[tuple[int, Sequence[Value]], Sequence[Row], None]
"""A running operation: yields (position of a statement, values in its order) and is sent the rows."""

DECK_LIMIT = 1_000
"""Greatest sum of whole-number weights that is dealt from a shuffled deck."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The unit that is timed: one statement or one transaction."""

    name: str
    template: str
    """Path below a `sql` folder, such as `joins/two_way.sql.j2`; statements in it are separated by `;`."""
    description: str = ""
    params: Mapping[str, AnySampler] = field(default_factory=dict)
    """Where the value behind each `:name` in the template comes from."""
    transactional: bool = False
    """All statements in one transaction; otherwise each commits by itself."""
    isolation: str = ""
    """Isolation level of the transaction, in words of the SQL standard; empty: the engine's default."""
    timeout_s: Annotated[float, Ge(0)] = 60.0
    """Greatest duration of one attempt; 0: not limited."""
    retries: Annotated[int, Ge(0)] = 0
    """How often an attempt is sent again that the engine rolled back for a conflict or deadlock."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ConfigError(f"'{self.name}' is no name for an operation: use a-z, 0-9 and _", key="name")
        if self.isolation and not self.transactional:
            raise ConfigError(
                "only a transactional operation has an isolation level; set transactional: true", key="isolation"
            )


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A declared set of operations and how often each is asked.

    A workload that needs logic is a subclass that overrides `steps`.
    """

    name: str
    operations: Annotated[tuple[Operation, ...], MinLen(1)]
    mix: Mapping[str, Annotated[float, Ge(0)]] = field(default_factory=dict)
    """Weight of each operation, 1 for those that are not named; 0: not asked at all."""
    description: str = ""

    def __post_init__(self) -> None:
        names = [operation.name for operation in self.operations]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(
                    f"the operation '{name}' stands there twice; give each a name of its own", key="operations"
                )
        for name in self.mix:
            if name not in names:
                raise ConfigError(
                    f"no operation '{name}'; there are {', '.join(names)}{nearest(name, names)}", key="mix"
                )
        if not self.asked:
            raise ConfigError(
                "all weights are 0, so there is nothing to ask; give one operation a weight above 0", key="mix"
            )

    @property
    def asked(self) -> tuple[Operation, ...]:
        """The operations whose weight is above 0."""
        return tuple(operation for operation in self.operations if self.weight(operation.name) > 0)

    @property
    def scripted(self) -> bool:
        """The steps of an operation follow from its parameters alone, whatever is answered."""
        return type(self).steps is Workload.steps

    def weight(self, name: str) -> float:
        """Weight of the operation `name` in the mix, relative to the others."""
        return self.mix.get(name, 1.0)

    def order(self, rng: np.random.Generator, size: int, changes: Mapping[str, float] | None = None) -> list[int]:
        """Positions in `asked` of the next operations, at least `size` of them.

        Whole-number weights are dealt from a shuffled deck that holds each operation as often as it weighs, as TPC-C
        (clause 5.2.4.2) does, so that even a short run keeps the mix exactly. Other weights are drawn independently.

        Args:
            rng: The randomness of one client, or of one list of arrivals.
            size: How many are wanted.
            changes: Weights that differ from those of the mix.
        """
        mix = {**self.mix, **(changes or {})}
        weights = [mix.get(operation.name, 1.0) for operation in self.asked]
        total = sum(weights)
        if all(float(weight).is_integer() for weight in weights) and total <= DECK_LIMIT:
            deck = [index for index, weight in enumerate(weights) for _ in range(int(weight))]
            rounds = [deck] * -(-size // len(deck))
            dealt: list[int] = rng.permuted(rounds, axis=1).ravel().tolist()
            return dealt
        drawn: list[int] = rng.choice(len(weights), size=size, p=[weight / total for weight in weights]).tolist()
        return drawn

    def steps(self, operation: RenderedOperation, params: Params) -> Steps:
        """One run of an operation: its statements in their order, each with its own values.

        Where this is not overridden the loops do the same for many runs at once, before they are timed.
        """
        for position, statement in enumerate(operation.statements):
            yield position, [params[name] for name in statement.parameters]
