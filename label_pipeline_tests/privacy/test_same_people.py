"""The same person in every night: what a changed roster, another key or a missing one come to, in real nights."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from label_pipeline.audit import entries, person
from label_pipeline.cli import main
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, LOGINS, TABLES
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.orchestration.assets_ingest import _ingest
from label_pipeline.orchestration.desk import Desk
from label_pipeline.privacy.identity_map import known
from label_pipeline.privacy.persons import Persons
from label_pipeline.privacy.pseudonyms import key_file
from label_pipeline.privacy.same_people import require_same_people
from label_pipeline.project import load_project
from label_pipeline_tests.orchestration.runs import D1, D2, D3, put, write

KEPT = """\
project: pets
start: 2026-10-05
labels: {type: text}
people: {roster: people.csv}
sources: {crowd: {format: csv}, shop: {format: csv}}
"""
HEAD = "source,identity,group,role,person\n"


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """Two days of answers: of jane at one source, and of the shop's W1, who is jane, and of bob."""
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LABEL_PIPELINE_MAP", str(tmp_path / "map"))
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "")
    monkeypatch.setenv("LABEL_PIPELINE_KEY_FILE", str(tmp_path / "privacy" / "pseudonym.key"))
    monkeypatch.setenv("DAGSTER_HOME", "")
    folder = DataFolder(tmp_path / "data")
    write(folder.project_file("pets"), KEPT)
    rostered(folder, jane="", w1="")
    put(folder, D1, "a.csv", "item_id,annotator_id,label\ni1,jane,red\ni1,bob,blue\n")
    put(folder, D2, "b.csv", "item_id,annotator_id,label\ni1,W1,red\ni2,W1,green\n", source="shop")
    return folder


def rostered(folder: DataFolder, **persons: str) -> None:
    names = {"jane": "crowd,jane,house,annotator", "w1": "shop,W1,house,annotator"}
    rows = "".join(f"{names[key]},{person}\n" for key, person in persons.items())
    write(folder.project("pets") / "people.csv", HEAD + rows)


def night(folder: DataFolder, first: date, last: date) -> int:
    return main(["nightly", "--project", "pets", "--from", str(first), "--to", str(last)])


def intake(folder: DataFolder, *days: date) -> None:
    """The intake of the days as a night makes it, without Dagster around it."""
    desk = Desk(folder, load_project(folder, "pets"))
    for day in days:
        for name, rows in _ingest(desk, day).rows.items():
            desk.store(TABLES[name], day, rows)


def persons(folder: DataFolder) -> Persons:
    return Desk(folder, load_project(folder, "pets")).persons


def who(folder: DataFolder, *days: date) -> set[str]:
    lake = Lake(folder, "pets")
    return {name for day in days for name in lake.read(ANNOTATION_EVENTS, day)["annotator_id"].to_pylist()}


def test_a_person_of_two_sources_is_one(pets: DataFolder) -> None:
    """Loss: somebody with two logins counts as two people who agree with each other."""
    rostered(pets, jane="E-17", w1="E-17")
    intake(pets, D1, D2)
    people = persons(pets)
    jane, bob = people.met("crowd", "jane"), people.met("crowd", "bob")
    assert jane.annotator_id == people.annotator("shop", "W1") != jane.login
    assert who(pets, D1, D2) == {jane.annotator_id, bob.login}
    assert Lake(pets, "pets").read(LOGINS, D1).sort_by("login").to_pylist() == sorted(
        [
            {"login": jane.login, "annotator_id": jane.annotator_id, "key": people.key},
            {"login": bob.login, "annotator_id": bob.login, "key": people.key},
        ],
        key=lambda row: row["login"],
    )
    assert [(k.met.source, k.met.identity, k.first_day) for k in known("pets")] == [
        ("crowd", "bob", D1),
        ("crowd", "jane", D1),
        ("shop", "W1", D2),
    ]


