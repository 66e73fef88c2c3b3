"""When operations start: one class per load shape."""

from bench.load.base import Arrivals, LoadProfile, Schedule, Share
from bench.load.closed import ClosedLoop
from bench.load.find_max import Conclusion, FindMax, Objective, Tried
from bench.load.mixed import Stream, Streams
from bench.load.open import OpenLoop
from bench.load.phases import LoadPhase, Phases

__all__ = [
    "Arrivals",
    "ClosedLoop",
    "Conclusion",
    "FindMax",
    "LoadPhase",
    "LoadProfile",
    "Objective",
    "OpenLoop",
    "Phases",
    "Schedule",
    "Share",
    "Stream",
    "Streams",
    "Tried",
]
