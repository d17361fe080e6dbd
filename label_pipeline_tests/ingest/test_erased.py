"""What was erased and lands again: taken in by nobody, whatever else is in the file."""

from __future__ import annotations

from pathlib import Path

from label_pipeline.ingest import Ingested, Known, ingest_day
from label_pipeline.privacy.barred import Barred
from label_pipeline.privacy.tombstones import Tombstones
from label_pipeline_tests.ingest.house import D1, WHO, House, account, check, person, rows

KIM_AND_LEE = [
    {"item_id": "1", "annotator_id": "kim", "label": "a", "text": "x"},
    {"item_id": "1", "annotator_id": " lee ", "label": "b", "text": "x"},
    {"item_id": "2", "annotator_id": "lee", "label": "never", "text": "y"},
    {"item_id": "2", "annotator_id": "kim", "label": "a", "text": "y"},
]


def taken(house: House, marks: Tombstones) -> Ingested:
    known = Known(barred=Barred(marks, WHO))
    found = ingest_day(house.project, D1, house.files(), known, WHO)
    check(found)
    return found


def test_a_person_who_was_erased(tmp_path: Path) -> None:
    """Loss: answers, a quarantined row or a login of somebody who is gone; or those of others."""
    house = House(tmp_path, "  s: {format: jsonl}\n", more="items: {fields: [text]}")
    house.put("s/x.jsonl", KIM_AND_LEE)
    found = taken(house, Tombstones().with_marks(logins=[("s", "lee")]))
    assert rows(found.events, "item_id", "annotator_id") == [("1", person("kim")), ("2", person("kim"))]
    assert len(found.quarantine) == 0
    assert found.logins["login"].to_pylist() == [person("kim")]
    assert account(found) == {"s/x.jsonl": (2, 2, 0, 0)}
    assert [file.name for file in found.erased] == ["s/x.jsonl"]
    assert {met.identity for met in found.met} == {"kim"}


def test_an_item_that_was_erased(tmp_path: Path) -> None:
    """Loss: the item's text, by the back door of somebody's answer or of a list."""
    house = House(
        tmp_path,
        "  s: {format: jsonl}\n  l: {format: items}\n  m: {format: predictions}\n",
        more="items: {fields: [text], ids: integer}",
    )
    house.put("s/x.jsonl", KIM_AND_LEE)
    house.put("l/x.jsonl", [{"item_id": "1.0", "text": "x"}, {"item_id": "2", "text": "y"}])
    house.put("m/x.jsonl", [{"item_id": "1", "a": 0.5, "b": 0.5}, {"item_id": "2", "a": 0.5, "b": 0.5}])
    found = taken(house, Tombstones().with_marks(items=["1"]))
    for table in (found.events, found.items, found.predictions):
        assert set(table["item_id"].to_pylist()) == {"2"}
    assert len(found.erased) == 3


def test_nobody_was_erased(tmp_path: Path) -> None:
    """Loss: everybody's answers, by tombstones of others."""
    house = House(tmp_path, "  s: {format: jsonl}\n", more="items: {fields: [text]}")
    house.put("s/x.jsonl", KIM_AND_LEE)
    found = taken(house, Tombstones().with_marks(logins=[("t", "lee")], items=["3"]))
    assert account(found) == {"s/x.jsonl": (4, 3, 1, 0)}
    assert not found.erased
