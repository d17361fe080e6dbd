"""The guidelines' tables as nights write them: two days of a small project, intake and guidelines alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.assets_guidelines import names
from label_pipeline.orchestration.desk import Desk
from label_pipeline.project import load_project
from label_pipeline_tests.orchestration.runs import D1, D2, INTAKE, PETS, Run, partition, pets, put, run, write

GUIDELINES = """\
guidelines: {current: v2, since: {v0: 2026-09-01, v1: 2026-10-05, v2: 2026-10-06}, batches: {old: v0}}
"""
TABLES = ("guideline_agreement", "guideline_versions", "guideline_confusions", "guideline_changes")


def answers(rows: str, day: str, batch: str = "") -> str:
    """A CSV of answers like `a:i00=cat`, one a minute."""
    lines = ["item_id,annotator_id,label,at,batch,id"]
    for k, row in enumerate(rows.split()):
        (who, rest), minute = row.split(":"), f"{k:02d}"
        item, label = rest.split("=")
        lines.append(f"{item},{who},{label},{day}T10:{minute}:00,{batch},{rows[:5]}{day}{k}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataFolder, Run]:
    """Under v1 three people disagree on i10 and i11; under v2 they answer both again, and alike.

    The batch `old` kept to v0; an adjudicator answers too, and two answers under v1 land a day late.
    """
    project = PETS.replace("annotated_at: at", "annotated_at: at, batch: batch, annotation_id: id") + GUIDELINES
    roster = "people: {roster: people.csv}\n"
    folder = pets(tmp_path_factory.mktemp("two_days"), days=0, project=project + roster)
    write(folder.project("pets") / "people.csv", "source,identity,group,role\ncrowd,chief,experts,adjudicator\n")
    write(folder.project("pets") / "guidelines" / "v2.md", "# Pets, second edition\n")
    first = "a:i10=cat b:i10=dog c:i10=dog a:i11=dog b:i11=cat c:i11=cat chief:i10=cat"
    put(folder, D1, "first.csv", answers(first, "2026-10-05"))
    put(folder, D1, "old.csv", answers("a:i12=cat b:i12=cat", "2026-10-05", "old"))
    again = "a:i10=dog b:i10=dog c:i10=dog a:i11=dog b:i11=dog c:i11=dog"
    put(folder, D2, "again.csv", answers(again, "2026-10-06"))
    put(folder, D2, "late.csv", answers("b:i13=cat a:i13=cat", "2026-10-05"))
    done = run(folder, D1, D2, only=(*INTAKE, "gold_set", "gold_asks", *TABLES))
    return folder, done


def test_who_answers_again_under_a_new_version_speaks_in_both(two_days: tuple[DataFolder, Run]) -> None:
    """Loss: an item answered again after a change loses its old answers, and nothing is left to compare."""
    folder, done = two_days
    assert done.success
    versions = {r["version"]: r for r in partition(folder, "guideline_versions", D2)}
    assert {name: (r["place"], r["annotations"], r["items"]) for name, r in versions.items()} == {
        "v0": (1, 2, 1),
        "v1": (2, 8, 3),
        "v2": (3, 6, 2),
    }, "the adjudicator's is no answer; the late one belongs to the version in force when it was given"
    assert [name for name, r in versions.items() if r["in_force"]] == ["v2"]
    moved = {
        (r["before"], r["after"], r["items"], r["figure"]): r
        for r in partition(folder, "guideline_changes", D2)
        if not r["member"]
    }
    same = moved["v1", "v2", "same", "raw_agreement"]
    assert (same["value_before"], same["value_after"]) == (pytest.approx(1 / 3), 1.0)
    assert (same["n_before"], same["n_after"], same["same_hands"]) == (2, 2, 1.0)
    other = moved["v1", "v2", "other", "raw_agreement"]
    assert (other["n_before"], other["n_after"]) == (1, 0)
    assert {(before, after) for before, after, _, _ in moved} == {("v0", "v1"), ("v1", "v2")}


def test_a_day_knows_what_had_landed_by_its_end(two_days: tuple[DataFolder, Run]) -> None:
    """Loss: a rebuilt night that knows the next one."""
    folder, _ = two_days
    versions = {r["version"]: r for r in partition(folder, "guideline_versions", D1)}
    assert (versions["v1"]["annotations"], versions["v2"]["annotations"]) == (6, 0)
    assert [name for name, r in versions.items() if r["in_force"]] == ["v1"]
    assert {(r["before"], r["after"]) for r in partition(folder, "guideline_changes", D1)} == {("v0", "v1")}


def test_confusions_are_of_each_version(two_days: tuple[DataFolder, Run]) -> None:
    """Loss: what v1 left unclear is held against v2."""
    folder, _ = two_days
    (pair,) = partition(folder, "guideline_confusions", D2)
    assert (pair["version"], pair["first"], pair["second"], pair["both"], pair["people"]) == ("v1", "cat", "dog", 2, 1)


def test_missing_texts_are_a_warning_and_no_stop(two_days: tuple[DataFolder, Run]) -> None:
    """Loss: nobody notices that the guideline in force has no text; or a night stops for it."""
    folder, done = two_days
    assert done.failed_checks == {("guideline_versions", "texts")}
    check = done.checks["guideline_versions", "texts"]
    assert "v0: there is no text" in check.description
    assert {r["version"] for r in partition(folder, "guideline_versions", D2) if r["warning"]} == {"v0", "v1"}


def test_labels_that_are_no_class_have_no_such_tables(tmp_path: Path) -> None:
    """Loss: assets that are empty every night look as if something had been judged."""
    numbers = PETS.replace("labels: {classes: [cat, dog]}", "labels: {type: number, tolerance: 1}")
    folder = pets(tmp_path, days=0, project=numbers.replace("gold: {seeds: gold/*.csv}\n", ""))
    assert names(Desk(folder, load_project(folder, "pets"))) == ()
