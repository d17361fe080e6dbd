"""Landing: files are copied in whole, never changed, and found again."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.landing import LandedFile, land, landed_days, landed_files, project_files
from label_pipeline.project import parse_project

PROJECT = parse_project(
    "project: p\nstart: 2026-10-01\nend: 2026-10-31\nlabels: {classes: [a, b]}\nsources: {tool: {format: csv}}\n", "f"
)
DAY = date(2026, 10, 5)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


def file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refused(folder: DataFolder, files: list[Path], source: str = "tool", day: date = DAY) -> str:
    before = landed_files(folder, "p", day)
    with pytest.raises(UserError) as caught:
        land(folder, PROJECT, files, source, day)
    assert landed_files(folder, "p", day) == before
    return str(caught.value)


def test_landed_files_are_found_with_their_source(folder: DataFolder, tmp_path: Path) -> None:
    """Loss: a file that lands and is not found is lost without a word."""
    one, two = file(tmp_path / "b.csv", "1"), file(tmp_path / "a.csv", "2")
    assert land(folder, PROJECT, [one, two], "tool", DAY) == [
        folder.landing("p", DAY) / "tool" / "b.csv",
        folder.landing("p", DAY) / "tool" / "a.csv",
    ]
    assert [(f.source, f.name, f.path.read_text()) for f in landed_files(folder, "p", DAY)] == [
        ("tool", "tool/a.csv", "2"),
        ("tool", "tool/b.csv", "1"),
    ]
    assert landed_days(folder, "p") == [DAY]
    assert landed_files(folder, "p", date(2026, 10, 6)) == []
    assert landed_days(folder, "other") == []


def test_the_same_file_again_changes_nothing(folder: DataFolder, tmp_path: Path) -> None:
    """Loss: a repeated command must be harmless, and another file under the name must not replace the first."""
    one = file(tmp_path / "a.csv", "1")
    (landed,) = land(folder, PROJECT, [one], "tool", DAY)
    before = landed.stat().st_mtime_ns
    assert land(folder, PROJECT, [one, one], "tool", DAY) == [landed, landed]
    assert landed.stat().st_mtime_ns == before
    one.write_text("2")
    assert "another file named 'a.csv' is landed on 2026-10-05" in refused(folder, [file(tmp_path / "z.csv", "3"), one])
    assert landed.read_text() == "1"


def test_two_files_of_one_name_do_not_swallow_each_other(folder: DataFolder, tmp_path: Path) -> None:
    """Loss: of `x/a.csv` and `y/a.csv` the second would be left out and reported as landed."""
    first, second = file(tmp_path / "x" / "a.csv", "1"), file(tmp_path / "y" / "a.csv", "2")
    assert "another file named 'a.csv'" in refused(folder, [first, second])
    second.write_text("1")
    land(folder, PROJECT, [first, second], "tool", DAY)


def test_what_cannot_land(folder: DataFolder, tmp_path: Path) -> None:
    """Loss: half a list landed is worse than none: nobody knows which half."""
    one = file(tmp_path / "a.csv", "1")
    assert "no source 'tol' [source]. Did you mean 'tool'?" in refused(folder, [one], "tol")
    assert "there is no file" in refused(folder, [one, tmp_path / "b.csv"])
    assert "there is no file" in refused(folder, [one, tmp_path])
    assert "outside the project (2026-10-01 to 2026-10-31)" in refused(folder, [one], day=date(2026, 9, 30))
    assert "outside the project" in refused(folder, [one], day=date(2026, 11, 1))
    for name in (".hidden.csv", ".tmp-x.csv"):
        assert "starts with a dot" in refused(folder, [one, file(tmp_path / name, "1")])


def test_only_files_are_found(folder: DataFolder, tmp_path: Path) -> None:
    """Loss: a leftover of a killed copy, read as a file, is half a file."""
    root = folder.landing("p", DAY)
    file(root / "tool" / "a.csv", "1")
    file(root / "tool" / "part.csv" / "b.csv", "2")  # a folder named like a file
    file(root / "astray.csv", "3")
    file(root / "tool" / ".tmp-123.csv", "half")
    file(root / "tool" / ".DS_Store", "")
    (root / "tool" / "link.csv").symlink_to(root / "tool" / "a.csv")
    os.mkfifo(root / "tool" / "pipe")
    assert [(f.source, f.name) for f in landed_files(folder, "p", DAY)] == [
        ("", "astray.csv"),
        ("tool", "tool/a.csv"),
        ("tool", "tool/part.csv/b.csv"),
    ]


def test_a_name_that_is_no_text_is_spelled_out(folder: DataFolder) -> None:
    """Loss: one byte in a name would stop the whole night when it is written to a table."""
    name = os.fsdecode(b"caf\xe9.csv")
    root = file(folder.landing("p", DAY) / "tool" / name, "1").parent
    assert landed_files(folder, "p", DAY) == [LandedFile("tool", root / name, "tool/caf\\xe9.csv")]


def test_folders_that_are_no_days_are_passed_over(folder: DataFolder) -> None:
    """Loss: a folder `old` beside the days must not stop the project."""
    for name in ("2026-10-05", "2026-02-30", "old", "2026-1-05", "20261005", "abcd-ef-gh"):
        (folder.landing("p") / name).mkdir(parents=True)
    assert landed_days(folder, "p") == [DAY]


def test_a_project_that_reads_anothers_files_lands_none(folder: DataFolder, tmp_path: Path) -> None:
    """Loss: the export of a form with two questions, landed for both, is in two places that will differ one day."""
    tone = PROJECT.model_copy(update={"project": "tone", "landing": "p"})
    with pytest.raises(UserError) as caught:
        land(folder, tone, [file(tmp_path / "a.csv", "1")], "tool", DAY)
    assert "project 'tone' reads what lands for 'p'" in str(caught.value)
    assert not folder.landing("tone").exists()
    land(folder, PROJECT, [file(tmp_path / "a.csv", "1")], "tool", DAY)
    file(folder.landing("p", DAY) / "stray" / "b.csv", "2")
    assert [f.name for f in project_files(folder, tone, DAY)] == ["tool/a.csv"]
    assert [f.name for f in project_files(folder, PROJECT, DAY)] == ["stray/b.csv", "tool/a.csv"]