def test_who_turns_out_to_be_somebody_is_taken_in_again(pets: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a roster line that comes later splits a person in two, or turns a whole export away as reused ids.

    The night is refused with the command that mends it; what it leaves is what a roster from the start would have.
    """
    intake(pets, D1, D2)
    before = who(pets, D1, D2)
    rostered(pets, jane="E-17", w1="E-17")
    put(pets, D3, "c.csv", "item_id,annotator_id,label\ni9,bob,red\n")
    capsys.readouterr()
    assert night(pets, D3, D3) == 2
    said = capsys.readouterr().err
    assert "the roster says of 2 login(s) that have answered that they are somebody else than before" in said
    assert "Run: label-pipeline nightly --project pets --from 2026-10-05 --to 2026-10-06" in said
    assert who(pets, D1, D2) == before
    intake(pets, D1, D2, D3)
    people = persons(pets)
    assert who(pets, D1, D2, D3) == {people.annotator("crowd", "jane"), people.annotator("crowd", "bob")}
    assert main(["audit", "pets", "--verify"]) == 0


def test_a_walk_that_was_killed_halfway_is_noticed(pets: DataFolder) -> None:
    """Loss: after half a backfill a person is one on some days and another on the rest, and nothing says so."""
    intake(pets, D1, D2)
    rostered(pets, jane="E-17", w1="E-17")
    intake(pets, D1)
    project = load_project(pets, "pets")
    with pytest.raises(UserError, match=r"of 1 login\(s\).*--from 2026-10-06 --to 2026-10-06"):
        require_same_people(Lake(pets, "pets"), project, persons(pets), D2)
    rostered(pets, jane="", w1="")
    with pytest.raises(UserError, match=r"of 1 login\(s\).*--from 2026-10-05 --to 2026-10-06"):
        require_same_people(Lake(pets, "pets"), project, persons(pets), D2)


def test_a_new_line_for_somebody_who_never_answered_stops_nothing(pets: DataFolder) -> None:
    """Loss: every hire would cost a rebuild."""
    intake(pets, D1)
    rostered(pets, jane="", w1="E-18")
    intake(pets, D2)
    assert persons(pets).annotator("shop", "W1") in who(pets, D2)


def test_another_key_is_refused_and_named(
    pets: DataFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: after a wrong key everybody is somebody new, and their history is lost without a word."""
    intake(pets, D1)
    right, before = persons(pets).key, who(pets, D1)
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "the key of another deployment")
    wrong = persons(pets).key
    capsys.readouterr()
    with pytest.raises(UserError) as refused:
        intake(pets, D2)
    said = str(refused.value)
    assert f"has pseudonyms of key {right}, and the key in LABEL_PIPELINE_KEY is {wrong} [one pseudonym key]" in said
    assert not Lake(pets, "pets").has(ANNOTATION_EVENTS, D2)
    assert who(pets, D1) == before
    monkeypatch.setenv("LABEL_PIPELINE_KEY", "")
    intake(pets, D2)


def test_a_key_that_is_gone_is_not_made_anew(pets: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a disk that is not mounted gives a new key, and everybody becomes somebody new."""
    intake(pets, D1)
    key = key_file()
    key.rename(key.with_suffix(".away"))
    capsys.readouterr()
    with pytest.raises(UserError) as refused:
        intake(pets, D2)
    said = str(refused.value)
    assert f"{key}: the pseudonym key is not there, and the lake was made with one" in said
    assert not key.exists()
    key.with_suffix(".away").rename(key)
    intake(pets, D2)


def test_a_key_that_others_may_read_stops_the_night(pets: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: everybody on the machine undoes the pseudonyms."""
    intake(pets, D1)
    key_file().chmod(0o644)
    capsys.readouterr()
    with pytest.raises(UserError, match=r"others may read the pseudonym key\. Run: chmod 600 /.*pseudonym\.key"):
        intake(pets, D2)


def test_no_look_up_without_a_line_in_the_audit_log(pets: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: who looked up whom, and why, is nowhere; or a pseudonym that nobody knows is answered with silence."""
    rostered(pets, jane="E-17", w1="E-17")
    intake(pets, D1, D2)
    jane = persons(pets).met("crowd", "jane")
    capsys.readouterr()
    asked = ["identify", "pets", jane.annotator_id, "--reason", "she asks for her data", "--by", "dpo"]
    assert main(asked) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in lines[1:]] == [["crowd", "jane", jane.annotator_id], ["shop", "W1", jane.annotator_id]]
    assert main(["identify", "pets", "a-0000000000000000", "--reason", "guessing"]) == 2
    assert main(["identify", "pets", "jane@example.com", "--reason", "guessing"]) == 2
    said = capsys.readouterr().err
    assert "the map does not know a-0000000000000000" in said
    assert "that is no pseudonym" in said
    assert "jane@example.com" not in said
    assert [(e.act.actor, e.act.subject, e.act.reason, e.act.after) for e in entries(pets, "pets", "identify")] == [
        ("dpo", jane.annotator_id, "she asks for her data", "logins shown: 2"),
        (person(), "a-0000000000000000", "guessing", "logins shown: 0"),
    ]
