"""The marts of real nights: a role finds what it is for, and nothing about people that it is not to find."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from label_pipeline.cli import main
from label_pipeline.contracts.people import ABOUT_PEOPLE
from label_pipeline.contracts.tables import TABLES
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.privacy.persons import PSEUDONYM
from label_pipeline.project_privacy import READERS
from label_pipeline_tests.orchestration.runs import D1, D2, Run, put, write
from label_pipeline_tests.test_mart_roles import cells


def test_a_column_that_names_people_is_listed(nights: tuple[DataFolder, Run]) -> None:
    """Loss: a new column with pseudonyms in its words goes to readers who are to find nobody."""
    folder, _ = nights
    lake, found = Lake(folder, "sample"), set()
    for table in TABLES.values():
        for day in lake.days(table):
            for row in lake.read(table, day).to_pylist():
                found |= {(table.name, name) for name, value in row.items() if PSEUDONYM.search(str(value))}
    assert {("relabel_queue", "reason"), ("quarantine", "raw"), ("gold_set", "evidence")} <= found
    assert found <= {(table, column) for table, columns in ABOUT_PEOPLE.items() for column in columns}


def test_what_each_role_finds(nights: tuple[DataFolder, Run]) -> None:
    """Loss: the reader of training data learns who labelled what; the labelling lead does not, and cannot work."""
    folder, _ = nights
    found = {role: cells(folder.role_mart(role, "sample")) for role in READERS}
    assert found["quality"] == cells(folder.mart("sample"))
    for role in ("training", "operations"):
        assert not PSEUDONYM.search(str(found[role]))
        assert not [c for rows in found[role].values() for row in rows[:1] for c in row if c == "annotator_id"]
    training, operations = found["training"], found["operations"]
    assert len(training["consensus_labels"]) == len(found["quality"]["consensus_labels"]) > 0
    assert {"label", "role", "valid_from"} <= set(training["gold_set"][0])
    assert not {"evidence", "challenge"} & set(training["gold_set"][0])
    assert "overridden" not in training["gates"][0]
    assert not {"annotator_quality", "relabel_queue", "quarantine"} & set(training)
    assert operations["kpis"] == found["quality"]["kpis"]
    assert sum(r["answers"] for r in operations["quarantined"]) == len(found["quality"]["quarantine"]) > 0
    assert not {"raw", "reason"} & set(operations["quarantine"][0])
    assert not {"consensus_labels", "annotator_quality", "gold_set"} & set(operations)
    assert "broken_now" in operations


def test_files_are_for_a_group_and_nobody_else(nights: tuple[DataFolder, Run]) -> None:
    """Loss: whoever has an account on the machine reads what a role was given."""
    folder, _ = nights
    for role in READERS:
        path = folder.role_mart(role, "sample")
        assert path.stat().st_mode & 0o777 == 0o640
        assert path.parent.stat().st_mode & 0o777 == path.parents[1].stat().st_mode & 0o777 == 0o750


def test_what_is_published_names_nobody(nights: tuple[DataFolder, Run]) -> None:
    """Loss: a page of a training set tells who labelled, to whoever may train."""
    folder, _ = nights
    files = [path for path in folder.published("sample").rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        text = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else path.read_text(encoding="utf-8")
        assert not PSEUDONYM.search(text), path


@pytest.mark.slow
def test_runs_that_have_ended_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: operations cannot see from its own view which nights ran, of which days, and how they ended."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    folder = DataFolder(tmp_path)
    text = "project: marks\nstart: 2026-10-05\nlabels: {type: text}\nsources: {s: {format: csv}}\n"
    write(folder.project_file("marks"), text)
    put(folder, D1, "x.csv", "item_id,annotator_id,label\ni1,ann,red\n", project="marks", source="s")
    for day in (D1, D2):
        assert main(["nightly", "--data", str(tmp_path), "--project", "marks", "--day", str(day)]) == 0
    (first,) = cells(folder.role_mart("operations", "marks"))["runs"]
    assert (first["status"], first["first_day"], first["last_day"]) == ("SUCCESS", "2026-10-05", "2026-10-05")
    assert first["started_at"] < first["ended_at"]
    assert cells(folder.role_mart("training", "marks"))["annotation_events"][0]["label"] == "red"
