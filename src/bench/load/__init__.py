"""When operations start: one class per load shape."""

from bench.load.base import Arrivals, LoadProfile, Schedule, Share
from bench.load.closed import ClosedLoop
from bench.load.open import OpenLoop
from bench.load.phases import LoadPhase, Phases

__all__ = ["Arrivals", "ClosedLoop", "LoadPhase", "LoadProfile", "OpenLoop", "Phases", "Schedule", "Share"]
