"""`erase` over real nights: nothing of the person is left, and all that is left is as if they had never been there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from label_pipeline import audit
from label_pipeline.cli import BAD_INPUT, OK, STOPPED, main
from label_pipeline.folders import DataFolder
from label_pipeline.locks import alone
from label_pipeline.privacy.identity_map import known
from label_pipeline.publish.load import load_training_set
from label_pipeline.publish.manifest import UnfitError
from label_pipeline_tests.orchestration.runs import (
    D1,
    D2,
    D3,
    D4,
    ITEMS,
    PETS,
    answers,
    partition,
    pets,
    put,
    state,
    write,
)
from label_pipeline_tests.privacy.scan import traces

CARLA, OTHER = "carla.perez@example.org", "CARLAWORKER77X"
EVERYBODY = ("ana", "ben", CARLA, "dora")
PROJECT = PETS.replace(
    "sources: {crowd: {format: csv, annotated_at: at}}",
    "sources: {crowd: {format: csv, annotated_at: at}, vendor: {format: jsonl, annotated_at: at, mode: snapshot}}\n"
    "people: {roster: people.csv}",
).replace("{accept_at: 0.6}", "{accept_at: 0.98}")
PROJECT = PROJECT.replace("validation: 0.4}", "validation: 0.4}, min_coverage: 0.01")
ROSTER = ["source,identity,group,role,person", "crowd,ana,north,annotator,", f"crowd,{CARLA},north,annotator,Carla"]
ROSTER += [f"vendor,{OTHER},north,annotator,Carla", "crowd,zoe,south,adjudicator,"]
KEPT = ("kpis", "gates")


def vendor(people: tuple[str, ...], items: list[str], day: date) -> str:
    """A whole export: what was answered before is in it again."""
    lines = [
        {"item_id": item, "annotator_id": who, "label": "cat", "at": f"{day}T09:00:00", "mail": f"{who}@vendor.example"}
        for item in items
        for who in people
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def landed(root: Path, *, without: str = "") -> DataFolder:
    """Three days of the project, with Carla at two sources, or without her."""
    folder = pets(root, days=0, project=PROJECT)
    people = [name for name in EVERYBODY if name != without]
    roster = [line for line in ROSTER if not (without and "Carla" in line)]
    write(folder.project("pets") / "people.csv", "\n".join(roster) + "\n")
    for k, day in enumerate((D1, D2, D3)):
        put(folder, day, "answers.csv", answers(ITEMS[8 * k : 8 * k + 8], day, who=people))  # type: ignore[arg-type]
        others = ("VX1",) if without else ("VX1", OTHER)
        put(folder, day, "export.jsonl", vendor(others, ITEMS[: 8 * k + 8], D1), source="vendor")
    broken = "" if without else f",{CARLA},cat,2026-10-06T11:00:00,\n"
    put(folder, D2, "late.csv", "item_id,annotator_id,label,at,weight\ni03,ben,bird,2026-10-06T11:00:00,\n" + broken)
    return folder


def nightly(folder: DataFolder, first: date, last: date) -> int:
    return main(["nightly", "--project", "pets", "--data", str(folder.root), "--from", str(first), "--to", str(last)])


def erase(folder: DataFolder, *more: str) -> int:
    return main(["erase", "pets", "--data", str(folder.root), "--reason", "asked for it", *more])


@dataclass(frozen=True)
class Case:
    """A project before and after the erasure, and one that never saw the person; `words` by which she was known."""

    folder: DataFolder
    never: DataFolder
    before: dict[str, str]
    words: list[str]
    said: str


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Nights, a dry run and an erasure by one of the person's logins."""
    root = tmp_path_factory.mktemp("erase")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABEL_PIPELINE_MAP", str(root / "map"))
        patch.setenv("DAGSTER_HOME", "")
        folder, never = landed(root / "data"), landed(root / "never", without=CARLA)
        assert (nightly(folder, D1, D3), nightly(never, D1, D3)) == (OK, OK)
        rows = [row for day in (D1, D2, D3) for row in partition(folder, "logins", day)]
        names = {row["login"] for row in rows if row["login"] != row["annotator_id"]}
        names |= {row["annotator_id"] for row in rows if row["login"] != row["annotator_id"]}
        assert len(names) == 3
        before = state(folder)
        assert erase(folder, "--annotator", OTHER, "--dry-run") == OK
        assert state(folder) == before
        assert not folder.erasures("pets").exists()
        assert erase(folder, "--annotator", OTHER) == OK
        digits = [name.removeprefix("a-") for name in names]
        yield Case(folder, never, before, [CARLA, OTHER, *digits, f"{OTHER}@vendor"], "")


@pytest.mark.slow(seconds=20)
def test_nothing_of_the_person_is_left(case: Case) -> None:
    """Loss: a trace in any file, whatever holds it: the tombstones too are made of no name."""
    assert traces(case.folder.root, case.words) == []
    assert [k for k in known("pets") if k.met.identity in (CARLA, OTHER)] == []
    assert {k.met.identity for k in known("pets")} == {"ana", "ben", "dora", "VX1"}


