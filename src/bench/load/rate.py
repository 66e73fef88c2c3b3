"""A rate of arrivals that changes over time, and the instants that follow from it. Pure arithmetic.

Arrivals of a changing rate are those of a rate of 1 per second on a clock that runs as fast as the rate is high (the
time-rescaling theorem; Cinlar, "Introduction to Stochastic Processes", 1975, section 4.7). So the marks of a schedule
are laid out on that clock, and put back on ours by the inverse of the rate's integral.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

BLOCK = 512
"""Arrivals that are laid out at once: few, so that a loop that asks for the next is not kept for long."""

ArrivalProcess = Literal["poisson", "uniform"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A stretch of time in which the rate stays, or goes straight from one value to another."""

    duration_s: float
    rate_per_s: float
    to_rate_per_s: float

    @property
    def arrivals(self) -> float:
        """How many are expected in it."""
        return self.duration_s * (self.rate_per_s + self.to_rate_per_s) / 2


class RateCurve:
    """Pieces one after another, from second 0 on."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        import numpy as np

        self.total = sum(piece.arrivals for piece in pieces)
        """Arrivals that are expected in all pieces."""
        self._marks = np.cumsum([0.0, *(piece.arrivals for piece in pieces)])
        self._begins_s = np.cumsum([0.0, *(piece.duration_s for piece in pieces)])
        self._rates = np.array([piece.rate_per_s for piece in pieces])
        self._slopes = np.array(
            [(piece.to_rate_per_s - piece.rate_per_s) / (piece.duration_s or 1.0) for piece in pieces]
        )

    def place(self, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(seconds, pieces): when so many arrivals are expected to have come, and in which piece that is.

        Args:
            marks: Shape (n,), each at least 0 and below `total`.
        """
        import numpy as np

        at = np.minimum(np.searchsorted(self._marks, marks, side="right") - 1, len(self._rates) - 1)
        rest, rate = marks - self._marks[at], self._rates[at]
        # The root of rate * t + slope * t^2 / 2 = rest, in the form that divides by no slope, which may be 0.
        below = rate + np.sqrt(np.maximum(rate * rate + 2 * self._slopes[at] * rest, 0.0))
        seconds = np.divide(2 * rest, below, out=np.zeros_like(rest), where=below > 0)
        return self._begins_s[at] + seconds, at


def marks(
    process: ArrivalProcess, randomness: np.random.Generator, *, total: float, shift: float = 0.0
) -> Iterator[np.ndarray]:
    """Ascending marks on the clock of rate 1, in blocks that are not empty.

    Args:
        process: `uniform`: one apart; `poisson`: exponentially distributed distances with a mean of one.
        randomness: Of the distances.
        total: The marks end below this.
        shift: Of the first uniform mark, so that several schedules do not fall on the same instants.
    """
    import numpy as np

    last, count = 0.0, 0
    while last < total:
        if process == "uniform":
            block = np.arange(count, count + BLOCK, dtype=np.float64) + shift
        else:
            block = last + np.cumsum(randomness.exponential(size=BLOCK))
        last, count = float(block[-1]), count + BLOCK
        if last < total:
            yield block
        elif len(rest := block[block < total]):
            yield rest
