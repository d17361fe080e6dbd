"""What KPI families read: the same numbers for the same ids, whatever frame they stand in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from label_pipeline.contracts.tables import CONSENSUS_LABELS, GOLD_SET, LABEL_ISSUES, RELABEL_QUEUE
from label_pipeline.folders import DataFolder
from label_pipeline.gold.life import in_force
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.kpi_frames import Frames, night
from label_pipeline.project import load_project
from label_pipeline_tests.orchestration.runs import D3, Run


def test_every_frame_names_the_items_its_table_names(nights: tuple[DataFolder, Run]) -> None:
    """Loss: a label is held against another item's truth, and every KPI is false without a word."""
    desk = Desk(nights[0], load_project(nights[0], "sample"))
    seen = night(desk, D3)
    tables: dict[str, Any] = {
        "events": desk.events(D3),
        "annotations": desk.annotations(D3),
        "items": desk.items(D3),
        "consensus": desk.lake.read(CONSENSUS_LABELS, D3),
        "issues": desk.lake.read(LABEL_ISSUES, D3),
        "queue": desk.lake.read(RELABEL_QUEUE, D3),
        "gold": pa.Table.from_pandas(in_force(desk.lake.read(GOLD_SET, D3).to_pandas(), D3)),
    }
    for name, table in tables.items():
        frame = getattr(seen, name)
        assert len(frame) == len(table) > 0, name
        assert seen.ids["item_id"][frame["item_id"]].tolist() == table["item_id"].to_pylist(), name
    who = seen.ids["annotator_id"][seen.events["annotator_id"]]
    assert who.tolist() == tables["events"]["annotator_id"].to_pylist()
    for column in ("label", "status", "group"):
        told = tables["events"][column].to_pylist()
        assert [None if pd.isna(text) else text for text in seen.events[column]] == told


@pytest.mark.parametrize("held", [pa.string(), pa.dictionary(pa.int32(), pa.string())])
def test_what_is_no_item_has_numbers_of_its_own(held: Any) -> None:
    """Loss: gold, and answers, on items that are not there yet are taken for one item, or for the last one."""
    items = pa.table({"item_id": ["b", "d"], "slice_s": ["x", None], "landed_day": pa.array([1, 2], pa.date32())})
    asked = pa.table({"item_id": ["e", "b", "a"], "annotator_id": ["q", "p", "q"], "status": ["submitted"] * 3})
    events = asked.set_column(0, "item_id", asked["item_id"].cast(held))
    frames = Frames(items, events, pd.DataFrame({"item_id": ["d", "z", "y"]}))
    assert frames.of(items)["item_id"].tolist() == [0, 1]
    assert frames.of(items)["landed_day"].tolist() == list(pd.to_datetime([1, 2], unit="D"))
    codes = [*frames.codes("item_id", events["item_id"]), *frames.codes("item_id", pa.chunked_array([["d", "z", "y"]]))]
    assert np.asarray(frames.ids["item_id"])[codes].tolist() == ["e", "b", "a", "d", "z", "y"]
    assert len(set(codes)) == 6
    assert frames.of(events)["annotator_id"].tolist() == [1, 0, 1]
    assert frames.of(events.slice(0, 0))["item_id"].tolist() == []
