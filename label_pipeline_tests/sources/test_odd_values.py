"""Encodings and odd values, each with the outcome that docs/formats.md states, from the file to the night's tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from label_pipeline_tests.ingest.house import House, account, person, reasons, rows

GOOD = {"item_id": "1", "annotator_id": "Jörg", "label": "ä"}
TASKS = [
    {
        "id": 1,
        "data": {"item_id": "1"},
        "annotations": [
            {"id": 1, "completed_by": "Jörg", "result": [{"from_name": "tone", "value": {"choices": ["ä"]}}]}
        ],
    }
]
FILES = {
    "csv": ("format: csv", "item_id,annotator_id,label\n1,Jörg,ä\n"),
    "jsonl": ("format: jsonl", json.dumps(GOOD, ensure_ascii=False) + "\n"),
    "json": ("format: label_studio_json, label: tone", json.dumps(TASKS, ensure_ascii=False, indent=1)),
}


def house(folder: Path, source: str = "format: jsonl", more: str = "") -> House:
    return House(folder, f"  s: {{{source}}}\n", classes="[ä, b]", more=more)


def lines(*objects: dict[str, Any]) -> str:
    return "".join(json.dumps(GOOD | o) + "\n" for o in objects)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(
    ("codec", "settings"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ", encoding: utf-16"),
        ("latin-1", ", encoding: latin-1"),
        ("utf-8 crlf", ""),
        ("utf-16 crlf", ", encoding: utf-16"),
    ],
)
def test_one_answer_in_every_encoding(tmp_path: Path, kind: str, codec: str, settings: str) -> None:
    """Loss: a person whose name is spelled in other bytes is another person."""
    source, text = FILES[kind]
    codec, *ends = codec.split()
    made = house(tmp_path, source + settings)
    made.put(f"s/a.{kind}", (text.replace("\n", "\r\n") if ends else text).encode(codec))
    assert rows(made.ingest().events, "item_id", "annotator_id", "label") == [("1", person("Jörg"), "ä")]


@pytest.mark.parametrize(
    ("kind", "codec", "rule", "row"),
    [
        ("csv", "utf-16", "file_unreadable", 0),
        ("jsonl", "utf-16", "file_unreadable", 0),
        ("json", "utf-16", "file_unreadable", 0),
        ("csv", "latin-1", "line_unreadable", 1),
        ("jsonl", "latin-1", "file_unreadable", 0),  # no line is left
        ("json", "latin-1", "file_unreadable", 0),
    ],
)
def test_an_encoding_that_is_not_declared(tmp_path: Path, kind: str, codec: str, rule: str, row: int) -> None:
    """Loss: text in a wrong encoding that is read without complaint is garbage in every report."""
    source, text = FILES[kind]
    made = house(tmp_path, source)
    made.put(f"s/a.{kind}", text.encode(codec))
    assert reasons(made.ingest())[0] == (f"s/a.{kind}", row, rule)


def test_line_ends_in_quotes_are_no_rows(tmp_path: Path) -> None:
    """Loss: an answer torn in two at its own line end."""
    made = house(tmp_path, "format: csv", "items: {fields: [text]}")
    made.put("s/a.csv", 'item_id,annotator_id,label,text\r\n1,w,ä,"one\r\n""two"""\r\n2,w,ä,x\r\n')
    night = made.ingest()
    assert account(night) == {"s/a.csv": (2, 2, 0, 0)}
    assert json.loads(night.items["payload"][0].as_py()) == {"text": 'one\r\n"two"'}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_fields_of_ten_megabytes(tmp_path: Path, kind: str) -> None:
    """Loss: one long text stops the file, or stands whole in every report of what is wrong with it."""
    long = "x" * 10_000_000
    made = house(tmp_path, f"format: {kind}", "items: {fields: [text]}")
    text = lines({"text": long}, {"item_id": "2", "label": long})
    if kind == "csv":
        text = f"item_id,annotator_id,label,text\n1,Jörg,ä,{long}\n2,Jörg,{long},\n"
    made.put("s/a", text)
    night = made.ingest()
    assert len(night.items["payload"][0].as_py()) == len(long) + len('{"text":""}')
    assert reasons(night) == [("s/a", 2, "label_unknown")]
    assert len(night.quarantine["raw"][0].as_py()) < 1000


