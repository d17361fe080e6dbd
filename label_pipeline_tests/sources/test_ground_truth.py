"""SageMaker Ground Truth: what a job settled on, and what each worker answered."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.ingest.house import D1, D2, House, account, keeps_contracts, person, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

MANIFEST = "format: ground_truth_manifest"
RESPONSES = "format: ground_truth_responses"
SINGLE = {
    "class-name": "a",
    "confidence": 0.0,
    "type": "groundtruth/image-classification",
    "job-name": "labeling-job/tone-1",
    "human-annotated": "yes",
    "creation-date": "2026-10-05T08:00:13.527256",
}
MANY = {"class-map": {"1": "b", "3": "a"}, "confidence-map": {"1": 0.9, "3": 0.6}} | {
    key: SINGLE[key] for key in ("job-name", "human-annotated", "creation-date")
}


def line(number: int, value: Any = "0", about: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "source-ref": f"s3://bucket/{number}.jpg",
        "tone": value,
        "tone-metadata": SINGLE if about is None else about,
    } | more


def lines(*parts: Any) -> str:
    return "".join((part if isinstance(part, str) else json.dumps(part)) + "\n" for part in parts)


def labels_of(folder: Path, *parts: Any, source: str = MANIFEST) -> list[Any]:
    return column(read(folder, lines(*parts), source).answers, "label")


def answer(worker: str = "w1", content: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "acceptanceTime": "2026-10-05T08:00:00.000Z",
        "submissionTime": "2026-10-05T08:00:40.000Z",
        "timeSpentInSeconds": 31.5,
        "workerId": worker,
        "workerMetadata": {"identityData": {"identityProviderType": "Cognito", "issuer": "https://x", "sub": "sub-1"}},
        "answerContent": {"crowd-classifier": {"label": "a"}} if content is None else content,
    } | more


def test_a_line_of_the_manifest_in_full(tmp_path: Path) -> None:
    """Loss: a class's number taken for its name, or a confidence of nothing for one, is a wrong label."""
    found = read(tmp_path, lines(line(7, 0, lot="x")), MANIFEST, fields="[lot]")
    assert found.answers.to_pylist() == [
        {
            "landed_row": 1,
            "answer": 1,
            "annotation_id": None,
            "item_id": "s3://bucket/7.jpg",
            "annotator": "labeling-job/tone-1",
            "label": "a",
            "status": "submitted",
            "is_gold_check": False,
            "started_at": None,
            "annotated_at": "2026-10-05T08:00:13.527256",
            "duration_s": None,
            "duration_source": "none",
            "batch_id": "labeling-job/tone-1",
        }
    ]
    assert column(found.items, "item_id", "payload") == [("s3://bucket/7.jpg", '{"lot":"x"}')]


def test_a_models_label_is_another_annotators(tmp_path: Path) -> None:
    """Loss: labels that a model gave by itself would be taken for people's agreement."""
    content = lines(line(1), line(2, about=SINGLE | {"human-annotated": "no"}), line(3, about={"class-name": "a"}))
    assert column(read(tmp_path, content, MANIFEST).answers, "annotator") == [
        "labeling-job/tone-1",
        "labeling-job/tone-1 (auto)",
        None,
    ]


def test_labels_of_every_task_type(tmp_path: Path) -> None:
    """Loss: several classes read as one, or boxes cut loose from the names of their classes."""
    box = {"annotations": [{"class_id": 1, "left": 2}], "image_size": [{"width": 5}]}
    assert labels_of(
        tmp_path,
        line(1, "0"),
        line(2, 0),
        line(3, [3, 1], MANY),
        line(4, ["1", 8], MANY),
        line(5, [], MANY),
        line(6, box, MANY),
        line(7, {"labels": 3}, {"job-name": "j"}),
        line(8, "free text", {"job-name": "j"}),
        line(9, -1, SINGLE | {"class-name": None, "failure-reason": "ClientError"}),
        line(10, None),
        {"source-ref": "s3://bucket/11.jpg"},
    ) == [
        "a",
        "a",
        "a|b",
        "b|8",
        "[]",
        '{"annotations":[{"class_id":1,"left":2}],"image_size":[{"width":5}],"class-map":{"1":"b","3":"a"}}',
        '{"labels":3}',
        "free text",
        None,
    ]


