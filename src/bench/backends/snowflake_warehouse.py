"""The warehouse of a run: brought to the wanted state, and left as it was found, also after a failure or Ctrl-C.

What is changed is written down on disk first, so that the next run restores what a killed one could not.
Source: Snowflake documentation, "ALTER WAREHOUSE", "CREATE WAREHOUSE", "SHOW WAREHOUSES".
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from bench.backends.snowflake_errors import refused
from bench.errors import BackendError, ConfigError, ConnectError
from bench.interrupt import HeldInterrupt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake.connector import SnowflakeConnection

    from bench.backends.base import Say
    from bench.backends.snowflake_login import Login

WarehouseSize: TypeAlias = Literal[
    "XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE", "XXXLARGE", "X4LARGE", "X5LARGE", "X6LARGE"
]
SIZE_OF_WORDS: Mapping[str, WarehouseSize] = {
    "X-Small": "XSMALL",
    "Small": "SMALL",
    "Medium": "MEDIUM",
    "Large": "LARGE",
    "X-Large": "XLARGE",
    "2X-Large": "XXLARGE",
    "3X-Large": "XXXLARGE",
    "4X-Large": "X4LARGE",
    "5X-Large": "X5LARGE",
    "6X-Large": "X6LARGE",
}
"""What `SHOW WAREHOUSES` says for what DDL calls otherwise."""
WORDS_OF_SIZE: Mapping[WarehouseSize, str] = {size: words for words, size in SIZE_OF_WORDS.items()}
SUSPENDED, STARTED = "SUSPENDED", "STARTED"
NEW_AUTO_SUSPEND_S = 60
"""Of a warehouse that is made for a run: the least that is billed anyhow."""
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
RESTORE_ATTEMPTS = 3
NEVER_SUSPENDED_S = 0
"""What DDL calls it; the service may show NULL."""
SUSPEND_LIMIT_S = 60.0
"""How long a warehouse may take to let its machines go."""
SUSPEND_PAUSE_S = 0.5
KEY_OF = {"size": "warehouse_size"}
"""Keys of the description that are not named like the setting."""


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """Settings of a warehouse; None: not known, or not cared about."""

    size: WarehouseSize | None = None
    generation: Literal[1, 2] | None = None
    min_clusters: int | None = None
    max_clusters: int | None = None
    scaling_policy: Literal["standard", "economy"] | None = None
    auto_suspend_s: int | None = None

    @property
    def properties(self) -> str:
        """As DDL writes what is known, such as `WAREHOUSE_SIZE = 'LARGE' MAX_CLUSTER_COUNT = 3`; may be empty."""
        words = {
            "WAREHOUSE_SIZE": self.size and f"'{self.size}'",
            "GENERATION": self.generation and f"'{self.generation}'",
            "MIN_CLUSTER_COUNT": self.min_clusters,
            "MAX_CLUSTER_COUNT": self.max_clusters,
            "SCALING_POLICY": self.scaling_policy and f"'{self.scaling_policy.upper()}'",
            "AUTO_SUSPEND": self.auto_suspend_s,
        }
        return " ".join(f"{name} = {value}" for name, value in words.items() if value is not None)

    def changed_by(self, wanted: Warehouse) -> Warehouse:
        """Those settings, as they are here, which `wanted` asks to be otherwise."""
        mine, theirs = asdict(self), asdict(wanted)
        return Warehouse(**{name: mine[name] for name in mine if theirs[name] not in (None, mine[name])})

    def where_equal(self, one: Warehouse, other: Warehouse) -> Warehouse:
        """Those settings, as they are here, in which two others agree."""
        first, second = asdict(one), asdict(other)
        return Warehouse(**{name: value for name, value in asdict(self).items() if first[name] == second[name]})


@dataclass(frozen=True, kw_only=True)
class Found:
    """A warehouse as it was before the run."""

    name: str = ""
    exists: bool = False
    state: str = ""
    """STARTED, SUSPENDED, RESIZING …"""
    settings: Warehouse = field(default_factory=Warehouse)

    def describe(self) -> str:
        """Name, size and state."""
        size = f"size {self.settings.size}, " if self.settings.size else ""
        return f"{self.name} ({size}{self.state.lower()})" if self.exists else f"{self.name} (not there)"


def look(connection: SnowflakeConnection, name: str) -> Found:
    """The warehouse as it is now; columns that this edition does not show stay unknown.

    Raises:
        BackendError: The service refuses.
    """
    row = _shown(connection, name)
    if row is None:
        return Found(name=name)

    def number(column: str) -> int | None:
        return int(str(row[column])) if str(row.get(column)).isdigit() else None

    never = NEVER_SUSPENDED_S if row.get("auto_suspend", "") is None else None
    policy = str(row.get("scaling_policy") or "").lower()
    generation = str(row.get("generation") or "")
    return Found(
        name=str(row["name"]),
        exists=True,
        state=str(row["state"]).upper(),
        settings=Warehouse(
            size=SIZE_OF_WORDS.get(str(row["size"])),
            generation=cast("Literal[1, 2]", int(generation)) if generation in ("1", "2") else None,
            min_clusters=number("min_cluster_count"),
            max_clusters=number("max_cluster_count"),
            scaling_policy=cast("Literal['standard']", policy) if policy in ("standard", "economy") else None,
            auto_suspend_s=never if never is not None else number("auto_suspend"),
        ),
    )


@contextmanager
def held(login: Login, name: str, wanted: Warehouse, notes: Path, say: Say, *, create: bool) -> Iterator[Found | None]:
    """The warehouse in the wanted state for as long as the context lasts; gives how it was found.

    Args:
        login: How to connect; a connection of its own is opened at the begin and at the end.
        name: Of the warehouse; empty: the session has none.
        wanted: What is asked of it.
        notes: Directory in which what is to be restored is kept, one for each server.
        say: Takes what the user should know.
        create: Make it, and drop it at the end.

    Raises:
        ConfigError: There is none, or there is one that was to be made.
        ConnectError: Another run holds it.
        BackendError: The role may not change it.
    """
    if not name:
        if wanted.properties:
            raise ConfigError(
                "no warehouse is chosen, so none can be changed; give backend.warehouse", key="backend.warehouse"
            )
        yield None
        return
    if not IDENTIFIER.fullmatch(name):
        raise ConfigError(
            f"'{name}' is no plain name of a warehouse: use letters, digits, _ and $", key="backend.warehouse"
        )
    with _Note(notes, name) as note, ExitStack() as undoing:
        with closing(login.connect()) as connection:
            found = _found(connection, name, note, say)
            _refuse_misfit(found, wanted, create=create)
            note.write(Noted(found=found, wanted=wanted))
            undoing.callback(_restore, login, found, wanted, note, say)
            _change(connection, found, wanted, say)
        yield found


def suspend_and_resume(connection: SnowflakeConnection, name: str) -> None:
    """Drop the data that the warehouse's machines keep on their disks.

    Raises:
        BackendError: The role may not operate the warehouse, or somebody else keeps it busy.
    """
    if look(connection, name).state != SUSPENDED:
        _ask(connection, f"ALTER WAREHOUSE {name} SUSPEND")
    # It first ends what it runs; a RESUME that came before would do nothing, and the machines keep their data.
    give_up_at = time.monotonic() + SUSPEND_LIMIT_S
    while (state := look(connection, name).state) != SUSPENDED:
        if time.monotonic() > give_up_at:
            raise BackendError(
                f"the warehouse {name} is {state.lower()} {SUSPEND_LIMIT_S:g} s after SUSPEND; "
                "somebody else keeps it busy: choose another one, or leave out cold=true"
            )
        time.sleep(SUSPEND_PAUSE_S)
    _ask(connection, f"ALTER WAREHOUSE {name} RESUME IF SUSPENDED")


def _found(connection: SnowflakeConnection, name: str, note: _Note, say: Say) -> Found:
    """How the warehouse is, after what a run that was killed had left is undone."""
    now, noted = look(connection, name), note.left_by_another()
    if noted is None or not now.exists:
        return now
    earlier, undo = noted.found, _undo(noted.found, noted.wanted, now)
    if undo:
        _ask(connection, undo)
    if undo or (earlier.state, now.state) == (SUSPENDED, STARTED):
        say(f"warehouse {now.name}: an earlier run was killed; brought back to how that one found it")
    return replace(look(connection, name), state=earlier.state)


def _refuse_misfit(found: Found, wanted: Warehouse, *, create: bool) -> None:
    if create and found.exists:
        raise ConfigError(
            f"there is a warehouse '{found.name}' already; choose another name, or leave this out to use it",
            key="backend.create_warehouse",
        )
    if not create and not found.exists:
        raise ConfigError(
            f"there is no warehouse '{found.name}', or the role may not see it; "
            "grant USAGE on it, or make one for the run with backend.create_warehouse=true",
            key="backend.warehouse",
        )
    if found.exists and wanted.generation not in (None, found.settings.generation):
        raise ConfigError(
            f"'{found.name}' is of generation {found.settings.generation or 'unknown'}, which is not changed for a "
            "run, since the service may want it suspended first; make one with backend.create_warehouse=true",
            key="backend.generation",
        )
    for spec in fields(Warehouse) if found.exists else ():
        if getattr(wanted, spec.name) is not None and getattr(found.settings, spec.name) is None:
            raise ConfigError(
                f"the service does not say what '{found.name}' has now, so it could not be left as it was found; "
                "leave this out, or make a warehouse for the run with backend.create_warehouse=true",
                key=f"backend.{KEY_OF.get(spec.name, spec.name)}",
            )


def _change(connection: SnowflakeConnection, found: Found, wanted: Warehouse, say: Say) -> None:
    if not found.exists:
        suspend = "" if wanted.auto_suspend_s is not None else f" AUTO_SUSPEND = {NEW_AUTO_SUSPEND_S}"
        _ask(connection, f"CREATE WAREHOUSE {found.name} WITH {wanted.properties}{suspend} AUTO_RESUME = TRUE")
        say(f"warehouse {found.name}: made for this run ({wanted.properties or 'as the service makes it'})")
    elif found.settings.changed_by(wanted).properties:
        wait = " WAIT_FOR_COMPLETION = TRUE" if wanted.size else ""
        _ask(connection, f"ALTER WAREHOUSE {found.name} SET {wanted.properties}{wait}")
        say(f"warehouse {found.describe()}: {wanted.properties} for this run")
    else:
        say(f"warehouse {found.describe()}")


def _restore(login: Login, found: Found, wanted: Warehouse, note: _Note, say: Say) -> None:
    """Undo what was changed; when that cannot be done, say so, with the statement that does it, and keep the note."""
    with HeldInterrupt():
        for attempt in range(1, RESTORE_ATTEMPTS + 1):
            try:
                with closing(login.connect()) as connection:
                    if undo := _undo(found, wanted, look(connection, found.name)):
                        _ask(connection, undo)
                    remark = _suspend_again(connection, found) or "left as it was found"
                    say(f"warehouse {look(connection, found.name).describe()}: {remark}")
            except (BackendError, ConfigError) as error:
                if attempt == RESTORE_ATTEMPTS:
                    suspend = f"ALTER WAREHOUSE {found.name} SUSPEND" if found.state == SUSPENDED else ""
                    by_hand = _undo(found, wanted) or suspend
                    remedy = f"; do it by hand: {by_hand}" if by_hand else ", and nothing was changed"
                    say(f"warehouse {found.name} could not be brought back: {error}{remedy}")
            else:
                note.remove()
                return


def _undo(found: Found, wanted: Warehouse, now: Found | None = None) -> str:
    """The statement that undoes what `_change` did, as far as it is so `now`; empty where nothing is to be undone.

    What is no longer as the run had set it was changed by somebody since then, and is theirs.
    """
    if not found.exists:
        return f"DROP WAREHOUSE IF EXISTS {found.name}" if now is None or now.exists else ""
    changed = found.settings.changed_by(wanted)
    if now is not None and now.exists:
        changed = changed.where_equal(wanted, now.settings)
    return f"ALTER WAREHOUSE {found.name} SET {changed.properties}" if changed.properties else ""


def _suspend_again(connection: SnowflakeConnection, found: Found) -> str:
    """A warehouse that was found suspended is not left running; gives why it is all the same, else nothing."""
    row = _shown(connection, found.name) if found.state == SUSPENDED else None
    if row is None or str(row["state"]).upper() == SUSPENDED:
        return ""
    if any(int(str(row.get(column) or 0)) for column in ("running", "queued")):
        return "left running, since somebody uses it; it was found suspended"
    try:
        _ask(connection, f"ALTER WAREHOUSE {found.name} SUSPEND")
    except BackendError as error:  # who may use a warehouse need not be allowed to suspend it
        now = look(connection, found.name)
        if now.state == SUSPENDED:  # by itself, in this very moment
            return ""
        after = now.settings.auto_suspend_s
        tail = f"it suspends itself after {after} s without work" if after else "it does not suspend itself"
        return f"left running though it was found suspended, and {tail}: {error}"
    return ""


def _shown(connection: SnowflakeConnection, name: str) -> dict[str, object] | None:
    """What `SHOW WAREHOUSES` says of this one; `_` stands for any letter in its pattern, so others may be shown too."""
    rows = _ask(connection, f"SHOW WAREHOUSES LIKE '{name}'")
    return next((row for row in rows if str(row["name"]).upper() == name.upper()), None)


def _ask(connection: SnowflakeConnection, sql: str) -> list[dict[str, object]]:
    """The result by lower-case column names."""
    from bench.backends.snowflake_facts import ask

    with refused(f"'{sql}'"):
        return ask(connection, sql)


@dataclass(frozen=True, kw_only=True)
class Noted:
    """What a run keeps for the next one, should it be killed."""

    found: Found
    wanted: Warehouse
    """To what it was going to be changed."""


class _Note:
    """A file that says how a warehouse was found, there for as long as it is not as it was; locked while it is held."""

    def __init__(self, directory: Path, name: str) -> None:
        from filelock import FileLock

        directory.mkdir(parents=True, exist_ok=True)
        self._name = name
        self._path = directory / f"{name.upper()}.json"
        self._lock = FileLock(self._path.with_suffix(".lock"))

    def __enter__(self) -> _Note:
        from filelock import Timeout

        try:
            self._lock.acquire(blocking=False)
        except Timeout as error:
            raise ConnectError(
                f"another run of this machine holds the warehouse {self._name}; wait for it, or choose another one"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def left_by_another(self) -> Noted | None:
        """What a run that was killed had found, and could not bring back."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            found = kept["found"]
            return Noted(
                found=Found(**{**found, "settings": Warehouse(**found["settings"])}), wanted=Warehouse(**kept["wanted"])
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None  # no note, or none that can be trusted: what is there now is what is found

    def write(self, noted: Noted) -> None:
        """Keep it."""
        self._path.write_text(json.dumps(asdict(noted)), encoding="utf-8")

    def remove(self) -> None:
        """The warehouse is as it was."""
        self._path.unlink(missing_ok=True)
