"""Lists of items: what there is to label, in plain tables without answers."""

from __future__ import annotations

from pathlib import Path

from label_pipeline_tests.ingest.house import D1, D2, House, account, reasons, rows

SOURCES = """  plan: {format: items, item: [id, item_id], fields: {text: body}}
  vendor: {format: csv}
"""


def test_a_list_of_items(tmp_path: Path) -> None:
    """Loss: items that nobody has answered yet are in no queue, and answers on others cannot be told from them."""
    house = House(tmp_path, SOURCES, more="items: {fields: [text, size], sources: plan}")
    house.put("plan/a.csv", "item_id,body,annotator_id\n i1 ,one,x\n,two,x\ni2,\n")
    house.put("plan/b.jsonl", [{"id": "i3", "body": "three", "size": 3}, {"body": "nameless"}])
    house.put("plan/c.csv", "name\ni4\n")
    house.put("vendor/x.csv", "item_id,annotator_id,label\ni1,w,a\ni9,w,a\n")
    night = house.night(D1)
    assert rows(night.items, "item_id", "payload") == [
        ("i1", '{"text":"one"}'),
        ("i3", '{"text":"three","size":3}'),
    ]
    assert reasons(night) == [
        ("plan/a.csv", 2, "line_unreadable"),
        ("plan/a.csv", 3, "line_unreadable"),
        ("plan/b.jsonl", 2, "line_unreadable"),
        ("plan/c.csv", 0, "column_missing"),
        ("vendor/x.csv", 2, "item_unknown"),
    ]
    assert account(night)["plan/a.csv"] == (2, 0, 2, 0)
    assert rows(night.events, "item_id") == [("i1",)]

    house.put("plan/a.csv", "item_id,body\ni1,one\ni9,nine\n", D2)  # a longer list the day after
    house.put("vendor/x.csv", "item_id,annotator_id,label\ni9,w,a\n", D2)
    second = house.night(D2)
    assert rows(second.items, "item_id") == [("i9",)]
    assert rows(second.events, "item_id") == [("i9",)]
