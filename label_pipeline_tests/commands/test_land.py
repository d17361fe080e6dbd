"""`land`: files into a day's folder, whole and never over another."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline.cli import main
from label_pipeline.clock import today
from label_pipeline.folders import DataFolder
from label_pipeline_tests.orchestration.runs import pets


@pytest.fixture
def house(folder: DataFolder) -> DataFolder:
    return pets(folder.root, days=0)


def land(*arguments: str) -> int:
    return main(["land", "pets", "--source", "crowd", *arguments])


def test_today_unless_said(house: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a file in another day's folder is taken in twice, or never."""
    (tmp_path / "a.csv").write_text("x")
    day = today("Europe/Berlin")
    assert land(str(tmp_path / "a.csv")) == 0
    assert (house.landing("pets", day) / "crowd" / "a.csv").read_text() == "x"
    assert capsys.readouterr().out == f"Landed 1 file(s) on {day}, source 'crowd'.\n"


def test_the_same_file_twice_changes_nothing(house: DataFolder, tmp_path: Path) -> None:
    """Loss: a job that lands a file again after a hiccup must neither fail nor double it."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(name)
    files = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    assert [land(*files, "--day", "2026-10-06") for _ in range(2)] == [0, 0]
    assert sorted(p.name for p in house.landing("pets").rglob("*.csv")) == ["a.csv", "b.csv"]


def test_another_file_of_the_same_name_is_refused(
    house: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a landed file that changes makes every later state impossible to rebuild."""
    (tmp_path / "a.csv").write_text("first")
    assert land(str(tmp_path / "a.csv"), "--day", "2026-10-06") == 0
    (tmp_path / "a.csv").write_text("second")
    (tmp_path / "b.csv").write_text("new")
    assert land(str(tmp_path / "b.csv"), str(tmp_path / "a.csv"), "--day", "2026-10-06") == 2
    assert "another file named 'a.csv' is landed on 2026-10-06" in capsys.readouterr().err
    assert [p.read_text() for p in house.landing("pets").rglob("*.csv")] == ["first"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pets", "--source", "crwd"], "the project has no source 'crwd' [source]. Did you mean 'crowd'?"),
        (["pet", "--source", "crowd"], "there is no project 'pet'. Did you mean 'pets'?"),
        (["pets", "--source", "crowd", "--day", "2026-09-01"], "2026-09-01 is outside the project"),
        (["pets", "--source", "crowd", "--day", "6 Oct"], "'6 Oct' is not a day"),
    ],
)
def test_mistakes_are_said_and_nothing_lands(
    house: DataFolder, tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss: a file landed where nothing reads it is a delivery lost."""
    (tmp_path / "a.csv").write_text("x")
    project, *others = arguments
    assert main(["land", project, str(tmp_path / "a.csv"), *others]) == 2
    assert words in capsys.readouterr().err
    assert not house.landing("pets").exists()


def test_a_file_that_is_not_there(house: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: of two files one lands, the command fails, and nobody knows which is in."""
    (tmp_path / "a.csv").write_text("x")
    assert land(str(tmp_path / "a.csv"), str(tmp_path / "none.csv")) == 2
    assert "Nothing was landed." in capsys.readouterr().err
    assert not house.landing("pets").exists()
