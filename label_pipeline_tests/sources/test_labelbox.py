"""Labelbox's NDJSON: labels of several projects in one line, benchmarks, skips, and groups that were not exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from label_pipeline_tests.ingest.house import D1, D2, House, account, keeps_contracts, person, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: labelbox, label: tone"
RADIO = {"feature_id": "f1", "name": "tone", "value": "tone_of_it", "radio_answer": {"name": "a", "value": "a_value"}}


def label(number: int = 1, *classifications: Any, objects: Any = (), **more: Any) -> dict[str, Any]:
    return {
        "label_kind": "Default",
        "version": "1.0.0",
        "id": f"l{number}",
        "label_details": {
            "created_at": "2026-10-05T08:00:00.000+00:00",
            "updated_at": "2026-10-05T11:00:00.000+00:00",
            "created_by": f"p{number}@example.com",
            "content_last_updated_at": "2026-10-05T09:00:00.000+00:00",
            "reviews": [],
        },
        "performance_details": {"seconds_to_create": 66, "seconds_to_review": 5, "benchmark_score": 0.9},
        "annotations": {"objects": list(objects), "classifications": list(classifications) or [RADIO]},
    } | more


def row(number: int, *labels: Any, data_row: dict[str, Any] | None = None, **projects: Any) -> dict[str, Any]:
    data = {
        "id": f"d{number}",
        "global_key": f"g{number}",
        "external_id": "photo.jpg",
        "row_data": "https://example.com",
    }
    project = {"name": "Tone", "labels": list(labels), "project_details": {"batch_id": "b1", "batch_name": "First"}}
    return {"data_row": data_row or data, "media_attributes": {}, "projects": {"p1": project} | projects}


def ndjson(*lines: Any) -> str:
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)


def labels_of(folder: Path, *labels: Any, source: str = SOURCE) -> list[Any]:
    return column(read(folder, ndjson(row(1, *labels)), source).answers, "label")


def test_a_label_in_full(tmp_path: Path) -> None:
    """Loss: a part of a label read from the wrong key is a wrong figure every night."""
    found = read(tmp_path, ndjson(row(1), row(2, label(1), label(2))), SOURCE)
    assert found.answers.to_pylist()[1] == {
        "landed_row": 2,
        "answer": 2,
        "annotation_id": "l2",
        "item_id": "g2",
        "annotator": "p2@example.com",
        "label": "a",
        "status": "submitted",
        "is_gold_check": False,
        "started_at": None,
        "annotated_at": "2026-10-05T09:00:00.000+00:00",
        "duration_s": "66",
        "duration_source": "measured",
        "batch_id": "b1",
    }
    assert column(found.items, "landed_row", "item_id") == [(1, "g1"), (2, "g2")]  # the unlabelled one too


def test_the_item_is_the_global_key(tmp_path: Path) -> None:
    """Loss: two pictures of one file name under one external id would be one item."""
    rows_ = [row(1, label(1)), row(2, label(2), data_row={"id": "d2", "external_id": "photo.jpg", "global_key": None})]
    assert column(read(tmp_path, ndjson(*rows_), SOURCE).answers, "item_id") == ["g1", "d2"]
    mapped = read(tmp_path, ndjson(*rows_), SOURCE + ", item: [sku, external_id]")
    assert column(mapped.answers, "item_id") == ["photo.jpg", "photo.jpg"]


def test_labels_of_every_kind(tmp_path: Path) -> None:
    """Loss: half of several choices, or another question's answer, would pass for the answer."""
    other = RADIO | {"name": "mood", "value": "mood"}
    checks = [{"name": "a", "value": "x"}, {"name": "b", "value": "y"}]
    box = {"name": "tone", "annotation_kind": "ImageBoundingBox", "bounding_box": {"top": 1, "left": 2}}
    assert labels_of(
        tmp_path,
        label(1, other, RADIO),
        label(2, RADIO | {"name": "Tone?", "value": "tone"}),
        label(3, {"name": "tone", "checklist_answers": checks}),
        label(4, {"name": "tone", "checklist_answers": []}),
        label(5, {"name": "tone", "text_answer": {"content": "so so"}}),
        label(6, {"name": "tone", "slider": 3}),
        label(7, other, objects=[box, box | {"name": "dog"}]),
        label(8, other),
        label(9, annotations={"frames": {"1": {"objects": {}}}}),
        label(10, annotations={}),
        label(11, annotations=None),
    ) == [
        "a",
        "a",
        "a|b",
        "[]",
        "so so",
        '{"name":"tone","slider":3}',
        '[{"name":"tone","annotation_kind":"ImageBoundingBox","bounding_box":{"top":1,"left":2}}]',
        None,
        '{"1":{"objects":{}}}',
        None,
        None,
    ]


