"""Nights in a row: what landed before adds nothing, an edit is a newer version, what vanished is deleted."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.state import counted, current_events
from label_pipeline_tests.ingest.house import (
    D1,
    D2,
    D3,
    D4,
    D5,
    House,
    account,
    keeps_contracts,
    person,
    reasons,
    rows,
    tables,
)

PLAIN = "item_id,annotator_id,label\n"
NOBODY = pd.DataFrame({"annotator_id": [], "group": [], "role": []}, dtype=object)


def annotation(number: int, label: str, at: str = "2026-10-04T01:00:00Z", who: int = 1) -> dict[str, Any]:
    result = [{"from_name": "t", "value": {"choices": [label]}}]
    return {"id": number, "completed_by": who, "result": result, "updated_at": at}


def export(*annotations: dict[str, Any]) -> str:
    """One task for each annotation, named by its number."""
    return json.dumps([{"id": a["id"], "data": {"item_id": f"i{a['id']}"}, "annotations": [a]} for a in annotations])


def votes(house: House, day: date) -> dict[str, str]:
    return dict(rows(counted(current_events(house.lake, day, NOBODY)), "item_id", "label"))


def test_a_file_delivered_again_adds_nothing(tmp_path: Path) -> None:
    """Loss: a batch delivered twice counts everybody twice."""
    house = House(tmp_path, "  s: {format: csv}\n", more="items: {fields: [text]}")
    text = "item_id,annotator_id,label,text\n1,x,a,t\n2,x,b,t\n2,x,b,t\n3,x,zzz,t\n"
    house.put("s/a.csv", text)
    house.put("s/copy.csv", text.replace("\n", "\r\n").replace("1,x", '"1"," x"'))
    house.put("s/again.csv", text + "4,x,a,t\n", D2)
    first, second = house.night(), house.night(D2)
    assert account(first) == {"s/a.csv": (4, 2, 1, 1), "s/copy.csv": (4, 0, 1, 3)}
    assert account(second) == {"s/again.csv": (5, 1, 1, 3)}
    assert second.items["item_id"].to_pylist() == ["4"]
    assert not set(first.events["event_id"].to_pylist()) & set(second.events["event_id"].to_pylist())


def test_the_same_answer_in_two_sources_is_two(tmp_path: Path) -> None:
    """Loss: two people of two sources with one number are not one."""
    house = House(tmp_path, "  s: {format: csv}\n  t: {format: csv}\n")
    for source in ("s", "t"):
        house.put(f"{source}/a.csv", PLAIN + "1,x,a\n")
    assert len(set(house.ingest().events["event_id"].to_pylist())) == 2


def test_neither_the_order_of_files_nor_of_rows_matters(tmp_path: Path) -> None:
    """Loss: a rebuilt lake that differs from the first cannot be checked against it."""
    sources = "  s: {format: csv, annotation_id: k, annotated_at: at}\n  p: {format: predictions}\n"
    sources += "  l: {format: label_studio_json, label: t, mode: snapshot}\n"
    body = [f"{k % 7},p{k % 3},{'ab'[k % 2]},k{k % 20},2026-10-05 0{k % 9}:00" for k in range(40)] + [
        "9,x,zzz,q,",
        "8,,a,r,",
    ]
    houses = []
    for seed in (None, 1):
        house = House(tmp_path / str(seed), sources)
        shuffle = random.Random(seed).shuffle if seed else lambda _: None
        for name, part in {"a": body[:30], "b": body[10:], "c": body[5:15]}.items():
            lines = list(part)
            shuffle(lines)
            house.put(f"s/{name}.csv", "item_id,annotator_id,label,k,at\n" + "\n".join(lines) + "\n", D2)
        annotations = [annotation(k, "ab"[k % 2], who=k % 4) for k in range(9)]
        shuffle(annotations)
        house.put("l/a.json", export(*annotations))
        house.put("l/b.json", export(*annotations[:0]), D2)
        house.put("l/c.json", export(*(a for a in annotations if a["id"] > 4)), D2)
        house.put("p/a.csv", "item_id,a,b\n1,1,0\n2,0,1\n", D2)
        house.put("p/b.csv", "item_id,a,b\n1,0,1\n", D2)
        house.night()
        files = house.files(D2)
        shuffle(files)
        houses.append((house, house.ingest(D2, files)))
    (plain, first), (_, shuffled) = houses
    backwards = plain.ingest(D2, plain.files(D2)[::-1])
    assert len(first.events) > 20
    for table, content in tables(first).items():
        paths = []
        for night, folder in ((first, "one"), (backwards, "other")):
            lake = Lake(DataFolder(tmp_path / folder), "p")
            lake.write(table, D2, tables(night)[table])
            paths.append(lake.path(table, D2))
        assert paths[0].read_bytes() == paths[1].read_bytes(), table.name
        place = [n for n in table.names if n not in ("landed_row", "sha256")]
        assert rows(content, *place) == rows(tables(shuffled)[table], *place), table.name


def test_an_edit_is_a_newer_version(tmp_path: Path) -> None:
    """Loss: a corrected answer that counts beside the wrong one, or not at all."""
    house = House(tmp_path, "  l: {format: label_studio_json, label: t}\n")
    late = "2026-10-05T09:00:00Z"
    house.put("l/a.json", export(annotation(1, "a"), annotation(2, "a")))
    house.put("l/b.json", export(annotation(1, "b", late), annotation(2, "a")), D2)
    house.put("l/c.json", export(annotation(1, "a"), annotation(2, "a")), D3)  # an old export again
    accounts = [account(house.night(day)) for day in (D1, D2, D3)]
    assert accounts == [{"l/a.json": (2, 2, 0, 0)}, {"l/b.json": (2, 1, 0, 1)}, {"l/c.json": (2, 0, 0, 2)}]
    assert [votes(house, day) for day in (D1, D2, D3)] == [
        {"i1": "a", "i2": "a"},
        {"i1": "b", "i2": "a"},
        {"i1": "b", "i2": "a"},
    ]


def test_an_id_that_belongs_to_somebody_else(tmp_path: Path) -> None:
    """Loss: taken for a newer version, a reused id replaces a good answer of another item."""
    house = House(tmp_path, "  s: {format: csv, annotation_id: k, annotated_at: at}\n")
    head = "item_id,annotator_id,label,k,at\n"
    house.put("s/a.csv", head + "1,x,a,k1,2026-10-05 02:00\n2,x,a,k1,2026-10-05 01:00\n3,x,a,k2,\n3,x,b,k2,\n")
    house.put("s/b.csv", head + "1,x,b,k1,2026-10-06\n2,x,b,k1,2026-10-06\n3,y,a,k2,\n", D2)
    first, second = house.night(), house.night(D2)
    assert reasons(first) == [("s/a.csv", 1, "id_reused")]  # the earlier answer keeps the id
    assert reasons(second) == [("s/b.csv", 1, "id_reused"), ("s/b.csv", 3, "id_reused")]
    assert votes(house, D2)["2"] == "b"
    assert rows(first.quarantine, "column", "reason") == [
        ("annotation_id", "the annotation id already belongs to another item or annotator: 'k1'")
    ]


SNAPSHOT = "  l: {format: label_studio_json, label: t, mode: snapshot}\n  s: {format: csv}\n"


def test_what_a_whole_export_no_longer_has_is_deleted(tmp_path: Path) -> None:
    """Loss: an answer deleted in the tool would vote for ever, for the tool leaves no trace of it."""
    house = House(tmp_path, SNAPSHOT)
    one, two, three = (annotation(k, "a") for k in (1, 2, 3))
    house.put("l/a.json", export(one, two, three))
    house.put("s/a.csv", PLAIN + "9,x,a\n")
    house.put("l/a.json", export(one, three), D2)
    house.put("l/a.json", export(one, three), D3)
    house.put("l/a.json", export(one, two, three), D4)  # it is back, word for word
    house.put("l/a.json", export(one, two), D5)
    nights = [house.night(day) for day in (D1, D2, D3, D4, D5)]
    assert [account(night)["l/a.json"] for night in nights] == [
        (3, 3, 0, 0),
        (2, 0, 0, 2),
        (2, 0, 0, 2),
        (3, 1, 0, 2),
        (2, 0, 0, 2),
    ]
    deleted = [rows(night.events, "item_id", "status", "landed_row") for night in nights[1:]]
    assert deleted == [[("i2", "deleted", 0)], [], [("i2", "submitted", 2)], [("i3", "deleted", 0)]]
    assert nights[1].events.to_pylist()[0]["label"] is None
    assert nights[1].events.to_pylist()[0]["annotator_id"] == person("1", "l")
    assert [sorted(votes(house, day)) for day in (D1, D2, D3, D4, D5)] == [
        ["9", "i1", "i2", "i3"],
        ["9", "i1", "i3"],
        ["9", "i1", "i3"],
        ["9", "i1", "i2", "i3"],
        ["9", "i1", "i2"],
    ]
    keeps_contracts(nights[3], house.project)
    events = [event for night in nights for event in night.events["event_id"].to_pylist()]
    assert len(set(events)) == len(events)


def test_an_export_that_is_not_whole_deletes_nothing(tmp_path: Path) -> None:
    """Loss: a truncated export would delete half a project overnight."""
    sources = SNAPSHOT + "  j: {format: jsonl, annotation_id: k, mode: snapshot}\n"
    house = House(tmp_path, sources)
    line = {"item_id": "j1", "annotator_id": "x", "label": "a", "k": "1"}
    house.put("l/a.json", export(*(annotation(k, "a") for k in (1, 2))))
    house.put("j/a.jsonl", [line, line | {"item_id": "j2", "k": "2"}])
    house.put("l/a.json", export(annotation(1, "a")), D2)
    house.put("l/b.json", export(annotation(2, "a"))[:-9], D2)  # one of two files cannot be read
    house.put("j/a.jsonl", json.dumps(line) + '\n{"item_id": "j2",\n', D2)  # one of two lines
    house.put("j/a.jsonl", [line, line | {"item_id": "j2", "k": "2", "label": "zzz"}], D4)  # there, and quarantined
    nights = [house.night(day) for day in (D1, D2, D3, D4)]  # nothing at all landed on the third day
    assert [len(night.events) for night in nights] == [4, 0, 0, 0]
    assert sorted(votes(house, D4)) == ["i1", "i2", "j1", "j2"]
    assert reasons(nights[3]) == [("j/a.jsonl", 2, "label_unknown")]


def test_a_deletion_told_again_in_a_whole_export_adds_nothing(tmp_path: Path) -> None:
    """Loss: a new deletion event every night for an answer that was deleted once."""
    house = House(tmp_path, "  s: {format: csv, status: st, mode: snapshot}\n")
    nights = []
    for day in (D1, D2, D3):
        house.put("s/a.csv", "item_id,annotator_id,label,st\n1,x,,deleted\n2,x,a,\n", day)
        nights.append(house.night(day))
    assert [account(night)["s/a.csv"] for night in nights] == [(2, 2, 0, 0), (2, 0, 0, 2), (2, 0, 0, 2)]


def test_a_deletion_that_a_source_tells_itself(tmp_path: Path) -> None:
    """Loss: an old file delivered again must not bring back what was deleted after it."""
    house = House(tmp_path, "  s: {format: csv, status: st}\n")
    head = "item_id,annotator_id,label,st\n"
    house.put("s/a.csv", head + "1,x,a,\n2,x,a,\n")
    house.put("s/b.csv", head + "1,x,,deleted\n", D2)
    house.put("s/c.csv", head + "1,x,a,\n2,x,a,\n", D3)
    nights = [house.night(day) for day in (D1, D2, D3)]
    assert [account(night) for night in nights] == [
        {"s/a.csv": (2, 2, 0, 0)},
        {"s/b.csv": (1, 1, 0, 0)},
        {"s/c.csv": (2, 0, 0, 2)},
    ]
    assert votes(house, D3) == {"2": "a"}


def test_items_change_and_come_back_empty(tmp_path: Path) -> None:
    """Loss: a file that carries no item fields must not wipe those that are known."""
    house = House(tmp_path, "  j: {format: jsonl}\n  s: {format: csv}\n", more="items: {fields: [text]}")
    answer = {"item_id": "1", "annotator_id": "x", "label": "a"}
    house.put("j/a.jsonl", [answer | {"text": "old"}])
    house.put("s/a.csv", PLAIN + "1,y,a\n2,y,a\n", D2)
    house.put("j/a.jsonl", [answer | {"text": "new"}, answer | {"item_id": "2", "text": "first"}], D3)
    house.put("j/a.jsonl", [answer | {"text": "old"}], D4)
    nights = [house.night(day) for day in (D1, D2, D3, D4)]
    assert [rows(night.items, "item_id", "payload") for night in nights] == [
        [("1", '{"text":"old"}')],
        [("2", "{}")],
        [("1", '{"text":"new"}'), ("2", '{"text":"first"}')],
        [],
    ]
