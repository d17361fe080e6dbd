"""Label Studio's JSON_MIN: one flat object an annotation, whose answers look as they are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.ingest.house import D1, House, account, keeps_contracts, person, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: label_studio_min, label: tone"
LATER = "2026-10-05T02:00:00.5Z"


def row(number: int | None = 1, **more: Any) -> dict[str, Any]:
    """An annotation as the tool writes it: the task's data, its id, one key a control, the annotation's parts."""
    parts = {
        "item_id": f"i{number}",
        "text": "The lamp hums.",
        "id": 900,
        "tone": "a",
        "annotator": 7,
        "annotation_id": number,
        "created_at": "2026-10-05T01:00:00Z",
        "updated_at": LATER,
        "lead_time": 3.25,
    } | more
    return {key: value for key, value in parts.items() if value != "left out"}


def labels(folder: Path, values: list[Any], source: str = SOURCE) -> list[Any]:
    return column(read(folder, [row(k, tone=v) for k, v in enumerate(values)], source).answers, "label")


def test_an_annotation_in_full(tmp_path: Path) -> None:
    """Loss: a part of an annotation read from the wrong key is a wrong figure every night."""
    found = read(tmp_path, [row(5, batch_id="b3"), row(6)], SOURCE, fields="[text]")
    assert found.answers.to_pylist()[0] == {
        "landed_row": 1,
        "answer": 1,
        "annotation_id": "5",
        "item_id": "i5",
        "annotator": "7",
        "label": "a",
        "status": "submitted",
        "is_gold_check": False,
        "started_at": None,
        "annotated_at": LATER,
        "duration_s": "3.25",
        "duration_source": "measured",
        "batch_id": "b3",
    }
    assert found.items.to_pylist()[1] == {"landed_row": 2, "item_id": "i6", "payload": '{"text":"The lamp hums."}'}


def test_one_control_mixes_bare_texts_and_json(tmp_path: Path) -> None:
    """Loss: the tool writes one choice as text and two as an object; each read as the other is no class."""
    span = {"start": 0, "end": 4, "text": "The ", "labels": ["THING"]}
    values = [
        "a",
        {"choices": ["a", "b"]},
        [{"rating": 4}],
        [{"number": 2.5}],
        "[draft]",
        '{"choices": ["a", "b"]}',
        ["a", "b"],  # one choice in each of two regions
        [span],
        {"text": ["one line", "and another"]},
        [{"taxonomy": [["animal", "bird"]]}],
        [],
        "",
        None,
        "left out",
    ]
    assert labels(tmp_path, values) == [
        "a",
        "a|b",
        "4",
        "2.5",
        "[draft]",
        "a|b",
        '["a","b"]',
        json.dumps([span], separators=(",", ":")),
        '{"text":["one line","and another"]}',
        '[{"taxonomy":[["animal","bird"]]}]',
        *[None] * 4,
    ]
    assert labels(tmp_path, ["a", "left out"], SOURCE.replace("tone", "[mood, tone]")) == ["a", None]


def test_who_and_when(tmp_path: Path) -> None:
    """Loss: an e-mail is a person as good as a number; an edit dated by its creation is no newer version."""
    content = [
        row(1, annotator="jane@example.com"),
        row(2, annotator=None),
        row(3, updated_at=None),
        row(4, lead_time=None),
        row(5, lead_time=0),
    ]
    found = read(tmp_path, content, SOURCE).answers
    assert column(found, "annotator") == ["jane@example.com", None, "7", "7", "7"]
    assert column(found, "annotated_at")[2] == "2026-10-05T01:00:00Z"
    assert column(found, "duration_s", "duration_source")[3:] == [(None, "none"), ("0", "measured")]


def test_a_task_nobody_labelled_is_an_item_and_no_answer(tmp_path: Path) -> None:
    """Loss: its row of nulls would be an answer without annotator in quarantine, night for night."""
    nobody = dict.fromkeys(("annotator", "annotation_id", "created_at", "updated_at", "lead_time"))
    content = [row(1), row(2, tone="left out", **nobody)]
    found = read(tmp_path, content, SOURCE)
    assert column(found.answers, "landed_row") == [1]
    assert column(found.items, "landed_row", "item_id") == [(1, "i1"), (2, "i2")]
    # As long as there is no answer at all, no control need be there.
    only = read(tmp_path, content[1:], SOURCE)
    assert (len(only.answers), len(only.items)) == (0, 1)


def test_what_names_the_item(tmp_path: Path) -> None:
    """Loss: data keys of the tool's own names are overwritten by it, so the item's id is looked for elsewhere."""
    content = [row(1), row(2, item_id="left out"), row(3, item_id=None), row(4, **{"a.b": "dot"})]
    assert column(read(tmp_path, content, SOURCE).answers, "item_id") == ["i1", "900", "900", "i4"]
    assert column(read(tmp_path, content, SOURCE + ", item: a.b").answers, "item_id") == ["900", "900", "900", "dot"]


def test_a_data_key_of_the_controls_name(tmp_path: Path) -> None:
    """Loss: the tool moves it aside as `_data_tone`, where the item's field must be found again."""
    found = read(tmp_path, [row(1, _data_tone="loud")], SOURCE + ", fields: {tone: _data_tone}", fields="[tone]")
    assert (column(found.answers, "label"), column(found.items, "payload")) == (["a"], ['{"tone":"loud"}'])


