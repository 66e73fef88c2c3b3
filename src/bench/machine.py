"""How the machine did while a run was measured: steal, the CPU of others, a fixed loop, both clocks.

Read before and after the load and at both ends of the measurement interval, by the process that coordinates and never
by a worker. What cannot be told is None, and raises no doubt.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.doubt import Doubt

NS_PER_S = 1_000_000_000
STEAL_RATIO = 0.05
"""Of all cores over the interval: above this part the hypervisor gave too much of them to others."""
OTHERS_RATIO = 0.10
"""Likewise for processes that neither are ours nor descend from ours."""
CALIBRATION_RATIO = 1.25
"""Between the calibrations before and after, whichever is the longer: above this the machine ran at another speed."""
CLOCK_STEP_NS = 10_000_000
"""Between the wall clock and the monotonic clock over the run: above this somebody set the wall clock."""
COARSE_CLOCK_NS = 10_000
"""The least step of the monotonic clock above which it is too coarse for operations of a millisecond."""
LEAST_INTERVAL_S = 0.5
"""CPU is counted in ticks of 10 ms, so that nothing can be told of a shorter interval."""
ROUNDS, STEPS, PAUSE_S = 10, 25_000, 0.003
DISTURBED_RATIO = 0.3
"""Of a core, for all processes but this one during the calibration: above it the time of the loop tells of them."""
CLOCK_ROUNDS, CLOCK_READINGS = 8, 200
KERNEL = 2
"""Number of the process from which kernel threads descend: what they do, they do for anybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The machine at one moment outside of the measurement interval."""

    wall_ns: int
    """Since 1970-01-01 UTC."""
    monotonic_ns: int
    load_average: tuple[float, ...]
    """Over 1, 5 and 15 minutes."""
    frequency_mhz: float | None
    """Recorded only: at rest it says little of what it is under load."""
    calibration_ns: int | None
    """CPU time of the fixed loop, the least of some rounds; None: other processes, ours or not, were too busy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuTime:
    """CPU time since some moment in the past, in s, that of children that have ended included."""

    monotonic_ns: int
    own_s: float
    """Of this process and all that descend from it: workers, and an engine that it has started."""
    other_s: float
    """Of all other processes that are visible here, without kernel threads."""
    children_s: float
    """Of those that descend from this process, alone."""
    steal_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """Who had the cores during the measurement interval; ratios are of all cores together."""

    elapsed_s: float
    cores: int
    own_ratio: float
    other_ratio: float | None
    """None: the engine may run here without being a child of ours."""
    steal_ratio: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineFacts:
    """What the manifest of a run keeps of the machine."""

    before: Reading
    after: Reading
    interval: Interval | None
    """None: the measurement did not come to its end, or was too short."""
    clock_resolution_ns: int
    """The least step of the monotonic clock that was seen."""

    @property
    def calibration_ratio(self) -> float | None:
        """Time of the calibration after the load by that before: above 1 the machine has slowed down."""
        if self.before.calibration_ns is None or self.after.calibration_ns is None:
            return None
        return self.after.calibration_ns / max(self.before.calibration_ns, 1)

    @property
    def clock_drift_ns(self) -> int:
        """By how much the wall clock went ahead of the monotonic clock."""
        return (self.after.wall_ns - self.before.wall_ns) - (self.after.monotonic_ns - self.before.monotonic_ns)

    def doubts(self) -> Iterator[Doubt]:
        """What is doubtful about everything that was measured meanwhile."""
        if self._noisy():
            yield Doubt.MACHINE_NOISY
        if abs(self.clock_drift_ns) > CLOCK_STEP_NS or self.clock_resolution_ns > COARSE_CLOCK_NS:
            yield Doubt.CLOCK_SUSPICIOUS

    def document(self) -> dict[str, object]:
        """For the manifest."""
        return {
            "before": self.before,
            "after": self.after,
            "interval": self.interval,
            "calibration_ratio": self.calibration_ratio,
            "clock_drift_ns": self.clock_drift_ns,
            "clock_resolution_ns": self.clock_resolution_ns,
        }

    def _noisy(self) -> bool:
        speed = self.calibration_ratio or 1.0
        interval = self.interval
        return max(speed, 1 / speed) > CALIBRATION_RATIO or (
            interval is not None
            and ((interval.steal_ratio or 0.0) > STEAL_RATIO or (interval.other_ratio or 0.0) > OTHERS_RATIO)
        )


def interval_between(first: CpuTime, last: CpuTime, *, cores: int, local_server: bool) -> Interval | None:
    """Who had the cores between two moments; None where they are too close to each other.

    Args:
        first: The beginning.
        last: The end.
        cores: Of the whole machine.
        local_server: See `Backend.local_server`.
    """
    elapsed_s = (last.monotonic_ns - first.monotonic_ns) / NS_PER_S
    if elapsed_s < LEAST_INTERVAL_S:
        return None
    capacity_s = elapsed_s * cores
    own_s, other_s = max(last.own_s - first.own_s, 0.0), max(last.other_s - first.other_s, 0.0)
    stolen = None if first.steal_s is None or last.steal_s is None else max(last.steal_s - first.steal_s, 0.0)
    return Interval(
        elapsed_s=elapsed_s,
        cores=cores,
        own_ratio=own_s / capacity_s,
        other_ratio=None if local_server else other_s / capacity_s,
        steal_ratio=None if stolen is None else stolen / capacity_s,
    )


