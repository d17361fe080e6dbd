"""Record of processing and impact assessment: what the project file tells, what people answered, what is open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from label_pipeline.cli import main
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.privacy.processing import IMPACT, RECORD, render_impact, render_record
from label_pipeline.project import Project, load_project
from label_pipeline_tests.orchestration.runs import write

BASE = """\
project: notes
description: "Moods | <b>of</b> letters"
owner: team:labels
start: 2026-10-05
labels: {type: single_choice, classes: [a, b]}
items: {fields: [body_text, at], arrived_at: at}
sources: {s: {format: csv}}
"""
FULL = BASE.replace("sources: {s:", "sources: {t: {format: csv}, s:") + (
    "people: {gold_checks: {at_least: 0.7, otherwise: exclude}}\n"
    "privacy: {scrub: {fields: [body_text], kinds: [email, iban]}}\n"
    "retention: {reports: 30d, tables: {quarantine: 20d}, landing: 60d}\n"
    "alerts: {email: [lead@example.org]}\npublish: {jobs: {ranking: latest}}\n"
)


def project(tmp_path: Path, text: str) -> Project:
    folder = DataFolder(tmp_path)
    write(folder.project_file("notes"), text)
    return load_project(folder, "notes")


def answer(text: str, key: str) -> str:
    """What stands under the question of a key."""
    found = re.search(rf"^### [^\n]*\[{re.escape(key)}\]\n\n(.*?)(?=\n\n#|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, key
    return found[1].strip()


def test_every_question_stands_once_and_open_ones_are_counted(tmp_path: Path) -> None:
    """Loss: a question that nobody answers, and a document that looks complete."""
    notes = project(tmp_path, BASE)
    for render, sections in ((render_record, RECORD), (render_impact, IMPACT)):
        text = render(notes, {})
        keys = [question.key for _, questions in sections for question in questions]
        assert re.findall(r"^### .*\[([\w.]+)\]$", text, re.MULTILINE) == keys
        left = [key for key in keys if answer(text, key) == "**Open.** For team:labels."]
        assert f"Open questions: {len(left)}. " in text
        assert left
    assert answer(render_record(notes, {}), "record.basis").startswith("**Open.**")
    assert answer(render_impact(notes, {}), "impact.decision").startswith("**Open.**")


def test_what_is_filled_in_follows_the_project_file(tmp_path: Path) -> None:
    """Loss: a document that promises what the project does not do."""
    short, full = project(tmp_path / "a", BASE), project(tmp_path / "b", FULL)
    record, richer = render_record(short, {}), render_record(full, {})
    assert "Moods \\| \\<b\\>of\\</b\\> letters" in answer(record, "record.purpose")
    assert "Free text is not scrubbed" in answer(record, "record.measures")
    assert "Free text loses email, iban in body\\_text." in answer(richer, "record.measures")
    assert "body\\_text (scrubbed), at" in answer(richer, "record.subjects")
    assert "reports: 400 days" in answer(record, "record.retention")
    assert "landed files, identities included: until somebody deletes them" in answer(record, "record.retention")
    assert "reports: 30 days" in answer(richer, "record.retention")
    assert "quarantine: 20 days, and of no month the first" in answer(richer, "record.retention")
    assert "landed files of every source not named here: 60 days" in answer(richer, "record.retention")
    assert "ranking" in answer(richer, "record.recipients")
    assert "lead@" not in richer
    assert answer(record, "record.transfers").startswith("The pipeline itself sends nothing")
    assert answer(richer, "record.transfers").startswith("**Open.**")
    assert answer(render_impact(short, {}), "due.automated").startswith("No:")
    assert answer(render_impact(full, {}), "due.automated").startswith("In part: votes of whoever")
    assert answer(render_impact(short, {}), "due.matched") == "No: there is one source."
    assert "2 sources" in answer(render_impact(full, {}), "due.matched")


def test_a_persons_answers_go_before_and_name_a_question(tmp_path: Path) -> None:
    """Loss: an answer under a mistyped key is in no document, and nobody is told."""
    notes = project(tmp_path, BASE)
    text = render_record(notes, {"record.basis": "Contract.\n# And more", "record.contact": "lead"})
    assert answer(text, "record.basis") == "Contract.\n\\# And more"
    assert answer(text, "record.contact") == "lead"
    assert render_record(notes, {"impact.review": "in May"})  # one file for both
    with pytest.raises(
        UserError, match=r"processing.yaml: 'record.bases' is no question .* Did you mean 'record.basis'"
    ):
        render_impact(notes, {"record.bases": "x"})


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: documents that are written nowhere, or without what people answered."""
    project(tmp_path, BASE)
    write(DataFolder(tmp_path).project("notes") / "processing.yaml", "record.officer: Somebody\n")
    out = tmp_path / "out"
    assert main(["processing", "notes", "--data", str(tmp_path), "--out", str(out)]) == 0
    assert "RECORD_OF_PROCESSING.md: 3 questions are open" in capsys.readouterr().out
    assert answer((out / "RECORD_OF_PROCESSING.md").read_text(encoding="utf-8"), "record.officer") == "Somebody"
    assert (
        (out / "IMPACT_ASSESSMENT.md")
        .read_text(encoding="utf-8")
        .startswith("# Data-protection impact assessment: notes")
    )
    assert main(["processing", "notes", "--data", str(tmp_path)]) == 0
    assert "# Record of processing: notes" in capsys.readouterr().out
