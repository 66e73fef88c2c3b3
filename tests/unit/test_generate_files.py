import json
import subprocess
import sys
import textwrap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from generated_data import build, commerce, declared_commerce, pairs, whole

from bench import generate
from bench.errors import ConfigError, PrepareError


def test_files_are_made_once_and_hold_what_the_stream_gives(tmp_path):
    dataset = commerce()
    seen = []
    made = generate.materialize(dataset, tmp_path, threads=2, progress=lambda *step: seen.append(step))
    assert [each.name for each in made] == [each.name for each in dataset.shape]
    assert {each.path.parent.name for each in made} == {f"commerce-{dataset.fingerprint[:12]}"}
    for each in made:
        assert (each.rows, each.reused) == (dataset.rows(each.name), False)
        assert each.bytes == each.path.stat().st_size
        read = pa.Table.from_batches(generate.read_batches(each.path)).replace_schema_metadata(None)
        assert read.combine_chunks().equals(whole(dataset, each.name).combine_chunks())
    assert seen[0] == ("companies", 20, 20)
    assert [done for name, done, _ in seen if name == "customers"] == [1_024, 2_048, 3_000]
    before = {each.path: each.path.stat().st_mtime_ns for each in made}
    again = generate.materialize(dataset, tmp_path, threads=1)
    assert all(each.reused for each in again)
    assert {each.path: each.path.stat().st_mtime_ns for each in again} == before


def test_files_of_any_number_of_threads_are_the_same(tmp_path):
    dataset = commerce()
    one = generate.materialize(dataset, tmp_path / "one", threads=1)
    three = generate.materialize(dataset, tmp_path / "three", threads=3)
    assert [each.path.read_bytes() for each in one] == [each.path.read_bytes() for each in three]


def test_a_half_written_file_is_made_again(tmp_path):
    dataset = commerce()
    made = {each.name: each.path for each in generate.materialize(dataset, tmp_path)}
    good = made["orders"].read_bytes()
    made["orders"].write_bytes(good[: len(good) // 2])
    made["payments"].write_bytes(b"")
    made["products"].unlink()
    left_over = made["orders"].with_suffix(".1.part")
    left_over.write_bytes(good[:100])
    again = {each.name: each.reused for each in generate.materialize(dataset, tmp_path)}
    assert {name for name, reused in again.items() if not reused} == {"orders", "payments", "products"}
    assert made["orders"].read_bytes() == good
    assert not left_over.exists()


def test_a_file_of_other_data_is_made_again(tmp_path):
    dataset, other = commerce(), commerce(seed=1)
    path = generate.materialize(dataset, tmp_path)[0].path
    good = path.read_bytes()
    path.write_bytes(generate.materialize(other, tmp_path)[0].path.read_bytes())
    assert not generate.materialize(dataset, tmp_path)[0].reused
    assert path.read_bytes() == good


def test_a_failure_leaves_no_file_behind(tmp_path):
    with pytest.raises(ConfigError, match="cover: true"):
        generate.materialize(pairs(3_000), tmp_path)
    assert (
        sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock")
        == [".parquet"] * 2
    )


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PrepareError, match=r"cannot be written to .*file"):
        generate.materialize(commerce(), tmp_path / "file")


CHILD = """
import json, sys
from pathlib import Path
from pydantic import TypeAdapter
from bench import generate
from bench.dataset import GeneratedDataset
dataset = TypeAdapter(GeneratedDataset).validate_json(Path(sys.argv[1]).read_text(), strict=True, extra="forbid")
"""


def child(tmp_path, given, body, *arguments):
    declaration = tmp_path / "dataset.json"
    declaration.write_text(json.dumps(given))
    code = CHILD + textwrap.dedent(body)
    command = [sys.executable, "-c", code, str(declaration), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_make_each_file_once(tmp_path):
    given = declared_commerce(scale=0.2)
    body = """
    made = generate.materialize(dataset, Path(sys.argv[2]), threads=1)
    print(json.dumps([[each.name, each.reused] for each in made]))
    """
    both = [child(tmp_path, given, body, tmp_path / "data") for _ in range(2)]
    said = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted([reused for _, reused in each] for each in said) == [[False] * 8, [True] * 8]
    dataset = build(given)
    for each in dataset.shape:
        (path,) = (tmp_path / "data").glob(f"*/{each.name}.parquet")
        assert pq.read_metadata(path).num_rows == dataset.rows(each.name)


def test_memory_stays_below_one_gibibyte(tmp_path):
    """The largest table at scale 10, which looks up rows of three others: 3.8 million rows."""
    given = declared_commerce(scale=10, chunk_rows=65_536)
    body = """
    import psutil
    own, peak, rows = psutil.Process(), 0, 0
    for batch in generate.stream(dataset, "order_lines", threads=2):
        rows += batch.num_rows
        peak = max(peak, own.memory_info().rss)
    print(json.dumps([rows, peak]))
    """
    process = child(tmp_path, given, body)
    rows, peak_bytes = json.loads(process.communicate(timeout=120)[0])
    assert rows == 3_800_000
    assert peak_bytes < 2**30
