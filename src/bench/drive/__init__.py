"""The hot loop: clients send operations by their schedules and record what happened.

Two loops drive the same operations: `threads`, where each client waits in a thread of its own, and `readiness`, where
one thread serves all clients of a process whose driver does not wait; `compiled` is the latter where the driver has
compiled code that runs whole operations. Nothing here knows an engine, a configuration or SQL.
"""

from bench.drive.assignment import NS_PER_S, Assignment, Window
from bench.drive.crew import Crew

__all__ = ["NS_PER_S", "Assignment", "Crew", "Window"]
