"""Labels without a consensus: their nights end well, with every answer in the lake and nothing that looks judged."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from label_pipeline.cli import main
from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.build import build_definitions
from label_pipeline_tests.orchestration.runs import D1, D2, INTAKE, mart, partition, put, run, write

ANSWERS = [
    {"item_id": "i1", "annotator_id": "a", "label": '[{"start": 0, "end": 3, "label": "ORG"}]'},
    {"item_id": "i1", "annotator_id": "b", "label": "[]"},
    {"item_id": "i2", "annotator_id": "a", "label": None, "status": "skipped"},
    {"item_id": "i2", "annotator_id": "b", "label": None},
]


def kept(folder: DataFolder, labels: str, answers: list[dict[str, object]]) -> None:
    """The project `marks` with two landed days: the same answers on both."""
    text = (
        f"project: marks\nstart: 2026-10-05\nlabels: {{{labels}}}\nsources: {{s: {{format: jsonl, status: status}}}}\n"
    )
    write(folder.project_file("marks"), text)
    for day in (D1, D2):
        put(folder, day, "x.jsonl", "".join(json.dumps(row) + "\n" for row in answers), project="marks", source="s")


def test_the_graph_is_intake_and_mart(folder: DataFolder) -> None:
    """Loss: empty assets of consensus and publishing look every night as if something had been judged."""
    kept(folder, "type: spans", ANSWERS)
    definitions = build_definitions(folder)
    dg.Definitions.validate_loadable(definitions)
    specs = {spec.key.path[1]: spec for spec in definitions.resolve_all_asset_specs()}
    assert set(specs) == {*INTAKE, "mart"}
    assert "Labels of type 'spans' have no consensus yet" in str(specs["mart"].description)


def test_a_range_of_nights(folder: DataFolder) -> None:
    """Loss: a span that is dropped because nothing judges it yet is labelled a second time."""
    kept(folder, "type: spans", ANSWERS)
    night = run(folder, D1, D2, project="marks")
    assert night.success, night.failures
    assert not night.failed_checks
    events = partition(folder, "annotation_events", D1, "marks")
    assert sorted(str(e["label"]) for e in events) == ["None", "[]", ANSWERS[0]["label"]]
    accounts = [partition(folder, "landings", day, "marks")[0] for day in (D1, D2)]
    figures = ("landed", "accepted", "quarantined", "duplicates")
    assert [[a[name] for name in figures] for a in accounts] == [[4, 3, 1, 0], [4, 0, 1, 3]]
    told = night.metadata("mart")
    assert (told["submitted"], told["skipped"]) == (2, 1)
    assert "no consensus yet" in told["in words"]
    tables = mart(folder.mart("marks"))
    assert {name: len(rows) for name, rows in tables.items()} == {
        "annotation_events": 3,
        "landings": 2,
        "quarantine": 2,
    }


def test_the_command_line_says_so(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a night that ends with 0 and no training set is looked into for hours."""
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(folder.root))
    monkeypatch.setenv("DAGSTER_HOME", "")
    kept(folder, "type: pairwise", [ANSWERS[0] | {"label": "left", "status": ""}])
    assert main(["nightly", "--project", "marks", "--from", str(D1), "--to", str(D2)]) == 0
    said = capsys.readouterr()
    assert "have no consensus yet" in said.err
    assert "training set" not in said.out
    assert [e["label"] for e in partition(folder, "annotation_events", D1, "marks")] == ["left"]
    assert main(["status"]) == 0
    said = capsys.readouterr()
    assert "computed:     2 days, last 2026-10-06" in said.out
    assert "have no consensus yet" in said.out


def test_a_second_question_of_the_same_form(folder: DataFolder) -> None:
    """Loss: a question whose project looks into its own empty landing folder is answered by nobody, every night."""
    kept(folder, "type: spans", [ANSWERS[0] | {"status": "", "tone": "calm"}])
    text = "project: tone\nstart: 2026-10-05\nlanding: marks\nlabels: {classes: [loud, calm]}\n"
    write(folder.project_file("tone"), text + "sources: {s: {format: jsonl, label: tone}}\n")
    assert run(folder, D1, D2, project="tone", only=INTAKE).success
    assert [e["label"] for e in partition(folder, "annotation_events", D1, "tone")] == ["calm"]
    assert [r["duplicates"] for r in partition(folder, "landings", D2, "tone")] == [1]
