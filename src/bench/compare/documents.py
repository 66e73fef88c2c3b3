"""A comparison for other programs: JSON, and a table of its verdicts."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from bench.compare.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from bench.compare.gate import GateResult
    from bench.compare.model import Comparison


def document(comparison: Comparison, gates: Sequence[GateResult] = ()) -> dict[str, object]:
    """What `bench compare --json` prints: the baseline's name, the verdicts, and all else that is known."""
    content = asdict(comparison)
    return {
        "baseline": comparison.baseline.name,
        "verdicts": content.pop("verdicts"),
        "overall": content.pop("overall"),
        "gates": [asdict(gate) for gate in gates],
        "sides": {side.name: asdict(side) for side in (comparison.baseline, *comparison.candidates)},
        "differences": [{"key": each.key, "values": dict(each.values)} for each in comparison.differences],
        **{key: content[key] for key in ("objections", "missing", "allowed", "margin", "notes")},
    }


def table(comparison: Comparison) -> pa.Table:
    """The verdicts, one row each, with the margin."""
    import pyarrow as pa

    kinds = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "tuple": pa.list_(pa.string())}
    schema = pa.schema(
        [
            *(
                pa.field(
                    each.name,
                    next((kind for name, kind in kinds.items() if str(each.type).startswith(name)), pa.string()),
                    nullable=each.name != "baseline",
                )
                for each in fields(Verdict)
            ),
            pa.field("margin", pa.float64(), nullable=False),
        ]
    )
    rows = [
        {
            "margin": comparison.margin,
            **asdict(verdict),
            "warnings": list(verdict.warnings),
            "overlooked": list(verdict.overlooked),
        }
        for verdict in comparison.verdicts
    ]
    return pa.Table.from_pylist(rows, schema=schema)
