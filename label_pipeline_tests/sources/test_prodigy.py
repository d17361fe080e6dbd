"""Prodigy's JSON lines: what an answer is depends on the interface it was given in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.ingest.house import D1, House, account, keeps_contracts, person, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: prodigy"
NOON = 1791201600  # 2026-10-05 12:00 UTC


def task(number: int, **more: Any) -> dict[str, Any]:
    parts = {
        "text": "The lamp hums.",
        "_input_hash": -100 - number,
        "_task_hash": 200 + number,
        "answer": "accept",
        "_timestamp": NOON + number,
        "_annotator_id": "lamps-jane",
        "_session_id": "lamps-jane",
    } | more
    return {key: value for key, value in parts.items() if value != "left out"}


def choice(number: int, *accept: str, **more: Any) -> dict[str, Any]:
    options = [{"id": "a", "text": "Good"}, {"id": "b", "text": "Bad"}]
    return task(number, **({"options": options, "accept": list(accept), "_view_id": "choice"} | more))


def lines(*tasks: Any) -> str:
    return "".join((t if isinstance(t, str) else json.dumps(t, ensure_ascii=False)) + "\n" for t in tasks)


def answers(folder: Path, *tasks: Any, source: str = SOURCE) -> list[Any]:
    return column(read(folder, lines(*tasks), source).answers, "item_id", "label", "status")


def test_a_choice_in_full(tmp_path: Path) -> None:
    """Loss: a part of an answer read from the wrong key is a wrong figure every night."""
    found = read(tmp_path, lines(choice(1, "a", meta={"batch_id": "b3", "shop": "X"})), SOURCE, fields="[text, shop]")
    assert found.answers.to_pylist() == [
        {
            "landed_row": 1,
            "answer": 1,
            "annotation_id": None,
            "item_id": "-101",
            "annotator": "lamps-jane",
            "label": "a",
            "status": "submitted",
            "is_gold_check": False,
            "started_at": None,
            "annotated_at": str(NOON + 1),
            "duration_s": None,
            "duration_source": "none",
            "batch_id": "b3",
        }
    ]
    assert column(found.items, "payload") == ['{"text":"The lamp hums.","shop":"X"}']


def test_accept_reject_and_ignore_of_choices(tmp_path: Path) -> None:
    """Loss: an ignored task is no vote, a rejected one is a bad task and no vote for what was ticked on it."""
    found = answers(
        tmp_path,
        choice(1, "a"),
        choice(2, "a", "b"),
        choice(3, answer="ignore"),
        choice(4, "a", answer="ignore"),
        choice(5, "a", answer="reject"),
        choice(6, answer="reject"),
        choice(7),  # accepted with nothing ticked: explicitly none
        choice(8, accept="left out"),
        choice(9, "a", answer="left out"),
        choice(10, "a", answer="maybe"),
    )
    assert [(label, status) for _, label, status in found] == [
        ("a", "submitted"),
        ("a|b", "submitted"),
        ("[]", "skipped"),
        ("a", "skipped"),
        ("a", "rejected"),
        ("[]", "skipped"),
        ("[]", "submitted"),
        (None, "submitted"),
        ("a", None),
        ("a", "maybe"),
    ]


def test_a_judged_suggestion(tmp_path: Path) -> None:
    """Loss: the label at the top of a task is the question; taken for the answer, every rejection would be a vote."""
    spans = [{"start": 4, "end": 8, "label": "THING"}]
    found = answers(
        tmp_path,
        task(1, label="GOOD", _view_id="classification"),
        task(2, label="GOOD", _view_id="classification", answer="reject", _input_hash=-101),
        task(3, spans=spans, _view_id="ner", answer="reject"),
        task(4, accept={"id": 1}, reject={"id": 2}, _view_id="compare"),
        task(5, _view_id="text", answer="ignore"),
    )
    assert found == [
        ("201", "accept", "submitted"),
        ("202", "reject", "submitted"),  # another question about the same text
        ("203", "reject", "submitted"),
        ("204", "accept", "submitted"),
        ("205", "ignore", "skipped"),
    ]


def test_marks_are_kept_as_json(tmp_path: Path) -> None:
    """Loss: spans and boxes cannot be labelled again, so what the tool gave must survive as it is."""
    spans = [{"start": 4, "end": 8, "token_start": 1, "token_end": 1, "label": "THING"}]
    box = [{"label": "LAMP", "points": [[1.5, 2], [3, 4]], "type": "rect"}]
    relations = [{"head": 1, "child": 2, "label": "OF"}]
    tokens = [{"text": "The", "start": 0, "end": 3, "id": 0, "ws": True}]
    found = answers(
        tmp_path,
        task(1, spans=spans, tokens=tokens, _view_id="ner_manual"),
        task(2, spans=box, _view_id="image_manual"),
        task(3, spans=spans, relations=relations, _view_id="relations"),
        task(4, _view_id="ner_manual"),  # nothing to mark, and saying so
        task(5, spans=spans, _view_id="spans_manual", answer="reject"),
        task(6, spans=[], _view_id="spans_manual", answer="reject"),
        task(7, spans=spans, _view_id="blocks"),
        task(8, spans=spans),
    )
    one, both = (json.dumps(v, separators=(",", ":")) for v in (spans, {"spans": spans, "relations": relations}))
    assert found == [
        ("-101", one, "submitted"),
        ("-102", json.dumps(box, separators=(",", ":")), "submitted"),
        ("-103", both, "submitted"),
        ("-104", "[]", "submitted"),
        ("-105", one, "rejected"),
        ("-106", "[]", "skipped"),
        ("-107", one, "submitted"),
        ("-108", one, "submitted"),
    ]


def test_a_mapped_key_is_the_answer(tmp_path: Path) -> None:
    """Loss: what a person typed stands under a key of the recipe's choosing."""
    tasks = [
        task(1, user_input="hums", _view_id="text_input"),
        task(2, stars=4),
        task(3, user_input=["x", "y"]),
        task(4),
        task(5, user_input="x", answer="reject"),
    ]
    assert answers(tmp_path, *tasks, source=SOURCE + ", label: [user_input, stars]") == [
        ("-101", "hums", "submitted"),
        ("-102", "4", "submitted"),
        ("-103", "x|y", "submitted"),
        ("-104", None, "submitted"),
        ("-105", "x", "rejected"),
    ]
    judged = [choice(1, "a"), choice(2, "a", answer="reject")]
    assert answers(tmp_path, *judged, source=SOURCE + ", label: answer") == [
        ("201", "accept", "submitted"),
        ("202", "reject", "submitted"),
    ]