def test_benchmarks(tmp_path: Path) -> None:
    """Loss: answers on gold items taken for ordinary ones measure nobody; the reference's place differs by version."""
    found = read(
        tmp_path,
        ndjson(
            row(1, label(1), label(2, benchmark_reference_label="l1"), label(3)),
            row(2, label(4, performance_details={"seconds_to_create": 1, "benchmark_reference_label": "l5"}), label(5)),
            row(3, label(6, label_kind="Benchmark")),
        ),
        SOURCE,
    )
    assert column(found.answers, "is_gold_check") == [True, True, False, True, True, True]


def test_a_skip_is_the_tools_and_never_guessed(tmp_path: Path) -> None:
    """Loss: an empty label taken for a skip hides a broken labelling interface."""
    labels = [
        label(1, performance_details={"seconds_to_create": 2, "skipped": True}, annotations={}),
        label(2, is_skipped=True, annotations={}),
        label(3, annotations={}),
    ]
    found = read(tmp_path, ndjson(row(1, *labels)), SOURCE)
    assert column(found.answers, "status") == ["skipped", "skipped", "submitted"]


def test_groups_that_were_not_exported(tmp_path: Path) -> None:
    """Loss: an export without who labelled would fill quarantine with one row a label and no reason."""
    nobody = label(1)
    del nobody["label_details"]
    words = "column_missing: no label has 'label_details', which says who labelled"
    assert problem(tmp_path, ndjson(row(1, nobody)), SOURCE) == words
    timeless = label(2)
    del timeless["performance_details"], timeless["label_details"]["content_last_updated_at"]
    found = read(
        tmp_path, ndjson(row(1, nobody, timeless) | {"projects": {"p": {"labels": [nobody, timeless]}}}), SOURCE
    )
    assert column(found.answers, "annotator", "annotated_at", "duration_source", "batch_id") == [
        (None, None, "measured", None),
        ("p2@example.com", "2026-10-05T11:00:00.000+00:00", "none", None),
    ]


def test_several_projects_in_a_line(tmp_path: Path) -> None:
    """Loss: labels of a second project, or under a key with odd signs, would be passed over."""
    second = {"labels": [label(2)], "project_details": {"batch_name": "Second"}}
    found = read(tmp_path, ndjson(row(1, label(1), **{"p/2~": second, "p3": {"name": "empty"}, "p4": None})), SOURCE)
    assert column(found.answers, "answer", "annotation_id", "batch_id") == [(1, "l1", "b1"), (2, "l2", "Second")]


def test_fields(tmp_path: Path) -> None:
    """Loss: an item without its text or its slice cannot be shown or split."""
    content = ndjson(
        row(1) | {"metadata_fields": [{"schema_name": "it's", "value": [1]}, {"schema_name": "x"}, 3]}, row(2)
    )
    source = SOURCE + ', fields: {url: row_data, tag: "it\'s"}'
    found = read(tmp_path, content, source, fields="[url, tag, none]")
    assert column(found.items, "payload") == [
        '{"url":"https://example.com","tag":[1]}',
        '{"url":"https://example.com"}',
    ]


def test_another_file(tmp_path: Path) -> None:
    """Loss: an export of version 1 read as empty looks like a quiet night."""
    first = '{"ID": "x", "Label": {}}\n'
    assert problem(tmp_path, first, SOURCE) == "column_missing: no line has 'data_row'"


def test_a_night(tmp_path: Path) -> None:
    """Loss: a row that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    house = House(tmp_path, "  s: {format: labelbox, label: tone}\n")
    first = row(1, label(1), label(2, annotations={}), label(3, is_skipped=True))
    content = ndjson(first, row(2, label(4, benchmark_reference_label="l5")), "{torn", row(3))
    house.put("s/export.ndjson", content)
    edited = label(1, RADIO | {"radio_answer": {"name": "b"}})
    edited["label_details"]["content_last_updated_at"] = "2026-10-06T09:00:00.000+00:00"
    reviewed = label(4, benchmark_reference_label="l5")
    reviewed["label_details"]["updated_at"] = "2026-10-06T10:00:00.000+00:00"
    house.put("s/export.ndjson", ndjson(row(1, edited), row(2, reviewed)), D2)
    night = house.night(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {"s/export.ndjson": (5, 3, 2, 0)}
    assert reasons(night) == [("s/export.ndjson", 1, "label_missing"), ("s/export.ndjson", 3, "line_unreadable")]
    assert rows(night.events, "item_id", "annotator_id", "label", "status", "is_gold_check") == sorted(
        [
            ("g1", person("p1@example.com"), "a", "submitted", False),
            ("g1", person("p3@example.com"), None, "skipped", False),
            ("g2", person("p4@example.com"), "a", "submitted", True),
        ]
    )
    assert "@" not in str([t.to_pylist() for t in (night.events, night.items, night.quarantine)])
    assert account(house.ingest(D2)) == {"s/export.ndjson": (2, 1, 0, 1)}
