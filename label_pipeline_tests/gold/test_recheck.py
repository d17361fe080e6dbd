"""Doubts about gold by hand: when a truth waits for a re-check, what holds meanwhile, and whose answer ends it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from label_pipeline.contracts.rules import broken_contract
from label_pipeline.contracts.tables import GOLD_ASKS, GOLD_SET
from label_pipeline.gold.life import GoldUpdate, gold_set, in_force
from label_pipeline.gold.recheck import Change, Doubts, doubted, gold_asks
from label_pipeline_tests.gold.test_life import NONE, day, decisions, seeds

SEEDED = seeds(("c", "cat", "check", "s:2"), ("e", "dog", "evaluation", "s:3"))
SAY = {"c": "3 of 3 good annotators say dog", "e": "4 of 4 good annotators say cat"}


def night(
    previous: pd.DataFrame, k: int, *, ruling: Any = None, say: Any = None, policy: Doubts | None = None
) -> tuple[GoldUpdate, pd.DataFrame]:
    """Day `k` of the two seeds."""
    update = gold_set(previous, SEEDED, decisions() if ruling is None else ruling, day(k))
    return update, doubted(update.frame, say or {}, day(k), policy or Doubts())


def holds(frame: pd.DataFrame, k: int) -> dict[str, str]:
    now = in_force(frame, day(k))
    return dict(zip(now["item_id"], now["label"], strict=True))


def test_a_challenged_check_rests_and_evaluation_gold_goes_on() -> None:
    """Loss: people lose their standing by a wrong truth, or accuracy is measured only where everybody agrees."""
    _, frame = night(NONE, 0, say=SAY)
    assert holds(frame, 0) == {"c": "cat", "e": "dog"}
    assert frame["challenged_on"].isna().all()  # what opens today is not challenged before tomorrow
    _, frame = night(frame, 1, say=SAY)
    assert holds(frame, 1) == {"e": "dog"}
    assert frame["challenged_on"].tolist() == [day(1), day(1)]
    _, frame = night(frame, 2)
    assert holds(frame, 2) == {"e": "dog"}


@pytest.mark.parametrize(("label", "notes"), [("cat", 0), ("dog", 1)])
def test_only_a_decision_that_was_asked_for_ends_a_challenge(label: str, notes: int) -> None:
    """Loss: an appeal that an older decision answers at once, or that nobody's answer ever ends."""
    old = ("c", "cat", "x", pd.NaT, "old", 1)
    _, frame = night(night(NONE, 0)[1], 1, say=SAY, ruling=decisions(old))
    _, frame = night(frame, 2, ruling=decisions(old))
    assert "c" not in holds(frame, 2)
    update, frame = night(frame, 3, ruling=decisions(old, ("c", label, "y", pd.NaT, "new", 3)))
    assert holds(frame, 3)["c"] == label
    last = frame[frame["item_id"] == "c"].iloc[-1]
    assert last[["version", "origin", "role", "evidence"]].tolist() == [2, "seed", "check", "new"]
    assert len(update.notes) == notes
    update, again = night(frame, 4, ruling=decisions(old, ("c", label, "y", pd.NaT, "new", 3)))
    assert holds(again, 4)["c"] == label
    assert len(again) == len(frame)


def test_adjudicators_who_differ_on_an_appeal_are_shown_and_a_third_decides() -> None:
    """Loss: a conflict of experts that is hidden by whoever answered last."""
    _, frame = night(night(NONE, 0)[1], 1, say=SAY)
    two = [("c", "cat", "x", pd.NaT, "ex", 2), ("c", "dog", "y", pd.NaT, "ey", 3)]
    update, frame = night(frame, 3, ruling=decisions(*two))
    ask = gold_asks(update, frame, {}, day(3)).set_index("item_id")
    assert ask.loc["c", ["why", "exclude_annotators"]].tolist() == ["differ", ["x", "y"]]
    assert "c" not in holds(frame, 3)
    _, frame = night(frame, 4, ruling=decisions(*two, ("c", "dog", "z", pd.NaT, "ez", 4)))
    assert holds(frame, 4)["c"] == "dog"


