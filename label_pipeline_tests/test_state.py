"""The state at the end of a day: the newest version of every answer and item, and who counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from label_pipeline.state import counted, current_events, current_items, heard, json_values
from label_pipeline_tests.ingest.house import D1, D2, D3, House, person, rows

HEAD = "item,who,label,at,id\n"
SOURCES = "  s: {format: csv, item: item, annotator: who, annotated_at: at, annotation_id: id}\n  t: {format: jsonl}\n"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, SOURCES, more="items: {fields: [Input.kind, n, 'q\"'], slices: [Input.kind, 'q\"']}")


def people(**roles: str) -> pd.DataFrame:
    ids = [person(name) for name in roles]
    return pd.DataFrame({"annotator_id": ids, "group": ["g"] * len(ids), "role": list(roles.values())}, dtype=object)


def votes(house: House, day: Any, roster: pd.DataFrame | None = None) -> list[tuple[Any, ...]]:
    known = people() if roster is None else roster
    return rows(counted(current_events(house.lake, day, known)), "item_id", "annotator_id", "label")


def test_the_newest_version_by_time_and_then_by_landing(house: House) -> None:
    """Loss: an old export that lands late must not undo a correction."""
    house.put("s/a.csv", HEAD + "i1,x,a,2026-10-05 02:00,k1\ni2,x,a,,k2\ni3,x,a,2026-10-05 02:00,k3\n")
    house.put("s/b.csv", HEAD + "i1,x,b,2026-10-05 01:00,k1\ni2,x,b,,k2\ni3,x,b,2026-10-06 01:00,k3\n", D2)
    house.put("s/c.csv", HEAD + "i1,x,b,2026-10-05 02:00,k1\ni2,x,b,2026-10-01,k2\n", D3)
    for day in (D1, D2, D3):
        house.night(day)
    x = person("x")
    assert votes(house, D1) == [("i1", x, "a"), ("i2", x, "a"), ("i3", x, "a")]
    assert votes(house, D2) == [("i1", x, "a"), ("i2", x, "b"), ("i3", x, "b")]
    assert votes(house, D3) == [("i1", x, "b"), ("i2", x, "b"), ("i3", x, "b")]
    assert len(current_events(house.lake, D3, people())) == 3


def test_one_answer_of_a_person_on_an_item_counts(house: House) -> None:
    """Loss: a person who answers twice under two ids would vote twice."""
    house.put("s/a.csv", HEAD + "i1,x,a,2026-10-05 01:00,k1\ni1,x,b,2026-10-05 02:00,k2\ni1,y,a,,k3\n")
    house.night()
    assert len(current_events(house.lake, D1, people())) == 3
    assert votes(house, D1) == sorted([("i1", person("x"), "b"), ("i1", person("y"), "a")])


def test_who_votes(house: House) -> None:
    """Loss: an adjudicator's decision counted as a vote is outvoted; a model counted as a person settles an item that one
    person looked at."""
    house.put("s/a.csv", HEAD + "i1,x,a,,1\ni1,judge,b,,2\ni1,bot,b,,3\n")
    house.put("t/b.jsonl", [{"item_id": "i1", "annotator_id": "x", "label": "b"}])
    house.night()
    roster = people(x="annotator", judge="adjudicator", bot="model")
    events = current_events(house.lake, D1, roster)
    assert rows(events, "source", "group", "role") == [
        ("s", "g", "adjudicator"),
        ("s", "g", "annotator"),
        ("s", "g", "model"),
        ("t", "unknown", "annotator"),  # the same name in another source is another person
    ]
    assert {(who, label) for _, who, label in votes(house, D1, roster)} == {
        (person("x"), "a"),
        (person("x", "t"), "b"),
    }
    assert rows(heard(events), "annotator_id", "label") == [(person("bot"), "b")]


def test_skipped_rejected_and_deleted_answers_are_no_votes(tmp_path: Path) -> None:
    """Loss: what was taken back still counts."""
    house = House(tmp_path, "  s: {format: csv, status: st}\n")
    house.put("s/a.csv", "item_id,annotator_id,label,st\ni1,x,a,skipped\ni2,x,a,rejected\ni3,x,a,deleted\ni4,x,a,\n")
    house.night()
    assert [item for item, *_ in votes(house, D1)] == ["i4"]
    assert rows(current_events(house.lake, D1, people()), "item_id", "status", "label") == [
        ("i1", "skipped", None),
        ("i2", "rejected", "a"),
        ("i3", "deleted", None),
        ("i4", "submitted", "a"),
    ]


def test_items_newest_payload_first_day_and_slices(house: House) -> None:
    """Loss: a field with a dot in its name would leave every slice empty."""
    house.put(
        "t/a.jsonl", [{"item_id": k, "annotator_id": "x", "label": "a", "Input.kind": "u", "n": k} for k in (1, 2)]
    )
    house.put("s/b.csv", HEAD + "1,x,a,,1\n3,x,a,,2\n", D2)
    house.put("t/c.jsonl", [{"item_id": 1, "annotator_id": "y", "label": "a", "Input.kind": "w", 'q"': "v"}], D3)
    for day in (D1, D2, D3):
        house.night(day)
    found = current_items(house.lake, house.project, D3)
    assert rows(found, "item_id", "slice_Input.kind", 'slice_q"', "landed_day") == [
        ("1", "w", "v", D1),
        ("2", "u", "", D1),
        ("3", "", "", D2),
    ]
    assert json_values(found["payload"], "n") == [None, 2, None]
    before = current_items(house.lake, house.project, D2)
    assert rows(before, "item_id", "slice_Input.kind") == [("1", "u"), ("2", "u"), ("3", "")]


def test_before_anything_landed(house: House) -> None:
    """Loss: the first night of a project must not fail for want of a yesterday."""
    assert len(current_events(house.lake, D1, people())) == 0
    assert len(counted(current_events(house.lake, D1, people()))) == 0
    found = current_items(house.lake, house.project, D1)
    assert len(found) == 0
    assert found.column_names[-2:] == ["slice_Input.kind", 'slice_q"']
