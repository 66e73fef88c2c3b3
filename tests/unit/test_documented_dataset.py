"""What the documentation shows is what works."""

import re
from pathlib import Path

import yaml
from generated_data import build

from bench.dataset.links import AnyColumn
from bench.generate import chunk_count, generate_chunk

PAGE = (Path(__file__).parents[2] / "docs/datasets.md").read_text(encoding="utf-8")


def test_the_example_builds_and_every_table_is_generated():
    dataset = build(yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)))
    for table in dataset.shape:
        rows = sum(
            generate_chunk(dataset, table.name, chunk).num_rows for chunk in range(chunk_count(dataset, table.name))
        )
        assert rows == dataset.rows(table.name)


def test_every_kind_of_column_stands_in_the_table():
    kinds = {member.kind for member in AnyColumn.__origin__.__args__}
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == kinds
