"""Parquet: typed columns become text for answers and keep their types for items."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from label_pipeline_tests.sources.reader import column, problem, read


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def answers(**columns: Any) -> bytes:
    return parquet(pa.table({"item_id": ["1"], "annotator_id": ["x"], "label": ["a"]} | columns))


def test_typed_columns_as_text(tmp_path: Path) -> None:
    """Loss: 1905.0, NaN and a dictionary column are how pandas writes ids, gaps and classes."""
    nan = float("nan")
    content = answers(
        item_id=[1905.0, None, nan, 3.5],
        annotator_id=pa.array([1, 2, 2**62, None]),
        label=pa.array(["a", "b", None, "a"]).dictionary_encode(),
    )
    assert column(read(tmp_path, content, "format: parquet").answers, "item_id", "annotator", "label") == [
        ("1905.0", "1", "a"),
        (None, "2", "b"),
        (None, str(2**62), None),
        ("3.5", None, "a"),
    ]


def test_times_keep_their_instant(tmp_path: Path) -> None:
    """Loss: a time that loses its offset counts for another day."""
    instant = datetime(2026, 10, 5, 1, tzinfo=timezone(timedelta(hours=2)))
    content = answers(t=pa.array([instant], pa.timestamp("ns", tz="Europe/Berlin")), n=[datetime(2026, 10, 5, 1)])
    (written,) = column(read(tmp_path, content, "format: parquet, annotated_at: t").answers, "annotated_at")
    assert datetime.fromisoformat(written).astimezone(UTC) == instant
    (naive,) = column(read(tmp_path, content, "format: parquet, annotated_at: n").answers, "annotated_at")
    assert naive == "2026-10-05 01:00:00"


def test_item_fields_keep_their_types(tmp_path: Path) -> None:
    """Loss: as in JSON lines."""
    content = answers(px=[[1.0, 2.0]], n=[3], gap=[float("nan")], nest=[{"q": 1}], raw=[b"\xff"])
    found = read(tmp_path, content, "format: parquet", fields="[px, n, gap, nest, raw]")
    assert [json.loads(text) for text in column(found.items, "payload")] == [
        {"px": [1.0, 2.0], "n": 3, "gap": None, "nest": {"q": 1}, "raw": "\\xFF"}
    ]


@pytest.mark.parametrize("extra", ["Label", "landed_row", "LANDED_ROW", 'we"ird', "c0", "label_1"])
def test_no_other_column_stands_in_the_way(tmp_path: Path, extra: str) -> None:
    """Loss: as in CSV."""
    table = pa.table({extra: ["b"], "item_id": ["1"], "annotator_id": ["x"], "label": ["a"]})
    found = read(tmp_path, parquet(table), "format: parquet")
    assert column(found.answers, "landed_row", "item_id", "label") == [(1, "1", "a")]


@pytest.mark.parametrize("folder", ["day=2026-10-05", "label=z", "a*", "[x]"])
def test_a_path_is_only_a_path(tmp_path: Path, folder: str) -> None:
    """Loss: `label=z` in a path would become a column, and a star would read the neighbours."""
    (tmp_path / folder).mkdir()
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "x").write_bytes(answers(item_id=["9"]))
    found = read(tmp_path / folder, answers(), "format: parquet")
    assert column(found.answers, "item_id", "label") == [("1", "a")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "file_empty: the file is empty"),
        (b"item_id,label\n1,a\n", "file_unreadable: the file is not Parquet, or damaged"),
        (b"PAR1" * 3, "file_unreadable: the file is not Parquet, or damaged"),
        (answers()[:-9], "file_unreadable: the file is not Parquet, or damaged"),
        (parquet(pa.table({})), "file_empty: the file has no column"),
        (parquet(pa.table({"a": [1]})), "column_missing: column 'annotator_id' is missing"),
        (
            parquet(
                pa.Table.from_arrays([pa.array(["1"])] * 4, names=["item_id", "item_id", "annotator_id", "label"]),
            ),
            "column_twice: two columns are named 'item_id'",
        ),
    ],
    ids=range(7),
)
def test_a_file_that_is_something_else(tmp_path: Path, content: bytes, words: str) -> None:
    """Loss: as in CSV."""
    assert problem(tmp_path, content, "format: parquet") == words


def test_a_damaged_page_is_a_problem_of_its_file(tmp_path: Path) -> None:
    """Loss: a flipped byte inside a good frame must not end the night."""
    content = bytearray(parquet(pa.table({n: [n * 50] * 200 for n in ("item_id", "annotator_id", "label")})))
    content[4:40] = b"\xff" * 36
    assert problem(tmp_path, bytes(content), "format: parquet").startswith("file_unreadable: ")


def test_no_rows_are_no_problem(tmp_path: Path) -> None:
    """Loss: a quiet day is not a broken file."""
    empty = pa.schema([(n, pa.string()) for n in ("item_id", "annotator_id", "label")]).empty_table()
    assert len(read(tmp_path, parquet(empty), "format: parquet").answers) == 0
