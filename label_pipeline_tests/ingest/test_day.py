"""One night's ingestion: every answer is accounted for, and nothing that lands stops it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.contracts.tables import ANNOTATION_EVENTS
from label_pipeline_tests.ingest.house import D1, D2, House, account, keeps_contracts, person, reasons, rows, tables

MAPPED = (
    "  s: {format: csv, item: i, annotator: w, label: l, status: s, started_at: st, annotated_at: at, duration_s: d, "
    "annotation_id: id, timezone: Europe/Berlin}\n"
)
HEAD = "i,w,l,s,st,at,d,id\n"
PLAIN = "item_id,annotator_id,label\n"


def test_each_bad_row_goes_to_quarantine_with_its_first_broken_rule(tmp_path: Path) -> None:
    """Loss: a good row in quarantine is a lost answer, a bad one outside it a wrong label."""
    lines: list[tuple[str, str | None, str]] = [
        ("1,w,a,,2026-10-05 03:00,2026-10-05 03:01,60,k1", None, ""),
        (",w,a,,,,,k2", "item_missing", "the item is empty"),
        ("nan,w,a,,,,,k2", "item_missing", "the item is empty"),
        ("2,,a,,,,,k3", "annotator_missing", "the annotator is empty"),
        ("2,None,a,,,,,k3", "annotator_missing", "the annotator is empty"),
        (
            "3,w,a,draft,,,,k4",
            "status_known",
            "the status is not one of submitted, skipped, rejected, deleted: 'draft'",
        ),
        ("4,w,,,,,,k5", "label_missing", "the answer is empty"),
        ("5,w,,Skipped,,,,k6", None, ""),
        ("6,w,c,,,,,k7", "label_unknown", "the label is none of the classes a, b: 'c'"),
        ("7,w,nan,,,,,k8", "label_unknown", "the label is none of the classes a, b: 'nan'"),
        ("8,w, A ,,,,,k9", None, ""),
        ("9,w,a,,,31.02.2026,,k10", "time_unreadable", "the time cannot be read: '31.02.2026'"),
        ("10,w,a,,soon,2026-10-05,,k11", "time_unreadable", "the time cannot be read: 'soon'"),
        ("11,w,a,,,0001-01-01T00:00:00Z,,k12", "time_unreadable", "the time cannot be read: '0001-01-01T00:00:00Z'"),
        ("12,w,a,,,294000-01-01,,k13", "time_unreadable", "the time cannot be read: '294000-01-01'"),
        ("13,w,a,,,20261005,,k14", "time_unreadable", "the time cannot be read: '20261005'"),
        ("14,w,a,,,1791154800000,,k15", "time_unreadable", "the time cannot be read: '1791154800000'"),
        ("15,w,a,,,1791154800,,k16", None, ""),
        ("16,w,a,,,2026-10-07T00:00:00Z,,k17", None, ""),
        (
            "17,w,a,,,2026-10-07T00:00:01Z,,k18",
            "in_the_future",
            "the time is after 2026-10-07 00:00 UTC, a day after it landed: '2026-10-07 00:00:01+00'",
        ),
        (
            "18,w,a,,2026-10-05 03:00,2026-10-05 02:00,,k19",
            "times_in_order",
            "it was started after it was finished: '2026-10-05 01:00:00+00'",
        ),
        ("19,w,a,,,,-1,k20", "duration_negative", "the duration is negative or not a number"),
        ("20,w,a,,,,fast,k21", "duration_negative", "the duration is negative or not a number"),
        ("21,w,a,,,,inf,k22", "duration_negative", "the duration is negative or not a number"),
        ("22,w,a,DELETED,,,,k23", None, ""),
        (
            "23,w,b,,,2026-10-05 04:00,,k1",
            "id_reused",
            "the annotation id already belongs to another item or annotator: 'k1'",
        ),
        (",,c,draft,soon,,-1,k25", "item_missing", "the item is empty"),
        ("24,w", "line_unreadable", "Expected Number of Columns: 8 Found: 2"),
    ]
    house = House(tmp_path, MAPPED)
    house.put("s/x.csv", HEAD + "".join(line + "\n" for line, *_ in lines))
    night = house.ingest()
    keeps_contracts(night, house.project)
    expected = [(k, rule, words) for k, (_, rule, words) in enumerate(lines, start=1) if rule]
    found = zip(*(night.quarantine[c].to_pylist() for c in ("landed_row", "rule", "reason")), strict=True)
    assert sorted(found) == expected
    good = [k for k, (_, rule, _) in enumerate(lines, start=1) if not rule]
    assert sorted(night.events["landed_row"].to_pylist()) == good
    assert account(night) == {"s/x.csv": (len(lines), len(good), len(expected), 0)}


def test_an_accepted_answer_by_hand(tmp_path: Path) -> None:
    """Loss: every figure rests on these columns."""
    house = House(
        tmp_path,
        MAPPED,
        more="guidelines: {current: g2, since: {g1: 2026-10-01, g2: 2026-10-05}}\nschedule: {timezone: Europe/Berlin}",
    )
    house.put(
        "s/x.csv",
        HEAD
        + "1,w,A,,2026-10-05 00:59,2026-10-05 01:00,,k1\n2,w,b,rejected,,2026-10-04 23:59,7,k2\n3,w,,skipped,,,,\n",
    )
    night = house.ingest()
    events = {e["item_id"]: e for e in night.events.to_pylist()}
    assert {k: str(v) for k, v in events["1"].items() if k != "event_id"} == {
        "source": "s",
        "annotation_id": "k1",
        "item_id": "1",
        "annotator_id": person("w"),
        "label": "a",
        "status": "submitted",
        "is_gold_check": "False",
        "started_at": "2026-10-04 22:59:00+00:00",
        "annotated_at": "2026-10-04 23:00:00+00:00",
        "duration_s": "None",  # a column for it is mapped, so the two times are not taken instead
        "duration_source": "none",
        "guideline_version": "g2",
        "batch_id": "None",
        "landed_file": "s/x.csv",
        "landed_row": "1",
    }
    assert [(e["label"], e["status"], e["duration_s"], e["guideline_version"]) for e in (events["2"], events["3"])] == [
        ("b", "rejected", 7.0, "g1"),
        (None, "skipped", None, "g2"),
    ]
    assert len(events["3"]["annotation_id"]) == 32


def test_durations_from_two_times(tmp_path: Path) -> None:
    """Loss: without a measured duration the two times are all there is."""
    house = House(tmp_path, "  s: {format: csv, started_at: st, annotated_at: at}\n")
    house.put(
        "s/x.csv", "item_id,annotator_id,label,st,at\n1,w,a,2026-10-05 01:00,2026-10-05 01:01:30\n2,w,a,,2026-10-05\n"
    )
    assert rows(house.ingest().events, "item_id", "duration_s", "duration_source") == [
        ("1", 90.0, "accept_submit"),
        ("2", None, "none"),
    ]


def test_bad_files_beside_a_good_one(tmp_path: Path) -> None:
    """Loss: a bad file never stops the other files."""
    house = House(
        tmp_path,
        "  c: {format: csv}\n  j: {format: jsonl}\n  q: {format: parquet}\n  l: {format: label_studio_json, label: t}\n"
        "  m: {format: mturk_csv, item: i, label: l}\n",
    )
    house.put("c/good.csv", PLAIN + "1,x,a\n2,x,b\n")
    house.put("j/good.jsonl", [{"item_id": 1, "annotator_id": "x", "label": "a"}])
    bad: dict[str, tuple[Any, str, str]] = {
        "c/empty.csv": ("", "file_empty", "the file is empty. Land it again, whole."),
        "c/columns.csv": (
            "item_id,anotator_id,label\n1,x,a\n",
            "column_missing",
            "column 'annotator_id' is missing. Did you mean 'anotator_id'? Set annotator in the project file.",
        ),
        "c/binary.csv": (os.urandom(64) + b"\0" * 9, "file_unreadable", "the file is binary or damaged"),
        "j/list.jsonl": (json.dumps([1, 2]), "file_unreadable", "no line is a JSON object. Land one object a line."),
        "q/x.parquet": (b"PAR1 no", "file_unreadable", "the file is not Parquet, or damaged. Land it again, whole."),
        "l/cut.json": (
            '[{"id": 1, "data": {}, "annotations": []}, {"id":',
            "file_unreadable",
            'Malformed JSON in file "l/cut.json", at byte 7 in record/value 3: unexpected end of data. '
            "It must be label_studio_json; land it again, whole.",
        ),
        "l/object.json": ("{}", "not_label_studio_json", "the file is not a JSON list of tasks. Export as JSON, not"),
        "m/plain.csv": (PLAIN, "column_missing", "column 'AssignmentStatus' is missing."),
        "typo/x.csv": (PLAIN, "source_unknown", "'typo' is no source of the project. Known: c, j, l, m, q."),
        "astray.csv": (PLAIN, "source_unknown", "it lies in no source's folder."),
        os.fsdecode(b"c/caf\xe9.csv"): (
            PLAIN,
            "file_unreadable",
            "the file's name has signs that are no text. Rename it.",
        ),
        "c/two\nlines.csv": (PLAIN, "file_unreadable", "the file's name has signs that are no text. Rename it."),
    }
    for name, (content, _, _) in bad.items():
        house.put(name, content)
    night = house.ingest()
    shown = {os.fsencode(name).decode("utf-8", "backslashreplace"): case for name, case in bad.items()}
    found = {q["landed_file"]: q for q in night.quarantine.to_pylist()}
    assert found.keys() == shown.keys()
    for name, (_, rule, words) in shown.items():
        assert (found[name]["landed_row"], found[name]["rule"]) == (0, rule), name
        assert found[name]["reason"].startswith(words), found[name]["reason"]
        assert str(tmp_path) not in found[name]["reason"]
    expected = dict.fromkeys(shown, (1, 0, 1, 0)) | {"c/good.csv": (2, 2, 0, 0), "j/good.jsonl": (1, 1, 0, 0)}
    assert account(night) == expected
    problems = {line["landed_file"] for line in night.landings.to_pylist() if line["problem"]}
    assert problems == shown.keys()
    keeps_contracts(night, house.project)


def test_an_empty_night(tmp_path: Path) -> None:
    """Loss: a day on which nothing landed is a day."""
    house = House(tmp_path, MAPPED)
    night = house.ingest()
    assert [len(table) for table in tables(night).values()] == [0] * 6
    keeps_contracts(night, house.project)


NAMES = ("jane@example.com", "Jane Doe", "w-4711", "Jörg", "+49 30 1234")


def test_people_stay_at_the_door(tmp_path: Path) -> None:
    """Loss: one address in one table is a breach, and the tables are kept for years."""
    house = House(
        tmp_path,
        "  c: {format: csv}\n  j: {format: jsonl}\n  l: {format: label_studio_json, label: t}\n"
        "  m: {format: mturk_csv, item: i, label: l}\n",
        more="items: {fields: [text]}",
    )
    mail, name, worker, short, phone = NAMES
    house.put("c/good.csv", f'item_id,annotator_id,label,text,mail\n1,{mail},a,t,{mail}\n2," {name} ",zzz,t,{mail}\n')
    house.put("c/shifted.csv", f"item_id,annotator_id,label\n1,a,{mail}\n2,{worker},write to {mail} please\n")
    house.put("c/headerless.csv", f"1,{mail},{name}\n")
    house.put("c/nearly.csv", f"item_id,annotator_id,lable\n1,{mail},a\n")
    house.put("c/broken.csv", f'item_id,annotator_id,label\n1,{mail}\n2,"{name}"x,{short}\n{phone},{phone},{name},a\n')
    house.put("c/raw.csv", PLAIN.encode() + f"1,{short},a\n".encode("latin-1"))
    house.put(
        "j/broken.jsonl", f'{{"item_id": 1, "annotator_id": "{mail}"\n{{"item_id": 1, "annotator_id": "{name}"}}\n'
    )
    house.put("j/cut.jsonl", f'{{"annotator_id": "{mail}')
    who = {"id": worker, "email": mail, "first_name": "Jane", "last_name": "Doe"}
    answer = {"id": 1, "completed_by": who, "result": [{"from_name": "t", "value": {"choices": ["a"]}}]}
    later = {"id": 2, "completed_by": {"email": mail}, "result": [{"from_name": "t", "value": {"choices": [mail]}}]}
    tasks = [{"id": 1, "data": {"text": "t", "author": mail}, "annotations": [answer, later]}]
    house.put("l/good.json", json.dumps(tasks))
    house.put("l/cut.json", json.dumps(tasks)[:-40])
    house.put("l/min.json", json.dumps([{"text": "t", "annotator": mail}]))
    house.put(
        "m/b.csv",
        f"AssignmentId,WorkerId,AssignmentStatus,AcceptTime,SubmitTime,WorkTimeInSeconds,i,l,Feedback\nA,{worker},Approved,,,,1,{mail},{name}\n",
    )
    night = house.ingest()
    written = "\n".join(
        json.dumps(table.to_pylist(), default=str, ensure_ascii=False) for table in tables(night).values()
    )
    for secret in (*NAMES, "example.com", "Jane", "Doe"):
        assert secret not in written, secret
    assert "[e-mail]" in written
    assert len(night.events) == 2
    assert len(night.quarantine) >= 12
    for table, content in tables(night).items():
        house.lake.write(table, D1, content)
        stored = house.lake.path(table, D1).read_bytes()
        assert not any(secret.encode() in stored for secret in NAMES)


ODD = ['a"b', "a;b", "line\nbreak", "🙂", "'; DROP TABLE answers; --", "a,b", "\\", "%", "ﬁ", "{}", "$1", "NULL?", "ß"]


def test_labels_and_ids_of_any_signs(tmp_path: Path) -> None:
    """Loss: a quote in a label that ends a statement, or a newline that ends a row."""
    house = House(
        tmp_path,
        "  c: {format: csv, annotation_id: k}\n  j: {format: jsonl, annotation_id: k}\n",
        classes=json.dumps(ODD, ensure_ascii=False),
    )
    answers = [{"k": odd, "item_id": odd, "annotator_id": f"{odd}{k}", "label": odd} for k, odd in enumerate(ODD)]
    lines = [",".join('"' + value.replace('"', '""') + '"' for value in a.values()) for a in answers]
    house.put("c/x.csv", "k,item_id,annotator_id,label\n" + "\n".join(lines) + "\n")
    house.put("j/x.jsonl", answers)
    night = house.night()
    for source in ("c", "j"):
        found = {e["item_id"]: e for e in night.events.to_pylist() if e["source"] == source}
        assert found.keys() == set(ODD)
        for k, odd in enumerate(ODD):
            seen = found[odd]
            expected = (odd, person(f"{odd}{k}", source), odd)
            assert (seen["annotation_id"], seen["annotator_id"], seen["label"]) == expected
    assert len(night.quarantine) == 0
    assert house.lake.read(ANNOTATION_EVENTS, D1).equals(night.events.cast(ANNOTATION_EVENTS.schema))


def test_items_of_a_night(tmp_path: Path) -> None:
    """Loss: an item whose arrival is read in the wrong timezone turns around in the wrong time."""
    house = House(
        tmp_path,
        "  s: {format: jsonl}\n  c: {format: csv}\n",
        more="items: {fields: [text, at], arrived_at: at, ids: integer}\nschedule: {timezone: Europe/Berlin}",
    )
    answer = {"annotator_id": "x", "label": "a"}
    arrivals = ["2026-10-01 05:00", "2026-10-01T05:00:00Z", "0001-01-01", "soon", None]
    house.put("s/a.jsonl", [answer | {"item_id": k, "text": "t", "at": at} for k, at in enumerate(arrivals)])
    house.put("s/b.jsonl", [answer | {"item_id": "1.0", "text": "newer", "at": None}, answer | {"item_id": " 7.00 "}])
    house.put("c/c.csv", PLAIN + "1,y,a\n8,y,a\n,y,a\n")
    night = house.ingest()
    assert [(i["item_id"], json.loads(i["payload"]), str(i["arrived_at"])) for i in night.items.to_pylist()] == [
        ("0", {"text": "t", "at": "2026-10-01 05:00"}, "2026-10-01 03:00:00+00:00"),
        ("1", {"text": "newer", "at": None}, "None"),
        ("2", {"text": "t", "at": "0001-01-01"}, "None"),
        ("3", {"text": "t", "at": "soon"}, "None"),
        ("4", {"text": "t", "at": None}, "None"),
        ("7", {"text": None, "at": None}, "None"),
        ("8", {}, "None"),
    ]
    assert sorted(set(night.events["item_id"].to_pylist())) == ["0", "1", "2", "3", "4", "7", "8"]


def test_only_the_day_is_read(tmp_path: Path) -> None:
    """Loss: a night that sees tomorrow's files cannot be run again."""
    house = House(tmp_path, "  s: {format: csv}\n")
    house.put("s/a.csv", PLAIN + "1,x,a\n")
    house.put("s/a.csv", PLAIN + "2,x,a\n", D2)
    assert house.ingest(D1).events["item_id"].to_pylist() == ["1"]


