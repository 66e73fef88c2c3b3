"""Warehouses as a model: state, size and clusters, nothing that computes."""

from __future__ import annotations

import dataclasses
import datetime
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.emulator import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIZES = {
    "XSMALL": "X-Small",
    "SMALL": "Small",
    "MEDIUM": "Medium",
    "LARGE": "Large",
    "XLARGE": "X-Large",
    "XXLARGE": "2X-Large",
    "X2LARGE": "2X-Large",
    "2XLARGE": "2X-Large",
    "XXXLARGE": "3X-Large",
    "X3LARGE": "3X-Large",
    "3XLARGE": "3X-Large",
    "X4LARGE": "4X-Large",
    "4XLARGE": "4X-Large",
    "X5LARGE": "5X-Large",
    "5XLARGE": "5X-Large",
    "X6LARGE": "6X-Large",
    "6XLARGE": "6X-Large",
}
"""Each way to write a size, without hyphens, and how SHOW writes it."""
SWITCHES = {"TRUE": True, "FALSE": False}
FIRST = "COMPUTE_WH"
"""The warehouse that every account is born with."""


def now() -> datetime.datetime:
    """This moment in UTC."""
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """One warehouse, as SHOW WAREHOUSES tells of it."""

    name: str
    size: str = "X-Small"
    kind: str = "STANDARD"
    started: bool = True
    auto_suspend_s: int = 600
    """Seconds of idleness after which the real one stops; 0 never. The emulated one does not stop by itself."""
    auto_resume: bool = True
    min_cluster_count: int = 1
    max_cluster_count: int = 1
    scaling_policy: str = "STANDARD"
    comment: str = ""
    query_acceleration: bool = False
    query_acceleration_max_scale_factor: int = 8
    generation: str = "1"
    resource_constraint: str | None = None
    created_on: datetime.datetime = field(default_factory=now)
    resumed_on: datetime.datetime = field(default_factory=now)
    updated_on: datetime.datetime = field(default_factory=now)
    owner: str = "ACCOUNTADMIN"

    @property
    def state(self) -> str:
        """STARTED or SUSPENDED."""
        return "STARTED" if self.started else "SUSPENDED"

    def with_settings(self, settings: Mapping[str, str]) -> Warehouse:
        """The same warehouse after `SET key = value …`.

        Raises:
            SqlError: A property or value that Snowflake does not know.
        """
        changes: dict[str, object] = {"updated_on": now()}
        for key, value in settings.items():
            if key in IGNORED:
                continue
            if key not in PROPERTIES:
                raise errors.syntax(f"invalid property '{key}' for 'WAREHOUSE'")
            name, read = PROPERTIES[key]
            try:
                changes[name] = read(value)
            except (KeyError, ValueError):
                raise errors.invalid_value(value, key) from None
        changed = dataclasses.replace(self, **changes)  # type: ignore[arg-type]  # the fields are named in PROPERTIES
        if changed.min_cluster_count > changed.max_cluster_count:
            raise errors.invalid_value(str(changed.min_cluster_count), "MIN_CLUSTER_COUNT")
        return changed


def _size(text: str) -> str:
    return SIZES[text.upper().replace("-", "")]


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _seconds(text: str) -> int:
    number = 0 if text.upper() == "NULL" else int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _switch(text: str) -> bool:
    return SWITCHES[text.upper()]


def _policy(text: str) -> str:
    if text.upper() not in ("STANDARD", "ECONOMY"):
        raise ValueError(text)
    return text.upper()