def test_which_attribute(tmp_path: Path) -> None:
    """Loss: with chained jobs in one manifest, the label of another job would pass for this one's."""
    chained = line(1, **{"check": "1", "check-metadata": SINGLE | {"class-name": "b"}})
    assert labels_of(tmp_path, chained, source=MANIFEST + ", label: [x, check]") == ["b"]
    assert labels_of(tmp_path, chained, source=MANIFEST + ", label: tone") == ["a"]
    assert problem(tmp_path, lines(chained), MANIFEST) == "column_missing: column 'label' is missing"
    mask = {"source-ref": "s3://b/1.jpg", "m-ref": "s3://b/m.png", "m-ref-metadata": {"job-name": "j"}}
    assert labels_of(tmp_path, mask) == ["s3://b/m.png"]


def test_the_item(tmp_path: Path) -> None:
    """Loss: a text that is its own id puts what people wrote into every table."""
    text = {"source": "a kind note", "tone": 0, "tone-metadata": SINGLE}
    found = read(tmp_path, lines(text, line(2)), MANIFEST)
    assert column(found.answers, "item_id") == [sha256(b"a kind note").hexdigest()[:16], "s3://bucket/2.jpg"]
    mapped = read(tmp_path, lines(text | {"sku": 7}, line(2)), MANIFEST + ", item: sku")
    assert column(mapped.answers, "item_id") == ["7", "s3://bucket/2.jpg"]


def test_a_custom_jobs_manifest_holds_the_workers_answers(tmp_path: Path) -> None:
    """Loss: answers of several people under the job's name would be one person's."""
    entries = [
        {"workerId": "w1", "annotationData": {"content": '{"tone": {"label": "a"}, "notes": "x"}'}},
        {"workerId": "w2", "annotationData": {"content": "{broken"}},
        {"workerId": "w3"},
    ]
    content = lines(line(1, {"annotationsFromAllWorkers": entries}), line(2))
    found = read(tmp_path, content, MANIFEST)
    assert column(found.answers, "landed_row", "answer", "annotator", "label", "batch_id") == [
        (1, 1, "w1", "a", "labeling-job/tone-1"),
        (1, 2, "w2", "{broken", "labeling-job/tone-1"),
        (1, 3, "w3", None, "labeling-job/tone-1"),
        (2, 1, "labeling-job/tone-1", "a", "labeling-job/tone-1"),
    ]


def test_a_response_in_full(tmp_path: Path) -> None:
    """Loss: a part of a response read from the wrong key is a wrong figure every night."""
    (tmp_path / "iteration-1" / "17").mkdir(parents=True)
    content = json.dumps({"answers": [answer(), answer("w2", timeSpentInSeconds=None)]}, indent=2)
    found = read(tmp_path / "iteration-1" / "17", content, RESPONSES, name="2026-10-05_08:00:40.json")
    assert found.answers.to_pylist()[0] == {
        "landed_row": 1,
        "answer": 1,
        "annotation_id": None,
        "item_id": "17",
        "annotator": "w1",
        "label": "a",
        "status": "submitted",
        "is_gold_check": False,
        "started_at": "2026-10-05T08:00:00.000Z",
        "annotated_at": "2026-10-05T08:00:40.000Z",
        "duration_s": "31.5",
        "duration_source": "measured",
        "batch_id": None,
    }
    assert column(found.answers, "duration_s", "duration_source")[1] == (None, "accept_submit")
    assert column(found.items, "item_id", "payload") == [("17", "{}")]


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ({"crowd-classifier": {"label": "a"}}, "a"),
        ({"crowd-classifier-multi-select": {"labels": ["a", "b"]}}, "a|b"),
        ({"whatever": {"label": ["a", "b"]}}, "a|b"),
        ({"tone": "a", "notes": "long"}, "a"),
        ({"x": "a", "notes": "long"}, None),
        ({"tone": 3}, "3"),
        ({"tone": {"a": False, "b": True}}, "b"),
        ({"tone": {"a": True, "b": True}}, "a|b"),
        ({"tone": {"a": False}}, "[]"),
        ({"annotatedResult": {"boundingBoxes": [{"left": 1}]}}, '{"boundingBoxes":[{"left":1}]}'),
        ('{"tone": "a", "notes": 1}', "a"),
        ("a", "a"),
        ({}, None),
        ({"tone": None}, None),
        ({"tone": {}}, "{}"),
    ],
)
def test_labels_of_every_form(tmp_path: Path, content: Any, label: str | None) -> None:
    """Loss: the field of another question, or half of several choices, would pass for the answer."""
    found = read(tmp_path, {"answers": [answer(content=content)]}, RESPONSES + ", label: tone")
    assert column(found.answers, "label") == [label]


