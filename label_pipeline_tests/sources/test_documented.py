"""The adapter that docs/formats.md shows is one that works, as it stands there."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from label_pipeline import sources
from label_pipeline.errors import UserError
from label_pipeline.ingest.read import Read, read_file
from label_pipeline.landing import LandedFile
from label_pipeline.project import parse_project
from label_pipeline.sql import connect
from label_pipeline_tests.sources.reader import column

DOCS = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
TASKS = [
    {
        "id": "t1",
        "is_gold_standard": False,
        "fields": {"review": "r-1", "text": "Arrived early.", "more": "private"},
        "responses": [
            {"id": "a1", "worker_id": "w1", "data": {"tone": "a"}, "completed_at": "2026-10-05T08:00:00Z"},
            {"id": "a2", "worker_id": "w2", "data": {"tone": "b"}, "completed_at": "2026-10-05T08:01:00Z"},
        ],
    },
    {"id": "t2", "is_gold_standard": True, "fields": {"review": "r-2"}, "responses": [{"id": "a3", "worker_id": "w1"}]},
    {"id": "t3", "fields": {"review": "r-3", "text": "Nobody answered."}, "responses": []},
]


@pytest.fixture
def documented(monkeypatch: pytest.MonkeyPatch) -> str:
    """The example, registered as the format `surge`."""
    chapter = DOCS.read_text(encoding="utf-8").partition("## Writing an adapter")[2]
    (code,) = re.findall(r"^```python\n(.*?)^```$", chapter, re.DOTALL | re.MULTILINE)
    module = ModuleType("label_pipeline.sources.surge")
    exec(compile(code, str(DOCS), "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sources.ADAPTERS, "surge", "surge")
    return str(code)


def test_it_reads_what_it_says(documented: str, tmp_path: Path) -> None:
    """Loss: somebody copies the example and finds that it never ran."""
    project = parse_project(
        "project: p\nstart: 2026-10-01\nlabels: {classes: [a, b]}\nitems: {fields: [text]}\n"
        "sources: {s: {format: jsonl, item: review, label: tone}}\n",
        "project.yaml",
    )
    source = project.sources["s"].model_copy(update={"format": "surge"})
    project = project.model_copy(update={"sources": {"s": source}})
    path = tmp_path / "x.json"
    path.write_text(json.dumps(TASKS), encoding="utf-8")
    with connect() as con:
        found = read_file(con, project, LandedFile("s", path, "s/x.json"))
    assert isinstance(found, Read)
    parts = ("landed_row", "answer", "annotation_id", "item_id", "annotator", "label", "is_gold_check", "annotated_at")
    assert column(found.reading.answers, *parts) == [
        (1, 1, "a1", "r-1", "w1", "a", False, "2026-10-05T08:00:00Z"),
        (1, 2, "a2", "r-1", "w2", "b", False, "2026-10-05T08:01:00Z"),
        (2, 1, "a3", "r-2", "w1", None, True, None),
    ]
    assert set(column(found.reading.answers, "status")) == {"submitted"}
    assert [(item, json.loads(text)) for item, text in column(found.reading.items, "item_id", "payload")] == [
        ("r-1", {"text": "Arrived early."}),
        ("r-2", {}),
        ("r-3", {"text": "Nobody answered."}),
    ]
    path.write_text("[1, 2]", encoding="utf-8")
    with connect() as con:
        problem = read_file(con, project, LandedFile("s", path, "s/x.json"))
    assert isinstance(problem, UserError)
    assert problem.rule == "file_unreadable"


def test_it_takes_tens_of_lines(documented: str) -> None:
    """Loss: an example that grows until nobody writes an adapter."""
    assert len(documented.splitlines()) < 60