def test_what_is_written_for_no_number(tmp_path: Path) -> None:
    """Loss: `nan` taken for a person, or for a label, is a person who labels everything."""
    made = house(tmp_path, "format: jsonl, duration_s: d", "items: {fields: [text]}")
    nan = float("nan")
    made.put(
        "s/a.jsonl",
        lines(
            {"item_id": "0", "d": 1, "text": "NaN"},
            {"item_id": nan},
            {"item_id": "NaN"},
            {"annotator_id": "nan"},
            {"label": "NaN"},
            {"item_id": "2", "d": nan},
            {"item_id": "3", "d": "-Infinity"},
        ),
    )
    night = made.ingest()
    assert [(row, rule) for _, row, rule in reasons(night)] == [
        (2, "item_missing"),
        (3, "item_missing"),
        (4, "annotator_missing"),
        (5, "label_unknown"),
        (6, "duration_negative"),
        (7, "duration_negative"),
    ]
    assert night.items.to_pylist()[0]["payload"] == '{"text":"NaN"}'


def test_integers_beyond_64_bits(tmp_path: Path) -> None:
    """Loss: two ids rounded to one float are one item."""
    made = house(tmp_path, "format: jsonl, annotation_id: k, duration_s: d", "items: {ids: integer}")
    big = 10**30
    made.put(
        "s/a.jsonl", lines(*({"item_id": big + k, "k": 2**64 + k, "annotator_id": -big, "d": big} for k in (0, 1)))
    )
    assert rows(made.ingest().events, "item_id", "annotation_id", "annotator_id", "duration_s") == [
        (str(big), str(2**64), person(str(-big)), 1e30),
        (str(big + 1), str(2**64 + 1), person(str(-big)), 1e30),
    ]


def test_mixed_timezones_and_leap_seconds(tmp_path: Path) -> None:
    """Loss: a time in the wrong timezone counts for another day; one that cannot be read must not pass for none."""
    times = {
        "2026-10-05T01:00:00": "2026-10-04 23:00:00+00:00",  # the source's own
        "2026-10-05T01:00:00Z": "2026-10-05 01:00:00+00:00",
        "2026-10-05T01:00:00+05:45": "2026-10-04 19:15:00+00:00",
        "2026-10-05 01:00:00-08": "2026-10-05 09:00:00+00:00",
        "2026-10-05 01:00:00 America/New_York": "2026-10-05 05:00:00+00:00",
        "Mon Oct 05 01:00:00 PDT 2026": "2026-10-05 08:00:00+00:00",
        "2016-12-31T23:59:60Z": "",
    }
    made = house(tmp_path, "format: jsonl, annotation_id: k, annotated_at: t, timezone: Europe/Berlin")
    made.put("s/a.jsonl", lines(*({"k": f"k{n}", "t": time} for n, time in enumerate(times))))
    night = made.ingest()
    assert dict(rows(night.events, "landed_row", "annotated_at")).keys() == {1, 2, 3, 4, 5, 6}
    found = {row: str(time) for row, time in rows(night.events, "landed_row", "annotated_at")}
    assert [found.get(k, "") for k in range(1, 8)] == list(times.values())
    assert reasons(night) == [("s/a.jsonl", 7, "time_unreadable")]


def test_keys_given_twice(tmp_path: Path) -> None:
    """Loss: of two labels under one key, one would count, and nobody knows which."""
    made = house(tmp_path, "format: jsonl", "items: {fields: [text]}")
    twice = '{"item_id": "1", "annotator_id": "w", "label": "b", "label": "ä"}\n'
    inside = '{"item_id": "2", "annotator_id": "w", "label": "ä", "text": {"q": 1, "q": 2}}\n'
    made.put("s/a.jsonl", twice + inside)
    night = made.ingest()
    assert reasons(night) == [("s/a.jsonl", 1, "line_unreadable")]
    assert night.items["payload"].to_pylist() == ['{"text":{"q":1,"q":2}}']
    unread = '{"item_id": "3", "annotator_id": "w", "label": "b", "more": 1, "more": 2}\n'
    for content in (unread, twice + unread):  # by either reader
        made.put("s/a.jsonl", content)
        assert made.ingest().events["item_id"].to_pylist() == ["3"]
    studio = house(tmp_path / "studio", FILES["json"][0])
    studio.put("s/a.json", FILES["json"][1].replace('"choices":', '"choices": ["b"], "choices":'))
    assert studio.ingest().events["label"].to_pylist() == ["b"]  # the first
