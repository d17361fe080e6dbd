"""Argilla's records: three shapes of one thing, told apart record by record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.ingest.house import D1, D2, House, account, keeps_contracts, person, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: argilla"
SAVED = "2026-10-05T09:00:00.123456"


def flat(number: int, *responses: tuple[Any, Any, Any], **more: Any) -> dict[str, Any]:
    """Responses are value, user and status; a record without any has nulls, as `to_list` writes them."""
    lists: list[Any] = [list(part) for part in zip(*responses, strict=True)] or [None, None, None]
    keys = ("label.responses", "label.responses.users", "label.responses.status")
    suggestion = {"label.suggestion": "b", "label.suggestion.score": 0.9, "label.suggestion.agent": "model"}
    record = {"id": f"i{number}", "status": "pending", "_server_id": f"server-{number}", "text": "The lamp hums."}
    return record | suggestion | dict(zip(keys, lists, strict=True)) | {"vector": [0.1, 0.2]} | more


def nested(number: int, *responses: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    answers = [{"value": value, "user_id": user} for value, user in responses]
    return {
        "id": f"i{number}",
        "fields": {"text": "The lamp hums."},
        "metadata": {"shop": "X"},
        "vectors": {"vector": [0.1, 0.2]},
        "responses": {"label": answers} if answers else {},
        "suggestions": {"label": {"value": "b", "score": 0.9, "agent": "model"}},
        "status": "pending",
        "_server_id": f"server-{number}",
    } | more


def response(value: Any, user: Any, status: str = "submitted", **more: Any) -> dict[str, Any]:
    values = None if value is None else {"label": {"value": value}}
    ids = {"id": f"r-{user}", "record_id": "server", "user_id": user}
    return ids | {"values": values, "status": status, "inserted_at": SAVED, "updated_at": SAVED} | more


def rest(number: int, *responses: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": f"server-{number}",
        "external_id": f"i{number}",
        "fields": {"text": "The lamp hums."},
        "metadata": {"shop": "X"},
        "responses": list(responses),
        "suggestions": [],
        "dataset_id": "d",
        "inserted_at": SAVED,
        "updated_at": SAVED,
    } | more


def answers(folder: Path, content: Any, source: str = SOURCE) -> list[Any]:
    return column(read(folder, content, source).answers, "item_id", "annotator", "label", "status")


def test_a_response_in_full(tmp_path: Path) -> None:
    """Loss: a part of a response read from the wrong key is a wrong figure every night."""
    page = {"items": [rest(1, metadata={"batch_id": "b3"}), rest(2), rest(3, response("a", "u1"), response("b", "u2"))]}
    page["items"][2]["metadata"] = {"batch_id": "b3", "shop": "X"}
    found = read(tmp_path, page | {"total": 3}, SOURCE, fields="[text, shop]")
    assert found.answers.to_pylist()[1] == {
        "landed_row": 3,
        "answer": 2,
        "annotation_id": None,
        "item_id": "i3",
        "annotator": "u2",
        "label": "b",
        "status": "submitted",
        "is_gold_check": False,
        "started_at": None,
        "annotated_at": SAVED,
        "duration_s": None,
        "duration_source": "none",
        "batch_id": "b3",
    }
    assert column(found.items, "landed_row", "item_id") == [(1, "i1"), (2, "i2"), (3, "i3")]
    assert json.loads(column(found.items, "payload")[2]) == {"text": "The lamp hums.", "shop": "X"}


def test_every_shape_says_the_same(tmp_path: Path) -> None:
    """Loss: an item or a person named otherwise in another shape would be labelled twice."""
    people = [("a", "u1"), ("b", "u2")]
    shapes: list[Any] = [
        [flat(1, *((value, user, "submitted") for value, user in people)), flat(2)],
        [nested(1, *people), nested(2)],
        [rest(1, *(response(value, user) for value, user in people)), rest(2)],
    ]
    expected = [("i1", "u1", "a", "submitted"), ("i1", "u2", "b", "submitted")]
    for content in shapes:
        found = read(tmp_path, content, SOURCE, fields="[text]")
        assert column(found.answers, "item_id", "annotator", "label", "status") == expected
        assert column(found.items, "item_id", "payload") == [(f"i{k}", '{"text":"The lamp hums."}') for k in (1, 2)]
    assert answers(tmp_path, [record for content in shapes for record in content]) == expected * 3


def test_drafts_and_discarded_ones_are_no_votes(tmp_path: Path) -> None:
    """Loss: a draft that looks submitted is a vote nobody cast. Nested records do not say, and count as submitted."""
    states = ["submitted", "discarded", "draft", None, "odd"]
    expected = ["submitted", "skipped", "skipped", "submitted", "odd"]
    content: list[Any] = [flat(1, *(("a", f"u{k}", state) for k, state in enumerate(states)))]
    assert [status for *_, status in answers(tmp_path, content)] == expected
    content = [rest(1, *(response("a", f"u{k}") | {"status": state} for k, state in enumerate(states)))]
    assert [status for *_, status in answers(tmp_path, content)] == expected
    assert answers(tmp_path, [rest(1, response(None, "u1", "discarded"), response(None, "u2"))]) == [
        ("i1", "u1", None, "skipped"),
        ("i1", "u2", None, "submitted"),
    ]
    assert [status for *_, status in answers(tmp_path, [nested(1, ("a", "u1"))])] == ["submitted"]


def test_values_of_every_question(tmp_path: Path) -> None:
    """Loss: half of several labels would pass for the answer; a ranking cannot be asked for again."""
    spans = [{"label": "THING", "start": 4, "end": 8}]
    ranking = [{"value": "reply-1", "rank": 1}, {"value": "reply-2", "rank": 1}]
    values = ["a", ["a", "b"], ["a"], [], 4, "free text", spans, ranking, None]
    texts = [json.dumps(v, separators=(",", ":")) for v in (spans, ranking)]
    expected = ["a", "a|b", "a", "[]", "4", "free text", *texts, None]
    people = [(value, f"u{k}") for k, value in enumerate(values)]
    shapes: list[Any] = [
        flat(1, *((*p, "submitted") for p in people)),
        nested(1, *people),
        rest(1, *(response(*p) for p in people)),
    ]
    for record in shapes:
        assert [label for _, _, label, _ in answers(tmp_path, [record])] == expected


def test_other_questions(tmp_path: Path) -> None:
    """Loss: a mistyped question would silently be nobody's answer; a second question is another project's."""
    asked = {"mood": {"value": "b"}}
    content = [
        rest(1, response("a", "u1", values=asked | {"label": {"value": "a"}}), response("a", "u2", values=asked))
    ]
    assert answers(tmp_path, content) == [("i1", "u1", "a", "submitted"), ("i1", "u2", None, "submitted")]
    assert [row[2] for row in answers(tmp_path, content, SOURCE + ", label: [mood, label]")] == ["b", "b"]
    wrong = SOURCE + ", label: lable"
    words = "column_missing: column 'lable' is missing"
    assert problem(tmp_path, content, wrong) == words
    assert problem(tmp_path, [nested(1, ("a", "u1"))], wrong) == words
    assert problem(tmp_path, [flat(1, ("a", "u1", "submitted"))], wrong) == words


def test_users_that_are_gone(tmp_path: Path) -> None:
    """Loss: all answers of deleted users would be one person's."""
    content: list[Any] = [rest(1, response("a", None)), nested(2, ("a", None)), flat(3, ("a", None, "submitted"))]
    uneven = flat(4, ("a", "u1", "submitted")) | {"label.responses.users": ["u1", "u2"]}
    short = flat(5, ("a", "u1", "submitted"), ("b", "u2", "submitted")) | {"label.responses.users": ["u1"]}
    assert [(who, what) for _, who, what, _ in answers(tmp_path, [*content, uneven, short])] == [
        *[(None, "a")] * 3,
        ("u1", "a"),
        ("u2", None),
        ("u1", "a"),
        (None, "b"),
    ]


