"""Values on the wire: what the driver binds becomes Python's, what DuckDB answers becomes Snowflake's Arrow."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.emulator.errors import SqlError, not_emulated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

Value: TypeAlias = bool | int | float | str | bytes | Decimal | datetime.date | datetime.time | datetime.datetime | None

EPOCH = datetime.datetime(1970, 1, 1)
TEXT_LENGTH = 16_777_216
BINARY_LENGTH = 8_388_608
UTC_OFFSET_MINUTES = 1440
"""An offset of nothing, as Snowflake writes it: minutes from UTC, plus a day."""
NANOS_PER_MICRO = 1000
SNOWFLAKE_TYPES = {
    "NULL": "TEXT",
    "TINYINT": "FIXED",
    "SMALLINT": "FIXED",
    "INTEGER": "FIXED",
    "BIGINT": "FIXED",
    "HUGEINT": "FIXED",
    "UTINYINT": "FIXED",
    "USMALLINT": "FIXED",
    "UINTEGER": "FIXED",
    "UBIGINT": "FIXED",
    "DECIMAL": "FIXED",
    "FLOAT": "REAL",
    "DOUBLE": "REAL",
    "VARCHAR": "TEXT",
    "UUID": "TEXT",
    "ENUM": "TEXT",
    "BLOB": "BINARY",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "TIMESTAMP_NTZ",
    "TIMESTAMP_S": "TIMESTAMP_NTZ",
    "TIMESTAMP_MS": "TIMESTAMP_NTZ",
    "TIMESTAMP_NS": "TIMESTAMP_NTZ",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ",
    "JSON": "VARIANT",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of an answer, as the driver is told of it."""

    name: str
    type: str
    """Snowflake's word: FIXED, REAL, TEXT, DATE, …"""
    precision: int | None = None
    scale: int | None = None

    @classmethod
    def of(cls, name: str, duckdb_type: str) -> Column:
        """The column for DuckDB's type.

        Raises:
            SqlError: Snowflake has no such type.
        """
        if duckdb_type.endswith("]"):
            return cls(name=name, type="ARRAY")
        if duckdb_type.startswith(("STRUCT", "MAP")):
            return cls(name=name, type="OBJECT")
        found = re.match(r"DECIMAL\((\d+),\s*(\d+)\)", duckdb_type)
        if found:
            return cls(name=name, type="FIXED", precision=int(found[1]), scale=int(found[2]))
        word = duckdb_type.strip('"').split("(")[0]
        if word not in SNOWFLAKE_TYPES:
            raise not_emulated(f"the type {duckdb_type} of column {name}")
        kind = SNOWFLAKE_TYPES[word]
        if kind == "FIXED":
            return cls(name=name, type=kind, precision=38, scale=0)
        return cls(name=name, type=kind, precision=0 if _timed(kind) else None, scale=9 if _timed(kind) else None)

    def described(self) -> dict[str, Any]:
        """As it stands in `rowtype` of an answer."""
        length = {"TEXT": TEXT_LENGTH, "BINARY": BINARY_LENGTH}.get(self.type)
        return {
            "name": self.name,
            "database": "",
            "schema": "",
            "table": "",
            "nullable": True,
            "type": self.type.lower(),
            "byteLength": length,
            "length": length,
            "scale": self.scale,
            "precision": self.precision,
            "collation": None,
        }


def _timed(kind: str) -> bool:
    return kind.startswith("TIME")


def from_binding(kind: str, text: str | None) -> Value:
    """The value of a `?`, given its type and text; exact, and for dates from year 1 to 9999.

    Raises:
        SqlError: The text is no such value.
    """
    if text is None:
        return None
    read = READERS.get(kind.upper())
    try:
        return text if read is None else read(text)
    except (ValueError, ArithmeticError) as error:
        raise SqlError(100035, "22007", f"{kind} value '{text}' is not recognized: {error}") from error


def _fixed(text: str) -> Value:
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else Decimal(text)


def _date(text: str) -> Value:
    return (EPOCH + datetime.timedelta(milliseconds=int(text))).date()


def _moment(text: str) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=int(text) // NANOS_PER_MICRO)


def _zoned(text: str) -> Value:
    nanos, _, _offset = text.partition(" ")
    return _moment(nanos).replace(tzinfo=datetime.UTC)


