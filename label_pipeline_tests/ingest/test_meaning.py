"""What written labels mean: aliases that change with time or batch, and labels that are no single class."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.ingest import Ingested
from label_pipeline.project import parse_project
from label_pipeline_tests.ingest.house import House, account, reasons, rows

TIMED = "  s: {format: csv, annotated_at: at}\n  t: {format: csv, annotated_at: at}\n"


def house_of(root: Path, source: str, labels: str) -> House:
    """A house whose labels are no classes."""
    house = House(root, f"  s: {source}\n")
    text = f"project: p\nstart: 2026-10-01\nlabels: {{{labels}}}\nsources: {{s: {source}}}\n"
    house.project = parse_project(text, "project.yaml")
    return house


def meant(night: Ingested) -> list[tuple[Any, ...]]:
    return [(item, label) for item, label in rows(night.events, "item_id", "label")]


def test_a_word_means_another_class_before_and_after(tmp_path: Path) -> None:
    """Loss: a scheme that changed mid-way turns every earlier answer of one class into another."""
    house = House(
        tmp_path,
        TIMED,
        classes="[for, against, observing], aliases: {pro: for}, alias_changes: ["
        "{until: 2026-10-03, aliases: {Against: observing, con: against}}, "
        "{since: 2026-10-04, source: t, aliases: {con: for}}, {file: late.csv, aliases: {meh: observing}}]",
        more="schedule: {timezone: Europe/Berlin}",
    )
    lines = "item_id,annotator_id,label,at\n"
    house.put(
        "s/a.csv",
        lines
        + "1,w,AGAINST ,2026-10-03T21:59:59Z\n"  # 23:59:59 in Berlin: the last day of the old scheme
        + "2,w,against,2026-10-03T22:00:00Z\n"
        + "3,w,con,2026-10-01T10:00:00Z\n"
        + "4,w,con,2026-10-04T10:00:00Z\n"  # no longer a word of source s
        + "5,w,pro,2026-10-01T10:00:00Z\n"  # aliases hold as long as no change says otherwise
        + "6,w,against,\n"  # without a time: the landing day
        + "7,w,meh,2026-10-01T10:00:00Z\n",
    )
    house.put("t/late.csv", lines + "8,w,con,2026-10-04T10:00:00Z\n9,w,meh,2026-10-01T10:00:00Z\n")
    night = house.ingest()
    assert meant(night) == [
        ("1", "observing"),
        ("2", "against"),
        ("3", "against"),
        ("5", "for"),
        ("6", "against"),
        ("8", "for"),
        ("9", "observing"),
    ]
    assert reasons(night) == [("s/a.csv", 4, "label_unknown"), ("s/a.csv", 7, "label_unknown")]


def test_a_batch_has_its_own_words_and_its_own_guideline(tmp_path: Path) -> None:
    """Loss: one batch that was sent out with another form spoils the class it was mapped to."""
    house = House(
        tmp_path,
        "  s: {format: label_studio_json, label: l}\n",
        classes="[a, b], alias_changes: [{batch: [k, l], aliases: {a: b, b: a}}]",
        more="guidelines: {current: g2, since: {g1: 2026-10-01, g2: 2026-10-03}, batches: {k: g1}}",
    )
    tasks = [
        {
            "id": number,
            "data": {},
            "meta": {"batch_id": batch} if batch else {},
            "annotations": [
                {
                    "id": number,
                    "completed_by": 1,
                    "updated_at": "2026-10-05T09:00:00Z",
                    "result": [{"from_name": "l", "value": {"choices": ["a"]}}],
                }
            ],
        }
        for number, batch in enumerate(("k", "l", "m", None), start=1)
    ]
    house.put("s/x.json", json.dumps(tasks))
    assert rows(house.ingest().events, "item_id", "label", "guideline_version") == [
        ("1", "b", "g1"),
        ("2", "b", "g2"),
        ("3", "a", "g2"),
        ("4", "a", "g2"),
    ]


@pytest.mark.slow
def test_the_real_batches_whose_scheme_changed(tmp_path: Path, datasets: Path) -> None:
    """Loss: some real batches used a five-point scale; mapped by file, no answer of theirs may be lost."""
    folder = datasets / "emergent_stance" / "mturk_batches"
    if not folder.is_dir():
        pytest.skip("the real batches are not on this machine")
    files = sorted(folder.glob("Batch_27[78]*.csv"))
    five_point = []
    for path in files:
        with path.open(newline="") as file:
            if any("Probably For" in row.values() for row in csv.DictReader(file)):
                five_point.append(path.name)
    source = (
        '  mturk: {format: mturk_csv, item: "Input.articleCount<n>", label: ["Answer.stance<n>", Answer.Q1Answer]}\n'
    )
    words = "aliases: {probably for: for, probably against: against, neutral: observing}"
    names = ", ".join(five_point)
    counted = []
    for scheme in (words, f"alias_changes: [{{file: [{names}], {words}}}]"):
        house = House(
            tmp_path / str(len(counted)),
            source,
            classes=f"[for, against, observing], {scheme}",
            more="items: {ids: integer}",
        )
        for path in files:
            house.put(f"mturk/{path.name}", path.read_bytes())
        night = house.ingest()
        counted.append((Counter(night.events["label"].to_pylist()), Counter(night.quarantine["rule"].to_pylist())))
    assert 0 < len(five_point) < len(files)
    assert counted[0] == counted[1]


# Labels that are no single class


def test_sets_are_stored_in_declared_order(tmp_path: Path) -> None:
    """Loss: one set in two spellings is two answers, and `none of them` said on purpose is no missing answer."""
    house = House(
        tmp_path, "  s: {format: jsonl}\n", classes="[red, green, blue], type: multi_label, aliases: {rot: red}"
    )
    written = {
        "1": "blue|Red",
        "2": '["blue", "rot"]',
        "3": "green",
        "4": "green|GREEN | green",
        "5": "[]",
        "6": "[",
        "7": "red|violet",
        "8": '["red", 3]',
        "9": "",
        "10": '["violet"]',
        "11": "red||blue",
    }
    house.put("s/x.jsonl", [{"item_id": k, "annotator_id": "w", "label": v} for k, v in written.items()])
    night = house.ingest()
    assert meant(night) == [("1", "red|blue"), ("2", "red|blue"), ("3", "green"), ("4", "green"), ("5", "")]
    assert [(row, rule) for _, row, rule in reasons(night)] == [
        (10, "label_unknown"),
        (11, "label_unknown"),
        (6, "label_unknown"),
        (7, "label_unknown"),
        (8, "label_unknown"),
        (9, "label_missing"),
    ]


def test_sets_of_a_batch_with_other_words(tmp_path: Path) -> None:
    """Loss: in a set each word is looked up by itself; one change must not hide the words it does not name."""
    house = House(
        tmp_path,
        "  s: {format: csv}\n",
        classes="[red, blue], type: multi_label, alias_changes: [{file: x.csv, aliases: {blue: red, warm: red}}]",
    )
    house.put("s/x.csv", "item_id,annotator_id,label\n1,w,blue|warm\n2,w,warm\n")
    house.put("s/y.csv", "item_id,annotator_id,label\n3,w,blue|red\n4,w,warm\n")
    night = house.ingest()
    assert meant(night) == [("1", "red"), ("2", "red"), ("3", "red|blue")]
    assert reasons(night) == [("s/y.csv", 2, "label_unknown")]


def test_numbers(tmp_path: Path) -> None:
    """Loss: a number that is read as another, or none that is read as one, moves every mean."""
    house = house_of(tmp_path, "{format: csv, status: st}", "type: number, range: {at_least: -1, at_most: 1e3}")
    written = ["3", " 2.50 ", "-1", "1e3", ".5", "007"]
    bad = ["nan", "inf", "1e999", "1_000", '"3,5"', "0x10", "three", "1 000"]
    outside = ["-1.01", "1000.1"]
    lines = [f"{k},w,{v}," for k, v in enumerate([*written, *bad, *outside], start=1)]
    house.put("s/x.csv", "item_id,annotator_id,label,st\n" + "\n".join([*lines, "x,w,,", "y,w,5000,skipped"]) + "\n")
    night = house.ingest()
    assert sorted(night.events["label"].to_pylist(), key=str) == ["-1", ".5", "007", "1e3", "2.50", "3", None]
    assert Counter(night.quarantine["rule"].to_pylist()) == {
        "label_no_number": len(bad),
        "label_out_of_range": len(outside),
        "label_missing": 1,
    }
    assert "the number is not at least -1 and at most 1000: '-1.01'" in night.quarantine["reason"].to_pylist()


@pytest.mark.parametrize("kind", ["spans", "boxes", "pairwise", "text"])
def test_other_labels_are_kept_as_they_were_written(tmp_path: Path, kind: str) -> None:
    """Loss: what was drawn once is not drawn again; a label that is changed on the way in cannot be restored."""
    house = house_of(tmp_path, "{format: jsonl, status: st}", f"type: {kind}")
    written = ['[{"start": 0,  "end": 4, "labels": ["ORG"]}]', " two\nlines ", "nan", "x" * 10_000, "a|b", "{}"]
    answers = [{"item_id": str(k), "annotator_id": "w", "label": text} for k, text in enumerate(written)]
    answers += [
        {"item_id": "s", "annotator_id": "w", "st": "skipped"},
        {"item_id": "e", "annotator_id": "w", "label": " "},
    ]
    house.put("s/x.jsonl", answers)
    night = house.ingest()
    kept = dict(zip(night.events["item_id"].to_pylist(), night.events["label"].to_pylist(), strict=True))
    assert kept == {str(k): text for k, text in enumerate(written)} | {"s": None}
    assert reasons(night) == [("s/x.jsonl", 8, "label_missing")]
    assert account(night) == {"s/x.jsonl": (8, 7, 1, 0)}


def test_a_batch_of_a_plain_table(tmp_path: Path) -> None:
    """Loss: a vendor's batch with other words cannot be told from the rest where the column is not read."""
    house = House(
        tmp_path,
        "  s: {format: csv, batch: lot}\n  m: {format: mturk_csv, item: Input.id, label: Answer.l, batch: HITTypeId}\n",
        classes="[a, b], alias_changes: [{batch: k, aliases: {a: b}}]",
        more="guidelines: {current: g2, batches: {k: g1}}",
    )
    house.put("s/x.csv", "item_id,annotator_id,label,lot\n1,w,a, k \n2,w,a,\n3,w,a,K\n")
    head = (
        "AssignmentId,WorkerId,AssignmentStatus,AcceptTime,SubmitTime,WorkTimeInSeconds,HITTypeId,Input.id,Answer.l\n"
    )
    house.put("m/x.csv", head + "z,w,Approved,,,,k,4,a\n")
    assert rows(house.ingest().events, "item_id", "label", "batch_id", "guideline_version") == [
        ("1", "b", "k", "g1"),
        ("2", "a", None, "g2"),
        ("3", "a", "K", "g2"),
        ("4", "b", "k", "g1"),
    ]