def test_rows_that_are_none(tmp_path: Path) -> None:
    """Loss: one odd entry would cost the whole list, or its answer would be read one way here and another there."""
    content = f'[{json.dumps(row(1))}, 7, null, {json.dumps(row(2))[:-1]}, "tone": "b"}}, {json.dumps(row(3))}]'
    found = read(tmp_path, content, SOURCE)
    assert column(found.answers, "landed_row", "annotation_id") == [(1, "1"), (5, "3")]
    assert column(found.broken, "landed_row", "reason") == [
        (2, "the line is not a JSON object"),
        (3, "the line is not a JSON object"),
        (4, "a key is given twice"),
    ]


def test_odd_forms_of_a_good_file(tmp_path: Path) -> None:
    """Loss: a byte order mark, spaces or one object a line are no reason to refuse an export."""
    good = json.dumps([row(1), row(2, text='ü "\n')], indent=1, ensure_ascii=False)
    lines = "\n".join(json.dumps(r) for r in [row(1), row(2)])
    for content in (good, "\ufeff" + good, " \n" * 99 + good, good.replace("\n", "\r\n"), good.encode("utf-16"), lines):
        source = SOURCE + (", encoding: utf-16" if isinstance(content, bytes) else "")
        assert column(read(tmp_path, content, source).answers, "annotation_id") == ["1", "2"]
    none = read(tmp_path, "[]", SOURCE)
    assert (len(none.answers), len(none.items), len(none.broken)) == (0, 0, 0)


GOOD = json.dumps([row(1), row(2)])
WRONG = {
    "empty": ("", "file_empty: the file is empty"),
    "truncated": (GOOD[:-20], "file_unreadable: Malformed JSON in file"),
    "another control": (GOOD.replace("tone", "tune"), "column_missing: column 'tone' is missing"),
    "the JSON export": (
        json.dumps([{"id": 1, "data": {}, "annotations": []}]),
        "not_label_studio_min: it is the JSON export",
    ),
    "something else": (json.dumps([{"id": 1}]), "column_missing: column 'annotation_id' is missing"),
    "CSV": ("id,text\n1,a\n", "file_unreadable: no line is a JSON object"),
    "compressed": (b"\x1f\x8b\x08\0", "file_unreadable: the file is compressed"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_something_else(tmp_path: Path, case: str) -> None:
    """Loss: a truncated export taken for a whole one would delete half a project in a snapshot source."""
    content, words = WRONG[case]
    assert problem(tmp_path, content, SOURCE).startswith(words)


def test_a_night(tmp_path: Path) -> None:
    """Loss: an answer that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    house = House(tmp_path, f"  s: {{{SOURCE}}}\n", more="items: {fields: [text]}")
    nobody = dict.fromkeys(("annotator", "annotation_id", "created_at", "updated_at", "lead_time"))
    content = [
        row(1),
        row(1),
        row(2, annotator="jane@example.com"),
        row(3, tone={"choices": ["a", "b"]}),
        row(4, tone="left out"),
        row(5, annotator=None),
        row(6, tone="left out", **nobody),
        row(7, updated_at="2027-01-01T00:00:00Z"),
    ]
    house.put("s/min.json", json.dumps(content))
    night = house.ingest(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {"s/min.json": (7, 2, 4, 1)}
    assert rows(night.events, "annotation_id", "item_id", "annotator_id", "label", "duration_s") == [
        ("1", "i1", person("7"), "a", 3.25),
        ("2", "i2", person("jane@example.com"), "a", 3.25),
    ]
    assert reasons(night) == [
        ("s/min.json", 4, "label_unknown"),
        ("s/min.json", 5, "label_missing"),
        ("s/min.json", 6, "annotator_missing"),
        ("s/min.json", 8, "in_the_future"),
    ]
    assert len(night.items) == 7


def converted(task: dict[str, Any], annotation: dict[str, Any]) -> dict[str, Any]:
    """An annotation of the JSON export in the form that JSON_MIN gives it."""
    picked = [r["value"]["choices"] for r in annotation["result"] if r["from_name"] == "sentiment"]
    choices = [{"choices": c} if len(c) > 1 else c[0] for c in picked]
    return (
        task["data"]
        | {"id": task["id"]}
        | ({"sentiment": choices[0]} if choices else {})
        | {"annotator": annotation["completed_by"], "annotation_id": annotation["id"]}
        | {key: annotation[key] for key in ("created_at", "updated_at", "lead_time")}
    )


def test_a_real_servers_annotations(tmp_path: Path, datasets: Path) -> None:
    """Loss: JSON_MIN must give the same votes as the JSON export of the same project."""
    export = datasets / "label_studio" / "label_studio_export.json"
    if not export.is_file():
        pytest.skip("no real export on this machine")
    whole = read(tmp_path, export.read_bytes(), "format: label_studio_json, label: sentiment").answers.to_pylist()
    content = [
        converted(task, annotation)
        for task in json.loads(export.read_text())
        for annotation in task["annotations"]
        if not annotation["was_cancelled"]
    ]
    found = read(tmp_path, content, "format: label_studio_min, label: sentiment").answers.to_pylist()
    names = ("annotation_id", "item_id", "annotator", "label", "annotated_at", "duration_s", "duration_source")

    def parts(answers: list[dict[str, Any]]) -> Counter[Any]:
        return Counter(tuple(a[n] for n in names) for a in answers if a["status"] == "submitted")

    assert parts(found) == parts(whole)