@dataclass(kw_only=True)
class MachineWatch:
    """Reads the machine around one load: `before`, `measuring`, `measured`, `after`, in this order."""

    local_server: bool = False
    """See `Backend.local_server`."""
    _before: Reading | None = None
    _first: CpuTime | None = None
    _last: CpuTime | None = None

    def before(self) -> None:
        """Take the reading before the load; takes some tens of ms."""
        self._before = read()

    def measuring(self) -> None:
        """The measurement interval begins; takes about 50 µs for each process of the machine."""
        self._first = cpu_time()

    def measured(self) -> None:
        """The last answer is there."""
        self._last = cpu_time()

    def after(self) -> MachineFacts | None:
        """Take the reading after the load; None where there was none before."""
        if self._before is None:
            return None
        import psutil

        found = None
        if self._first and self._last:
            cores = psutil.cpu_count() or 1
            found = interval_between(self._first, self._last, cores=cores, local_server=self.local_server)
        return MachineFacts(
            before=self._before, after=read(), interval=found, clock_resolution_ns=clock_resolution_ns()
        )


def read() -> Reading:
    """The machine at this moment; takes some tens of ms, most of them for the calibration."""
    import psutil

    calibration_ns = _undisturbed()
    wall_ns, monotonic_ns = both_clocks()
    return Reading(
        wall_ns=wall_ns,
        monotonic_ns=monotonic_ns,
        load_average=psutil.getloadavg(),
        frequency_mhz=_frequency_mhz(),
        calibration_ns=calibration_ns,
    )


def cpu_time() -> CpuTime:
    """What all processes have done so far.

    The counters of the whole machine are of no use for this: where they are sampled at each tick, they charge a process
    that sleeps and wakes often with a multiple of what it used.
    """
    import psutil

    me = os.getpid()
    parents: dict[int, int] = {}
    used_s: dict[int, float] = {}
    for process in psutil.process_iter(["ppid", "cpu_times"]):
        parent, times = process.info["ppid"], process.info["cpu_times"]
        if parent is None or times is None or KERNEL in (parent, process.pid):
            continue  # a process that is not shown to us, or a kernel thread
        parents[process.pid] = parent
        used_s[process.pid] = times.user + times.system + times.children_user + times.children_system
    own = {pid for pid in parents if me in _line_of(pid, parents)}
    return CpuTime(
        monotonic_ns=time.monotonic_ns(),
        own_s=sum(used_s[pid] for pid in own),
        other_s=sum(used for pid, used in used_s.items() if pid not in own),
        children_s=sum(used_s[pid] for pid in own if pid != me),
        steal_s=getattr(psutil.cpu_times(), "steal", None),
    )


def _line_of(pid: int, parents: Mapping[int, int]) -> set[int]:
    """A process with all from which it descends."""
    line: set[int] = set()
    while pid in parents and pid not in line:
        line.add(pid)
        pid = parents[pid]
    return line


def calibrate() -> int:
    """CPU time in ns of a fixed loop: the least of some rounds, since whatever disturbs a round makes it longer."""
    rounds = []
    for _ in range(ROUNDS):
        rounds.append(_round_ns())
        time.sleep(PAUSE_S)
    return min(rounds)


def both_clocks() -> tuple[int, int]:
    """One instant on the wall clock and on the monotonic clock, from the closest of some readings."""
    readings = []
    for _ in range(CLOCK_ROUNDS):
        early_ns, wall_ns, late_ns = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        readings.append((late_ns - early_ns, wall_ns, (early_ns + late_ns) // 2))
    _, wall_ns, monotonic_ns = min(readings)
    return wall_ns, monotonic_ns


def clock_resolution_ns() -> int:
    """The least step between two readings of the monotonic clock; 1 s where it does not move."""
    readings = [time.monotonic_ns() for _ in range(CLOCK_READINGS)]
    steps = [later - earlier for earlier, later in itertools.pairwise(readings) if later > earlier]
    return min(steps, default=NS_PER_S)


def _round_ns() -> int:
    start_ns, value = time.thread_time_ns(), 1
    for _ in range(STEPS):
        value = (value * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
    return time.thread_time_ns() - start_ns


def _undisturbed() -> int | None:
    """The calibration, unless other processes were busy meanwhile: they may share a core with us, or half of one."""
    first = cpu_time()
    found_ns = calibrate()
    last = cpu_time()
    others_s = last.other_s - first.other_s + last.children_s - first.children_s
    elapsed_s = (last.monotonic_ns - first.monotonic_ns) / NS_PER_S
    return None if others_s > DISTURBED_RATIO * elapsed_s else found_ns


def _frequency_mhz() -> float | None:
    """Mean over the cores; None where the system does not show it."""
    import psutil

    shown = getattr(psutil, "cpu_freq", None)  # not on every system
    try:
        found = shown() if shown else None
    except (OSError, NotImplementedError):
        return None  # how some say that they have no such thing
    return float(found.current) if found else None
