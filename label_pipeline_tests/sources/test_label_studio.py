"""Label Studio's export: what an annotation is, whatever form the tool gives it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: label_studio_json, label: tone"
LATER = "2026-10-05T02:00:00.5Z"


def task(number: int = 1, *annotations: Any, data: Any = None, **more: Any) -> dict[str, Any]:
    return {"id": number, "data": data or {"item_id": f"i{number}"}, "annotations": list(annotations)} | more


def chosen(*choices: Any, name: str = "tone") -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(choices)}}


def annotation(number: int = 1, *results: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "completed_by": 7,
        "result": list(results) or [chosen("a")],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-10-05T01:00:00Z",
        "updated_at": LATER,
        "lead_time": 3.25,
    } | more


def values(folder: Path, annotations: list[Any], name: str, source: str = SOURCE) -> list[Any]:
    return column(read(folder, [task(1, *annotations)], source).answers, name)


def test_an_annotation_in_full(tmp_path: Path) -> None:
    """Loss: a part of an annotation read from the wrong key is a wrong figure every night."""
    content = [task(1), task(2, annotation(5), annotation(6, ground_truth=True), meta={"batch_id": "b3"})]
    found = read(tmp_path, content, SOURCE)
    assert found.answers.to_pylist()[0] == {
        "landed_row": 2,
        "answer": 1,
        "annotation_id": "5",
        "item_id": "i2",
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
    assert column(found.answers, "landed_row", "answer", "annotation_id", "is_gold_check")[1] == (2, 2, "6", True)
    assert column(found.items, "landed_row", "item_id") == [(1, "i1"), (2, "i2")]  # the unlabelled one too


def test_who_completed_it(tmp_path: Path) -> None:
    """Loss: one person in two forms would be two; a person without an id must not become one."""
    expanded = {"id": 7, "email": "jane@example.com", "first_name": "Jane", "last_name": "Doe"}
    nameless = {"email": "jane@example.com"}
    annotations = [annotation(1), annotation(2, completed_by=expanded), annotation(3, completed_by=nameless)]
    annotations += [annotation(4, completed_by=None), annotation(5, completed_by="jane@example.com"), annotation(6)]
    del annotations[5]["completed_by"]
    assert values(tmp_path, annotations, "annotator") == ["7", "7", None, None, "jane@example.com", None]


def test_the_status_is_the_tools_and_never_guessed(tmp_path: Path) -> None:
    """Loss: an empty result taken for a skip hides a broken labelling interface."""
    annotations = [
        annotation(1, was_cancelled=True),
        annotation(2, was_cancelled=True, result=[]),
        annotation(3, result=[]),
        annotation(4, was_cancelled=None),
    ]
    assert values(tmp_path, annotations, "status") == ["skipped", "skipped", "submitted", "submitted"]
    assert values(tmp_path, annotations, "label") == ["a", None, None, "a"]


def test_labels_of_every_control(tmp_path: Path) -> None:
    """Loss: half of several choices, or another control's answer, would pass for the answer."""
    other = chosen("b", name="other")
    results: list[Any] = [
        [chosen("a")],
        [other, chosen("a")],
        [other],
        [chosen("a", "b")],
        [chosen()],
        [chosen(["a", "b"])],
        [chosen(None)],
        [chosen(1)],
        [{"from_name": "tone", "value": {"rating": 3}}],
        [{"from_name": "tone", "value": {"number": 3.0}}],
        [{"from_name": "tone", "value": {"text": ["a"]}}],
        [{"from_name": "tone"}],
        ["x", 1, None],
        {"tone": "a"},
        "a",
        None,
    ]
    assert values(tmp_path, [annotation(k, result=r) for k, r in enumerate(results)], "label") == [
        "a",
        "a",
        None,
        "a|b",
        "",
        '["a","b"]',
        None,
        "1",
        "3",
        "3.0",
        *[None] * 6,
    ]
    either = SOURCE.replace("tone", "[tone, other]")
    assert values(tmp_path, [annotation(1, other), annotation(2, other, chosen("a"))], "label", either) == ["b", "b"]