def test_what_names_the_item(tmp_path: Path) -> None:
    """Loss: the server's id changes when a dataset is loaded again; the project's own does not."""
    one = response("a", "u1")
    content = [
        rest(1, one),
        rest(2, one, external_id=None),
        rest(3, one, metadata={"item_id": "m3"}),
        rest(4, one, fields={"item_id": 4}),
    ]
    assert [item for item, *_ in answers(tmp_path, content)] == ["i1", "server-2", "m3", "4"]


@pytest.mark.parametrize("indent", [None, 2])
def test_wrappings(tmp_path: Path, indent: int | None) -> None:
    """Loss: how a script saved the records, page by page or in lines, must not matter."""
    records = [rest(1, response("a", "u1")), rest(2, response("b", "u1"))]
    pages = [{"items": [record], "total": 2} for record in records]
    search = {"items": [{"record": record, "query_score": None} for record in records], "total": 2}
    forms = [
        json.dumps(records, indent=indent),
        json.dumps({"items": records}, indent=indent),
        "\n".join(json.dumps(page, indent=indent) for page in pages),
        json.dumps(search, indent=indent),
        "\n".join(map(json.dumps, records)),
    ]
    for content in forms:
        found = read(tmp_path, content, SOURCE).answers
        assert column(found, "landed_row", "item_id", "label") == [(1, "i1", "a"), (2, "i2", "b")]
    for content in ("[]", '{"items": [], "total": 0}'):
        assert len(read(tmp_path, content, SOURCE).items) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "file_empty: the file is empty"),
        (json.dumps([rest(1, response("a", "u1"))])[:-9], "file_unreadable: Malformed JSON in file"),
        (json.dumps({"items": [rest(1)]})[:-9], "file_unreadable: "),
        ([{"text": "x"}], "not_argilla: the file holds no Argilla records"),
        ([rest(1, responses=None)], "not_argilla: the records came without responses"),
        ({"i1": nested(1)}, "not_argilla: the file holds no Argilla records"),
    ],
)
def test_a_file_that_is_something_else(tmp_path: Path, content: Any, words: str) -> None:
    """Loss: records fetched without their responses look like a dataset that nobody labelled."""
    assert problem(tmp_path, content, SOURCE).startswith(words)


