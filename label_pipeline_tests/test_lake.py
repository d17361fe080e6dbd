"""The lake: a partition appears whole or not at all, and equal rows are equal bytes."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from label_pipeline.contracts.tables import ITEMS, KPIS, PREDICTIONS
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.sql import connect

D1, D2, D3 = date(2026, 10, 5), date(2026, 10, 6), date(2026, 10, 7)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(DataFolder(tmp_path), "p")


def items(*ids: str) -> dict[str, list[Any]]:
    return {
        "item_id": list(ids),
        "payload": ["{}"] * len(ids),
        "arrived_at": [datetime(2026, 10, 5, 1, 2, 3, 456789, tzinfo=UTC)] * len(ids),
        "content_hash": ["h"] * len(ids),
        "landed_file": ["s/x"] * len(ids),
    }


def test_equal_rows_are_equal_bytes(lake: Lake) -> None:
    """Loss: a rebuilt lake that differs in bytes cannot be told from one that differs in content."""
    rows = items("b", "a", "c")
    lake.write(ITEMS, D1, rows)
    frame = pd.DataFrame(rows)
    lake.write(ITEMS, D2, frame.sample(frac=1, random_state=1)[frame.columns[::-1]])
    with connect() as con:
        con.register("frame", frame)
        lake.write(ITEMS, D3, con.sql("SELECT * FROM frame ORDER BY random()").to_arrow_table())
    first, *others = [lake.path(ITEMS, day).read_bytes() for day in (D1, D2, D3)]
    assert others == [first, first]
    assert lake.read(ITEMS, D1)["item_id"].to_pylist() == ["a", "b", "c"]


def test_what_is_written_is_read(lake: Lake) -> None:
    """Loss: a null or a list that changes on its way through Parquet changes a figure."""
    chances = [random.Random(k).random() for k in range(3)]
    rows = {"item_id": ["ü;'\"\n"], "model": ["m"], "probabilities": [chances]}
    stored = lake.write(PREDICTIONS, D1, rows)
    assert (
        stored.to_pylist()
        == lake.read(PREDICTIONS, D1).to_pylist()
        == [{"item_id": "ü;'\"\n", "model": "m", "probabilities": chances}]
    )
    empty = lake.write(ITEMS, D1, ITEMS.empty())
    assert lake.read(ITEMS, D1).schema == empty.schema == ITEMS.schema


def test_a_night_written_again_replaces_itself(lake: Lake) -> None:
    """Loss: a second run of a night must not double it."""
    lake.write(ITEMS, D1, items("a", "b"))
    lake.write(ITEMS, D1, items("c"))
    assert lake.read(ITEMS, D1)["item_id"].to_pylist() == ["c"]


def test_parts_stand_side_by_side(lake: Lake) -> None:
    """Loss: two assets that write one table must not overwrite each other."""
    for part in ("accuracy", "noise"):
        row = {"kpi": [part], "dimension": ["all"], "member": [""], "value": [1.0], "ci_low": [None], "ci_high": [None]}
        lake.write(KPIS, D1, row | {"n": [3], "target": [None], "status": ["no target"]}, part)
    assert lake.read(KPIS, D1)["kpi"].to_pylist() == ["accuracy", "noise"]


def test_days_and_files(lake: Lake) -> None:
    """Loss: a state as of a day that sees the day after it knows the future."""
    for day in (D3, D1):
        lake.write(ITEMS, day, items("a"))
    lake.write(PREDICTIONS, D2, PREDICTIONS.empty())
    assert lake.days(ITEMS) == [D1, D3]
    assert lake.files(ITEMS, D2) == [lake.path(ITEMS, D1)]
    assert lake.files(ITEMS, D3) == [lake.path(ITEMS, D1), lake.path(ITEMS, D3)]
    assert (lake.has(ITEMS, D1), lake.has(ITEMS, D2)) == (True, False)
    assert Lake(lake.folder, "other").days(ITEMS) == []


def test_a_missing_day_says_what_to_run(lake: Lake) -> None:
    """Loss: a file-not-found error sends a person into the code."""
    with pytest.raises(UserError) as caught:
        lake.read(ITEMS, D2)
    assert str(caught.value) == (
        "project p: items of 2026-10-06 has not been computed, or was pruned. "
        "Run: label-pipeline nightly --project p --from 2026-10-06 --to 2026-10-06"
    )


def test_what_a_kill_left_is_no_partition(lake: Lake) -> None:
    """Loss: a half-written partition read as one stops the next night, or doubles its rows."""
    lake.write(ITEMS, D1, items("a"))
    whole = lake.path(ITEMS, D1)
    (whole.parent / ".tmp-abc.parquet").write_bytes(whole.read_bytes())
    half = lake.path(ITEMS, D2).parent / ".tmp-def.parquet"
    half.parent.mkdir()
    half.write_bytes(whole.read_bytes()[:100])
    assert lake.read(ITEMS, D1)["item_id"].to_pylist() == ["a"]
    assert lake.files(ITEMS, D3) == [whole]
    assert not lake.has(ITEMS, D2)
    assert lake.days(ITEMS) == [D1]
