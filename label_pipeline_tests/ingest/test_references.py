"""Referential checks: items that were listed, people of the roster; and several projects that read one landing."""

from __future__ import annotations

from pathlib import Path

from label_pipeline.ingest import Known, ingest_day
from label_pipeline.landing import project_files
from label_pipeline.project import parse_project
from label_pipeline_tests.ingest.house import D1, D2, WHO, House, check, person, reasons, rows

TWO = "  tool: {format: jsonl}\n  vendor: {format: csv}\n"
HEAD = "item_id,annotator_id,label\n"


def test_items_come_from_the_sources_that_list_them(tmp_path: Path) -> None:
    """Loss: answers on items nobody sent out (a shifted column, another project's file) would be published."""
    house = House(tmp_path, TWO, more="items: {fields: [text], sources: tool, ids: integer}")
    house.put("tool/x.jsonl", [{"item_id": "1.0", "annotator_id": "w", "label": "a", "text": "early"}])
    house.put("vendor/x.csv", HEAD + "1,v,a\n 1 ,u,a\n2,v,a\n,v,a\n")
    first = house.night(D1)
    assert rows(first.events, "item_id", "source") == [("1", "tool"), ("1", "vendor"), ("1", "vendor")]
    assert reasons(first) == [("vendor/x.csv", 3, "item_unknown"), ("vendor/x.csv", 4, "item_missing")]
    assert rows(first.items, "item_id", "landed_file") == [("1", "tool/x.jsonl")]

    house.put("vendor/y.csv", HEAD + "1,z,b\n3,z,b\n", D2)  # 1 was listed the day before
    house.put("tool/y.jsonl", [{"item_id": "3", "annotator_id": "w", "label": "a", "text": "late"}], D2)
    second = house.night(D2)
    assert rows(second.events, "item_id", "source") == [("1", "vendor"), ("3", "tool"), ("3", "vendor")]
    assert reasons(second) == []


def test_without_a_list_every_item_is_known(tmp_path: Path) -> None:
    """Loss: a check that nobody asked for would quarantine a vendor's first delivery."""
    house = House(tmp_path, TWO)
    house.put("vendor/x.csv", HEAD + "1,v,a\n")
    assert reasons(house.ingest()) == []


def test_people_who_are_not_in_the_roster(tmp_path: Path) -> None:
    """Loss: a stranger's answers, or those of a session that is no person, count like everybody's."""
    house = House(tmp_path, "  s: {format: csv}\n", more="people: {roster: people.csv, unknown: quarantine}")
    house.put("s/x.csv", HEAD + "1,known,a\n2, known ,b\n3,stranger,a\n4,,a\n")
    known = Known(annotators=(person("known"), person("known", "other source")))
    night = ingest_day(house.project, D1, house.files(), known, WHO)
    check(night)
    assert rows(night.events, "item_id", "annotator_id") == [("1", person("known")), ("2", person("known"))]
    assert reasons(night) == [("s/x.csv", 3, "annotator_unknown"), ("s/x.csv", 4, "annotator_missing")]
    assert "stranger" not in str(night.quarantine.to_pylist())


def test_several_questions_of_one_form(tmp_path: Path) -> None:
    """Loss: one export of two questions landed twice is two truths about who answered; each project reads its own."""
    owner = House(tmp_path, "  s: {format: csv, label: topic}\n  other: {format: csv}\n")
    owner.put("s/x.csv", "item_id,annotator_id,topic,tone\n1,w,a,loud\n2,w,b,\n")
    owner.put("other/x.csv", HEAD + "9,w,a\n")
    owner.put("stray/x.csv", HEAD + "9,w,a\n")
    text = "project: tone\nstart: 2026-10-01\nlanding: p\nlabels: {classes: [loud, calm]}\n"
    tone = parse_project(text + "sources: {s: {format: csv, label: tone}}", "f")
    files = project_files(owner.folder, tone, D1)
    assert [file.name for file in files] == ["s/x.csv"]
    night = ingest_day(tone, D1, files, Known(), WHO)
    check(night)
    assert rows(night.events, "item_id", "label", "annotator_id") == [("1", "loud", person("w"))]
    assert reasons(night) == [("s/x.csv", 2, "label_missing")]
    assert len(project_files(owner.folder, owner.project, D1)) == 3
