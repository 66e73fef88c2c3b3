"""Small declarations, and the whole of their data."""

import json
from pathlib import Path

import pyarrow as pa
from omegaconf import OmegaConf
from pydantic import TypeAdapter

from bench import generate
from bench.dataset import GeneratedDataset

COMMERCE = Path(__file__).parents[2] / "conf" / "dataset" / "commerce.yaml"
CHUNK = 1_024


def declared_commerce(**changes):
    """The declaration of our default dataset as plain values, small and in small chunks unless said otherwise."""
    return OmegaConf.to_container(OmegaConf.load(COMMERCE)) | {"scale": 0.05, "chunk_rows": CHUNK} | changes


def build(given):
    return TypeAdapter(GeneratedDataset).validate_json(json.dumps(given), strict=True, extra="forbid")


def commerce(**changes):
    return build(declared_commerce(**changes))


def table(rows, columns, **more):
    """One table of these columns, in chunks that are smaller than the table."""
    given = {"rows": rows, "primary_key": ["id"], "columns": {"id": {"kind": "sequence"}, **columns}}
    return build({"name": "t", "schema": "t", "chunk_rows": CHUNK, "tables": {"t": given}} | more)


def whole(dataset, name="t", threads=1):
    return pa.Table.from_batches(generate.stream(dataset, name, threads))


def keyed(rows, key, column):
    return dict(zip(rows[key].to_pylist(), rows[column].to_pylist(), strict=True))


def pairs(children, *, null_ratio=0.0, cover=False):
    """Two tables that belong to one of 300 owners each, the second referring to the first within its owner."""
    owner = {"kind": "foreign_key", "references": "o.o_id"}
    return build(
        {
            "name": "w",
            "schema": "w",
            "chunk_rows": CHUNK,
            "tables": {
                "o": {
                    "rows": 300,
                    "primary_key": ["o_id"],
                    "columns": {"o_id": {"kind": "sequence", "low": 1_000, "step": 10}},
                },
                "p": {
                    "rows": 400,
                    "primary_key": ["p_id"],
                    "columns": {"p_id": {"kind": "sequence"}, "o_id": owner | {"cover": cover}},
                },
                "c": {
                    "rows": children,
                    "columns": {
                        "o_id": owner,
                        "p_id": {
                            "kind": "foreign_key",
                            "references": "p.p_id",
                            "within": "o_id",
                            "null_ratio": null_ratio,
                        },
                    },
                },
            },
        }
    )