def test_times_and_durations(tmp_path: Path) -> None:
    """Loss: an edit dated by its creation is no newer than what it corrects."""
    annotations = [
        annotation(1),
        annotation(2, updated_at=None),
        annotation(3, updated_at=None, created_at=None),
        annotation(4, lead_time=None),
        annotation(5, lead_time=0),
    ]
    assert values(tmp_path, annotations, "annotated_at") == [LATER, "2026-10-05T01:00:00Z", None, LATER, LATER]
    assert values(tmp_path, annotations, "duration_s")[3:] == [None, "0"]
    assert values(tmp_path, annotations, "duration_source")[3:] == ["none", "measured"]


def test_what_names_the_item(tmp_path: Path) -> None:
    """Loss: a field with a dot in its name must not be looked for inside another."""
    source = SOURCE + ", item: [a.b, 'c \"d', e/f]"
    data: list[dict[str, Any]] = [
        {"a": {"b": "wrong"}, "a.b": "dot"},
        {'c "d': "quote", "e/f": "slash"},
        {"e/f": "slash"},
        {"other": 1},
        {"a.b": None},
        {"a.b": ""},
        {"a.b": 1905.0},
        {"a.b": 10**30},
    ]
    found = read(tmp_path, [task(k, annotation(k), data=d) for k, d in enumerate(data, start=1)], source)
    expected = ["dot", "quote", "slash", "4", "5", "", "1905.0", "1" + "0" * 30]
    assert column(found.answers, "item_id") == expected
    assert column(found.items, "item_id") == expected


def test_item_fields_stay_as_they_are(tmp_path: Path) -> None:
    """Loss: a null dropped inside a field is another item to whoever reads it."""
    data = {"item_id": "i", "px": [1, 2.5], "nest": {"q": None}, "none": None, "k'q": 'v"\n', "phone": "123"}
    fields = '[nest, pixels, "k\'q", none, absent]'
    found = read(tmp_path, [task(1, data=data), task(2)], SOURCE + ", fields: {pixels: px}", fields=fields)
    first, second = column(found.items, "payload")
    assert first == json.dumps(
        {"nest": {"q": None}, "pixels": [1, 2.5], "k'q": 'v"\n', "none": None}, separators=(",", ":")
    )
    assert second == "{}"


@pytest.mark.parametrize("number", [None, 10**30, "abc"])
def test_annotation_ids(tmp_path: Path, number: Any) -> None:
    """Loss: an id that overflows would stop the night."""
    expected = None if number is None else str(number)
    assert values(tmp_path, [annotation(number)], "annotation_id") == [expected]


def test_annotations_that_are_none(tmp_path: Path) -> None:
    """Loss: a task nobody labelled is an item all the same."""
    content = [task(1) | {"annotations": None}, {"id": 2, "data": {"item_id": "i2"}}, task(3, None, 3, "x", [])]
    found = read(tmp_path, content, SOURCE)
    assert column(found.items, "item_id") == ["i1", "i2", "i3"]
    assert column(found.answers, "landed_row", "answer", "label") == [(3, k, None) for k in (1, 2, 3, 4)]


def test_odd_forms_of_a_good_file(tmp_path: Path) -> None:
    """Loss: a byte order mark or leading spaces are no reason to refuse an export."""
    good = json.dumps([task(1, annotation(1)), task(2)], indent=1)
    for content in (good, "\ufeff" + good, " \n" * 99 + good, good.replace("\n", "\r\n"), good.encode("utf-16")):
        source = SOURCE + (", encoding: utf-16" if isinstance(content, bytes) else "")
        assert column(read(tmp_path, content, source).items, "item_id") == ["i1", "i2"]
    assert len(read(tmp_path, "[]", SOURCE).items) == 0


