"""The closed loop: the next question follows the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from bench.load.base import NS_PER_S, LoadProfile, Schedule


@dataclass(frozen=True, kw_only=True)
class ClosedLoop(LoadProfile):
    """Each client sends its next operation when it has the answer to the last, after a think time."""

    think_time_s: Annotated[float, Ge(0)] = 0.0

    @property
    def open_loop(self) -> bool:
        """False: a slow answer delays the next question."""
        return False

    def schedule(self, client: int, start_ns: int) -> Schedule:
        """Free plus think time."""
        return ThinkTime(think_time_ns=int(self.think_time_s * NS_PER_S))

    def describe(self) -> str:
        """Clients, processes, think time and phases."""
        think = f", {self.think_time_s:g} s think time" if self.think_time_s else ""
        clients = f"{self.clients} client{'s' if self.clients > 1 else ''}"
        least = f" and {self.iterations} operations each" if self.iterations else ""
        return f"closed loop, {clients}{think}, {self.warm_up_s:g} s warm-up, {self.duration_s:g} s{least}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ThinkTime:
    """The schedule of a closed loop."""

    think_time_ns: int

    @property
    def prompt(self) -> bool:
        """There is nothing to think about."""
        return not self.think_time_ns

    def next_start_ns(self, free_at_ns: int) -> int:
        """When the client has thought."""
        return free_at_ns + self.think_time_ns
