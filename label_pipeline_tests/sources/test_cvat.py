"""CVAT: a job's images, what people put on them and what machines did, and its quality reports."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.ingest.house import D1, D2, House, account, keeps_contracts, person, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: cvat"
WHO = "<assignee><username>kim</username><email>kim@example.com</email></assignee>"
TAG = '<tag label="a" source="manual"></tag>'
BOX = (
    '<box label="car" source="manual" occluded="0" xtl="1.00" ytl="2.00" xbr="3.00" ybr="4.00" z_order="0">'
    '<attribute name="colour">dark red</attribute></box>'
)
BOX_KEPT = (
    '{"type":"box","label":"car","source":"manual","occluded":"0","xtl":"1.00","ytl":"2.00","xbr":"3.00","ybr":"4.00",'
    '"z_order":"0","attributes":{"colour":"dark red"}}'
)


def job(*images: str, number: int = 7, who: str = WHO, kind: str = "job") -> str:
    marks = "\n".join(
        f'  <image id="{k}" name="{k}.jpg" width="640" height="480">{image}</image>' for k, image in enumerate(images)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <{kind}>\n'
        f"      <id>{number}</id>\n      <updated>2026-10-05 08:00:00+00:00</updated>\n      "
        f"<owner><username>root</username><email>root@example.com</email></owner>\n      {who}\n    </{kind}>\n"
        f"    <dumped>2026-10-05 09:00:00+00:00</dumped>\n  </meta>\n{marks}\n</annotations>\n"
    )


def tag(label: str, source: str = "manual", **filled: str) -> str:
    attributes = "".join(f'<attribute name="{name}">{value}</attribute>' for name, value in filled.items())
    return f'<tag label="{label}" source="{source}">{attributes}</tag>'


def labels_of(folder: Path, *images: str, source: str = SOURCE) -> list[Any]:
    return column(read(folder, job(*images), source).answers, "label")


def test_an_image_in_full(tmp_path: Path) -> None:
    """Loss: the owner taken for who labelled gives everybody's work to one person."""
    found = read(tmp_path, job(TAG, BOX), SOURCE + ", fields: {wide: width}", fields="[wide, height, depth]")
    assert found.answers.to_pylist()[0] == {
        "landed_row": 1,
        "answer": 1,
        "annotation_id": "7/0",
        "item_id": "0.jpg",
        "annotator": "kim",
        "label": "a",
        "status": "submitted",
        "is_gold_check": False,
        "started_at": None,
        "annotated_at": None,
        "duration_s": None,
        "duration_source": "none",
        "batch_id": "7",
    }
    assert column(found.items, "landed_row", "item_id", "payload")[1] == (2, "1.jpg", '{"wide":"640","height":"480"}')


def test_labels_of_every_kind(tmp_path: Path) -> None:
    """Loss: shapes cut to their class, or two tags read as one."""
    skeleton = '<skeleton label="s" source="manual"><points label="p" points="1,2"/></skeleton>'
    assert labels_of(tmp_path, tag("a") + tag("b"), BOX, tag("a") + BOX, skeleton) == [
        "a|b",
        f"[{BOX_KEPT}]",
        f'[{{"type":"tag","label":"a","source":"manual"}},{BOX_KEPT}]',
        '[{"type":"skeleton","label":"s","source":"manual","elements":[{"type":"points","label":"p","points":"1,2"}]}]',
    ]
    assert labels_of(tmp_path, tag("a") + BOX, BOX, source=SOURCE + ", label: tag") == ["a", None]
    weather = [tag("image", weather="rain", light="low") + BOX, tag("image", light="low")]
    assert labels_of(tmp_path, *weather, source=SOURCE + ", label: weather") == ["rain", "image"]


def test_an_image_without_a_persons_mark_is_no_answer(tmp_path: Path) -> None:
    """Loss: the tool exports untouched images like empty ones, and a model's or a merger's marks like a person's."""
    images = ["", tag("a", "auto"), tag("a", "consensus"), tag("a", "auto") + tag("b"), tag("b", "semi-auto")]
    found = read(tmp_path, job(*images), SOURCE)
    assert column(found.answers, "item_id", "label") == [("3.jpg", "a|b"), ("4.jpg", "b")]
    assert column(found.items, "item_id") == [f"{k}.jpg" for k in range(5)]


