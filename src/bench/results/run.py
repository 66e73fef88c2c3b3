"""The directory of one run: written so that a killed run leaves whole files, read without the tool's other parts."""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import ResultError
from bench.results.manifest import (
    FILE_NAME,
    SCHEMA_VERSION,
    RunKey,
    RunStatus,
    Stage,
    clock_anchor,
    read_manifest,
    replacing,
    utc_now,
    write_manifest,
)
from bench.results.schemas import ADDED, SAMPLES, SCHEMAS, conform, demand_published, from_rows
from bench.results.spending import spent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SAMPLES_FOLDER = "samples"
SQL_FOLDER = "sql"
PLANS_FOLDER = "plans"
PAGE_NAME = "report.html"
STEPS_FOLDER = "steps"
"""Holds the runs of which a search is made up."""
WRITTEN_ONLY_HERE = (
    "schema_version", "status", "stage", "times", "warnings", "errors", "emulated", *RunKey.__dataclass_fields__
)  # fmt: skip
DELTA_ENCODED = {
    field.name: "DELTA_BINARY_PACKED" for field in SAMPLES if field.type == pa.int64() and field.name != "rows"
}
"""Times that grow from row to row: half the bytes and half the seconds of the default encoding."""
DICTIONARY_ENCODED = [name for name in SAMPLES.names if name not in DELTA_ENCODED and name != "query_id"]


