"""What is held about a person: all of it from every format, nothing of others, readable."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from label_pipeline import audit
from label_pipeline.cli import BAD_INPUT, OK, main
from label_pipeline.folders import DataFolder
from label_pipeline.privacy.erasure import House
from label_pipeline.privacy.held import held_about
from label_pipeline.privacy.persons import Persons
from label_pipeline.project import parse_project
from label_pipeline_tests.orchestration.runs import D1, D2, put, run, write
from label_pipeline_tests.privacy.planted import ANA, BEN, CYD, FORMATS, ITEMS
from label_pipeline_tests.privacy.test_redact import identity

KEPT = """\
project: pets
start: 2026-10-05
labels: {type: spans}
items: {fields: [text]}
sources: {crowd: {format: csv, annotated_at: at}}
people: {roster: people.csv}
"""


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_persons_part(tmp_path: Path, name: str) -> None:
    """Loss: what a person is not told is held; or somebody else's answers handed out with hers."""
    form, folder = FORMATS[name], DataFolder(tmp_path)
    settings = f"project: p\nstart: 2026-10-05\nlabels: {{classes: [a, b]}}\nsources: {{s: {{{form.settings}}}}}\n"
    project = parse_project(settings, "project.yaml")
    house = House(folder, project, Persons(b"a key for tests only"))
    path = folder.landing("p", D1) / "s" / form.name
    path.parent.mkdir(parents=True)
    before = form.content([BEN, ANA, CYD], ITEMS)
    path.write_bytes(before)
    who = house.persons.annotator("s", identity(form, ANA))
    held = list(held_about(house, frozenset([who]), [identity(form, ANA)]))
    assert {one.place for one in held} == {f"landing/s/{form.name}"}
    said = json.dumps([one.says for one in held], default=str)
    assert said.count(identity(form, ANA)) >= len(held) > 0
    assert BEN.identity not in said
    assert CYD.identity not in said
    assert path.read_bytes() == before  # nothing is changed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """Two nights of a project whose labels are kept as they are."""
    monkeypatch.setenv("LABEL_PIPELINE_MAP", str(tmp_path / "map"))
    folder = DataFolder(tmp_path / "data")
    write(folder.project_file("pets"), KEPT)
    write(folder.project("pets") / "people.csv", f"source,identity,group,role\ncrowd,{ANA.identity},north,annotator\n")
    for k, day in enumerate((D1, D2)):
        rows = [f'i{k},{who.identity},"[{k}]",{day}T10:00:00,say,{who.more[0]}' for who in (ANA, BEN)]
        put(folder, day, "x.csv", "\n".join(["item_id,annotator_id,label,at,text,mail", *rows]) + "\n")
    assert run(folder, D1, D2).success
    return folder


def test_it_is_handed_out_and_noted(folder: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a request nobody can answer in time, or a look into somebody's data that nobody can trace."""
    call = ["access", "pets", "--data", str(folder.root), "--annotator", ANA.identity]
    assert main(call) == OK
    told = json.loads(capsys.readouterr().out)
    assert {place: len(rows) for place, rows in told.items()} == {
        "re-identification map": 1,
        "projects/pets/people.csv:2": 1,
        "landing/crowd/x.csv": 2,
        "lake/annotation_events": 2,
        "lake/logins": 2,
    }
    assert told["landing/crowd/x.csv"][0]["mail"] == ANA.more[0]
    assert BEN.identity not in json.dumps(told)
    out = tmp_path / "held.csv"
    assert main([*call, "--out", str(out)]) == OK
    assert out.stat().st_mode & 0o077 == 0
    rows = list(csv.DictReader(out.open()))
    assert {row["place"] for row in rows} == {*told, "audit log"}
    first = audit.entries(folder, "pets", "access")[0]
    assert first.act.subject == told["lake/annotation_events"][0]["annotator_id"]
    assert ANA.identity not in folder.audit("pets").read_text()


def test_of_nobody_there_is_nothing(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: an empty answer that reads as if nothing were held, for a login that was misspelt."""
    assert main(["access", "pets", "--data", str(folder.root), "--annotator", "nobody@example.org"]) == BAD_INPUT
    said = capsys.readouterr().err
    assert "nothing is held of this annotator" in said
    assert "nobody@example.org" not in said
    assert not folder.audit("pets").exists()
