"""`pilot` and `guidelines`: a project that begins, told by its commands alone.

One story: items land, and a night is run; a pilot of 100 is drawn from it, sent, and answered under a guideline that
leaves claims and facts unclear; the guideline is changed, and a second pilot of 120 others is sent and answered; then
the nights of both are run.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from label_pipeline.cli import main
from label_pipeline.contracts.tables import BATCHES
from label_pipeline.folders import DataFolder
from label_pipeline_tests.commands.pilots import START, V2, answers, claims, guideline
from label_pipeline_tests.orchestration.runs import mart, partition, write

pytestmark = pytest.mark.slow(seconds=2)  # what they share takes half a minute

D2, D3 = date(2026, 10, 6), date(2026, 10, 7)
ITEMS = 260
FIRST, SECOND = (f"claims-{START}-pilot-{size}" for size in (100, 120))


@dataclass(frozen=True)
class Story:
    """What the commands left behind."""

    folder: DataFolder
    truth: dict[str, str]
    first: list[str]
    second: list[str]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = DataFolder(tmp_path_factory.mktemp("claims"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LABEL_PIPELINE_DATA", str(folder.root))
        environment.setenv("DAGSTER_HOME", "")
        truth = claims(folder, ITEMS)
        nights(START, START)
        first = sent(environment, folder, 100, D2)
        write(folder.landing("claims", D2) / "desk" / "a.csv", answers(first, truth, D2, FIRST, unclear=0.5))
        guideline(folder, "v2", V2)
        second = sent(environment, folder, 120, D3)
        # This tool loses the batch on the way: its answers are told by who answered what.
        write(folder.landing("claims", D3) / "desk" / "b.csv", answers(second, truth, D3, "", unclear=0.02))
        nights(D2, D3)
        yield Story(folder, truth, first, second)


def nights(first: date, last: date) -> None:
    asked = ["--from", str(first), "--to", str(last)]
    assert main(["nightly", "--project", "claims", *asked]) in (0, 1), "a gate may stop it: hardly any labels"


def sent(environment: pytest.MonkeyPatch, folder: DataFolder, size: int, today: date) -> list[str]:
    """Send a pilot as of `today`; the items in its file."""
    environment.setattr("label_pipeline.batches.send.today", lambda _: today)
    out = folder.root / f"out-{today}"
    assert main(["pilot", "claims", "--size", str(size), "--people", "3", "--out", str(out), "--format", "csv"]) == 0
    return column(out / f"claims-{START}-pilot-{size}.csv")


def column(path: Path, name: str = "item_id") -> list[str]:
    with path.open(encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main([*words]) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(said(capsys, *words, "--json"))


@pytest.fixture(autouse=True)
def here(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_PIPELINE_DATA", str(story.folder.root))


def test_what_was_sent_is_a_plain_sample(story: Story) -> None:
    """Loss: a pilot that measures the model, or one paper, or that is asked twice."""
    rows = partition(story.folder, "dispatches", D3, "claims")
    assert (len(set(story.first)), len(set(story.second))) == (100, 120)
    assert not set(story.first) & set(story.second)
    assert {(r["purpose"], r["people"], r["prelabelled"], r["route"]) for r in rows} == {
        ("pilot", 3, False, "annotator")
    }
    assert {r["state"] for r in rows} == {"returned"}
    south = sum(int(item[1:]) % 3 == 0 for item in story.first)
    assert 32 <= south <= 35, "a third of all items are"


def test_before_it_is_told_how_sure_it_will_be(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: a pilot too small to decide anything is noticed when it is paid for. The intervals came as planned."""
    plan = told(capsys, "pilot", "claims", "--size", "100", "--people", "3", "--day", str(START))
    assert plan["batch_id"] == FIRST
    assert set(plan["items"]) == set(story.first), "what was sent is what is shown again"
    width = {each["size"]: each for each in plan["widths"]}
    assert set(width) == {100, 150, 200, 300, 500, 750, 1000}
    assert width[500]["alpha"] < width[100]["alpha"] / 2
    report = told(capsys, "pilot", "claims", "--report", "--batch", FIRST)
    seen = (report["alpha"]["ci_high"] - report["alpha"]["ci_low"]) / 2
    assert 0.6 <= seen / width[100]["alpha"] <= 1.6
    text = said(capsys, "pilot", "claims", "--size", "100", "--people", "3", "--day", str(START))
    assert "<- asked for" in text
    assert "Assumed:" in text
    assert f"It was sent as {FIRST} on {D2}." in text


def test_sending_again_is_the_same_file_and_no_second_batch(story: Story, tmp_path: Path) -> None:
    """Loss: a disk that was full at the first try leaves a pilot that nobody can get, or two of them."""
    again = ["pilot", "claims", "--size", "100", "--day", str(START), "--out", str(tmp_path), "--format", "csv"]
    assert main(again) == 0
    assert column(tmp_path / f"{FIRST}.csv") == story.first
    assert len(partition(story.folder, "dispatches", D3, "claims")) == 220


