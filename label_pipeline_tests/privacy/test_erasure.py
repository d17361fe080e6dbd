"""The steps of an erasure, one by one: whom it is about, project files, batches, projects that share a landing."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from label_pipeline.cli import OK, main
from label_pipeline.folders import DataFolder
from label_pipeline.privacy import identity_map
from label_pipeline.privacy.erasure import House, clear_project_files, clear_sent, pseudonyms_of
from label_pipeline.privacy.persons import Persons
from label_pipeline.privacy.without import Without
from label_pipeline.project import load_project
from label_pipeline.project_files import persons
from label_pipeline_tests.orchestration.runs import D1, D2, partition, run, write
from label_pipeline_tests.privacy.planted import ANA, BEN
from label_pipeline_tests.privacy.scan import traces
from label_pipeline_tests.privacy.test_access import KEPT
from label_pipeline_tests.privacy.test_erase_killed import landed

KEY = b"a key for tests only"
TWO = """\
project: p
start: 2026-10-05
labels: {classes: [a, b]}
sources: {s: {format: csv}, t: {format: csv}}
people: {roster: people.csv}
gold: {seeds: "gold/*.csv"}
"""
ROSTER = 'source,identity,group,role,person\ns,kim,n,annotator,Kim\n\ns,lee,"n\nm",annotator,\nt,kk,n,annotator,Kim\n'


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A project whose roster knows Kim by two logins, and a map."""
    monkeypatch.setenv("LABEL_PIPELINE_MAP", str(tmp_path / "map"))
    folder = DataFolder(tmp_path / "data")
    write(folder.project_file("p"), TWO)
    write(folder.project("p") / "people.csv", ROSTER)
    write(folder.project("p") / "gold" / "seeds.csv", "item_id,label\ni1,a\ni10,a\n")
    project = load_project(folder, "p")
    return House(folder, project, persons(folder, project, KEY))


def test_whoever_is_meant_is_meant_with_all_logins_and_all_names(house: House) -> None:
    """Loss: half a person erased: the other login stays, or lines of the log with the name under an older key."""
    kim, kk = house.persons.met("s", "kim"), house.persons.met("t", "kk")
    old = Persons(b"an older key, for tests").met("s", "kim")
    identity_map.remember("p", date(2026, 10, 5), "older", [old])
    everything = {kim.login, kk.login, kim.annotator_id, old.login}
    for asked in ("kim", "kk", "Kim", kim.annotator_id, kk.login, old.annotator_id):
        assert everything <= pseudonyms_of(house, asked), asked
    assert not everything & pseudonyms_of(house, "lee")


def test_rows_of_roster_and_seeds_go_and_others_keep_their_bytes(house: House) -> None:
    """Loss: the roster, which names everybody, after everything else has forgotten."""
    home, kim = house.folder.project("p"), house.persons.annotator("s", "kim")
    without = Without(frozenset([kim]), frozenset(["i1"]))
    assert clear_project_files(house, without, dry_run=True) > 0
    assert (home / "people.csv").read_text() == ROSTER
    clear_project_files(house, without)
    assert (home / "people.csv").read_text() == 'source,identity,group,role,person\n\ns,lee,"n\nm",annotator,\n'
    assert (home / "gold" / "seeds.csv").read_text() == "item_id,label\ni10,a\n"
    assert clear_project_files(house, without) == 0


def test_batches_that_were_sent_forget_them(house: House) -> None:
    """Loss: whom not to ask, in a file that every night reads."""
    path = house.folder.landing("p", D1) / "_sent" / "p-1.jsonl"
    rows = [
        {"batch_id": "p-1", "position": k, "item_id": f"i{k}", "purpose": "new", "route": "annotator", "people": 2,
         "exclude_annotators": ["a-0000000000000001", "a-0000000000000002"], "suggested_label": None}
        for k in (1, 2)
    ]  # fmt: skip
    write(path, "".join(json.dumps(row) + "\n" for row in rows))
    without = Without(frozenset(["a-0000000000000001"]), frozenset(["i1"]))
    assert (clear_sent(house, without, dry_run=True), clear_sent(house, without), clear_sent(house, without)) == (
        1,
        1,
        0,
    )
    (left,) = map(json.loads, path.read_text().splitlines())
    assert (left["position"], left["exclude_annotators"]) == (2, ["a-0000000000000002"])


@pytest.mark.slow
def test_projects_that_read_one_landing_are_erased_from_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss: another project that counts on rows of a file that are no longer there."""
    monkeypatch.setenv("LABEL_PIPELINE_MAP", str(tmp_path / "map"))
    monkeypatch.setenv("DAGSTER_HOME", "")
    folder = landed(tmp_path / "data")
    other = KEPT.replace("project: pets", "project: zoo\nlanding: pets").replace("people: {roster: people.csv}\n", "")
    write(folder.project_file("zoo"), other)
    assert run(folder, D1, D2).success
    assert run(folder, D1, D2, project="zoo").success
    call = ["erase", "zoo", "--annotator", ANA.identity, "--reason", "asked", "--data", str(folder.root)]
    assert main(call) == OK
    assert traces(folder.root, [ANA.identity, *ANA.more]) == []
    for project in ("pets", "zoo"):
        assert len(partition(folder, "annotation_events", D1, project)) == 1
        assert list(folder.erasures(project).glob("2*.json"))
    assert {known.met.identity for known in identity_map.known("zoo")} == {BEN.identity}
