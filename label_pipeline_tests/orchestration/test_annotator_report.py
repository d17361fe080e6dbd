"""An annotator's own report, from three real nights: handed to the person, so nothing about anybody else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from label_pipeline.cli import main
from label_pipeline.contracts.tables import ANNOTATOR_QUALITY
from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.desk import Desk
from label_pipeline.project import load_project
from label_pipeline_tests.orchestration.runs import D3, Run

Nights = tuple[DataFolder, Run]
PSEUDONYM = re.compile(r"a-[0-9a-f]{16}")

pytestmark = pytest.mark.slow(seconds=8)


@pytest.fixture(scope="module")
def people(nights: Nights) -> list[str]:
    """Everybody whose answers count, most answers first."""
    quality = Desk(nights[0], load_project(nights[0], "sample")).frame(ANNOTATOR_QUALITY, D3)
    return list(quality.sort_values(["n", "annotator_id"], ascending=[False, True])["annotator_id"])


def annotator(nights: Nights, *arguments: str) -> int:
    return main(["annotator", "sample", *arguments, "--data", str(nights[0].root)])


def test_a_page_tells_of_nobody_else(nights: Nights, people: list[str], tmp_path: Path) -> None:
    """Loss: the page that is handed to one person has another's pseudonym, or evaluation gold, in it."""
    gold = (nights[0].project("sample") / "gold" / "seeds.csv").read_text(encoding="utf-8")
    evaluation = {line.split(",")[0] for line in gold.splitlines() if line.endswith("evaluation")}
    for person in people:
        page = tmp_path / f"{person}.html"
        assert annotator(nights, person, "--out", str(page), "--checks") == 0
        text = page.read_text(encoding="utf-8")
        assert set(PSEUDONYM.findall(text)) == {person}
        assert not {item for item in evaluation if item in text}
        assert "http" not in text.replace('http-equiv="Content-Security-Policy"', "")
        assert "<script" not in text


def test_the_same_as_the_tables(nights: Nights, people: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: the person is told another number than the labelling lead sees."""
    desk = Desk(nights[0], load_project(nights[0], "sample"))
    row = desk.frame(ANNOTATOR_QUALITY, D3).set_index("annotator_id").loc[people[0]]
    assert annotator(nights, people[0], "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert "missed" not in told
    assert (told["annotator"], told["day"], told["group"]) == (people[0], str(D3), row["group"])
    right = told["figures"][0]["estimate"]
    assert (right["value"], right["n"]) == (pytest.approx(row["quality"]), row["n"])
    assert sum(each["same"]["n"] for each in told["classes"]) == row["n"]
    assert annotator(nights, people[0], "--day", str(D3)) == 0
    shown = capsys.readouterr().out
    assert f"{people[0]} in sample as of {D3}" in shown
    assert "To appeal: label-pipeline challenge sample ITEM" in shown


def test_by_login_and_by_nobody(nights: Nights, people: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a person asks under their own name and is told of another; or the name ends up in a log."""
    desk = Desk(nights[0], load_project(nights[0], "sample"))
    assert annotator(nights, "label_studio:2") == 0
    assert capsys.readouterr().out.startswith(desk.persons.annotator("label_studio", "2"))
    assert annotator(nights, "2") == 0
    assert capsys.readouterr().out.startswith(desk.persons.annotator("label_studio", "2"))
    assert annotator(nights, "Ada Lovelace") == 2
    said = capsys.readouterr().err
    assert "nobody of that name or pseudonym had a vote by 2026-10-07" in said
    assert "Ada" not in said
    assert annotator(nights, people[0], "--out", "page.pdf") == 2
    assert "the page is HTML" in capsys.readouterr().err
