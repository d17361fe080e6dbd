"""An appeal from end to end: a wrong gold item is challenged, decided anew, and everybody's score follows."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from label_pipeline import audit
from label_pipeline.cli import main
from label_pipeline.folders import DataFolder
from label_pipeline.gold.told import APPEALED
from label_pipeline_tests.orchestration.runs import (
    D1,
    D2,
    D3,
    ITEMS,
    PETS,
    SEEDS,
    answers,
    partition,
    pets,
    put,
    run,
    write,
)

pytestmark = pytest.mark.slow

CANNOT = (
    ("i30", (), "item 'i30' is not gold on 2026-10-05. See what it is: label-pipeline item pets i30"),
    ("i05", ("--day", "2026-10-01"), "item 'i05' is gold since 2026-10-05, not on 2026-10-01"),
)
"""Appeals that no night would ever read."""
WRONG = "i04"  # a cat that the seed file calls a dog
GOLD = ("gold_set", "gold_asks", "annotator_standing", "gold_scores")
ONLY = ("annotation_events", "items", "quarantine", "landings", "landed_predictions", "logins", *GOLD)


def house(root: Path) -> DataFolder:
    """One night in which everybody is told to be wrong about one check."""
    made = pets(
        root,
        days=0,
        project=PETS.replace("gold: {", "people: {roster: people.csv}\ngold: {challenge_after: 4, "),
        seeds=SEEDS.replace(f"{WRONG},cat", f"{WRONG},dog"),
    )
    write(made.project("pets") / "people.csv", "source,identity,group,role\ncrowd,judge,,adjudicator\n")
    put(made, D1, "answers.csv", answers(ITEMS[:8], D1))
    run(made, D1, D1, only=ONLY)
    return made


def scores(folder: DataFolder, day: date) -> list[tuple[int, int]]:
    """Right answers and checks of each annotator, sorted."""
    return sorted((r["right"], r["n"]) for r in partition(folder, "gold_scores", day) if r["true_label"] == "")


def appeal(folder: DataFolder, item: str, *more: str) -> int:
    return main(
        ["challenge", "pets", item, "--reason", "whiskers", "--by", "a-0123", "--data", str(folder.root), *more]
    )


def decide(folder: DataFolder) -> None:
    """The judge answers on the third day."""
    put(folder, D3, "judge.csv", f"item_id,annotator_id,label,at,weight\n{WRONG},judge,cat,{D3}T09:00:00,1\n")
    run(folder, D3, D3, only=ONLY)


def test_an_appeal_is_decided_and_scores_follow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Loss: people are paid, or sent away, by a wrong answer key, and nobody can do anything about it."""
    folder = house(tmp_path)
    assert scores(folder, D1) == [(2, 4), (3, 4), (3, 4)]  # c is wrong about i05 as well
    assert not partition(folder, "gold_asks", D1)

    for item, more, words in CANNOT:
        assert appeal(folder, item, *more) == 2
        assert words in capsys.readouterr().err
    assert appeal(folder, WRONG, "--day", str(D2)) == 0
    assert "gold says dog of i04. From the night of 2026-10-06 on it waits" in capsys.readouterr().out
    run(folder, D2, D2, only=ONLY)
    asked = partition(folder, "gold_asks", D2)
    assert [(r["item_id"], r["why"], r["words"]) for r in asked] == [
        (WRONG, "challenged", "gold says dog; appeal of 2026-10-06: whiskers")
    ]
    assert scores(folder, D2) == [(2, 3), (3, 3), (3, 3)]  # it scores nobody meanwhile
    assert appeal(folder, WRONG, "--day", str(D2)) == 2
    assert f"item '{WRONG}' waits for an adjudicator since 2026-10-06" in capsys.readouterr().err

    decide(folder)
    assert scores(folder, D3) == [(3, 4), (4, 4), (4, 4)]
    assert not partition(folder, "gold_asks", D3)
    versions = [r for r in partition(folder, "gold_set", D3) if r["item_id"] == WRONG]
    assert [(r["version"], r["label"], r["valid_from"], r["valid_to"]) for r in versions] == [
        (1, "dog", D1, D2),
        (2, "cat", D3, None),
    ]

    [told] = audit.entries(folder, "pets", APPEALED)
    act: Any = told.act
    assert (act.actor, act.subject, act.reason, act.before, act.after) == (
        "a-0123", "item i04", "whiskers", "dog", "2026-10-06",
    )  # fmt: skip


def test_a_rebuild_reads_the_appeal(tmp_path: Path) -> None:
    """Loss: a backfill forgets the appeal, and scores everybody by the wrong key again."""
    folder = house(tmp_path)
    assert appeal(folder, WRONG, "--day", str(D2)) == 0
    run(folder, D2, D2, only=ONLY)
    decide(folder)
    before = [partition(folder, "gold_set", day) for day in (D1, D2, D3)]
    assert [row["label"] for row in before[2] if row["item_id"] == WRONG] == ["dog", "cat"]
    run(folder, D1, D3, only=ONLY)
    assert [partition(folder, "gold_set", day) for day in (D1, D2, D3)] == before