PROPERTIES: dict[str, tuple[str, Callable[[str], object]]] = {
    "WAREHOUSE_SIZE": ("size", _size),
    "WAREHOUSE_TYPE": ("kind", str.upper),
    "AUTO_SUSPEND": ("auto_suspend_s", _seconds),
    "AUTO_RESUME": ("auto_resume", _switch),
    "MIN_CLUSTER_COUNT": ("min_cluster_count", _count),
    "MAX_CLUSTER_COUNT": ("max_cluster_count", _count),
    "SCALING_POLICY": ("scaling_policy", _policy),
    "COMMENT": ("comment", str),
    "ENABLE_QUERY_ACCELERATION": ("query_acceleration", _switch),
    "QUERY_ACCELERATION_MAX_SCALE_FACTOR": ("query_acceleration_max_scale_factor", int),
    "GENERATION": ("generation", str),
    "RESOURCE_CONSTRAINT": ("resource_constraint", str.upper),
}
"""For each property of DDL the field and how its text is read."""
IGNORED = (
    "WAIT_FOR_COMPLETION",
    "INITIALLY_SUSPENDED",
    "MAX_CONCURRENCY_LEVEL",
    "STATEMENT_TIMEOUT_IN_SECONDS",
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS",
    "RESOURCE_MONITOR",
    "TAG",
)
"""Properties that are accepted and have no effect here."""


class Warehouses:
    """All warehouses of the account; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = {FIRST: Warehouse(name=FIRST)}

    def all(self) -> list[Warehouse]:
        """Every warehouse by name."""
        with self._lock:
            return sorted(self._known.values(), key=lambda warehouse: warehouse.name)

    def find(self, name: str | None) -> Warehouse | None:
        """The warehouse of this name, None where there is none."""
        with self._lock:
            return self._known.get(name or "")

    def create(self, name: str, settings: Mapping[str, str], *, replace: bool, keep: bool, owner: str) -> bool:
        """Make one; False where one is there and may stay.

        Raises:
            SqlError: One is there, or a property is wrong.
        """
        made = Warehouse(
            name=name, owner=owner, started=settings.get("INITIALLY_SUSPENDED", "").upper() != "TRUE"
        ).with_settings(settings)
        with self._lock:
            if name in self._known and keep:
                return False
            if name in self._known and not replace:
                raise errors.exists(name)
            self._known[name] = made
            return True

    def change(self, name: str, settings: Mapping[str, str]) -> None:
        """Set properties.

        Raises:
            SqlError: No such warehouse, or a property is wrong.
        """
        with self._lock:
            self._known[name] = self._get(name).with_settings(settings)

    def drop(self, name: str) -> None:
        """Remove it.

        Raises:
            SqlError: No such warehouse.
        """
        with self._lock:
            self._get(name)
            del self._known[name]

    def rename(self, name: str, to: str) -> None:
        """Give it another name.

        Raises:
            SqlError: No such warehouse, or the name is taken.
        """
        with self._lock:
            found = self._get(name)
            if to in self._known:
                raise errors.exists(to)
            del self._known[name]
            self._known[to] = dataclasses.replace(found, name=to)

    def resume(self, name: str, *, only_if_suspended: bool = False) -> None:
        """Start it.

        Raises:
            SqlError: No such warehouse, or it runs already.
        """
        with self._lock:
            found = self._get(name)
            if found.started and not only_if_suspended:
                raise errors.SqlError(90063, "22000", f"Invalid state. Warehouse '{name}' cannot be resumed.")
            if not found.started:
                self._known[name] = dataclasses.replace(found, started=True, resumed_on=now(), updated_on=now())

    def suspend(self, name: str) -> None:
        """Stop it.

        Raises:
            SqlError: No such warehouse, or it is stopped already.
        """
        with self._lock:
            found = self._get(name)
            if not found.started:
                raise errors.SqlError(90064, "22000", f"Invalid state. Warehouse '{name}' cannot be suspended.")
            self._known[name] = dataclasses.replace(found, started=False, updated_on=now())

    def use(self, name: str | None) -> Warehouse:
        """The warehouse on which a statement may run, started for it if it starts by itself.

        Raises:
            SqlError: None is named, it is gone, or it is suspended and must be resumed by hand.
        """
        found = self.find(name)
        if found is None or not (found.started or found.auto_resume):
            raise errors.no_warehouse()
        if not found.started:
            self.resume(found.name, only_if_suspended=True)
        return found

    def _get(self, name: str) -> Warehouse:
        if name not in self._known:
            raise errors.cannot_operate()
        return self._known[name]
