"""What an item's label was on a day, from which votes, by which method: against the partitions of three real nights."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from label_pipeline.cli import main
from label_pipeline.contracts.tables import CONSENSUS_LABELS
from label_pipeline.errors import UserError
from label_pipeline.folders import DataFolder
from label_pipeline.orchestration.desk import Desk
from label_pipeline.orchestration.item_history import item_history
from label_pipeline.project import load_project
from label_pipeline_tests.orchestration.runs import D1, D3, Run, partition

Nights = tuple[DataFolder, Run]


@pytest.fixture(scope="module")
def desk(nights: Nights) -> Desk:
    return Desk(nights[0], load_project(nights[0], "sample"))


def test_votes_and_label_are_those_of_the_night(nights: Nights, desk: Desk) -> None:
    """Loss: who asks why a label is what it is gets votes that did not make it, or not all that did."""
    folder, _ = nights
    rows = partition(folder, "consensus_labels", D3, "sample")
    picked = [next(r for r in rows if r["status"] == s) for s in ("open", "accepted", "gold")]
    most = max(rows, key=lambda r: r["n_annotations"])
    landed = {
        r["event_id"]
        for d in desk.lake.days(CONSENSUS_LABELS)
        for r in partition(folder, "annotation_events", d, "sample")
    }
    for row in (*picked, most):
        found = item_history(desk, row["item_id"], D3)
        votes = [answer for answer in found.answers if answer["counts"] == "1"]
        assert len(votes) == row["n_annotations"]
        assert len({answer["annotator_id"] for answer in votes}) == len(votes)
        assert {answer["event_id"] for answer in found.answers} <= landed
        assert (found.label["label"], found.label["status"]) == (row["label"], row["status"])
        assert (found.gold is not None) == (row["status"] in ("gold", "adjudicated"))
        assert found.evidence
        share = Counter(answer["label"] for answer in votes)[row["label"]] / max(len(votes), 1)
        assert row["agreement"] == pytest.approx(share)


def test_the_course_is_what_each_night_said(nights: Nights, desk: Desk) -> None:
    """Loss: a label that changed in between looks as if it had always been so."""
    folder, _ = nights
    said = {
        d: {r["item_id"]: r for r in partition(folder, "consensus_labels", d, "sample")}
        for d in desk.lake.days(CONSENSUS_LABELS)
    }
    item = max(said[D3], key=lambda i: sum(i in night for night in said.values()) * 100 + said[D3][i]["n_annotations"])
    course, names = (
        {step["day"]: step for step in item_history(desk, item, D3).course},
        ("label", "status", "n_annotations", "method"),
    )
    last = None
    for day, night in said.items():
        if item not in night:
            continue
        now = tuple(night[item][name] for name in names)
        assert (day in course) == (now != last)
        last = tuple(course[day][name] for name in names) if day in course else last
        assert now == last
    assert len(course) > 1


def test_an_earlier_day_knows_nothing_later(desk: Desk) -> None:
    """Loss: the label of that day told by votes that came after it."""
    first = item_history(desk, desk.lake.read(CONSENSUS_LABELS, D1)["item_id"][0].as_py(), D1)
    assert first.answers
    assert all(answer["landed_day"] <= D1 for answer in first.answers)
    assert [step["day"] for step in first.course] == [D1]
    with pytest.raises(UserError, match="no item 'digit-none' had landed by 2026-10-05"):
        item_history(desk, "digit-none", D1)


def test_the_command(nights: Nights, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: the answer is there and nobody can ask."""
    item = desk.lake.read(CONSENSUS_LABELS, D3)["item_id"][0].as_py()
    home = ["--data", str(nights[0].root)]
    assert main(["item", "sample", item, *home]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{item} of sample as of {D3}: ")
    assert "\nAnswers\n" in shown
    assert "\nCourse\n" in shown
    assert main(["item", "sample", item, "--day", str(D1), "--json", *home]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["item"], found["day"]) == (item, str(D1))
    assert sum(found["probabilities"].values()) == pytest.approx(1)