GOOD = json.dumps([task(1, annotation(1)), task(2)])
WRONG = {
    "empty": ("", "file_empty: the file is empty"),
    "spaces": (" \n ", "file_empty: the file is empty"),
    "truncated in a task": (GOOD[:-30], "file_unreadable: Malformed JSON in file"),
    "truncated after a task": (GOOD[:-1], "file_unreadable: Malformed JSON in file"),
    "only a bracket": ("[", "file_unreadable: Missing closing brace"),
    "more after the list": (GOOD + GOOD, "file_unreadable: Malformed JSON in file"),
    "an object": (json.dumps(task(1)), "not_label_studio_json: the file is not a JSON list of tasks"),
    "CSV": ("id,text\n1,a\n", "not_label_studio_json: the file is not a JSON list of tasks"),
    "JSON_MIN": (
        json.dumps([{"id": 1, "text": "…", "tone": "a", "annotator": 10, "annotation_id": 1}]),
        "not_label_studio_json: task 1 has no 'data' as the tool writes it",
    ),
    "a list of numbers": ("[1, 2]", "not_label_studio_json: task 1 has no 'data'"),
    "a list of nothing": ("[null]", "not_label_studio_json: task 1 has no 'data'"),
    "annotations by number": (
        json.dumps([task(1), task(2) | {"annotations": {"1": annotation(1)}}]),
        "not_label_studio_json: task 2 has no 'annotations' as the tool writes it",
    ),
    "no text": (GOOD.replace("i1", "é").encode("latin-1"), "file_unreadable: Malformed JSON in file"),
    "half a sign": (GOOD.replace("i1", "\\ud800"), "file_unreadable: Malformed JSON in file"),
    "UTF-16": (GOOD.encode("utf-16"), "file_unreadable: the file is UTF-16; set encoding: utf-16"),
    "compressed": (b"\x1f\x8b\x08\0", "file_unreadable: the file is compressed"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_something_else(tmp_path: Path, case: str) -> None:
    """Loss: a truncated export taken for a whole one would delete half a project in a snapshot source."""
    content, words = WRONG[case]
    assert problem(tmp_path, content, SOURCE).startswith(words)


def test_nesting_without_end(tmp_path: Path) -> None:
    """Loss: as in JSON lines."""
    deep = '[{"id": 1, "data": {"item_id": "i", "x": ' + "[" * 100_000 + "]" * 100_000 + '}, "annotations": []}]'
    assert problem(tmp_path, deep, SOURCE, fields="[x]").startswith("nested_too_deep: the item of row 1 is nested")
    assert column(read(tmp_path, deep, SOURCE).items, "item_id") == ["i"]


def test_a_real_servers_export(tmp_path: Path, datasets: Path) -> None:
    """Loss: what the tool really writes is not what its documentation says."""
    export = datasets / "label_studio" / "label_studio_export.json"
    if not export.is_file():
        pytest.skip("no real export on this machine")
    tasks = json.loads(export.read_text())
    found = read(tmp_path, export.read_bytes(), "format: label_studio_json, label: sentiment", fields="[text]")
    annotations = [a for t in tasks for a in t["annotations"]]
    assert len(found.items) == len(tasks)
    assert column(found.answers, "annotation_id", "annotator", "annotated_at") == [
        (str(a["id"]), str(a["completed_by"]), a["updated_at"]) for a in annotations
    ]

    def label(a: dict[str, Any]) -> str | None:
        picked = [r["value"]["choices"] for r in a["result"] if r["from_name"] == "sentiment"]
        return "|".join(picked[0]) if picked else None

    assert column(found.answers, "label") == [label(a) for a in annotations]
    assert Counter(column(found.answers, "status")) == Counter(
        "skipped" if a["was_cancelled"] else "submitted" for a in annotations
    )
    assert sum(column(found.answers, "is_gold_check")) == sum(a["ground_truth"] for a in annotations)
    assert column(found.answers, "duration_source").count("none") == sum(a["lead_time"] is None for a in annotations)
    texts = [json.loads(p).get("text") for p in column(found.items, "payload")]
    assert texts == [t["data"].get("text") for t in tasks]