def test_nights(tmp_path: Path) -> None:
    """Loss: an answer that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    house = House(tmp_path, f"  s: {{{SOURCE}}}\n", more="items: {fields: [text]}")
    people = [response("a", "u1"), response("b", "u2", "draft"), response("a", None), response(["a", "b"], "u3")]
    page = {"items": [rest(1, *people), rest(1, *people[:1]), rest(2, response("b", "u1", updated_at="soon"))]}
    house.put("s/page.json", json.dumps(page))
    night = house.night(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {"s/page.json": (6, 2, 3, 1)}
    assert rows(night.events, "status", "item_id", "annotator_id", "label") == [
        ("skipped", "i1", person("u2"), None),
        ("submitted", "i1", person("u1"), "a"),
    ]
    assert reasons(night) == [
        ("s/page.json", 1, "annotator_missing"),
        ("s/page.json", 1, "label_unknown"),
        ("s/page.json", 3, "time_unreadable"),
    ]
    later = response("b", "u2", updated_at="2026-10-06T09:00:00")
    house.put("s/page.json", json.dumps({"items": [rest(1, people[0], later)]}), D2)
    second = house.ingest(D2)
    assert account(second) == {"s/page.json": (2, 1, 0, 1)}
    assert rows(second.events, "annotator_id", "label", "status") == [(person("u2"), "b", "submitted")]
    ids = [rows(n.events, "annotator_id", "annotation_id") for n in (night, second)]
    assert dict(ids[0])[person("u2")] == dict(ids[1])[person("u2")]  # the draft became this vote
