"""The state at the end of a day: the newest version of every answer and item, and who counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from label_pipeline.state import counted, current_events, current_items, heard, hidden_questions, json_values
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
    """Loss: a decision counted as a vote is outvoted; a model counted as a person settles what one person looked at."""
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


TOLOKA = "INPUT:q\tOUTPUT:r\tGOLDEN:r\tASSIGNMENT:assignment_id\tASSIGNMENT:worker_id\tASSIGNMENT:status\n"


def test_answers_to_a_tool_s_test_questions(tmp_path: Path) -> None:
    """Loss: dozens of answers to a question whose answer is known are as many votes, and one more item."""
    house = House(tmp_path, "  t: {format: toloka, item: q, label: r}\n")
    # i1 is work; the others are control tasks: i2 is ours to check, i3 ours to evaluate, i4 only the tool's.
    answered = [("i1", ""), ("i2", "a"), ("i3", "a"), ("i4", "a")]
    rows_of = [f"{item}\tb\t{gold}\t{who}{item}\t{who}\tAPPROVED\n" for item, gold in answered for who in "xy"]
    house.put("t/a.tsv", TOLOKA + "".join(rows_of) + "i3\tb\t\tzi3\tz\tAPPROVED\n")
    house.night()
    events = current_events(house.lake, D1, people())
    assert {(r[0], r[1]) for r in rows(events, "item_id", "is_gold_check")} >= {("i1", False), ("i4", True)}
    votes_on = rows(counted(events, test_sources=["t"], gold=["i2"], evaluation=["i3"]), "item_id", "annotator_id")
    assert sorted(votes_on) == sorted(
        (item, person(who, "t")) for item, by in (("i1", "xy"), ("i2", "xy"), ("i3", "z")) for who in by
    )
    assert rows(hidden_questions(events, test_sources=["t"], gold=["i2", "i3"]), "item_id") == [("i4",)]
    assert len(counted(events)) == 9  # a mark on an answer, and not on a question, takes no vote away


def test_a_trusted_answer_is_no_vote_on_evaluation_gold(tmp_path: Path) -> None:
    """Loss: the truth votes for itself, and labels look as accurate as the truth is."""
    house = House(tmp_path, "  ls: {format: label_studio_json, item: q, label: c}\n")
    value = [{"from_name": "c", "type": "choices", "value": {"choices": ["a"]}}]
    tasks = [
        {
            "id": k,
            "data": {"q": f"i{k}"},
            "annotations": [
                {"id": 10 * k + who, "completed_by": who, "ground_truth": who == 1, "result": value} for who in (1, 2)
            ],
        }
        for k in (1, 2)
    ]
    house.put("ls/a.json", json.dumps(tasks))
    house.night()
    events = current_events(house.lake, D1, people())
    assert len(counted(events)) == 4
    assert rows(counted(events, evaluation=["i2"]), "item_id", "annotator_id") == sorted(
        [("i1", person("1", "ls")), ("i1", person("2", "ls")), ("i2", person("2", "ls"))]
    )


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


def test_what_is_not_sent_out_is_not_lost_when_the_rest_comes_back(tmp_path: Path) -> None:
    """Loss: an item that was labelled by a batch has never arrived, and belongs to no slice."""
    more = "items: {fields: [text, came, site, score], arrived_at: came, slices: [site]}\nbatches: {hide: [came, site]}"
    house = House(tmp_path, "  t: {format: jsonl}\n", more=more)
    whole = {"item_id": "i", "text": "old", "came": "2026-10-04T08:00Z", "site": {"n": 1}, "score": 2}
    house.put("t/a.jsonl", [whole | {"annotator_id": "x", "label": "a"}])
    house.put("t/b.jsonl", [{"item_id": "i", "text": "new", "annotator_id": "y", "label": "a"}], D2)
    for day in (D1, D2):
        house.night(day)
    (item,) = current_items(house.lake, house.project, D2).to_pylist()
    assert json.loads(item["payload"]) == {"text": "new", "came": "2026-10-04T08:00Z", "site": {"n": 1}}
    assert item["arrived_at"].isoformat().startswith("2026-10-04T08:00")
    assert json.loads(item["slice_site"]) == {"n": 1}
    assert house.project.hidden == ("came", "site")
