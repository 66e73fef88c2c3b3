"""Reasons to trust a result less, and what to do about each."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Doubt(StrEnum):
    """A reason to trust a number less, as it stands in the column `warnings`."""

    NOTHING_MEASURED = "nothing_measured"
    TOO_FEW_SAMPLES = "too_few_samples"
    ERRORS = "errors"
    ABORTED = "aborted"
    CLIENT_LIMIT = "client_limit"
    WORKER_SATURATED = "worker_saturated"
    PIPELINED = "pipelined"
    DROPPED = "dropped"
    LATE_HARNESS = "late_harness"
    MACHINE_NOISY = "machine_noisy"
    CLOCK_SUSPICIOUS = "clock_suspicious"
    DATA_DRIFTED = "data_drifted"
    NOT_STEADY = "not_steady"
    SMALL_EFFECT = "small_effect"
    EMULATED = "emulated"
    CACHE_UNKNOWN = "cache_unknown"

    @property
    def remedy(self) -> str:
        """What it means and what to do about it: one sentence."""
        return _REMEDIES[self]

    def concerning(self, operations: Sequence[str], of: int) -> str:
        """The doubt as a line for the user: which of the `of` operations it concerns, and the remedy."""
        return self.told("all operations" if len(operations) == of > 1 else ", ".join(operations))

    def told(self, which: str) -> str:
        """The doubt as a line for the user: what it concerns, and the remedy."""
        return f"{self} ({which}): {self.remedy}"


_REMEDIES = {
    Doubt.NOTHING_MEASURED: "no attempt succeeded: the errors are in manifest.json; "
    "if there are none, raise load.duration_s",
    Doubt.TOO_FEW_SAMPLES: "fewer than 20 attempts succeeded, too few for a median: "
    "raise load.duration_s or set load.iterations",
    Doubt.ERRORS: "attempts failed, and times are of the others only: "
    "see error_class and sqlstate in samples, and the first messages in manifest.json",
    Doubt.ABORTED: "the engine rolled attempts back for conflicts or deadlocks, and times are of the others only: "
    "use fewer clients or a wider range of keys, or count them as part of the question",
    Doubt.CLIENT_LIMIT: "the clients ran at more than half of what they can do with an engine that answers at once: "
    "raise load.processes, or run the client on a machine of its own",
    Doubt.WORKER_SATURATED: "a worker process used its core nearly up, so that part of these times is its own: "
    "raise load.processes, use fewer clients, or run the client on a machine of its own",
    Doubt.PIPELINED: "several operations shared a connection, so that each time holds the waiting for those before it: "
    "compare throughput only, or choose another driver",
    Doubt.DROPPED: "arrivals were never started, as no client was free in time, and response times are of the others "
    "only: lower the rate, raise load.clients or load.max_lag_s, or take it that the system does not keep up",
    Doubt.LATE_HARNESS: "operations started late although a client was free, so response times hold the client's own "
    "delay: raise load.processes, set load.pace=spin, lower the rate, or run the client on another machine",
    Doubt.MACHINE_NOISY: "the machine had other work or ran at another speed meanwhile (`machine` in manifest.json: "
    "steal, CPU of others, calibration): end what else runs, take a machine of its own, or raise repetitions",
    Doubt.CLOCK_SUSPICIOUS: "the wall clock was set during the run, or the monotonic clock moves in coarse steps "
    "(`machine` in manifest.json): let the time service slew instead of step, then run again",
    Doubt.DATA_DRIFTED: "the data were not, or did not stay, as they were declared (`data_drift` in manifest.json), "
    "and are not loaded anew: compare runs of one block only, or set reset=reload where the data are generated",
    Doubt.NOT_STEADY: "times at the beginning or at the end of the measurement differ from the rest, and nothing "
    "was left out for it: raise load.warm_up_s or load.duration_s, and see in intervals what changed when",
    Doubt.SMALL_EFFECT: "the difference is sure, and so small that it lies within the margin: ask whether it matters "
    "before anything is decided by it",
    Doubt.EMULATED: "an emulator answered, so neither times nor costs mean anything: "
    "it shows that the questions can be asked; measure on the real system",
    Doubt.CACHE_UNKNOWN: "caches were neither emptied nor warmed up, so that times hold whatever was left in them: "
    "set load.warm_up_s for a warm run, or cold=true where the engine can empty its caches",
}
