"""Landed class probabilities: which rows can be used, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from label_pipeline_tests.ingest.house import D1, D2, House, account, rows

SOURCES = "  m: {format: predictions}\n  n: {format: predictions, item: id, model: other}\n"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, SOURCES, classes="[No, Yes]")


def found(house: House) -> list[tuple[Any, ...]]:
    return [
        (row["item_id"], row["model"], [round(p, 9) for p in row["probabilities"]])
        for row in house.ingest().predictions.to_pylist()
    ]


def test_rows_are_used_or_quarantined_by_hand(house: House) -> None:
    """Loss: a row that does not sum to one, or lacks a class, moves a consensus it knows nothing about."""
    house.put(
        "m/p.csv",
        "item_id,yes,NO,other\n"
        "1,0.25,0.75,9\n"  # columns in any order and case
        "2,0.5,0.6,\n"
        "3,nan,1,\n"
        "4,1.5,-0.5,\n"
        "5,,1,\n"
        " ,0.5,0.5,\n"
        "7,0.5003,0.5003,\n"  # few digits: scaled to sum to one
        "8,inf,0,\n"
        "9,half,0.5,\n"
        "10,0.3\n"
        "11,1,0,\n",
    )
    night = house.ingest()
    assert [(r["item_id"], r["probabilities"]) for r in night.predictions.to_pylist()] == [
        ("1", [0.75, 0.25]),
        ("11", [0.0, 1.0]),
        ("7", [0.5, 0.5]),
    ]
    assert [(row, words) for row, words in rows(night.quarantine, "landed_row", "reason") if row != 10] == [
        (2, "the probabilities sum to 1.1"),
        (3, "class 'Yes' has no number from 0 to 1"),
        (4, "class 'No' has no number from 0 to 1"),
        (5, "class 'Yes' has no number from 0 to 1"),
        (6, "the item is empty"),
        (8, "class 'Yes' has no number from 0 to 1"),
        (9, "class 'Yes' has no number from 0 to 1"),
    ]
    assert set(rows(night.quarantine, "rule")) == {("probabilities",), ("line_unreadable",)}
    assert account(night) == {"m/p.csv": (11, 3, 8, 0)}


def test_a_class_without_a_column(house: House) -> None:
    """Loss: a model of other classes must not be taken for one of ours."""
    house.put("m/p.csv", "item_id,Yes,Maybe\n1,0.5,0.5\n2,1,0\n")
    night = house.ingest()
    assert rows(night.quarantine, "landed_row", "reason") == [
        (1, "class 'No' has no number from 0 to 1"),
        (2, "class 'No' has no number from 0 to 1"),
    ]


def test_the_same_item_twice(house: House) -> None:
    """Loss: two rows for one item and model would double its weight."""
    house.put("m/a.csv", "item_id,No,Yes\n1,1,0\n1,0.5,0.5\n2,1,0\n")
    house.put("m/b.csv", "item_id,No,Yes\n2,0,1\n")
    house.put("n/c.csv", "id,No,Yes\n1,1,0\n")
    night = house.ingest()
    assert found(house) == [("1", "landed", [0.5, 0.5]), ("1", "other", [1, 0]), ("2", "landed", [0, 1])]
    assert account(night) == {"m/a.csv": (3, 1, 0, 2), "m/b.csv": (1, 1, 0, 0), "n/c.csv": (1, 1, 0, 0)}
    backwards = house.ingest(files=house.files()[::-1])
    assert backwards.predictions.equals(night.predictions)


def test_formats_by_their_ending(house: House) -> None:
    """Loss: probabilities are mostly written by programs, as Parquet or JSON lines."""
    house.put("m/a.jsonl", [{"item_id": 1, "No": 0.5, "Yes": 0.5}, {"item_id": 2, "No": float("nan"), "Yes": 1}])
    pq.write_table(
        pa.table({"item_id": [3, 4], "No": [0.25, float("nan")], "Yes": [0.75, 1.0]}), house.put("m/b.PARQUET", "")
    )
    house.put("m/c.csv", "item_id,No,Yes\n5,1,0\n")
    assert [(item, p) for item, _, p in found(house)] == [("1", [0.5, 0.5]), ("3", [0.25, 0.75]), ("5", [1, 0])]
    assert account(house.ingest()) == {"m/a.jsonl": (2, 1, 1, 0), "m/b.PARQUET": (2, 1, 1, 0), "m/c.csv": (1, 1, 0, 0)}


def test_ids_are_normalised_as_those_of_answers_are(tmp_path: Path) -> None:
    """Loss: a model that writes 1905.0 would know none of the items."""
    house = House(tmp_path, SOURCES, classes="[No, Yes]", more="items: {ids: integer}")
    house.put("m/p.csv", "item_id,No,Yes\n1905.0,1,0\n 7 ,1,0\nx.0,1,0\n")
    assert [item for item, *_ in found(house)] == ["1905", "7", "x.0"]


def test_classes_named_like_our_columns(tmp_path: Path) -> None:
    """Loss: a class called `item_id` would be read from the column of items."""
    house = House(tmp_path, SOURCES, classes="[landed_row, model]")
    house.put("m/p.csv", "item_id,landed_row,model\n1,0.25,0.75\n")
    assert found(house) == [("1", "landed", [0.25, 0.75])]


def test_files_that_are_something_else(house: House) -> None:
    """Loss: a wrong file of a model must not stop the night's answers."""
    house.put("m/a.csv", "item,No,Yes\n1,1,0\n")
    house.put("m/b.csv", "")
    house.put("m/c.csv", "item_id,No,no,Yes\n1,1,0,0\n")
    house.put("m/d.csv", "item_id,No,Yes\n")
    house.put("m/e.csv", "item_id,No,No,Yes\n1,1,1,0\n")
    night = house.ingest()
    assert rows(night.quarantine, "landed_file", "rule") == [
        ("m/a.csv", "column_missing"),
        ("m/b.csv", "file_empty"),
        ("m/c.csv", "probabilities"),
        ("m/e.csv", "column_twice"),
    ]


def test_newest_day_counts(house: House) -> None:
    """Loss: last week's model beside tonight's."""
    from label_pipeline.state import current_predictions

    house.put("m/a.csv", "item_id,No,Yes\n1,1,0\n2,1,0\n")
    house.put("m/b.csv", "item_id,No,Yes\n1,0,1\n", D2)
    house.night()
    house.night(D2)
    assert [(r["item_id"], r["probabilities"]) for r in current_predictions(house.lake, D2).to_pylist()] == [
        ("1", [0.0, 1.0]),
        ("2", [1.0, 0.0]),
    ]
    assert current_predictions(house.lake, D1)["probabilities"].to_pylist() == [[1.0, 0.0], [1.0, 0.0]]