def test_every_wrapper(tmp_path: Path) -> None:
    """Loss: the wrapper differs by kind of job; one that is not known would be a night without answers."""
    custom = [{"workerId": "w9", "annotationData": {"content": '{"tone": "b"}'}}]
    documents = [
        {"humanAnswers": [answer()], "inputContent": {"item_id": "i1"}},
        {"datasetObjectId": "5", "annotations": custom},
        {"datasetObjectId": 6, "consolidatedAnnotation": {"content": {"job": {"annotationsFromAllWorkers": custom}}}},
        {"item_id": "i4", "annotationsFromAllWorkers": []},
    ]
    for content in (documents, lines(*documents)):
        found = read(tmp_path, content, RESPONSES)
        assert column(found.answers, "landed_row", "item_id", "annotator", "label") == [
            (1, "i1", "w1", "a"),
            (2, "5", "w9", "b"),
            (3, "6", "w9", "b"),
        ]
        assert column(found.items, "item_id") == ["i1", "5", "6", "i4"]


def test_who_answered(tmp_path: Path) -> None:
    """Loss: without a worker's id, the identity behind it still tells people apart; without both it is nobody's."""
    answers = [answer(), answer(workerId=None), answer(workerId=None, workerMetadata={})]
    assert column(read(tmp_path, {"answers": answers}, RESPONSES).answers, "annotator") == ["w1", "sub-1", None]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1, 2]", "file_unreadable: the file holds no JSON object"),
        ('{"answers": {}}', "file_unreadable: document 1 has no list of workers' answers"),
        ('[{"answers": []}, {"source-ref": "x"}]', "file_unreadable: document 2 has no list of workers' answers"),
        ("", "file_empty: the file is empty"),
        (" \n", "file_unreadable: the file holds no JSON object"),
    ],
)
def test_another_file(tmp_path: Path, content: str, words: str) -> None:
    """Loss: a file of another kind read as empty looks like a quiet night."""
    assert problem(tmp_path, content, RESPONSES) == words
    assert problem(tmp_path, '{"answers": [', RESPONSES).startswith("file_unreadable: ")


def test_a_night(tmp_path: Path) -> None:
    """Loss: a row that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    house = House(
        tmp_path,
        "  s: {format: ground_truth_manifest, label: tone}\n  r: {format: ground_truth_responses, label: tone}\n",
    )
    house.put("s/output.manifest", lines(line(1), line(2, about=SINGLE | {"class-name": "c"}), "{torn", line(3, None)))
    house.put("s/output.manifest", lines(line(1), line(2)), D2)
    house.put("r/iteration-1/0/x.json", json.dumps({"answers": [answer(), answer("w2", {"tone": "b"})]}))
    house.put("r/1/x.json", json.dumps({"answers": [answer("w2", {}), answer(None, workerMetadata=None)]}))
    house.put("r/flat.json", json.dumps({"answers": [answer()]}))
    night = house.night(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {
        "r/1/x.json": (2, 0, 2, 0),
        "r/flat.json": (1, 0, 1, 0),
        "r/iteration-1/0/x.json": (2, 2, 0, 0),
        "s/output.manifest": (3, 1, 2, 0),
    }
    assert reasons(night) == [
        ("r/1/x.json", 1, "annotator_missing"),
        ("r/1/x.json", 1, "label_missing"),
        ("r/flat.json", 1, "item_missing"),
        ("s/output.manifest", 2, "label_unknown"),
        ("s/output.manifest", 3, "line_unreadable"),
    ]
    assert rows(night.events, "source", "item_id", "annotator_id", "label", "duration_s") == sorted(
        [
            ("r", "0", person("w1", "r"), "a", 31.5),
            ("r", "0", person("w2", "r"), "b", 31.5),
            ("s", "s3://bucket/1.jpg", person("labeling-job/tone-1"), "a", None),
        ]
    )
    assert account(house.ingest(D2)) == {"s/output.manifest": (2, 1, 0, 1)}
