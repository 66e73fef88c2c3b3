"""What a statement gave: a table, how it is described, and how it travels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.emulator.values import Column, to_json_rows, to_snowflake

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

UNKNOWN = 0x0000
SELECT = 0x1000
INSERT = 0x3100
UPDATE = 0x3200
DELETE = 0x3300
COPY = 0x3600
SESSION = 0x4000
SHOW = 0x4400
DDL = 0x6000
SUCCESS = "Statement executed successfully."


@dataclass(frozen=True, kw_only=True)
class Result:
    """The answer to one statement."""

    table: pa.Table
    columns: tuple[Column, ...]
    statement_type: int
    """Snowflake's number for the kind of statement, by which the driver counts affected rows."""
    arrow: bool = False
    """Queries are sent as Arrow, everything else as JSON, as the service does it."""
    rows_affected: int | None = None
    """Rows that were inserted, updated or deleted; None where the statement changes none."""
    upload: Mapping[str, Any] | None = None
    """Where PUT may lay its files: an order to the driver, which has no rows of its own."""
    bind_count: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Session parameters that changed, which the driver keeps up with."""

    @property
    def rows(self) -> int:
        """Rows of the answer itself."""
        return int(self.table.num_rows)

    def body(self) -> dict[str, Any]:
        """Rows and their description, as they stand in `data` of an answer."""
        from base64 import b64encode

        described = {
            "rowtype": [column.described() for column in self.columns],
            "total": self.rows,
            "returned": self.rows,
            "statementTypeId": self.statement_type,
            "numberOfBinds": self.bind_count,
            "arrayBindSupported": self.statement_type == INSERT,
        }
        if not self.arrow:
            return described | {"queryResultFormat": "json", "rowset": to_json_rows(self.table, self.columns)}
        encoded = _stream(to_snowflake(self.table, self.columns)) if self.rows else b""
        return described | {"queryResultFormat": "arrow", "rowsetBase64": b64encode(encoded).decode("ascii")}


def _stream(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def status(text: str = SUCCESS, *, statement_type: int = DDL, parameters: Mapping[str, str] | None = None) -> Result:
    """One row, one column: that it was done."""
    import pyarrow as pa

    return Result(
        table=pa.table({"status": [text]}),
        columns=(Column(name="status", type="TEXT"),),
        statement_type=statement_type,
        parameters=parameters or {},
    )


def inserted(count: int, *, statement_type: int) -> Result:
    """How many rows an array binding brought in, counted over the whole of it."""
    import pyarrow as pa

    name = "number of rows inserted"
    return Result(
        table=pa.table({name: [count]}),
        columns=(Column.of(name, "BIGINT"),),
        statement_type=statement_type,
        rows_affected=count,
    )


def listing(names: Sequence[str], rows: Sequence[Sequence[object]], *, statement_type: int = SHOW) -> Result:
    """Rows of texts, as SHOW and its like give them; numbers, booleans and moments are written as texts."""
    import pyarrow as pa

    arrays = [
        pa.array([None if row[index] is None else _written(row[index]) for row in rows], pa.string())
        for index in range(len(names))
    ]
    return Result(
        table=pa.table(arrays, names=list(names)),
        columns=tuple(Column(name=name, type="TEXT") for name in names),
        statement_type=statement_type,
    )


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