def test_an_unclear_guideline_is_a_no_go(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: ten thousand items labelled under a guideline that two classes fall through."""
    report = told(capsys, "pilot", "claims", "--report", "--batch", FIRST, "--day", str(D2))
    assert (report["asked"], report["answered"], report["pairable"], report["answers"]) == (100, 100, 100, 300)
    assert report["annotators"] == 5
    assert report["verdict"]["decision"] == "no-go"
    assert "leaves unclear: fact or claim." in report["verdict"]["state"]
    worst = report["pairs"][0]
    assert {worst["confusion"]["first"], worst["confusion"]["second"]} == {"fact", "claim"}
    assert worst["confusion"]["people"] == 5
    assert {each["item_id"] for each in worst["examples"]} <= set(story.first)
    assert report["unclear"][0].startswith("fact or claim: 5 people")
    assert [row["name"] for row in report["classes"]][-1] == "opinion"
    assert 8 <= report["times"][0]["median"]["value"] <= 30
    cost = report["finish"]
    assert cost["known"] == ITEMS
    (desk,) = cost["groups"]
    assert desk["money"]["value"] == pytest.approx(30 * desk["hours"]["value"])
    assert desk["hours"]["ci_low"] < desk["hours"]["value"] < desk["hours"]["ci_high"]


def test_the_last_pilot_is_told_though_its_tool_lost_the_batch(
    story: Story, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Loss: a tool without batch ids cannot have a pilot; or the answers of the first one are counted with it."""
    report = told(capsys, "pilot", "claims", "--report")
    assert report["batches"] == [SECOND]
    assert (report["asked"], report["answers"]) == (120, 360)
    assert report["verdict"]["decision"] == "undecided", "alpha is met; nothing measures label accuracy yet"
    page, text = tmp_path / "pilot.html", tmp_path / "pilot.md"
    words = said(capsys, "pilot", "claims", "--report", "--write", str(page))
    assert main(["pilot", "claims", "--report", "--write", str(text)]) == 0
    for whole in (words, page.read_text("utf-8"), text.read_text("utf-8")):
        assert report["verdict"]["headline"] in whole.replace("\\", "")
        for title in ("against the targets", "confused pairs", "cost to finish", "time per item"):
            assert title in whole.lower()
    assert "http" not in page.read_text("utf-8").replace("http-equiv", "")
    assert "number" in page.read_text("utf-8"), "example items are shown by their text"
    everything = told(capsys, "pilot", "claims", "--report", "--all")
    assert (everything["asked"], everything["answered"], everything["answers"]) == (ITEMS, 220, 660)


def test_the_change_of_guideline_shows(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: nobody knows whether the new guideline helped, or it is praised for what is chance."""
    found = told(capsys, "guidelines", "claims")
    versions = {row["version"]: row for row in found["guideline_versions"]}
    assert [row["annotations"] for row in versions.values()] == [300, 360]
    assert [row["in_force"] for row in versions.values()] == [False, True]
    assert versions["v2"]["title"] == "Facts and claims v2"
    assert not any(row["warning"] for row in versions.values())
    moved = {(r["items"], r["figure"], r["member"]): r for r in found["guideline_changes"]}
    assert moved["other", "alpha", ""]["ci_low"] > 0
    assert moved["other", "confusion", "fact / claim"]["ci_high"] < 0
    assert moved["same", "alpha", ""]["difference"] is None
    assert moved["other", "alpha", ""]["same_hands"] > 0.85
    unclear = {(r["version"], r["first"], r["second"]) for r in found["guideline_confusions"] if r["ambiguous"]}
    assert unclear == {("v1", "fact", "claim")}
    shown = said(capsys, "guidelines", "claims")
    assert "Confused under v1:" in shown
    assert "better" in shown
    before = told(capsys, "guidelines", "claims", "--day", str(D2))
    assert before["guideline_changes"] == []


def test_examples_are_markdown_to_edit(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: whoever writes the next version looks for examples by hand."""
    rows = told(capsys, "guidelines", "claims")["guideline_examples"]
    clear = [r for r in rows if r["kind"] == "clear"]
    assert {r["class"] for r in clear} == {"fact", "claim", "opinion"}
    right = sum(story.truth[r["item_id"]] == r["class"] for r in clear)
    assert right >= len(clear) - 1
    border = {r["rival"] for r in rows if (r["class"], r["kind"]) == ("claim", "borderline")}
    assert border == {"fact"}
    text = said(capsys, "guidelines", "claims", "--examples")
    assert text.startswith("## Examples")
    assert all(r["item_id"] in text for r in rows)


def test_nights_carry_it_to_the_mart(story: Story) -> None:
    """Loss: a BI tool cannot show what the command line tells."""
    tables = mart(story.folder.mart("claims"))
    assert len(tables["guideline_versions"]) == 2
    for name in ("guideline_agreement", "guideline_confusions", "guideline_changes", "guideline_examples"):
        assert tables[name], name


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--size", "50"], "a pilot of 50 items"),
        (["--size", "100", "--people", "1"], "at least 2"),
        (["--size", "200", "--report"], "--size goes before the pilot"),
        (["--write", "pilot.html"], "--write goes with --report"),
        (["--report", "--write", "pilot.pdf"], "neither .html nor .md"),
        (["--report", "--all", "--batch", "x"], "exclude each other"),
        (["--report", "--batch", "x"], "Batches with answers: claims-2026-10-05-pilot-100"),
        (["--report", "--day", "2026-10-05"], "no pilot was sent"),
        (["--day", "2026-10-09"], "There are 2026-10-05 to 2026-10-07"),
    ],
)
def test_what_cannot_be(capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    """Loss: an argument that is silently ignored; a message that leaves the next step to guessing."""
    assert told in said(capsys, "pilot", "claims", *words, code=2)


def test_its_columns_are_those_of_every_batch(story: Story) -> None:
    """Loss: a pilot that later nights do not recognise as sent."""
    files = sorted(story.folder.root.glob("landing/claims/*/*/claims-*-pilot-*.jsonl"))
    assert len(files) == 2
    for path in files:
        assert list(json.loads(path.read_text("utf-8").splitlines()[0])) == BATCHES.names