def test_gold_expires_and_is_confirmed_for_another_term() -> None:
    """Loss: truths of years ago that nobody looks at, or that are asked for again the night after they were."""
    policy = Doubts(expire_after=10)
    _, frame = night(NONE, 0, policy=policy)
    _, frame = night(frame, 9, policy=policy)
    assert frame["due_on"].isna().all()
    update, frame = night(frame, 10, policy=policy)
    assert frame["due_why"].tolist() == ["expired", "expired"]
    assert holds(frame, 10) == {"c": "cat", "e": "dog"}
    assert gold_asks(update, frame, {}, day(10))["words"][0] == "gold says cat since 2026-10-05: expired"
    confirmed = decisions(("c", "cat", "x", pd.NaT, "seen again", 12))
    _, frame = night(frame, 12, ruling=confirmed, policy=policy)
    _, frame = night(frame, 21, ruling=confirmed, policy=policy)
    waiting = frame[frame["valid_to"].isna() & frame["due_on"].notna()]["item_id"].tolist()
    assert waiting == ["e"]
    assert night(frame, 22, ruling=confirmed, policy=policy)[1]["due_on"].notna().tolist() == [True, True, True]


def test_a_new_guideline_asks_for_the_classes_it_changes() -> None:
    """Loss: gold of the old rule scores people who keep the new one; or a note in the margin costs experts a week."""
    some, every = Change("v2", day(5), frozenset({"dog"})), Change("v3", day(8))
    policy = Doubts(changes=[some, every], suspend_due=True)
    _, frame = night(NONE, 0, policy=policy)
    _, frame = night(frame, 5, policy=policy)
    assert frame["due_why"].tolist() == [None, "guideline v2"]
    assert holds(frame, 5) == {"c": "cat", "e": "dog"}  # evaluation gold stays whatever the doubt
    _, frame = night(frame, 8, policy=policy)
    assert frame["due_why"].tolist() == ["guideline v3", "guideline v2"]
    assert holds(frame, 8) == {"e": "dog"}


def test_a_truth_that_is_due_may_be_challenged_as_well() -> None:
    """Loss: a truth that is due stays in force although everybody good says it is wrong."""
    policy = Doubts(expire_after=2)
    _, frame = night(NONE, 0, policy=policy)
    _, frame = night(frame, 2, policy=policy)
    update, frame = night(frame, 3, say={"c": SAY["c"]}, policy=policy)
    assert holds(frame, 3) == {"e": "dog"}
    assert gold_asks(update, frame, {}, day(3))["why"].tolist() == ["challenged", "expired"]


def test_what_is_asked_first() -> None:
    """Loss: an expert's hour is spent on truths that expired, while people are scored by one that is wrong."""
    _, frame = night(NONE, 0)
    ruling = decisions(("k", "cat", "x", pd.NaT, "", 0), ("k", "dog", "y", pd.NaT, "", 1))
    update, frame = night(frame, 2, say={"c": SAY["c"]}, ruling=ruling, policy=Doubts(expire_after=2))
    drawn = {"z": day(1), "a": day(1), "k": day(0), "b": day(0)}
    asks = GOLD_ASKS.conform(gold_asks(update, frame, drawn, day(2)))
    assert broken_contract(GOLD_ASKS, asks, ("cat", "dog")) == []
    assert [(r["rank"], r["item_id"], r["why"], r["since"]) for r in asks.to_pylist()] == [
        (1, "c", "challenged", day(2)), (2, "k", "differ", day(1)), (3, "b", "drawn", day(0)),
        (4, "a", "drawn", day(1)), (5, "z", "drawn", day(1)), (6, "e", "expired", day(2)),
    ]  # fmt: skip
    assert asks["role"].to_pylist() == ["check", "evaluation", "evaluation", "evaluation", "evaluation", "evaluation"]


def test_a_seed_that_is_withdrawn_asks_nobody() -> None:
    """Loss: experts decide what nobody asks for any more."""
    _, frame = night(night(NONE, 0)[1], 1, say=SAY)
    update = gold_set(frame, seeds(), decisions(), day(2))
    after = doubted(update.frame, {}, day(2), Doubts())
    assert gold_asks(update, after, {}, day(2)).empty
    assert in_force(after, day(2)).empty
    assert GOLD_SET.conform(after)["valid_to"].to_pylist() == [day(1), day(2)]


def test_days_are_days() -> None:
    """Loss: an interval of a term that is off by one is re-checked a day late for ever."""
    assert not Change("v2", date(2026, 1, 2)).concerns("cat", date(2026, 1, 2), date(2026, 1, 3))
    assert Change("v2", date(2026, 1, 2)).concerns("cat", date(2026, 1, 1), date(2026, 1, 2))