def test_what_names_the_item(tmp_path: Path) -> None:
    """Loss: the project's own id may stand in the task or in its meta; without one, the hashes name it."""
    tasks = [
        task(1, item_id="i1"),
        task(2, meta={"item_id": 7}),
        task(3, meta={"item_id": None}),
        task(4, meta="none"),
        task(5, _input_hash="left out", _view_id="ner_manual"),
        task(6, _task_hash="left out"),
        choice(7, "a", item_id="i7"),
    ]
    assert [item for item, *_ in answers(tmp_path, *tasks)] == ["i1", "7", "203", "204", "205", "-106", "i7"]


def test_sessions_without_a_name_are_nobody(tmp_path: Path) -> None:
    """Loss: every start of an unnamed server would be a new annotator, and every one a perfect one."""
    time = "2026-10-05_11-58-02"
    tasks = [
        choice(1, "a", _annotator_id=time, _session_id=time),
        choice(2, "a", _annotator_id="left out", _session_id=f"lamps-{time}"),
        choice(3, "a", _annotator_id=None, _session_id=None),
        choice(4, "a", _annotator_id="left out", _session_id="left out"),
        choice(5, "a", _annotator_id="left out", _session_id="lamps-bob"),
        choice(6, "a", _annotator_id="lamps-bob", _session_id=time),
        choice(7, "a", annotator_id="bob"),
    ]
    found = read(tmp_path, lines(*tasks), SOURCE).answers
    assert column(found, "annotator") == [None, None, None, None, "lamps-bob", "lamps-bob", "bob"]


def test_a_reviewed_task_is_the_reviewers_answer(tmp_path: Path) -> None:
    """Loss: the versions it rests on stand in the reviewed dataset, and counted here they would vote twice."""
    version = choice(1, "b") | {"sessions": ["lamps-bob", "lamps-eve"], "default": True}
    reviewed = choice(1, "a", _view_id="review", view_id="choice", sessions=["lamps-bob"], versions=[version, version])
    found = read(tmp_path, lines(reviewed | {"_annotator_id": "review-jane"}), SOURCE).answers
    assert column(found, "annotator", "label") == [("review-jane", "a")]
    marked = task(2, _view_id="review", view_id="ner_manual", versions=[], answer="accept")
    assert answers(tmp_path, marked) == [("-102", "[]", "submitted")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "file_empty: the file is empty"),
        ("text,answer\nx,accept\n", "file_unreadable: no line is a JSON object"),
        (lines({"text": "raw input"}), "column_missing: column 'answer' is missing"),
    ],
)
def test_a_file_that_is_something_else(tmp_path: Path, content: str, words: str) -> None:
    """Loss: a stream of tasks that nobody answered yet is no answer file."""
    assert problem(tmp_path, content, SOURCE) == words


def test_a_night(tmp_path: Path) -> None:
    """Loss: an answer that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    house = House(tmp_path, f"  s: {{{SOURCE}}}\n", more="items: {fields: [text]}")
    content = lines(
        choice(1, "a"),
        choice(1, "a"),
        choice(1, "b", _timestamp=NOON + 60),  # the same person changed their mind
        choice(1, "b", _annotator_id="lamps-bob"),
        choice(2, answer="ignore"),
        choice(3, "a", answer="reject"),
        choice(4, "a", "b"),
        choice(5, "a", _annotator_id="2026-10-05_11-58-02"),
        choice(6, "a", answer="maybe"),
        "{broken",
        '{"answer": "accept", "answer": "reject"}',
        choice(7, "a", _timestamp="soon"),
    )
    house.put("s/db-out.jsonl", content)
    night = house.ingest(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {"s/db-out.jsonl": (12, 5, 6, 1)}
    jane, bob = person("lamps-jane"), person("lamps-bob")
    events = rows(night.events, "item_id", "annotator_id", "label", "status", "landed_row")
    assert sorted(events, key=lambda event: event[-1]) == [
        ("-101", jane, "a", "submitted", 1),
        ("-101", jane, "b", "submitted", 3),
        ("-101", bob, "b", "submitted", 4),
        ("-102", jane, None, "skipped", 5),
        ("-103", jane, "a", "rejected", 6),
    ]
    assert reasons(night) == [
        ("s/db-out.jsonl", 10, "line_unreadable"),
        ("s/db-out.jsonl", 11, "line_unreadable"),
        ("s/db-out.jsonl", 12, "time_unreadable"),
        ("s/db-out.jsonl", 7, "label_unknown"),
        ("s/db-out.jsonl", 8, "annotator_missing"),
        ("s/db-out.jsonl", 9, "status_known"),
    ]
    assert "2026-10-05_11" not in str(night.quarantine.to_pylist())