def test_replicas_of_a_consensus_are_jobs_of_their_own(tmp_path: Path) -> None:
    """Loss: two people's answers on one image under one id would be two versions of one."""
    ids = [
        column(read(tmp_path, job(TAG, number=n, who=WHO.replace("kim", who)), SOURCE).answers, "annotation_id")
        for n, who in ((8, "kim"), (9, "lou"))
    ]
    assert ids == [["8/0"], ["9/0"]]
    nobody = read(tmp_path, job(TAG, who="<assignee></assignee>"), SOURCE)
    assert column(nobody.answers, "annotator") == [None]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (job(TAG, kind="task"), "not_cvat_job: the file is no export of a single job"),
        (job(TAG, kind="project"), "not_cvat_job: the file is no export of a single job"),
        ("<annotations></annotations>", "not_cvat_job: the file is no export of a single job"),
        ("<annotations><image/></annotations>", "not_cvat_job: the file is no export of a single job"),
        ("<svg></svg>", "not_cvat_job: the file has no annotations of this tool"),
        (
            job().replace("</annotations>", '<track id="0"><box/></track></annotations>'),
            "not_cvat_job: the file holds tracks of a video, not images",
        ),
        (
            '<!DOCTYPE x [<!ENTITY a "b">]><annotations>&a;</annotations>',
            "not_cvat_job: the file declares a document type",
        ),
        (job(TAG)[:-20], "file_unreadable: the file is no whole XML: line 13, column 92"),
        ("<", "file_unreadable: the file is no whole XML: line 1, column 1"),
        (
            '{"version": 0, "tags": [], "shapes": []}',
            "not_cvat_job: the file is neither a job's annotations nor a quality",
        ),
    ],
)
def test_another_file(tmp_path: Path, content: str, words: str) -> None:
    """Loss: in a task's export the jobs are merged: everybody's labels would be one person's."""
    assert problem(tmp_path, content, SOURCE).startswith(words)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (job(TAG).replace('encoding="utf-8"', 'encoding="gb2312"').encode(), "utf-8"),
        (b"\xef\xbb\xbf" + job(TAG).encode(), "utf-8"),
        (job(TAG).encode("utf-16"), "utf-16"),
    ],
)
def test_the_encoding_is_the_project_files(tmp_path: Path, content: bytes, encoding: str) -> None:
    """Loss: what a file says of itself must neither stop the night nor change what it holds."""
    assert column(read(tmp_path, content, f"{SOURCE}, encoding: {encoding}").answers, "label") == ["a"]


def test_a_large_job_is_read_in_small_memory(tmp_path: Path) -> None:
    """Loss: a tree of a whole job is ten times its file, and a large one stops the night."""
    content = job(*[BOX] * 3000).encode()
    (tmp_path / "warm").mkdir()
    read(tmp_path / "warm", job(TAG), SOURCE)
    tracemalloc.start()
    read(tmp_path, content, SOURCE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * len(content)


def report(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "job_id": number + 10,
        "task_id": 4,
        "target": "job",
        "summary": {"conflict_count": 1, "accuracy": 0.9},
        "created_date": "2026-10-05T08:00:00Z",
        "assignee": {"id": 3, "username": "kim", "url": "https://example.com/3"},
    } | more


def test_the_list_of_quality_reports(tmp_path: Path) -> None:
    """Loss: a task's report sums up its jobs' and would count their people twice."""
    page = [report(1), report(2, assignee=None), report(3, target="task", job_id=None), report(4, assignee={"id": 5})]
    expected = [("11", "kim"), ("12", None), ("14", "5")]
    for content in ({"count": 4, "next": None, "results": page}, page, "\n".join(map(json.dumps, page))):
        found = read(tmp_path, content, SOURCE)
        assert column(found.answers, "item_id", "annotator") == expected
    assert found.answers.to_pylist()[0] | {"landed_row": 0} == {
        "landed_row": 0,
        "answer": 1,
        "annotation_id": None,
        "item_id": "11",
        "annotator": "kim",
        "label": '{"conflict_count":1,"accuracy":0.9}',
        "status": "submitted",
        "is_gold_check": True,
        "started_at": None,
        "annotated_at": "2026-10-05T08:00:00Z",
        "duration_s": None,
        "duration_source": "none",
        "batch_id": "4",
    }


def test_the_data_of_a_quality_report(tmp_path: Path) -> None:
    """Loss: frames without a conflict left out, every job looks as bad as its conflicts."""
    conflict = {"frame_id": 12, "type": "mismatching_label", "severity": "error", "annotation_ids": [{"obj_id": 1}]}
    data = {
        "parameters": {"iou_threshold": 0.4},
        "comparison_summary": {"frames": ["2", "12"], "total_frames": 2000},
        "frame_results": {"12": {"conflicts": [conflict]}, "7": {}},
        "groups": None,
    }
    found = read(tmp_path, data, SOURCE)
    assert column(found.answers, "answer", "item_id", "annotator", "label", "is_gold_check") == [
        (1, "2", "quality report", "[]", True),
        (2, "7", "quality report", "[]", True),
        (3, "12", "quality report", json.dumps([conflict], separators=(",", ":")), True),
    ]
    newer = {"frame_results": {"12": {"conflicts": [conflict]}}, "requirements": {}}
    assert column(read(tmp_path, newer, SOURCE).answers, "item_id") == ["12"]


def test_a_night(tmp_path: Path) -> None:
    """Loss: a row that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    house = House(tmp_path, "  s: {format: cvat}\n  q: {format: cvat}\n")
    house.put("s/7.xml", job(TAG, BOX, "", tag("B")))
    house.put("s/8.xml", job(TAG, number=8, who=""))
    house.put("s/task.xml", job(TAG, kind="task"))
    house.put("q/reports.json", json.dumps({"results": [report(1), report(2, target="task")]}))
    house.put("s/7.xml", job(TAG, TAG, "", tag("a")), D2)
    night = house.night(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {
        "q/reports.json": (1, 0, 1, 0),
        "s/7.xml": (3, 2, 1, 0),
        "s/8.xml": (1, 0, 1, 0),
        "s/task.xml": (1, 0, 1, 0),
    }
    assert reasons(night) == [
        ("q/reports.json", 1, "label_unknown"),
        ("s/7.xml", 2, "label_unknown"),
        ("s/8.xml", 1, "annotator_missing"),
        ("s/task.xml", 0, "not_cvat_job"),
    ]
    assert rows(night.events, "item_id", "annotator_id", "label") == [
        ("0.jpg", person("kim"), "a"),
        ("3.jpg", person("kim"), "b"),
    ]
    assert account(house.ingest(D2)) == {"s/7.xml": (3, 2, 0, 1)}