def test_damaged_values(tmp_path: Path) -> None:
    """Loss: a NUL in an id ends it early in every program written in C."""
    house = House(tmp_path, "  s: {format: jsonl, annotation_id: k}\n")
    good = {"item_id": "1", "annotator_id": "x", "label": "a", "k": "k"}
    house.put("s/a.jsonl", [good, *(good | {key: "a\0b"} for key in ("item_id", "annotator_id", "k", "label"))])
    night = house.ingest()
    assert reasons(night) == [
        ("s/a.jsonl", 2, "value_damaged"),
        ("s/a.jsonl", 3, "value_damaged"),
        ("s/a.jsonl", 4, "value_damaged"),
        ("s/a.jsonl", 5, "label_unknown"),
    ]
    assert night.items["item_id"].to_pylist() == ["1"]


def test_a_value_in_quarantine_is_cut(tmp_path: Path) -> None:
    """Loss: one answer of sixteen megabytes in every report."""
    house = House(tmp_path, "  s: {format: csv}\n")
    house.put("s/a.csv", PLAIN + f"1,x,{'z' * 100_000}\n")
    (row,) = house.ingest().quarantine.to_pylist()
    assert len(row["reason"]) < 200
    assert len(row["raw"]) < 500
    assert json.loads(row["raw"])["label"] == "z" * 200