def new_run_id() -> str:
    """A name for a run that no other run has; sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


class RunWriter:
    """Writes the directory of one run, and its manifest anew with every step.

    As a context it notes how the run ended: done, failed by an exception, or interrupted.
    """

    def __init__(
        self,
        directory: Path,
        key: RunKey,
        facts: Mapping[str, object] | None = None,
        *,
        replace: bool = False,
        emulated: bool = False,
    ) -> None:
        """Begin a run in `directory`, which is made when it is not there.

        Args:
            directory: The run's own directory; it may hold files of others.
            key: The run's key columns.
            facts: First part of the manifest; see `update`.
            replace: Remove what an earlier run that is not done left in the directory.
            emulated: Everything comes from an emulator; stands in the manifest and in every row of every table.

        Raises:
            ResultError: The directory holds a run already, or cannot be written.
        """
        self.directory = directory
        self.key = key
        self.emulated = emulated
        self._constants = key.columns() | {"emulated": emulated}
        before = spent(directory) if (directory / FILE_NAME).exists() else None
        _make_room(directory, replace=replace)
        self._parts = 0
        self._content: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "status": RunStatus.RUNNING,
            "stage": Stage.PREPARE,
            **key.columns(),
            "emulated": emulated,
            "times": {"started_at": utc_now(), "finished_at": None, "anchor": clock_anchor()},
            "question_hash": None,
            "sql_hash": None,
            "config_hash": None,
            "versions": {"bench": version("bench")},
            "warnings": [],
            "errors": [],
        }
        if before is not None:
            self._content["spent_before"] = asdict(before)
        self.update(**(facts or {}))

    def update(self, **facts: object) -> None:
        """Add top-level entries to the manifest or replace them, such as `config`, `capabilities`, `server`, `host`."""
        taken = [name for name in facts if name in WRITTEN_ONLY_HERE]
        if taken:
            raise ResultError(f"{', '.join(taken)} in the manifest cannot be set by `update`")
        self._content.update(facts)
        self._save()

    @property
    def messages(self) -> list[str]:
        """What the user was told so far and is kept."""
        return list(self._content.get("messages", []))

    def enter(self, stage: Stage) -> None:
        """Note that `stage` begins."""
        self._content["stage"] = stage
        self._save()

    def warn(self, text: str) -> None:
        """Add a warning, once."""
        if text not in self._content["warnings"]:
            self._content["warnings"].append(text)
            self._save()

    def fail(self, text: str) -> None:
        """Add an error; the run is going to end as `failed`."""
        self._content["errors"].append(text)
        self._save()

    def finish(self, status: RunStatus) -> None:
        """Write how the run ended."""
        self._content["status"] = status
        self._content["times"]["finished_at"] = utc_now()
        self._save()

    def write_table(self, name: str, table: pa.Table, **constants: object) -> Path:
        """Write the published table `name` whole; key columns that it lacks are filled in, and `constants`.

        Raises:
            ResultError: The table does not fit its published schema, or cannot be written.
        """
        return _write_table(self.directory, name, conform(name, table, self._constants | constants))

    def write_rows(self, name: str, rows: Iterable[Mapping[str, object]], **constants: object) -> Path:
        """Write the published table `name` whole from one mapping per row; otherwise as `write_table`."""
        return _write_table(self.directory, name, from_rows(name, rows, self._constants | constants))

    def add_samples(self, table: pa.Table, **constants: object) -> Path:
        """Write the next part of the samples; columns that it lacks come from the key and `constants`."""
        path = self.directory / SAMPLES_FOLDER / f"part-{self._parts:05d}.parquet"
        whole = conform("samples", table, self._constants | constants)
        with replacing(path) as beside:
            pq.write_table(
                whole,
                beside,
                compression="zstd",
                compression_level=1,
                use_dictionary=DICTIONARY_ENCODED,
                column_encoding=DELTA_ENCODED,
            )
        self._parts += 1
        return path

    def write_sql(self, operation: str, text: str, *, kind: Literal["sql", "py"] = "sql") -> Path:
        """Write the exact text of an operation to `sql/`, or that of its pipeline beside it."""
        path = self.directory / SQL_FOLDER / f"{operation}.{kind}"
        with replacing(path) as beside:
            beside.write_text(text, encoding="utf-8")
        return path

    def write_plans(self, operation: str, plans: Sequence[Mapping[str, object]]) -> Path:
        """Write what the engine plans for each statement of an operation to `plans/`, as a list of objects."""
        path = self.directory / PLANS_FOLDER / f"{operation}.json"
        marked = [
            {"run_id": self.key.run_id, "emulated": self.emulated, "operation": operation, **one} for one in plans
        ]
        with replacing(path) as beside:
            beside.write_text(json.dumps(marked, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    def _save(self) -> None:
        write_manifest(self.directory, self._content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._content["status"] != RunStatus.RUNNING:
            return
        if isinstance(error, Exception):
            self.fail(str(error) or type(error).__name__)
        elif error is not None:
            self.finish(RunStatus.INTERRUPTED)
            return
        self.finish(RunStatus.FAILED if self._content["errors"] else RunStatus.DONE)


def fail_run(directory: Path, reason: str) -> None:
    """Turn a run that was done into a failed one, for a reason that came to light afterwards.

    Raises:
        ResultError: The directory holds no readable run.
    """
    content = read_manifest(directory)
    errors = content.get("errors", [])
    write_manifest(directory, {**content, "status": RunStatus.FAILED, "errors": [*errors, reason]})


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Run:
    """The results of one run, as they lie on disk. A file is read when its table is asked for.

    Tables are Arrow's, which pandas, Polars, DuckDB and whatever else knows Arrow's C stream take as they are:
    `run.samples().to_pandas()`, `polars.from_arrow(run.summary)`.
    """

    directory: Path
    manifest: Mapping[str, Any]

    @property
    def key(self) -> RunKey:
        """Identity, backend, dataset, workload and load."""
        return RunKey(**{name: self.manifest[name] for name in RunKey.__dataclass_fields__})

    @property
    def repetition(self) -> int:
        """Which repetition of its cell it is, from 0."""
        return int(self.manifest.get("repetition") or 0)

    @property
    def started_at(self) -> str:
        """ISO 8601 in UTC, so that texts sort as times do; empty where it is not known."""
        return str(self.manifest.get("times", {}).get("started_at") or "")

    @property
    def status(self) -> RunStatus:
        """How the run ended, if it did."""
        return RunStatus(self.manifest["status"])

    @property
    def stage(self) -> str:
        """How far it came; a `Stage`."""
        return str(self.manifest["stage"])

    @property
    def emulated(self) -> bool:
        """Everything in it came from an emulator."""
        known = self.manifest.get("capabilities", {})  # where it stood before it stood in every table
        return bool(self.manifest.get("emulated", known.get("emulated", False)))

    @property
    def in_progress(self) -> bool:
        """No end was written: the run is under way, or was killed."""
        return self.status is RunStatus.RUNNING

    def has(self, name: str) -> bool:
        """The published table `name` was written."""
        return bool(self.parts()) if name == "samples" else (self.directory / f"{name}.parquet").is_file()

    @property
    def summary(self) -> pa.Table:
        """One row per operation: count, throughput, percentiles with their intervals, errors, cost.

        Raises:
            ResultError: It was not written, or is not whole.
        """
        return self.table("summary")

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The published table `name` of `schemas.SCHEMAS`, or only some of its columns.

        Raises:
            ResultError: There is no such table or column, it was not written, or is not whole.
        """
        if name == "samples":
            return self.samples(columns)
        demand_published(name, columns)
        path = self.directory / f"{name}.parquet"
        if not path.is_file():
            raise ResultError(f"{self.directory} has no {name}.parquet: the run is {self.status} in stage {self.stage}")
        return read_table(path, name, columns)

    def parts(self) -> tuple[Path, ...]:
        """The files of the samples, in the order in which they were written."""
        return tuple(sorted((self.directory / SAMPLES_FOLDER).glob("part-*.parquet")))

    def samples(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All samples, or only some of their columns; no rows when none were written.

        Raises:
            ResultError: There is no such column, a part is not a whole file, or lacks a published column.
        """
        demand_published("samples", columns)
        chosen = pa.schema([SAMPLES.field(name) for name in columns]) if columns is not None else SAMPLES
        tables = [read_table(path, "samples", columns) for path in self.parts()]
        return pa.concat_tables(tables).unify_dictionaries() if tables else chosen.empty_table()

    def __repr__(self) -> str:
        from bench.results.card import run_text

        return run_text(self)

    def _repr_html_(self) -> str:
        from bench.results.card import run_html

        return run_html(self)


def open_run(path: Path | str) -> Run:
    """The run in the directory `path`; one that is still in progress says so by `in_progress`.

    Raises:
        ResultError: It is no results directory, its manifest is broken, or a newer version wrote it.
    """
    directory = Path(path)
    return Run(directory=directory, manifest=MappingProxyType(read_manifest(directory)))


def read_table(path: Path, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file that holds the published table `name`, or some of its columns.

    A column of `schemas.ADDED` that the file lacks, because it is older, is filled in.

    Raises:
        ResultError: The file is not whole, or lacks a published column.
    """
    wanted = list(columns) if columns is not None else SCHEMAS[name].names
    schema = pa.schema([SCHEMAS[name].field(column) for column in wanted])
    try:
        with pq.ParquetFile(path) as file:
            absent = [column for column in wanted if column not in file.schema_arrow.names]
            missing = [column for column in absent if column not in ADDED.get(name, {})]
            table = None if missing else file.read([column for column in wanted if column not in absent])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ResultError(f"{path} is not a whole Parquet file: {error}; run the cell again") from error
    if table is None:
        raise ResultError(f"{path} lacks the published column {', '.join(missing)} of the table '{name}'")
    for column in absent:
        table = table.append_column(
            schema.field(column), pa.repeat(pa.scalar(ADDED[name][column], schema.field(column).type), table.num_rows)
        )
    return table.select(wanted).cast(schema)


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a small table beside `path`, then put it in its place."""
    with replacing(path) as beside:
        pq.write_table(table, beside, compression="zstd")


def _write_table(directory: Path, name: str, table: pa.Table) -> Path:
    path = directory / f"{name}.parquet"
    write_parquet(path, table)
    return path


def _make_room(directory: Path, *, replace: bool) -> None:
    if not (directory / FILE_NAME).exists():
        return
    if not replace:
        raise ResultError(f"{directory} holds the results of a run already; choose another directory")
    if _is_done(directory / FILE_NAME):
        raise ResultError(f"{directory} holds the results of a run that is done; they are not overwritten")
    (directory / FILE_NAME).unlink()
    for folder in (SAMPLES_FOLDER, SQL_FOLDER, PLANS_FOLDER):
        shutil.rmtree(directory / folder, ignore_errors=True)
    for name in (*(f"{table}.parquet" for table in SCHEMAS), PAGE_NAME):
        (directory / name).unlink(missing_ok=True)


def _is_done(manifest: Path) -> bool:
    """Of any schema version; a manifest that cannot be read is not worth keeping."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("status") == RunStatus.DONE
