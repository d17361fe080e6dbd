"""Label Studio's CSV and TSV: the answers of JSON_MIN in a table of texts."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.ingest.house import D1, House, account, keeps_contracts, person, reasons, rows
from label_pipeline_tests.sources.reader import column, problem, read

SOURCE = "format: label_studio_csv, label: tone"
LATER = "2026-10-05T02:00:00.5Z"


def row(number: int, **more: Any) -> dict[str, Any]:
    parts = {"item_id": f"i{number}", "id": 900 + number, "tone": "a", "annotator": "7", "annotation_id": number}
    times = {"created_at": "2026-10-05T01:00:00Z", "updated_at": LATER, "lead_time": 3.25}
    return parts | times | {"text": 'He said: "no",\nand left; ü'} | more


def table(*content: dict[str, Any], delimiter: str = ",") -> str:
    """As the tool writes it: columns sorted, every text in quotes, what is None left empty."""
    names = sorted({name for r in content for name in r})
    text = io.StringIO()
    writer = csv.DictWriter(text, names, quoting=csv.QUOTE_NONNUMERIC, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(content)
    return text.getvalue()


NOBODY = dict.fromkeys(("annotator", "annotation_id", "created_at", "updated_at", "lead_time"))


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_an_annotation_in_full(tmp_path: Path, delimiter: str) -> None:
    """Loss: quoted line ends and delimiters in a text must not tear the annotation apart."""
    source = SOURCE + (', delimiter: "\\t"' if delimiter == "\t" else "")
    found = read(tmp_path, table(row(1), row(2, batch_id="b3"), delimiter=delimiter), source, fields="[text]")
    assert found.answers.to_pylist()[1] == {
        "landed_row": 2,
        "answer": 1,
        "annotation_id": "2",
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
    texts = [json.loads(payload)["text"] for payload in column(found.items, "payload")]
    assert texts == ['He said: "no",\nand left; ü'] * 2


def test_one_column_mixes_bare_texts_and_json(tmp_path: Path) -> None:
    """Loss: as in JSON_MIN, but here everything is text, so JSON is told by how it looks."""
    span = '[{"start": 0, "end": 4, "labels": ["THING"]}]'
    values: list[str | None] = ["a", '{"choices": ["a", "b"]}', '[{"rating": 4}]', "[draft]", span, '["a", "b"]']
    values += ["[]", "", None, "{broken"]
    content = table(*(row(k, tone=value) for k, value in enumerate(values)))
    assert column(read(tmp_path, content, SOURCE).answers, "label") == [
        "a",
        "a|b",
        "4",
        "[draft]",
        '[{"start":0,"end":4,"labels":["THING"]}]',
        '["a","b"]',
        None,
        None,
        None,
        "{broken",
    ]


def test_a_task_nobody_labelled_is_an_item_and_no_answer(tmp_path: Path) -> None:
    """Loss: as in JSON_MIN."""
    found = read(tmp_path, table(row(1), row(2, tone=None, **NOBODY)), SOURCE)
    assert (column(found.answers, "landed_row"), column(found.items, "item_id")) == ([1], ["i1", "i2"])


def test_an_older_form_without_item_field_times_or_controls(tmp_path: Path) -> None:
    """Loss: the task's own id stands for an item without one; a lead time that is null is no duration of 0."""
    content = table(row(1, item_id=None, lead_time=None, updated_at=None))
    parts = read(tmp_path, content, SOURCE).answers.to_pylist()[0]
    assert (parts["item_id"], parts["annotated_at"]) == ("901", "2026-10-05T01:00:00Z")
    assert (parts["duration_s"], parts["duration_source"]) == (None, "none")


def test_broken_lines_are_set_aside_with_their_number(tmp_path: Path) -> None:
    """Loss: one line with a value too many would stop the file."""
    lines = table(row(1, text="x"), row(2, text="x"), row(3, text="x")).split("\r\n")
    lines[2] += ",more"
    found = read(tmp_path, "\r\n".join(lines), SOURCE)
    assert column(found.answers, "landed_row", "annotation_id") == [(1, "1"), (3, "3")]
    assert column(found.broken, "landed_row") == [2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "file_empty: the file is empty"),
        ("a,b\n1,2\n", "column_missing: column 'annotation_id' is missing"),
        (table(row(1)).replace("tone", "tune"), "column_missing: column 'tone' is missing"),
        (table(row(1)).replace("text", "tone"), "column_twice: two columns are named 'tone'"),
        (table(row(1)).encode("utf-16"), "file_unreadable: the file is UTF-16"),
        (json.dumps([row(1)]), "column_missing: column 'annotation_id' is missing"),
    ],
)
def test_a_file_that_is_something_else(tmp_path: Path, content: str | bytes, words: str) -> None:
    """Loss: a TSV read with commas would be one column of nothing."""
    assert problem(tmp_path, content, SOURCE).startswith(words)
    tsv = table(row(1), delimiter="\t")
    assert problem(tmp_path, tsv, SOURCE).startswith("column_missing: column 'annotation_id' is missing")


def test_a_night(tmp_path: Path) -> None:
    """Loss: an answer that is neither accepted nor quarantined nor a duplicate is gone, and nobody knows."""
    house = House(tmp_path, f"  s: {{{SOURCE}}}\n", more="items: {fields: [text]}")
    content = table(
        row(1),
        row(1),
        row(2, annotator="jane@example.com"),
        row(3, tone='{"choices": ["a", "b"]}'),
        row(4, tone=None),
        row(5, annotator="None"),
        row(6, tone=None, **NOBODY),
        row(7, lead_time=-1),
        row(8, text='=HYPERLINK("http://example.com")'),
    )
    house.put("s/export.csv", content)
    night = house.ingest(D1)
    keeps_contracts(night, house.project)
    assert account(night) == {"s/export.csv": (8, 3, 4, 1)}
    assert rows(night.events, "annotation_id", "item_id", "annotator_id", "label", "duration_s") == [
        ("1", "i1", person("7"), "a", 3.25),
        ("2", "i2", person("jane@example.com"), "a", 3.25),
        ("8", "i8", person("7"), "a", 3.25),
    ]
    assert reasons(night) == [
        ("s/export.csv", 4, "label_unknown"),
        ("s/export.csv", 5, "label_missing"),
        ("s/export.csv", 6, "annotator_missing"),
        ("s/export.csv", 8, "duration_negative"),
    ]