@pytest.mark.parametrize("classes", ["[Straße, Weg]", "[STRASSE, weg]"])
def test_classes_are_matched_as_the_project_file_compares_them(tmp_path: Path, classes: str) -> None:
    """Loss: `straße` and `STRASSE` are one class to the check and two to the lookup."""
    house = House(tmp_path, "  s: {format: csv}\n", classes=classes)
    house.put("s/a.csv", PLAIN + "1,x,STRASSE\n2,x,straße\n3,x,\u00a0Straße\u00a0\n4,x,WEG\n")
    found = rows(house.ingest().events, "item_id", "label")
    street, way = house.project.labels.classes
    assert found == [("1", street), ("2", street), ("3", street), ("4", way)]


def test_a_night_taken_in_parts_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a large night takes another way than a small one; what it writes must not show it."""
    house = House(tmp_path, "  s: {format: jsonl}\n")
    house.put("s/a.jsonl", [{"item_id": k, "annotator_id": k % 7, "label": "ab"[k % 2]} for k in range(200)])
    whole = house.ingest()
    monkeypatch.setattr("label_pipeline.ingest.judge.PART", 30)
    monkeypatch.setattr("label_pipeline.contracts.rules.PIECE", 50)
    parts = house.ingest()
    keeps_contracts(parts, house.project)
    assert len(parts.events["item_id"].chunks) > 5
    assert whole.events.to_pylist() == parts.events.to_pylist()
    assert whole.events["landed_row"].to_pylist() == list(range(1, 201))


def test_an_id_that_names_who_answered_is_made_anew(tmp_path: Path) -> None:
    """Loss: the annotation id `jane@example.com-7` tells who it was, in every table that has it.

    The same answer keeps the same id, other answers have others; an id that holds a number by chance stays.
    """
    house = House(tmp_path, "  s: {format: csv, annotation_id: k}\n")
    head = "k,item_id,annotator_id,label\n"
    house.put(
        "s/x.csv", head + "jane@x.org-7,i1,jane@x.org,a\njane@x.org-8,i2,jane@x.org,a\n1907,i1,190,b\nannex,i2,ann,b\n"
    )
    night = house.night()
    ids = {e["item_id"] + e["label"]: e["annotation_id"] for e in night.events.to_pylist()}
    assert ids["i1b"] == "1907"
    assert ids["i2b"] == "annex"
    digits = person("jane@x.org").removeprefix("a-")
    assert ids["i1a"].endswith(digits)
    assert ids["i2a"].endswith(digits)
    assert ids["i1a"] != ids["i2a"]
    house.put("s/y.csv", head + "jane@x.org-7,i1,jane@x.org,a\njane@x.org-8,i2,jane@x.org,b\n", D2)
    (event,) = house.ingest(D2).events.to_pylist()
    assert (event["annotation_id"], event["label"]) == (ids["i2a"], "b")