READERS: Mapping[str, Callable[[str], Value]] = {
    "FIXED": _fixed,
    "REAL": float,
    "BOOLEAN": lambda text: text.lower() == "true",
    "BINARY": bytes.fromhex,
    "DATE": _date,
    "TIME": lambda text: _moment(text).time(),
    "TIMESTAMP_NTZ": _moment,
    "TIMESTAMP_LTZ": _moment,
    "TIMESTAMP_TZ": _zoned,
}


def to_snowflake(table: pa.Table, columns: Sequence[Column]) -> pa.Table:
    """The same rows in the encoding that Snowflake's servers send and its drivers decode.

    Decimals travel as scaled integers where they fit into 64 bits, as the service does it; timestamps as a structure of
    seconds and nanoseconds.
    """
    import pyarrow as pa

    arrays = [_encode(array, column) for array, column in zip(table.columns, columns, strict=True)]
    fields = [
        pa.field(
            column.name,
            array.type,
            metadata={
                "logicalType": column.type,
                "precision": str(column.precision or 38),
                "scale": str(column.scale or 0),
                "charLength": str(TEXT_LENGTH if column.type == "TEXT" else 0),
            },
        )
        for array, column in zip(arrays, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _encode(chunked: pa.ChunkedArray, column: Column) -> pa.Array:
    import pyarrow as pa

    array = pa.concat_arrays(chunked.chunks) if chunked.num_chunks else pa.array([], chunked.type)
    kind = array.type
    if pa.types.is_timestamp(kind):
        return _timestamps(array)
    if pa.types.is_time(kind):
        return array.cast(pa.time64("ns")).cast(pa.int64())
    if pa.types.is_decimal(kind):
        return _decimals(array)
    if column.type in ("ARRAY", "OBJECT"):
        return _as_json(array)
    plain = {"FIXED": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}.get(column.type)
    return array if plain is None else array.cast(plain)


def _timestamps(array: pa.Array) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    micros = array.cast(pa.timestamp("us", array.type.tz)).cast(pa.int64())
    present = np.asarray(micros.is_valid())
    numbers = np.asarray(micros.fill_null(0))
    seconds, rest = np.divmod(numbers, 1_000_000)
    parts = {
        "epoch": pa.array(seconds, pa.int64()),
        "fraction": pa.array((rest * NANOS_PER_MICRO).astype(np.int32), pa.int32()),
    }
    if array.type.tz:
        parts["timezone"] = pa.array(np.full(len(numbers), UTC_OFFSET_MINUTES, np.int32), pa.int32())
    fields = [pa.field(name, part.type) for name, part in parts.items()]
    return pa.StructArray.from_arrays(list(parts.values()), fields=fields, mask=pa.array(~present))


def _decimals(array: pa.Array) -> pa.Array:
    """Scaled 64-bit integers, or the decimals themselves when one of them is too long for that."""
    import numpy as np
    import pyarrow as pa

    wide = array.cast(pa.decimal128(38, array.type.scale))
    if not len(wide):
        return pa.array([], pa.int64())
    present = np.asarray(wide.is_valid())
    words = np.frombuffer(wide.buffers()[1], np.int64)[2 * wide.offset : 2 * (wide.offset + len(wide))]
    low, high = words[::2], words[1::2]
    if np.any((high != low >> 63) & present):
        return wide
    return pa.array(np.where(present, low, 0), pa.int64(), mask=~present)


def _as_json(array: pa.Array) -> pa.Array:
    import json

    import pyarrow as pa

    texts = [None if value is None else json.dumps(value, default=str) for value in array.to_pylist()]
    return pa.array(texts, pa.string())


def to_json_rows(table: pa.Table, columns: Sequence[Column]) -> list[list[str | None]]:
    """The rows as texts, the other encoding, which Snowflake uses for everything but queries."""
    rendered = [
        [_json_text(value, column) for value in array.to_pylist()]
        for array, column in zip(table.columns, columns, strict=True)
    ]
    return [list(row) for row in zip(*rendered, strict=True)]


def _json_text(value: object, column: Column) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime.datetime):
        micros = (value.replace(tzinfo=None) - EPOCH) // datetime.timedelta(microseconds=1)
        seconds = f"{micros // 1_000_000}.{micros % 1_000_000:06d}000"
        return f"{seconds} {UTC_OFFSET_MINUTES}" if column.type == "TIMESTAMP_TZ" else seconds
    if isinstance(value, datetime.date):
        return str((value - EPOCH.date()).days)
    if isinstance(value, bytes):
        return value.hex().upper()
    return str(value)