@pytest.mark.slow(seconds=20)
def test_the_state_is_that_of_a_pipeline_that_never_saw_her(case: Case) -> None:
    """Loss: a vote that still counts, an item that only she made, a row number that no landing file has."""

    def lake(folder: DataFolder) -> dict[str, str]:
        return {n: h for n, h in state(folder).items() if n.startswith("lake/")}

    assert partition(case.folder, "relabel_queue", D3)
    after, never = lake(case.folder), lake(case.never)
    kept = {name for name in never if name.split("/")[1] in KEPT and str(D3) not in name}
    astray = {name for name in after.keys() | never.keys() if after.get(name) != never.get(name)}
    # Where an item belongs in training sets it was told once, for good.
    assert {name for name in astray if not name.startswith("lake/splits/")} <= kept
    # What was measured on the days before stays what it was measured to be.
    assert {name: after[name] for name in kept} == {name: case.before[name] for name in kept}
    assert any(after[name] != never[name] for name in kept)


@pytest.mark.slow(seconds=20)
def test_older_versions_are_withdrawn_and_the_newest_is_issued_anew(case: Case) -> None:
    """Loss: a model trained tomorrow on what was erased today."""
    data = str(case.folder.root)
    old = sorted({name.split("/")[2] for name in case.before if name.startswith("published/pets/2026")})
    assert len(old) == 3
    for version in old:
        with pytest.raises(UnfitError, match=r"withdrawn: erasure .* rests on what was erased"):
            load_training_set("pets", version, data)
        assert main(["check", "pets", "--version", version, "--data", data]) == STOPPED
    assert load_training_set("pets", data=data).version not in old
    assert main(["check", "pets", "--data", data]) == OK


@pytest.mark.slow(seconds=20)
def test_the_certificate_and_the_log_tell_what_was_done(case: Case) -> None:
    """Loss: nobody can show that it was done, or what was not in reach."""
    (certificate,) = (p for p in case.folder.erasures("pets").glob("2*.json"))
    told = json.loads(certificate.read_text())
    assert {one["fate"] for one in told["landing"]} == {"rewritten"}
    assert told["rows"]["annotation_events"] == 3 * 8 + 8 * 3
    assert (told["project_file_rows"], len(told["versions"]), told["map_rows"]) == (2, 3, 2)
    assert told["out_of_reach"]
    (entry,) = audit.entries(case.folder, "pets", "erase")
    assert (entry.act.subject, entry.act.reason) == (told["certificate"], "asked for it")
    assert main(["audit", "pets", "--verify", "--data", str(case.folder.root)]) == OK


@pytest.mark.slow(seconds=20)
def test_the_next_full_export_does_not_bring_her_back(case: Case, tmp_path: Path) -> None:
    """Loss: an erasure that lasts until the next night."""
    folder = DataFolder(tmp_path / "data")
    shutil.copytree(case.folder.root, folder.root)
    put(folder, D4, "answers.csv", answers(ITEMS[24:32], D4, who=EVERYBODY))  # type: ignore[arg-type]
    put(folder, D4, "export.jsonl", vendor(("VX1", OTHER), ITEMS, D1), source="vendor")
    assert nightly(folder, D4, D4) == OK
    assert traces(folder.root, case.words) == []
    rows = {row["landed_file"]: row for row in partition(folder, "landings", D4)}
    assert (rows["crowd/answers.csv"]["landed"], rows["vendor/export.jsonl"]["landed"]) == (24, 32)


@pytest.mark.slow(seconds=20)
def test_nobody_known_by_that_name(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a misspelt login that counts as erased; an erasure done twice that undoes what is published."""
    before = state(case.folder)
    for name in ("karla.perez@example.org", OTHER, "a-0123456789abcdef"):
        assert erase(case.folder, "--annotator", name) == BAD_INPUT
        assert "nothing is held of this annotator" in capsys.readouterr().err
    assert erase(case.folder, "--item", "i99") == BAD_INPUT
    assert state(case.folder) == before


@pytest.mark.slow(seconds=20)
def test_it_does_not_run_beside_a_night(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a night that writes back what the erasure has just taken out."""
    with alone(case.folder, "pets", "label-pipeline nightly"):
        assert erase(case.folder, "--annotator", "ana") == BAD_INPUT
    assert "project pets is being written by label-pipeline nightly" in capsys.readouterr().err


@pytest.mark.slow(seconds=20)
def test_an_item_goes_with_its_payload_gold_and_versions(case: Case, tmp_path: Path) -> None:
    """Loss: a text that stays in a version of the training set, or in the gold that was made of it."""
    folder, item = DataFolder(tmp_path / "data"), ITEMS[1]
    shutil.copytree(case.folder.root, folder.root)
    assert erase(folder, "--item", item) == OK
    held: dict[str, Any] = {
        table: [row for day in (D1, D2, D3) for row in partition(folder, table, day) if row.get("item_id") == item]
        for table in ("annotation_events", "items", "consensus_labels", "gold_set", "splits", "label_issues")
    }
    assert not any(held.values())
    assert f"{item}," not in (folder.project("pets") / "gold" / "seeds.csv").read_text()
    assert not [p for p in folder.root.glob("landing/pets/*/*/*") if item in p.read_text()]
    versions = [p.name for p in folder.published("pets").iterdir() if p.name.startswith("2026")]
    assert versions == [load_training_set("pets", data=str(folder.root)).version]
    rest = load_training_set("pets", data=str(folder.root))
    assert not any(item in rest.frame(split)["item_id"].tolist() for split in rest.splits)
