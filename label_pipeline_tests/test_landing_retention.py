"""Landed files that policy no longer keeps: they go, their answers stay, and no later run takes a gap for news."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from label_pipeline.audit import entries
from label_pipeline.cli import main
from label_pipeline.contracts.tables import ANNOTATION_EVENTS, GATES, INTAKE, KPIS, LANDINGS, QUARANTINE, TABLES
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.lake import COLUMNS, Lake
from label_pipeline.landing import gone_files, land, landed_files
from label_pipeline.locks import alone
from label_pipeline.orchestration.assets_ingest import _ingest
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.triggers import _changed
from label_pipeline.project import load_project, parse_project
from label_pipeline.renewal import renew
from label_pipeline.retention import past_landing, past_partitions
from label_pipeline_tests.orchestration.runs import D1, D2, D3, PETS, put, write

KEPT = """\
project: pets
start: 2026-10-05
labels: {type: text}
sources: {crowd: {format: csv}, shop: {format: csv}}
"""
POLICY = "retention: {landing: 2d}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """Three days taken in, with one answer in quarantine on the first; two days of landing are kept."""
    folder = DataFolder(tmp_path_factory.mktemp("made"))
    write(folder.project_file("pets"), KEPT + POLICY)
    for k, day in enumerate((D1, D2, D3)):
        put(
            folder,
            day,
            "a.csv",
            f"item_id,annotator_id,label\ni{k},jane,red\n{'i9,,red' if k == 0 else 'i9,bob,red'}\n",
        )
    put(folder, D1, "b.csv", "item_id,annotator_id,label\ni7,W1,red\n", source="shop")
    intake(folder, D1, D2, D3)
    return folder


@pytest.fixture
def pets(made: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """The same, to be changed."""
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")
    shutil.copytree(made.root, tmp_path, dirs_exist_ok=True)
    return DataFolder(tmp_path)


def desk(folder: DataFolder) -> Desk:
    return Desk(folder, load_project(folder, "pets"))


def intake(folder: DataFolder, *days: date) -> None:
    """The intake of the days as a night makes it, without Dagster around it."""
    made_by = desk(folder)
    for day in days:
        for name, rows in _ingest(made_by, day).rows.items():
            made_by.store(TABLES[name], day, rows)


def lake_of(folder: DataFolder) -> dict[str, bytes]:
    return {str(p.relative_to(folder.lake)): p.read_bytes() for p in folder.lake.rglob("*.parquet")}


def test_old_files_go_and_their_answers_stay(pets: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: raw people's data that nobody may keep any more; or the answers with it.

    First only told, then done; the audit log has it; a second time there is nothing to do.
    """
    before = lake_of(pets)
    assert main(["prune", "pets", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"2 landed files of 1 days, {D1} to {D1}, would go" in said
    assert "Their answers stay in the lake as they were taken in; 1 in quarantine cannot be tried again." in said
    assert "A rebuild keeps what was taken in on these days" in said
    assert len(landed_files(pets, "pets", D1)) == 2
    assert not entries(pets, "pets", "prune")
    assert main(["prune", "pets"]) == 0
    assert landed_files(pets, "pets", D1) == []
    assert gone_files(pets, "pets", D1) == ["crowd/a.csv", "shop/b.csv"]
    assert [len(landed_files(pets, "pets", day)) for day in (D2, D3)] == [1, 1]
    assert lake_of(pets) == before
    (entry,) = entries(pets, "pets", "prune")
    assert (entry.act.subject, entry.act.reason) == (f"2 landed files {D1} to {D1}", "retention.landing: *: 2d")
    capsys.readouterr()
    assert main(["prune", "pets"]) == 0
    assert "0 landed files went." in capsys.readouterr().out


def test_a_kill_while_files_go_loses_nothing(pets: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss: a file that is gone and not noted is a day that the next walk makes anew from what is left."""

    plain = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name == "b.csv":
            raise KeyboardInterrupt
        plain(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert main(["prune", "pets"]) == 3
    monkeypatch.undo()
    assert gone_files(pets, "pets", D1) == ["crowd/a.csv"]
    assert [file.name for file in landed_files(pets, "pets", D1)] == ["shop/b.csv"]
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(pets.root))
    monkeypatch.setenv("DAGSTER_HOME", "")
    before = lake_of(pets)
    intake(pets, D1)
    assert lake_of(pets) == before
    assert main(["prune", "pets"]) == 0
    assert gone_files(pets, "pets", D1) == ["crowd/a.csv", "shop/b.csv"]


def test_a_rebuild_keeps_what_cannot_be_taken_in_again(pets: DataFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a walk from the start writes empty days over the only copy of what people answered."""
    before = lake_of(pets)
    assert main(["prune", "pets"]) == 0
    assert not _changed(desk(pets), D1, D3)  # nothing for the landing sensor to run
    capsys.readouterr()
    assert main(["nightly", "--project", "pets", "--from", str(D1), "--to", str(D3)]) == 0
    words = (
        f"{D1} cannot be taken in again: 2 of its landed files were deleted; what was taken in of them stays as it is."
    )
    assert words in capsys.readouterr().err
    assert lake_of(pets) == before


def test_what_comes_to_such_a_day_later_is_refused(pets: DataFolder, tmp_path: Path) -> None:
    """Loss: a late file on a day with a gap is taken in alone, and the day's other answers are gone."""
    assert main(["prune", "pets"]) == 0
    late = write(tmp_path / "elsewhere" / "late.csv", "item_id,annotator_id,label\ni8,eve,red\n")
    with pytest.raises(UserError, match=r"landed files of 2026-10-05 were deleted.*Choose a later --day"):
        land(pets, load_project(pets, "pets"), [late], "crowd", D1)
    shutil.copy(late, pets.landing("pets", D1) / "late.csv")
    (pets.landing("pets", D1) / "crowd").mkdir()
    shutil.move(pets.landing("pets", D1) / "late.csv", pets.landing("pets", D1) / "crowd" / "late.csv")
    assert _changed(desk(pets), D1, D3)
    with pytest.raises(UserError, match=r"and 1 others have come since.*Land them on a later day"):
        intake(pets, D1)


def test_a_day_that_is_nowhere_is_not_made_empty(pets: DataFolder) -> None:
    """Loss: a set that is proven from landing alone is proven from a gap."""
    assert main(["prune", "pets"]) == 0
    for table in INTAKE:
        Lake(pets, "pets").forget(table, D1)
    with pytest.raises(UserError, match="2 of its landed files were deleted, and the lake does not have it"):
        intake(pets, D1)


def test_people_cannot_become_others_on_such_a_day(pets: DataFolder) -> None:
    """Loss: half of a person's answers stay with who the person was before, and the walk says it mended that."""
    assert main(["prune", "pets"]) == 0
    write(pets.project_file("pets"), KEPT + POLICY + "people: {roster: people.csv}\n")
    write(pets.project("pets") / "people.csv", "source,identity,group,role,person\ncrowd,jane,house,annotator,E-17\n")
    with pytest.raises(UserError, match=r"somebody else than before.*were deleted.*Take the change back"):
        intake(pets, D1)


def test_files_that_were_not_taken_in_stay(pets: DataFolder) -> None:
    """Loss: what landed late is deleted before any night saw it."""
    put(pets, D1, "late.csv", "item_id,annotator_id,label\ni8,eve,red\n")
    project = load_project(pets, "pets")
    assert [past.file.name for past in past_landing(pets, project, [project])] == ["crowd/a.csv", "shop/b.csv"]
    put(pets, D1, "a.csv", "item_id,annotator_id,label\nanother,content,red\nof,another,size\n")
    assert [past.file.name for past in past_landing(pets, project, [project])] == ["shop/b.csv"]


def test_another_project_that_reads_the_landing_is_waited_for(pets: DataFolder) -> None:
    """Loss: of two questions of one form, one never sees the file."""
    write(
        pets.project_file("tone"),
        "project: tone\nstart: 2026-10-05\nlanding: pets\nlabels: {type: text}\nsources: {shop: {format: csv}}\n",
    )
    with alone(pets, "tone", "a night"):
        assert main(["prune", "pets"]) == 2  # it may be reading the file now
    assert gone_files(pets, "pets", D1) == []
    assert main(["prune", "pets"]) == 0
    assert gone_files(pets, "pets", D1) == ["crowd/a.csv"]  # which the other does not read


def test_days_are_of_a_source(pets: DataFolder) -> None:
    """Loss: a source whose contract says thirty days is kept as long as all others."""
    write(pets.project_file("pets"), KEPT + "retention: {landing: {shop: 1d, '*': 3d}}\n")
    project = load_project(pets, "pets")
    assert [past.file.name for past in past_landing(pets, project, [project])] == ["shop/b.csv"]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("retention: {landing: {shoop: 1d}}", "retention.landing.shoop: 'shoop' is no source. Did you mean 'shop'?"),
        ("retention: {landing: soon}", "'soon' is no number of days, like 180d"),
        ("retention: {tables: {items: 1d}}", "retention.tables.items: 'items' is no table that may go"),
        ("retention: {tables: {quarantin: 1d}}", "Did you mean 'quarantine'?"),
    ],
)
def test_mistakes_in_the_policy(policy: str, words: str) -> None:
    """Loss: a retention that is written and never happens."""
    with pytest.raises(UserError) as caught:
        parse_project(KEPT + policy, "project.yaml")
    assert words in str(caught.value)


def test_what_was_pulled_stays() -> None:
    """Loss: the next pull lands everything again, because nothing tells it what is there."""
    pulled = KEPT.replace(
        "shop: {format: csv}",
        "shop: {format: label_studio_json, pull: {url: 'http://127.0.0.1:1', project: 1, token_env: T}}",
    )
    with pytest.raises(UserError, match="'shop' is pulled: its landed files tell what was pulled before"):
        parse_project(pulled + "retention: {landing: {shop: 1d}}", "project.yaml")
    assert parse_project(pulled + POLICY, "project.yaml").retention.landing == {"*": 2}


def test_tables_may_go_sooner(tmp_path: Path) -> None:
    """Loss: figures about people that are to go after a month stay for three, and of each month's first for ever."""
    folder = DataFolder(tmp_path)
    write(folder.project_file("pets"), PETS + "retention: {tables: {annotator_quality: 3d, quarantine: 2d}}\n")
    lake, quality = Lake(folder, "pets"), TABLES["annotator_quality"]
    days = [date(2026, 10, 30) + timedelta(days=k) for k in range(6)]
    for day in days:
        for table in (GATES, KPIS, quality, QUARANTINE, ANNOTATION_EVENTS):
            lake.write(table, day, table.empty())
    going = past_partitions(lake, load_project(folder, "pets"))
    assert [past.day for past in going if past.table is quality] == days[:3]
    assert [past.day for past in going if past.table is QUARANTINE] == days[:4]
    assert len(going) == 7


def test_an_upgrade_does_not_take_what_is_only_in_the_lake(pets: DataFolder) -> None:
    """Loss: other columns of some figure, and the answers of pruned days are deleted to be made again from nothing."""
    assert main(["prune", "pets"]) == 0
    lake, project = Lake(pets, "pets"), load_project(pets, "pets")
    lake.write(KPIS, D1, KPIS.empty())
    told = lake.path(KPIS, D1).parents[1] / COLUMNS
    told.write_text(told.read_text().replace('"columns": "', '"columns": "0'))
    before = lake.read(ANNOTATION_EVENTS, D1)
    assert "all days are computed again" in renew(lake, project)
    assert lake.read(ANNOTATION_EVENTS, D1) == before
    assert lake.days(ANNOTATION_EVENTS) == lake.days(LANDINGS) == [D1]
    intake(pets, D1, D2, D3)
    told = lake.path(LANDINGS, D1).parents[1] / COLUMNS
    told.write_text(told.read_text().replace('"columns": "', '"columns": "0'))
    with pytest.raises(UserError, match=r"landings have other columns.*landed files of 1 days.*were deleted"):
        renew(lake, project)
    assert lake.days(ANNOTATION_EVENTS) == [D1, D2, D3]
